"""Which tables are derived from those that a run loads, and when: histories and trends.

`_hogsync_meta` has a key for each of them. It is blanked before rows of its source are loaded and holds the run's start
once they are derived; while it is blank, some rows' versions lack, and a run makes up for them before it loads others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from destinations.derived import Derived, Rows, derive, finished, written_at
from destinations.history import History
from destinations.trends import Trend
from destinations.warehouse import Types, Warehouse
from pipelines.errors import UsageError
from pipelines.settings import Settings
from pipelines.settings.layers import did_you_mean
from sources.posthog.catalogue import ENDPOINTS
from sources.posthog.changes import Changes
from sources.posthog.reading import Reading
from sources.posthog.shape import OURS
from sources.posthog.undeclared import VARIANT
from sources.posthog.workspace import child_table

Tables = Mapping[str, Types]
"""Every table of the dataset with its columns."""


def with_history(settings: Settings) -> frozenset[str]:
    """The tables that have a history by these settings; raises UsageError for a name that is no table."""
    for name in settings.history.without:
        if name not in ENDPOINTS:
            near = did_you_mean(name, list(ENDPOINTS))
            raise UsageError(f"[history] without: there is no table {name!r}{near}")
    chosen = ENDPOINTS.keys() - set(settings.history.without) if settings.history.enabled else ()
    return frozenset(table for table in chosen if ENDPOINTS[table].history)


def mark(target: str) -> str:
    """The key of `_hogsync_meta` under which stands until when a table has been derived."""
    return f"{target} until"


class Before(Protocol):
    """What the dataset held and remembered when the run began."""

    meta: dict[str, str]
    tables: dict[str, dict[str, str]]

    def columns(self, table: str) -> Mapping[str, Any]:
        """The columns that earlier loads made."""

    def has(self, table: str, columns: Iterable[str]) -> bool:
        """Whether the table is there with all of these columns and our own."""


@dataclass(frozen=True, slots=True)
class Following:
    """The tables that follow those of one run."""

    warehouse: Warehouse
    reading: Reading
    before: Before
    versioned: frozenset[str]
    """The tables that have a history."""
    after_loading: bool = False
    """Whether what lacks is derived after this run's rows are loaded, and not before: with other privacy settings the
    stored rows still hold what may be kept no longer."""

    def behind(self) -> list[Derived]:
        """What lacks rows that earlier runs have loaded, or was dropped by somebody."""
        there = self.before.tables
        loaded = [
            changes
            for table, changes in self.reading.changes.items()
            if not changes.stock.empty[table] and self.before.has(table, (*changes.shape.key, "_synced_at"))
        ]
        return [one for one in self._followers(loaded, there) if not self._is_up_to_date(one, there)]

    def _is_up_to_date(self, one: Derived, there: Tables) -> bool:
        return bool(self.before.meta.get(mark(one.target))) and {*one.key} <= there.get(one.target, {}).keys()

    def blanked(self) -> dict[str, str]:
        """What `_hogsync_meta` must say before rows are loaded, of histories that are switched off too."""
        return {mark(name): "" for changes in self._written() for name in changes.shape.endpoint.followers}

    def make(self, derived: Iterable[Derived], there: Tables) -> None:
        """See to it that these tables are there with all of their columns."""
        for one in derived:
            existing = there.get(one.target, {})
            self.warehouse.ensure(one.target, one.columns, one.key, existing, primary=one.primary)

    def readable(self, there: Tables) -> Iterator[Derived]:
        """What follows the tables that could be read, empty ones too."""
        results = self.reading.results
        found = [changes for table, changes in self.reading.changes.items() if results[table].readable]
        return self._followers(found, there)

    def catch_up(self, behind: Iterable[Derived]) -> dict[str, str]:
        """Derive what earlier runs have loaded; gives what `_hogsync_meta` shall say in the same transaction."""
        return self._derived((one, finished(self.warehouse, one)) for one in behind)

    def derive(self, there: Tables) -> dict[str, str]:
        """Derive what this run has loaded; gives what `_hogsync_meta` shall say in the same transaction."""
        rows = written_at(self.warehouse, self.reading.rules.started)
        behind = {one.target for one in self.behind()} if self.after_loading else set()
        followers = list(self._followers(self._written(), there))
        return self._derived(
            (one, finished(self.warehouse, one) if one.target in behind else rows) for one in followers
        )

    def _derived(self, work: Iterable[tuple[Derived, Rows]]) -> dict[str, str]:
        facts = {}
        for one, rows in work:
            derive(self.warehouse, one, rows)
            facts[mark(one.target)] = self.reading.rules.started.isoformat()
        return facts

    def _written(self) -> list[Changes]:
        results = self.reading.results
        return [one for table, one in self.reading.changes.items() if results[table].counts.written]

    def _followers(self, sources: Sequence[Changes], there: Tables) -> Iterator[Derived]:
        for changes in sources:
            if changes.table in self.versioned:
                yield self._history(changes, there)
            yield from self._trends(changes, there)

    def _types(self, changes: Changes, there: Tables) -> Types:
        """The columns that loads have made, also those whose field is no longer stored, and their types."""
        known = {**self.before.columns(changes.table), **changes.shape.columns}
        return {name: known[name] for name in there.get(changes.table, {}) if name in known.keys() - OURS}

    def _history(self, changes: Changes, there: Tables) -> History:
        shape, endpoint = changes.shape, changes.shape.endpoint
        lists = {child: tuple(shape.items(child)) for child in shape.child_columns}
        complete = {
            child: names
            for child, names in lists.items()
            if {*shape.key, "position", *names, "_deleted_at", "_dlt_load_id"}
            <= there.get(child_table(changes.table, child), {}).keys()
        }
        types = self._types(changes, there)
        return History(
            target=endpoint.history,
            source=changes.table,
            source_key=shape.key,
            values=types,
            lists=complete,
            quiet=frozenset(name for name in types if name.removesuffix(VARIANT) in endpoint.volatile),
        )

    def _trends(self, changes: Changes, there: Tables) -> Iterator[Trend]:
        endpoint, types = changes.shape.endpoint, self._types(changes, there)
        for trend in endpoint.trends:
            names = trend.named(endpoint)
            if names.keys() <= types.keys():  # not where a setting drops the numbers
                yield Trend(
                    target=trend.table,
                    source=changes.table,
                    source_key=endpoint.key,
                    names=names,
                    at=trend.at,
                    types=types,
                )
