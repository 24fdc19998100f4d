"""The words for a list while it is read: where it is, one walk over it, what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import pyarrow as pa

from sources.posthog.catalogue import parent_of
from sources.posthog.catalogue.endpoint import Endpoint, Stamps, filled
from sources.posthog.errors import PostHogError, Unavailable
from sources.posthog.extract.positions import Position
from sources.posthog.shape.batch import Batch

Observer = Callable[[Endpoint, Batch], None]
"""Is told of every page's rows."""


@dataclass(frozen=True, slots=True)
class Listing:
    """One list: a path with its placeholders filled."""

    endpoint: Endpoint
    path: str
    stamps: Stamps
    pages: str

    @property
    def address(self) -> str:
        """The path without its query."""
        return self.path.split("?", 1)[0]

    @property
    def addresses(self) -> tuple[str, ...]:
        """All that is asked to read the list."""
        return (self.address, self.counted_at.split("?", 1)[0])

    @property
    def counted_at(self) -> str:
        """The path that tells how many rows the list has; empty if there is none."""
        return filled(self.endpoint.count_path, self.stamps)


@dataclass(frozen=True, slots=True)
class Scope:
    """All lists that together hold one parent's rows: the unit of a conclusion."""

    endpoint: Endpoint
    stamps: Stamps
    listings: tuple[Listing, ...]


REJECTED_SHOWN = 3
"""Of so many rows that were left out it is told where they stood."""


@dataclass(slots=True)
class Walk:
    """One pass over one list."""

    id: int
    pages: int = 0
    kept: int = 0
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
    ended: bool = False
    counts: list[int | None] = field(default_factory=list)
    filtered: bool = False
    """Whether PostHog was asked for the rows from some time on only."""
    fresh: int = 0
    """Of a walk that is not whole: rows that were not stored yet."""
    newest: datetime | None = None
    newest_kept: datetime | None = None
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
    def in_vain(self) -> bool:
        """There were rows, and none could be stored."""
        return 0 < self.rows == self.rejected.total()

    @property
    def whole(self) -> bool:
        """Every page came and every row could be stored."""
        return self.ended and not self.filtered and not self.rejected and not self.failure

    @property
    def recalls(self) -> bool:
        """Whether the last page was one of those that an earlier run had read."""
        return self.pages == self.kept

    @property
    def mark(self) -> datetime | None:
        """The newest row behind which nothing came that the walk has not met: later ones may have come in between."""
        return self.newest_kept if self.kept else self.newest

    @property
    def gap(self) -> int:
        """How many more rows the list says it has than could be seen; 0 where it does not say."""
        last = self.counts[-1] if self.counts else None
        return 0 if last is None else last - self.distinct

    @property
    def steady(self) -> bool:
        """The list told one length, first page and last."""
        return not self.counts or self.counts[0] == self.counts[-1]


@dataclass(slots=True)
class Listed:
    """What came of one list in this run."""

    listing: Listing
    status: Literal["read", "unavailable", "failed"] = "read"
    walks: list[Walk] = field(default_factory=list)
    complete: bool = False
    reached: bool = False
    """Whether it was to be read down to what is known of it, and not as a whole."""
    held: int = 0
    held_because: str = ""
    lost: bool = False
    """Whether it is refused now and an earlier run could read it."""
    detail: str = ""
    position: Position | None = None
    claimed: Position | None = None
    """What must stand before its rows are loaded, in case that nothing can be written after them."""
    held_keys: tuple[str, ...] | None = None
    """Row keys whose death is held; None leaves what is remembered."""

    def fail(self, detail: str) -> None:
        """Whatever came of it, the list was not read."""
        self.status, self.complete, self.detail = "failed", False, detail

    @property
    def went_with_its_row(self) -> bool:
        """Whether PostHog does not find it, and it is below a row that can be deleted."""
        refusal = self.last.failure if self.walks else None
        parent = parent_of(self.listing.endpoint.paths[0])
        return (
            isinstance(refusal, Unavailable)
            and refusal.status == 404
            and parent is not None
            and parent.detects_deletes
        )

    def lose(self) -> None:
        """It is refused, and an earlier run could read it."""
        self.lost, self.detail = True, f"could be read before and is refused now: {self.detail}"

    @property
    def last(self) -> Walk:
        """The walk that counts."""
        return self.walks[-1]

    @property
    def kept(self) -> bool:
        """Whether rows count as seen that only an earlier run has read: some of them may be gone."""
        return any(walk.kept for walk in self.walks)

    @property
    def pages(self) -> int:
        """Pages read over all walks."""
        return sum(walk.pages - walk.kept for walk in self.walks)

    @property
    def pages_again(self) -> int:
        """Of these, pages of second looks."""
        return sum(walk.pages for walk in self.walks[1:])

    @property
    def rows(self) -> int:
        """Rows read over all walks."""
        return sum(walk.rows for walk in self.walks)


@dataclass(slots=True)
class Read:
    """A scope and what came of its lists."""

    scope: Scope
    listed: list[Listed] = field(default_factory=list)
    lacking: pa.Table | None = None
    """Stored rows that a complete reading did not meet; None where there are none, or nobody has asked yet."""
