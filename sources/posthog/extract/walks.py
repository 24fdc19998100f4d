"""The records of reading a list: its path, its partition, a walk, what came of it, and its position between runs.

`ListPath` -> `Walk` per pass -> `ListResult`; the `ListResult`s of a partition -> `PartitionResult`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

import pyarrow as pa

from sources.posthog.catalogue import parent_of
from sources.posthog.catalogue.endpoint import Endpoint, Stamps, filled
from sources.posthog.errors import PostHogError, Unavailable
from sources.posthog.shape.batch import Batch

Observer = Callable[[Endpoint, Batch], None]
"""Is told of every page's rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """What is remembered of a list path between runs (`_hogsync_paths`)."""

    path: str
    table: str
    watermark: datetime | None = None
    open_floor: datetime | None = None
    last_walk_at: datetime | None = None
    last_complete_at: datetime | None = None
    first_complete_at: datetime | None = None
    """When it was first known as a whole: what it held by then may be older than that."""
    fingerprint: str | None = None
    rows: int = 0
    gap: int = 0
    held: int = 0
    moved: str | None = None
    """What the row above it said when it was last walked (`Endpoint.parent_cursor`), and to which key."""


MIXED_KEYS = "several keys"
"""The fingerprint of a list whose stored rows were seen by several keys: no key's walk may end them."""


class PositionStore(Protocol):
    """What is remembered of list paths."""

    def position(self, path: str) -> Position | None:
        """The path's position, if it was ever read."""

    def was_read(self, table: str) -> bool:
        """Whether any list of the table was ever read."""

    def held(self, path: str) -> frozenset[str]:
        """Row keys whose death the last complete walk held."""


@dataclass(frozen=True, slots=True)
class ListPath:
    """One list: a path with its placeholders filled."""

    endpoint: Endpoint
    path: str
    parent_ids: Stamps
    pagination: str

    @property
    def url_path(self) -> str:
        """The path without its query."""
        return self.path.split("?", 1)[0]

    @property
    def url_paths(self) -> tuple[str, ...]:
        """All that is asked to read the list."""
        return (self.url_path, self.count_path.split("?", 1)[0])

    @property
    def count_path(self) -> str:
        """The path that tells how many rows the list has; empty if there is none."""
        return filled(self.endpoint.count_path, self.parent_ids)


@dataclass(frozen=True, slots=True)
class Partition:
    """All lists that together hold one parent's rows: the unit of a conclusion."""

    endpoint: Endpoint
    parent_ids: Stamps
    lists: tuple[ListPath, ...]


REJECTED_SHOWN = 3
"""Of so many rows that were left out it is told where they stood."""


