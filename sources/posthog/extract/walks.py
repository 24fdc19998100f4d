"""The records of reading a list: its path, its partition, a walk, what came of it, and its position between runs.

`ListPath` -> `Walk` per pass -> `ListResult`; the `ListResult`s of a partition -> `PartitionResult`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, Protocol

import pyarrow as pa

from sources.posthog.catalogue import deletable_parent
from sources.posthog.catalogue.endpoint import Endpoint, Stamps, filled
from sources.posthog.errors import Unavailable
from sources.posthog.shape.batch import Batch

Status = Literal["read", "unavailable", "failed"]
Observer = Callable[[Endpoint, Batch], None]
"""Receives every page's rows."""


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
    """When the first complete walk ended; the rows that it found may be older."""
    fingerprint: str | None = None
    rows: int = 0
    gap: int = 0
    held: int = 0
    page_size: int | None = None
    """How many rows the next run asks for on the first page."""
    moved: str | None = None
    """The change token at the last walk (`ListResult.change_token`)."""


UNREAD: Mapping[str, Any] = dict.fromkeys(
    ("watermark", "open_floor", "last_walk_at", "last_complete_at", "moved")
)
"""The fields of a position that hold how far its list was read, as they are before the first walk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """What is remembered of the audit log's entries about one table in one organization (`_hogsync_announcements`)."""

    organization_id: str
    table: str
    announced_at: datetime | None = None
    """When the last run began that found a new entry."""
    doubted_at: datetime | None = None
    """When a run began that found a change without an entry; the next run decides."""
    distrusted_at: datetime | None = None
    """When a run began that found none either."""


MIXED_KEYS = "several keys"
"""The fingerprint of a list of which no single key saw all stored rows: a walk deletes none of them by itself."""


class PositionStore(Protocol):
    """The remembered positions of list paths; the answers here are those of an empty warehouse."""

    def position(self, path: str) -> Position | None:  # noqa: ARG002  an empty answer needs no question
        """Return the path's position; None if it was never read."""
        return None

    def was_read(self, table: str) -> bool:  # noqa: ARG002  as above
        """Return whether any list of the table was ever read."""
        return False

    def paths(self, table: str) -> frozenset[str]:  # noqa: ARG002  as above
        """Return the list paths of a table that were ever read."""
        return frozenset()

    def announcements(self) -> Mapping[tuple[str, str], Announcement]:
        """Return what is remembered of announcements, by organization and table."""
        return {}

    def held(self, path: str) -> frozenset[str]:  # noqa: ARG002  as above
        """Return the row keys whose deletion the last complete walk held."""
        return frozenset()


@dataclass(frozen=True, slots=True)
class ListPath:
    """One list: a path with its placeholders filled."""

    endpoint: Endpoint
    path: str
    parent_ids: Stamps
    pagination: str
    rows_under: str = "results"

    @property
    def url_path(self) -> str:
        """Return the path without its query."""
        return self.path.split("?", 1)[0]

    @property
    def url_paths(self) -> tuple[str, ...]:
        """Return all paths that are requested to read the list."""
        return (self.url_path, self.count_path.split("?", 1)[0])

    @property
    def count_path(self) -> str:
        """Return the path that tells how many rows the list has; empty if there is none."""
        return filled(self.endpoint.count_path, self.parent_ids)


@dataclass(frozen=True, slots=True)
class Partition:
    """All lists that together hold one parent's rows; deletions are decided per partition."""

    endpoint: Endpoint
    parent_ids: Stamps
    lists: tuple[ListPath, ...]


REJECTED_SHOWN = 3
"""The places of up to this many rejected rows are reported."""


@dataclass(slots=True)
class Walk:
    """One pass over one list."""

    id: int
    pages: int = 0
    resumed_pages: int = 0
    """Of `pages`: pages that a checkpoint of an earlier run held."""
    rows: int = 0
    distinct: int = 0
    keys: set[tuple[Any, ...]] | None = None
    """The distinct keys of a short list; those of a long one are only in the scratch database."""
    rejected: Counter[str] = field(default_factory=Counter)
    """Number of rows left out, by reason."""
    rejected_at: list[int] = field(default_factory=list)
    """Places of the first rejected rows in the list, counted from 1."""
    misfits: Counter[str] = field(default_factory=Counter)
    """Number of values that did not fit, by column."""
    reached_end: bool = False
    counts: list[int | None] = field(default_factory=list)
    filtered: bool = False
    """Whether PostHog was asked only for rows from a time on."""
    new_rows: int = 0
    """Of an incremental walk: rows that were not stored yet."""
    newest: datetime | None = None
    newest_at_resume: datetime | None = None
    """Of a resumed walk: the newest row when the walk began; in a list in time order, when the earlier run broke
    off."""
    oldest: datetime | None = None
    open_floor: datetime | None = None
    failure: Exception | None = None
    page_size: int | None = None
    """How many rows the last page was asked for, if its size follows the answers."""
    separate_count: int | None = None
    """The list's number of rows from a separate request; it stands for those of the pages."""
    count_after: int | None = None
    """Of an incremental walk: the list's number of rows after it, from a separate request."""

    def note_page(self, batch: Batch, sent: int, count: int | None, *, last: bool) -> None:
        """Record the next page, of which PostHog sent so many rows."""
        self.rejected.update({reason: len(places) for reason, places in batch.rejected.items()})
        places = sorted(place for all_ in batch.rejected.values() for place in all_)
        self.rejected_at += [self.rows + place + 1 for place in places][
            : REJECTED_SHOWN - len(self.rejected_at)
        ]
        self.misfits.update(batch.misfits)
        self.pages, self.rows, self.reached_end = self.pages + 1, self.rows + sent, last
        self.counts.append(count)

    @property
    def all_rejected(self) -> bool:
        """Return whether there were rows and none could be stored."""
        return 0 < self.rows == self.rejected.total()

    @property
    def is_full(self) -> bool:
        """Return whether every page came and every row could be stored."""
        return self.reached_end and not self.filtered and not self.rejected and not self.failure

    @property
    def watermark(self) -> datetime | None:
        """Return the highest cursor value up to which the walk saw every row; above it rows may have been missed."""
        return self.newest_at_resume if self.resumed_pages else self.newest

    @property
    def gap(self) -> int:
        """Return how many more rows the list's count tells than the walk saw; 0 if the list has no count."""
        last = self.counts[-1] if self.counts else None
        return 0 if last is None else last - self.distinct

    @property
    def count_is_stable(self) -> bool:
        """Return whether the first and the last page told the same count."""
        return not self.counts or self.counts[0] == self.counts[-1]


