"""One sync of a life: what was asked, in which circumstances, what came of it, and how it was before and after."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pipelines.errors import HogsyncError
from pipelines.sync.outcome import Outcome
from pipelines.sync.selection import Selection
from sources.posthog.extract.options import Window
from tests.harness.expected import BELOW, Row, Tables
from tests.model.moment import Key, Moment, family, scope_of_row

PATIENCE: dict[str, Any] = {"tries": 2, "backoff": 0.01, "longest": 0.02, "unannounced_429s": 2}
"""Nobody in here needs time to recover."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a sync is asked to do."""

    tables: tuple[str, ...] = ()
    projects: tuple[int, ...] = ()
    full: bool = False
    accept_deletes: bool = False
    dry_run: bool = False
    since: datetime | None = None
    """Of a backfill: from when on."""

    @property
    def flags(self) -> dict[str, bool]:
        """How it is done."""
        return {"full": self.full, "accept_deletes": self.accept_deletes, "dry_run": self.dry_run}

    @property
    def selection(self) -> Selection:
        """The same in hogsync's words."""
        return Selection(
            tables=self.tables,
            projects=self.projects,
            full=self.full,
            accept_deletes=self.accept_deletes,
            dry_run=self.dry_run,
            window=Window(self.since) if self.since else None,
            trigger="backfill" if self.since else "manual",
        )

    @property
    def wanted(self) -> set[str]:
        """The tables that are read, those above the chosen ones too."""
        wanted = {"organizations", *(self.tables or (*BELOW, "users"))}
        for table in reversed(BELOW):
            if table in wanted:
                wanted.add(BELOW[table])
        return wanted


@dataclass(frozen=True, slots=True)
class Trouble:
    """A list, by its address (a pattern) or its table, that is spoilt or refused; `drops` rows without a word."""

    address: str = ""
    table: str = ""
    project: int | None = None
    drops: bool = False

    def hits(self, table: str, scope: str) -> bool:
        """Whether a scope's lists are concerned."""
        address = scope.partition("?")[0]
        if self.address:
            return re.fullmatch(self.address, address) is not None
        return table == self.table and (self.project is None or f"projects/{self.project}/" in scope)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A sync that ended by itself, with an outcome or an error; or that was killed, with neither."""

    order: Order
    before: Moment
    after: Moment
    there: Tables
    """What there was in PostHog when it began, whoever asks."""
    there_later: Tables
    """The same when it had ended: not the same if the company moved meanwhile."""
    sees: Tables
    """What the key's owner sees."""
    outcome: Outcome | None = None
    error: HogsyncError | None = None
    requests: int = 0
    troubles: Sequence[Trouble] = field(default_factory=tuple)
    wide: bool = True
    """Whether the key has all scopes and no restrictions."""
    plain: bool = True
    """Whether privacy is as usual, so that values can be compared."""

    @property
    def still(self) -> bool:
        """Whether the company held still."""
        return self.there is self.there_later

    @property
    def started(self) -> datetime | None:
        """When the run began, if it ended."""
        return self.outcome.run.started_at if self.outcome else None

    def troubled(self, table: str, scope: str) -> bool:
        """Whether a scope's lists are spoilt or refused."""
        return any(trouble.hits(table, scope) for trouble in self.troubles)

    def drops(self, table: str, scope: str) -> bool:
        """Whether rows lack in a scope's lists without a word."""
        return any(trouble.drops and trouble.hits(table, scope) for trouble in self.troubles)

    def lives(self, table: str, key: Key) -> bool:
        """Whether a row lived in PostHog all the time."""
        return all(
            key in there.get(table, {}) and not there[table][key]["dead"]
            for there in (self.there, self.there_later)
        )

    def told(self, table: str, key: Key) -> bool:
        """Whether PostHog itself said that a row is deleted."""
        return any(there.get(table, {}).get(key, {}).get("dead") for there in (self.there, self.there_later))

    def died(self) -> Iterator[tuple[str, Key, Row, str]]:
        """Rows that are dead now and were not: table, key, row and scope."""
        for table, rows in self.after.rows.items():
            if family(table):
                for key, row in rows.items():
                    if row["dead"] and not self.before.dead(table, key):
                        yield table, key, row, scope_of_row(table, row)

    def proven(self, scope: str) -> bool:
        """Whether the run says that it read all lists of a scope completely."""
        paths = self.after.paths(scope)
        whole = len(paths) == (2 if scope.endswith("/subscriptions/") else 1)
        return whole and all(path["last_complete_at"] == self.started for path in paths)
