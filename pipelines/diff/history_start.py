"""Tells since when additions to a table can be reported: its history exists, and each of its lists was read as a whole.

Bookkeeping of a dataset -> `HistoryStart`. A row whose first version is not later than the first complete walk of its
list may be older than that, however late the walk was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pipelines.bookkeeping.schema import META, PATHS
from pipelines.query.query import Ask
from pipelines.sync.derive import history_since_key
from sources.posthog.catalogue.endpoint import Endpoint, filled, placeholders, query

NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class HistoryStart:
    """When a table's history began, and when each of its lists was first read to its end."""

    endpoint: Endpoint
    at: datetime | None
    """None while the history is empty."""
    whole: Mapping[str, datetime] = field(default_factory=dict)

    def late(self, moment: datetime) -> list[str]:
        """Return the lists that were first read to their end after this time."""
        return sorted(path for path, known in self.whole.items() if known > moment)

    def found(self, row: Mapping[str, Any], first: datetime) -> bool:
        """True if a row whose first version began at `first` came with its list's first reading, and may be older."""
        return any(self.whole[path] >= first for path in self._lists(row) if path in self.whole)

    def _lists(self, row: Mapping[str, Any]) -> Iterator[str]:
        """Yield the lists that may hold a row: those whose path and query match its values.

        A shared row without a parent may be in any list of its table.
        """
        if self.endpoint.shared and any(row[name] is None for name in self.endpoint.placeholders):
            yield from self.whole
            return
        for path in self.endpoint.paths:
            if row.keys() >= {*placeholders(path)}:
                asked = query(one := filled(path, row))
                if all(str(row[name]).lower() == asked[name].lower() for name in asked.keys() & row.keys()):
                    yield one


def history_start(ask: Ask, endpoint: Endpoint, books: Mapping[str, Sequence[str]]) -> HistoryStart:
    """Return the beginning of a table's history; `books` are the dataset's tables with their columns."""
    ((first,),) = ask(f"select min(valid_from) from {endpoint.history}")
    noted = f"select value from {META} where key = '{history_since_key(endpoint.history)}' and value <> ''"
    at = [datetime.fromisoformat(value) for (value,) in ask(noted)] if META in books else []
    if "first_complete_at" not in books.get(PATHS, ()):  # the dataset of an older hogsync
        return HistoryStart(endpoint, at[0] if at else first)
    known = f"select path, coalesce(first_complete_at, last_complete_at) from {PATHS}"
    lists = ask(f"{known} where table_name = '{endpoint.table}'")
    return HistoryStart(endpoint, at[0] if at else first, {path: when or NEVER for path, when in lists})
