"""Sums up each table of a run for the run records, the screen and `--json`.

`ListResult`s and counts of a table -> `TableResult`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from sources.posthog.catalogue import ENDPOINTS, PEOPLE, parent_of
from sources.posthog.changes.table_changes import Counts
from sources.posthog.extract.deletes import DELETE_FUSE_ROWS, DELETE_FUSE_SHARE
from sources.posthog.extract.run_warnings import RunWarning, held_deletes, warnings_of, where
from sources.posthog.extract.walks import ListResult
from sources.posthog.redaction.text import redacted

Status = Literal["loaded", "unchanged", "unavailable", "failed"]
LETTERS = 10_000
"""Longest detail: some of its words are PostHog's."""


@dataclass(slots=True)
class TableResult:
    """The result of one table."""

    table: str
    lists: list[ListResult] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)
    requests: int = 0
    rows_read: int = 0
    skipped: int = 0
    """Lists that were not requested, because they could have nothing new."""
    postponed: int = 0
    """Lists that were left for a later run, because the request budget had no room for them."""
    note: str = ""
    parent_status: Literal["", "unavailable", "failed"] = ""
    """Set if no list could be requested, because the parents could not be read."""
    parents_complete: bool = True
    gathered: Counter[str] = field(default_factory=Counter)
    """Like `misfits`, for rows collected from other tables' rows."""
    data_warnings: list[str] = field(default_factory=list)
    """One sentence for each kind of data that was not as declared."""
    lost: list[RunWarning] = field(default_factory=list)
    """Lost access besides refused lists."""

    def count(self, status: str) -> int:
        """Return how many lists have this status."""
        return sum(one.status == status for one in self.lists)

    @property
    def pages(self) -> int:
        """Return the pages read, saved pages not counted."""
        return sum(one.pages for one in self.lists)

    @property
    def pages_again(self) -> int:
        """Return the pages of second walks."""
        return sum(one.pages_again for one in self.lists)

    @property
    def status(self) -> Status:
        """Return the table's status."""
        if self.parent_status == "failed" or self.count("failed"):
            return "failed"
        is_refused = self.lists and self.count("unavailable") == len(self.lists)
        if self.parent_status or (is_refused and not (self.skipped or self.postponed)):
            return "unavailable"
        return "loaded" if self.counts.written else "unchanged"

    @property
    def readable(self) -> bool:
        """Return whether a list answered, or none had to be requested, and the warehouse took the table's rows."""
        walks = [walk for one in self.lists for walk in one.walks]
        answered = any(walk.pages for walk in walks) if self.lists else not self.parent_status
        return answered and self.parent_status != "failed"

    @property
    def complete(self) -> bool:
        """Return whether every list of the table was read completely."""
        return (
            self.parents_complete
            and not (self.parent_status or self.skipped or self.postponed)
            and all(one.complete for one in self.lists)
        )

    @property
    def is_asked(self) -> bool:
        """Return whether every list was asked, and answered completely or was refused."""
        answered = all(one.complete or one.status == "unavailable" for one in self.lists)
        return answered and not (self.parent_status == "failed" or self.skipped or self.postponed)

    @property
    def misfits(self) -> Counter[str]:
        """Return how many values did not fit, by column; of a list that was walked twice, in its last walk."""
        return sum((one.last.misfits for one in self.lists if one.walks), self.gathered)

    @property
    def deletes_held(self) -> int:
        """Return the number of deletes held."""
        return sum(one.deletes_held for one in self.lists)

    @property
    def rows_lost(self) -> int:
        """Return how many more rows were marked deleted than inserted."""
        return self.counts.deleted - self.counts.inserted

    def has_dropped(self, living: int) -> bool:
        """Return whether the table, which has so many rows now, lost as many as are held before they are deleted."""
        lost = self.rows_lost
        return lost > DELETE_FUSE_ROWS and lost > DELETE_FUSE_SHARE * (living + lost)

    @property
    def warnings(self) -> list[RunWarning]:
        """Return the warnings that an unattended caller must see although the table did not fail."""
        return [*self.lost, *warnings_of(self.table, self.lists)]

    @property
    def detail(self) -> str:
        """Return one text for a person: each fact once, with the first list that it concerns."""
        left = f"{self.postponed:,} lists left for later, no requests were left" if self.postponed else ""
        held = held_deletes(self.lists) if self.deletes_held else ""
        places: dict[str, list[ListResult]] = {
            note: [] for note in (self.note, held, left, self.skip_detail) if note
        }
        for one in self.lists:
            if one.detail:
                places.setdefault(one.detail, []).append(one)
        texts = [text + where(lists) for text, lists in places.items()]
        more = [f"and {len(texts) - 3} more"] if len(texts) > 3 else []
        return redacted("; ".join([*texts[:3], *more, *self.data_warnings]))[:LETTERS]

    @property
    def skip_detail(self) -> str:
        """Return how many lists were skipped, and why; empty if none was."""
        if not self.skipped:
            return ""
        is_announced = bool(ENDPOINTS[self.table].announced_by)
        why = "the audit log announces no change" if is_announced else "nothing was due"
        return f"{self.skipped:,} lists not asked, {why}"


def inherit_parent_status(results: Mapping[str, TableResult], tables: Sequence[str]) -> None:
    """Give each table its parents' failure: a list that could not be requested is not complete.

    Not below a refused parent whose lists are found without it, as with a key that is scoped to projects.
    """
    for table in tables:
        result = results[table]
        parents = [results[p.table] for path in ENDPOINTS[table].paths if (p := parent_of(path))]
        refused = {p.table for p in parents if p.status == "unavailable" and result.lists}
        result.parents_complete = all(p.complete or p.table in refused for p in parents)
        troubled = sorted(
            (p for p in parents if p.status in {"failed", "unavailable"}), key=lambda p: p.status
        )
        if troubled and not (result.lists or result.skipped or result.postponed):
            result.parent_status = "failed" if troubled[0].status == "failed" else "unavailable"
            how = "could not be read" if result.parent_status == "failed" else "is not available"
            result.note = f"needs {troubled[0].table}, which {how}"
    results[PEOPLE.table].parents_complete = all(results[table].complete for table in tables)