@dataclass(slots=True)
class Walk:
    """One pass over one list."""

    id: int
    pages: int = 0
    resumed_pages: int = 0
    """Of these, pages that an earlier run had read of the same walk."""
    rows: int = 0
    distinct: int = 0
    keys: set[tuple[Any, ...]] | None = None
    """The different keys of a short list; those of a long one are in the workspace only."""
    rejected: Counter[str] = field(default_factory=Counter)
    """How many rows were left out, by the reason."""
    rejected_at: list[int] = field(default_factory=list)
    """Where in the list the first of them stood, counted from 1."""
    misfits: Counter[str] = field(default_factory=Counter)
    """How many values did not fit, by column."""
    reached_end: bool = False
    counts: list[int | None] = field(default_factory=list)
    filtered: bool = False
    """Whether PostHog was asked for the rows from some time on only."""
    new_rows: int = 0
    """Of a walk that is not whole: rows that were not stored yet."""
    newest: datetime | None = None
    newest_at_resume: datetime | None = None
    """Of a walk that was gone on with: the newest row when it began; in the order of time, when it broke off."""
    oldest: datetime | None = None
    ascending: bool = True
    """Whether no page had an older row than the pages before it."""
    open_floor: datetime | None = None
    failure: PostHogError | None = None

    def note_rejected(self, batch: Batch) -> None:
        """Take note of the rows that were left out of the page which comes next."""
        self.rejected.update({reason: len(places) for reason, places in batch.rejected.items()})
        places = sorted(place for all_ in batch.rejected.values() for place in all_)
        self.rejected_at += [self.rows + place + 1 for place in places][
            : REJECTED_SHOWN - len(self.rejected_at)
        ]

    @property
    def all_rejected(self) -> bool:
        """There were rows, and none could be stored."""
        return 0 < self.rows == self.rejected.total()

    @property
    def is_full(self) -> bool:
        """Every page came and every row could be stored."""
        return self.reached_end and not self.filtered and not self.rejected and not self.failure

    @property
    def is_resuming(self) -> bool:
        """Whether the last page was one of those that an earlier run had read."""
        return self.pages == self.resumed_pages

    @property
    def watermark(self) -> datetime | None:
        """The newest row behind which nothing came that the walk has not met: later ones may have come in between."""
        return self.newest_at_resume if self.resumed_pages else self.newest

    @property
    def gap(self) -> int:
        """How many more rows the list says it has than could be seen; 0 where it does not say."""
        last = self.counts[-1] if self.counts else None
        return 0 if last is None else last - self.distinct

    @property
    def count_is_stable(self) -> bool:
        """The list told one length, first page and last."""
        return not self.counts or self.counts[0] == self.counts[-1]


@dataclass(slots=True)
class ListResult:
    """What came of one list in this run."""

    list_path: ListPath
    status: Literal["read", "unavailable", "failed"] = "read"
    walks: list[Walk] = field(default_factory=list)
    complete: bool = False
    is_incremental: bool = False
    """Whether it was to be read down to what is known of it, and not as a whole."""
    deletes_held: int = 0
    held_reason: str = ""
    lost_access: bool = False
    """Whether it is refused now and an earlier run could read it."""
    detail: str = ""
    position: Position | None = None
    position_before_load: Position | None = None
    """What must stand before its rows are loaded, in case that nothing can be written after them."""
    held_keys: tuple[str, ...] | None = None
    """Row keys whose death is held; None leaves what is remembered."""

    def fail(self, detail: str) -> None:
        """Whatever came of it, the list was not read."""
        self.status, self.complete, self.detail = "failed", False, detail

    @property
    def was_deleted_with_parent(self) -> bool:
        """Whether PostHog does not find it, and it is below a row that can be deleted."""
        refusal = self.last.failure if self.walks else None
        parent = parent_of(self.list_path.endpoint.paths[0])
        return (
            isinstance(refusal, Unavailable)
            and refusal.status == 404
            and parent is not None
            and parent.detects_deletes
        )

    def record_lost_access(self) -> None:
        """It is refused, and an earlier run could read it."""
        self.lost_access, self.detail = True, f"could be read before and is refused now: {self.detail}"

    @property
    def last(self) -> Walk:
        """The walk that counts."""
        return self.walks[-1]

    @property
    def is_resumed(self) -> bool:
        """Whether rows count as seen that only an earlier run has read: some of them may be gone."""
        return any(walk.resumed_pages for walk in self.walks)

    @property
    def pages(self) -> int:
        """Pages read over all walks."""
        return sum(walk.pages - walk.resumed_pages for walk in self.walks)

    @property
    def pages_again(self) -> int:
        """Of these, pages of second looks."""
        return sum(walk.pages for walk in self.walks[1:])

    @property
    def rows(self) -> int:
        """Rows read over all walks."""
        return sum(walk.rows for walk in self.walks)


@dataclass(slots=True)
class PartitionResult:
    """A scope and what came of its lists."""

    partition: Partition
    lists: list[ListResult] = field(default_factory=list)
    missing: pa.Table | None = None
    """Stored rows that a complete reading did not meet; None where there are none, or nobody has asked yet."""
