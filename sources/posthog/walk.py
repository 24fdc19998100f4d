"""How one list is read in a run, and what may be concluded from it.

A scope is the unit of a conclusion: all lists that together hold the rows of one parent (subscriptions have two, the
live ones and the deleted). Rows are taken in as they come; that a row is gone is only believed of a scope that was
read completely, twice where one walk is not one moment, by the same key, and within the fuse.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

import pyarrow as pa

from sources.posthog.catalogue import parent_of
from sources.posthog.changes import Changes
from sources.posthog.endpoint import Endpoint, Stamps, query
from sources.posthog.errors import PageFailed, PostHogError, Unavailable
from sources.posthog.paging import PAGERS, Get
from sources.posthog.shape import Row, Values, identity_of

SHORT = 10
"""A list of at most so many pages is walked in full every run: truth is cheap there."""
TWICE_AT_ONCE = 50
"""Up to so many pages the second look at a missing row comes in the same run, beyond it in the next."""
FUSE_ROWS, FUSE_SHARE = 20, 0.2
"""More deaths than both of these at once are held until a second run finds the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """What is remembered of a list path between runs (`_hogsync_paths`)."""

    path: str
    table: str
    watermark: datetime | None = None
    open_floor: datetime | None = None
    last_walk_at: datetime | None = None
    last_complete_at: datetime | None = None
    fingerprint: str | None = None
    rows: int = 0
    gap: int = 0
    held: int = 0


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


@dataclass(frozen=True, slots=True)
class Scope:
    """All lists that together hold one parent's rows."""

    endpoint: Endpoint
    stamps: Stamps
    listings: tuple[Listing, ...]


@dataclass(slots=True)
class Walk:
    """One pass over one list."""

    id: int
    pages: int = 0
    rows: int = 0
    distinct: int = 0
    rejected: int = 0
    ended: bool = False
    counts: list[int | None] = field(default_factory=list)
    newest: datetime | None = None
    open_floor: datetime | None = None
    failure: PostHogError | None = None

    @property
    def whole(self) -> bool:
        """Every page came and every row had its key."""
        return self.ended and not self.rejected and not self.failure

    @property
    def gap(self) -> int:
        """How many more rows the list says it has than could be seen; 0 where it does not say."""
        return self.counts[-1] - self.distinct if self.counts and self.counts[-1] is not None else 0

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
    held: int = 0
    detail: str = ""
    position: Position | None = None
    held_keys: tuple[str, ...] | None = None
    """Row keys whose death is held; None leaves what is remembered."""

    @property
    def pages(self) -> int:
        """Pages read over all walks."""
        return sum(walk.pages for walk in self.walks)

    @property
    def rows(self) -> int:
        """Rows read over all walks."""
        return sum(walk.rows for walk in self.walks)


class Memory(Protocol):
    """What is remembered of list paths."""

    def position(self, path: str) -> Position | None:
        """The path's position, if it was ever read."""

    def held(self, path: str) -> frozenset[str]:
        """Row keys whose death the last complete walk held."""


Observer = Callable[[Endpoint, Sequence[Row]], None]
"""Is told of every page's rows."""


class People:
    """Everybody met in a run: the richest source wins, then the latest."""

    def __init__(self) -> None:
        self._met: dict[int, tuple[int, Values]] = {}
        self._lock = threading.Lock()

    def meet(self, person: Values, rank: int) -> None:
        """Take note of a person; objects without an integer id are nobody."""
        identifier = person.get("id")
        if type(identifier) is not int:
            return
        with self._lock:
            if rank >= self._met.get(identifier, (rank, {}))[0]:
                self._met[identifier] = (rank, person)

    def everybody(self) -> list[Values]:
        """All people in the order of their ids."""
        return [person for _, (_, person) in sorted(self._met.items())]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the user asked of a run's reading."""

    started: datetime
    page_size: int = 1000
    full: bool = False
    full_every: timedelta = timedelta(days=1)
    accept_deletes: bool = False