@dataclass(frozen=True, slots=True)
class DeleteDecision:
    """Which missing rows are held, why, and whether the next complete walk may confirm that they are deleted."""

    held: frozenset[str] = frozenset()
    reason: str = ""
    confirmable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ListResult:
    """What a run knows of one list: where it stood, its walks, what they prove, its held deletes, its new position."""

    list_path: ListPath
    before: Position | None = None
    """The list's position before this run; None if it was never read."""
    fingerprint: str | None = None
    """That of the key for this list; None if it is not known."""
    change_token: str | None = None
    """A text that changes when the list may have: the parent row's cursor (`Endpoint.parent_cursor`) or the last
    announcement (`Endpoint.announced_by`), with the key's fingerprint. None if nothing tells."""
    is_incremental: bool = False
    """Whether the list was to be read from its watermark on, not in full."""
    walks: tuple[Walk, ...] = ()
    status: Status = "read"
    complete: bool = False
    detail: str = ""
    decision: DeleteDecision | None = None
    """Of the partition's first list; None leaves the remembered row keys as they are."""
    held_together: int | None = None
    """Held deletes of the whole partition; None if this run could not tell which of its rows are missing."""
    lost_access: bool = False
    """Whether the list is refused now and an earlier run could read it."""
    position: Position | None = None
    position_before_load: Position | None = None
    """The position to write before the list's rows are loaded, in case nothing can be written after them."""

    def failed(self, detail: str) -> ListResult:
        """Return the result of a list that could not be read."""
        return replace(self, status="failed", complete=False, detail=detail)

    def with_lost_access(self) -> ListResult:
        """Return the result of a list that is refused although an earlier run could read it."""
        return replace(
            self, lost_access=True, detail=f"could be read before and is refused now: {self.detail}"
        )

    @property
    def is_same_key(self) -> bool:
        """Return whether the key that saw the list's rows reads it again, or none saw them."""
        return self.before is None or self.before.fingerprint in (None, self.fingerprint)

    @property
    def was_deleted_with_parent(self) -> bool:
        """Return whether PostHog answers 404 for the list, and the list is below a row that can be deleted."""
        refusal = self.last.failure if self.walks else None
        is_gone = isinstance(refusal, Unavailable) and refusal.status == 404
        return is_gone and deletable_parent(self.list_path.endpoint.paths[0]) is not None

    @property
    def last(self) -> Walk:
        """Return the last walk: the one that counts."""
        return self.walks[-1]

    @property
    def is_resumed(self) -> bool:
        """Return whether some rows count as seen that only an earlier run read: they may have been deleted since."""
        return any(walk.resumed_pages for walk in self.walks)

    @property
    def pages(self) -> int:
        """Return the pages read in all walks, saved pages not counted."""
        return sum(walk.pages - walk.resumed_pages for walk in self.walks)

    @property
    def pages_again(self) -> int:
        """Return the pages of second walks."""
        return sum(walk.pages for walk in self.walks[1:])

    @property
    def rows(self) -> int:
        """Return the rows read in all walks."""
        return sum(walk.rows for walk in self.walks)

    @property
    def deletes_held(self) -> int:
        """Return the number of held deletes."""
        return len(self.decision.held) if self.decision else 0

    @property
    def held_keys(self) -> tuple[str, ...] | None:
        """Return the row keys that the next complete walk may confirm; None leaves the remembered ones as they are."""
        if self.decision is None:
            return None
        return tuple(sorted(self.decision.held)) if self.decision.confirmable else ()


@dataclass(slots=True)
class PartitionResult:
    """A partition and the results of its lists so far."""

    partition: Partition
    lists: list[ListResult] = field(default_factory=list)
    missing: pa.Table | None = None
    """Stored rows that the complete walks did not see; None if there are none, or before they are looked up."""


def project_of(path: str) -> int:
    """Return the id of the project whose list is at a path."""
    return int(path.split("/")[1])