class Reader:
    """Reads scopes into `Changes`; safe to call from several threads, one scope each."""

    def __init__(
        self, get: Get, changes: Mapping[str, Changes], memory: Memory, rules: Rules, fingerprint: str
    ) -> None:
        self.get = get
        self.changes = changes
        self.memory = memory
        self.rules = rules
        self.fingerprint = fingerprint
        self.people = People()
        self.observers: list[Observer] = []
        self._walk_ids = itertools.count(1)

    def read(self, scope: Scope, below: Sequence[tuple[Changes, Sequence[str]]] = ()) -> list[Listed]:
        """Read a scope's lists and conclude which of its rows are gone; refusals and failures are in the answer."""
        listed = [self._read_list(listing) for listing in scope.listings]
        if scope.endpoint.mortal and all(one.complete for one in listed):
            self._conclude(scope, listed, below)
        for one in listed:
            if one.status == "read":
                one.position = self._position(one)
        return listed

    # -- reading

    def _read_list(self, listing: Listing) -> Listed:
        listed = Listed(listing)
        floor = self._floor(listing)
        self._look(listed, floor)
        if listed.status == "read" and floor is None and not self._proven(listed):
            self._look(listed, None)
        if listed.status == "read":
            listed.complete = self._complete(listed)
        return listed

    def _look(self, listed: Listed, floor: datetime | None) -> None:
        """Walk the list once and note the outcome."""
        walk = self._walk(listed.listing, floor)
        listed.walks.append(walk)
        if walk.rejected:
            listed.detail = f"{walk.rejected} rows without their key were left out"
        if walk.failure is None:
            return
        refused = isinstance(walk.failure, Unavailable) and not listed.pages
        listed.status = "unavailable" if refused else "failed"
        listed.detail = str(walk.failure)

    def _walk(self, listing: Listing, floor: datetime | None) -> Walk:
        walk = Walk(next(self._walk_ids))
        size = min(self.rules.page_size, listing.endpoint.page_size)
        changes = self.changes[listing.endpoint.table]
        pager = PAGERS[listing.pages]
        try:
            for page in pager(self.get, listing.address, query(listing.path), size):
                rows = self._shaped(page.rows, listing, walk)
                changes.add(rows, walk.id)
                walk.pages += 1
                walk.counts.append(page.count)
                walk.ended = page.last
                oldest = self._note_times(walk, rows, listing.endpoint)
                for observe in self.observers:
                    observe(listing.endpoint, rows)
                if floor and oldest and oldest < floor:
                    break
        except (Unavailable, PageFailed) as failure:
            walk.failure = failure
        walk.distinct = changes.distinct(walk.id)
        return walk

    def _shaped(self, raws: Iterable[Any], listing: Listing, walk: Walk) -> list[Row]:
        endpoint, shape = listing.endpoint, self.changes[listing.endpoint.table].shape
        rows = []
        for raw in raws:
            walk.rows += 1
            try:
                row = shape.row(*_stamped(raw, listing))
            except (KeyError, AttributeError):  # its key is missing, or it is no object at all
                walk.rejected += 1
                continue
            rows.append(row)
            if person := identity_of(endpoint, raw):
                row.people.append(person)
            for person in row.people:
                self.people.meet(person, endpoint.people_rank)
        return rows

    def _note_times(self, walk: Walk, rows: Sequence[Row], endpoint: Endpoint) -> datetime | None:
        """Keep a stream's newest and oldest open row in mind; returns the page's oldest time."""
        if endpoint.plan != "stream":
            return None
        times = [at for row in rows if (at := row.values.get("created_at"))]
        walk.newest = max([*times, *filter(None, [walk.newest])], default=None)
        if endpoint.open_when:
            name, states = endpoint.open_when
            still = [row.values.get("created_at") for row in rows if row.values.get(name) in states]
            walk.open_floor = min([at for at in (*still, walk.open_floor) if at], default=None)
        return min(times, default=None)

    def _floor(self, listing: Listing) -> datetime | None:
        """How far down a stream must be read; None for all of it."""
        endpoint, known = listing.endpoint, self.memory.position(listing.path)
        if endpoint.plan != "stream" or self.rules.full or known is None or known.watermark is None:
            return None
        if known.last_complete_at is None or known.last_complete_at + self.rules.full_every <= self.rules.started:
            return None
        parent = next((p for path in endpoint.paths if (p := parent_of(path))), None)
        if known.rows <= SHORT * endpoint.page_size and not (parent and parent.mortal):
            return None
        return min(known.watermark - endpoint.lookback, known.open_floor or known.watermark)

    # -- proving

    def _proven(self, listed: Listed) -> bool:
        """Whether one walk is proof enough that the list was read completely."""
        walk = listed.walks[-1]
        return walk.whole and walk.steady and walk.rows == walk.distinct and self._explained(listed)

    def _explained(self, listed: Listed) -> bool:
        """Whether nothing lacks, or only the same rows that this key could not see last time."""
        walk, known = listed.walks[-1], self.memory.position(listed.listing.path)
        same = known is not None and known.fingerprint == self.fingerprint and known.gap == walk.gap
        return walk.gap == 0 or same

    def _complete(self, listed: Listed) -> bool:
        walk = listed.walks[-1]
        if not walk.whole:
            return False
        if walk.steady and self._explained(listed):
            return True
        listed.detail = f"PostHog counts {walk.counts[-1]} rows and lists {walk.distinct}; no deletions concluded"
        return False

    # -- concluding

    def _conclude(self, scope: Scope, listed: list[Listed], below: Sequence[tuple[Changes, Sequence[str]]]) -> None:
        changes = self.changes[scope.endpoint.table]
        missing = changes.missing(scope.stamps, below)
        one_moment = len(listed) == 1 and listed[0].walks[-1].pages <= 1
        looked_twice = all(len(one.walks) > 1 for one in listed)
        pages = sum(one.walks[-1].pages for one in listed)
        if missing.num_rows and not one_moment and not looked_twice and pages <= TWICE_AT_ONCE:
            if not self._look_again(listed):
                return
            missing = changes.missing(scope.stamps, below)
        held = self._held(scope, listed, missing, later=pages > TWICE_AT_ONCE and not looked_twice)
        changes.end(missing.filter(pa.array([key not in held for key in missing["row_key"].to_pylist()], pa.bool_())))
        listed[0].held_keys = tuple(sorted(held))
        listed[0].held = len(held)

    def _look_again(self, listed: list[Listed]) -> bool:
        for one in listed:
            self._look(one, None)
            one.complete = one.status == "read" and self._complete(one)
        return all(one.complete for one in listed)

    def _held(self, scope: Scope, listed: list[Listed], missing: pa.Table, *, later: bool) -> set[str]:
        """The row keys whose death is not believed yet, with the reason noted."""
        keys = set(missing["row_key"].to_pylist())
        if not keys or self.rules.accept_deletes:
            return set()
        path = listed[0].listing.path
        known = self.memory.position(path)
        if known and known.fingerprint not in (None, self.fingerprint):
            listed[0].detail = f"{len(keys)} deletes held: the key sees other things than last time"
            return keys
        fresh = keys - self.memory.held(path)
        living = self.changes[scope.endpoint.table].living(scope.stamps)
        emptied = not any(one.walks[-1].distinct for one in listed)
        blown = len(fresh) > FUSE_ROWS and len(fresh) > FUSE_SHARE * living
        if fresh and (emptied or blown or later):
            why = "the list is empty all at once" if emptied else "so many at once" if blown else "seen by one walk only"
            listed[0].detail = f"{len(fresh)} deletes held: {why}; the next run believes them if they stay away"
            return fresh
        return set()

    def _position(self, listed: Listed) -> Position:
        listing, walk = listed.listing, listed.walks[-1]
        known = self.memory.position(listing.path) or Position(path=listing.path, table=listing.endpoint.table)
        newest = max(filter(None, [known.watermark, *(w.newest for w in listed.walks)]), default=None)
        position = replace(known, watermark=newest, open_floor=walk.open_floor, last_walk_at=self.rules.started)
        if walk.whole:
            position = replace(position, gap=walk.gap, rows=walk.distinct)
        narrowed = listed.held and known.fingerprint not in (None, self.fingerprint)
        if listed.complete:
            fingerprint = known.fingerprint if narrowed else self.fingerprint
            position = replace(position, last_complete_at=self.rules.started, fingerprint=fingerprint, held=listed.held)
        elif walk.whole:
            # The gap is believed only when the same key meets it again.
            same = None if self.rules.accept_deletes else known.fingerprint
            position = replace(position, fingerprint=same or self.fingerprint)
        return position


def _stamped(raw: Any, listing: Listing) -> tuple[Any, Stamps]:
    """A row and its stamps; a detail object is cut down to what the list would show and names its parents itself."""
    if listing.pages != "object":
        return raw, listing.stamps
    endpoint = listing.endpoint
    parents = {name: raw.get(name.removesuffix("_id")) for name in endpoint.placeholders}
    return {f.name: raw.get(f.name) for f in endpoint.fields}, parents
