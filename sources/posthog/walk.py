"""How one list is read in a run, and whether the reading proves that nothing was missed."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sources.posthog.ahead import Get
from sources.posthog.batch import Batch
from sources.posthog.catalogue import parent_of
from sources.posthog.changes import Changes
from sources.posthog.endpoint import Endpoint, Stamps, query
from sources.posthog.errors import Misdirected, PageFailed, Unavailable
from sources.posthog.listing import Listed, Listing, Memory, Observer, Position, Rules, Walk
from sources.posthog.paging import PAGERS, Soon, one_by_one
from sources.posthog.people import People
from sources.posthog.sights import Sights

SHORT = 10
"""A list of at most so many pages is walked in full every run: truth is cheap there."""
COUNTED_HERE = 5000
"""Up to so many rows, different keys are counted in Python, quicker than a query; beyond that in the workspace."""


class Walker:
    """Reads lists into `Changes`; safe to use from several threads, one list each."""

    def __init__(
        self,
        get: Get,
        changes: Mapping[str, Changes],
        memory: Memory,
        rules: Rules,
        soon: Soon = one_by_one,
    ) -> None:
        self.get = get
        self.soon = soon
        self.changes = changes
        self.memory = memory
        self.rules = rules
        self.sights = Sights()
        self.people = People()
        self.observers: list[Observer] = []
        self._walk_ids = itertools.count(1)

    def read(self, listing: Listing) -> Listed:
        """Read a list, twice if one walk is no proof; refusals and failures are in the answer."""
        listed = Listed(listing)
        floor = self._floor(listing)
        self.look(listed, floor)
        if listed.status == "read" and floor is None and not self._proven(listed):
            self.look(listed)
        return listed

    def look(self, listed: Listed, floor: datetime | None = None) -> None:
        """Walk the list once, all of it or down to a time, and judge what that proves."""
        walk = self._walk(listed.listing, floor)
        listed.walks.append(walk)
        listed.detail = ""
        if walk.rejected:
            listed.detail = f"{walk.rejected} rows without a key, or no rows at all, were left out"
        if walk.failure is not None:
            refused = isinstance(walk.failure, Unavailable) and not listed.pages
            listed.status = "unavailable" if refused else "failed"
            listed.detail = (
                walk.failure.reason if isinstance(walk.failure, Unavailable) else str(walk.failure)
            )
        listed.complete = listed.status == "read" and self._complete(listed)

    # -- reading

    def _walk(self, listing: Listing, floor: datetime | None) -> Walk:
        walk = Walk(next(self._walk_ids))
        endpoint = listing.endpoint
        size = min(self.rules.page_size, endpoint.page_size)
        changes = self.changes[endpoint.table]
        keys: set[tuple[Any, ...]] = set()
        pages = PAGERS[listing.pages](self.get, listing.address, query(listing.path), size, self.soon)
        try:
            for page in pages:
                batch = self._shaped(page.rows, listing, walk)
                changes.add(batch, walk.id)
                if walk.rows <= COUNTED_HERE:
                    keys.update(zip(*map(batch.values, endpoint.key), strict=True))
                walk.pages += 1
                walk.counts.append(page.count)
                walk.ended = page.last
                oldest = _note_times(walk, batch, endpoint)
                for observe in self.observers:
                    observe(endpoint, batch)
                if floor and oldest and oldest < floor:
                    break
        except (Unavailable, PageFailed, Misdirected) as failure:
            walk.failure = failure
        walk.keys = keys if walk.rows <= COUNTED_HERE else None
        walk.distinct = len(keys) if walk.keys is not None else changes.distinct(walk.id)
        return walk

    def _shaped(self, raws: Sequence[Any], listing: Listing, walk: Walk) -> Batch:
        endpoint = listing.endpoint
        stamps = listing.stamps
        if listing.pages == "object":
            raws, stamps = _listed_alone(raws[0], endpoint)
        batch = self.changes[endpoint.table].shape.page(raws, stamps)
        walk.rows += len(raws)
        walk.rejected += batch.rejected
        walk.misfits.update(batch.misfits)
        self.people.meet(batch.people, endpoint.people_rank)
        return batch

    def _floor(self, listing: Listing) -> datetime | None:
        """How far down a stream must be read; None for all of it."""
        endpoint, known = listing.endpoint, self.memory.position(listing.path)
        if endpoint.plan != "stream" or self.rules.full or known is None or known.watermark is None:
            return None
        due = self.rules.started - self.rules.full_every
        last = known.last_complete_at
        if last is None or not due < last <= self.rules.started:  # the future is a clock that was wrong
            return None
        fanned_out = any((parent := parent_of(path)) and parent.mortal for path in endpoint.paths)
        if self.changes[endpoint.table].stock.doubtful(listing.stamps, revived=fanned_out):
            return None
        if known.rows <= SHORT * endpoint.page_size and not fanned_out:
            return None
        return min(known.watermark - endpoint.lookback, known.open_floor or known.watermark)

    # -- proving

    def _proven(self, listed: Listed) -> bool:
        """Whether one walk is proof enough; rows that came twice mean that the list moved."""
        return listed.complete and listed.last.rows == listed.last.distinct

    def _complete(self, listed: Listed) -> bool:
        walk = listed.last
        if not walk.whole:
            return False
        if walk.steady and self._explained(listed):
            return True
        said = f"PostHog counts {walk.counts[-1]} rows and lists {walk.distinct}"
        listed.detail = f"{said}; nothing is concluded about deletions"
        return False

    def _explained(self, listed: Listed) -> bool:
        """Whether nothing lacks, or only the same rows that this key could not see last time."""
        known = self.memory.position(listed.listing.path)
        same_key = known is not None and known.fingerprint == self.sights.of(listed.listing)
        return listed.last.gap == 0 or (same_key and known is not None and known.gap == listed.last.gap)

    # -- remembering

    def position(self, listed: Listed) -> Position:
        """Where the list stands after this run.

        What a walk proved (rows, gap, deaths held) stands together with the key that proved it: a walk under another
        key changes nothing of it, unless that walk leaves nothing open or the user accepts its deletes.
        """
        listing, walk = listed.listing, listed.last
        sees = self.sights.of(listing)
        known = self.memory.position(listing.path)
        before = known or Position(path=listing.path, table=listing.endpoint.table)
        newest = max(filter(None, [before.watermark, *(w.newest for w in listed.walks)]), default=None)
        after = replace(before, watermark=newest, open_floor=walk.open_floor, last_walk_at=self.rules.started)
        if not walk.whole or (sees is None and listing.endpoint.mortal):
            return after
        same_key = self.rules.accept_deletes or before.fingerprint in (None, sees)
        if not same_key and (listed.held or not listed.complete):
            return after
        after = replace(after, rows=walk.distinct, gap=walk.gap, held=listed.held, fingerprint=sees)
        return replace(after, last_complete_at=self.rules.started) if listed.complete else after


def _listed_alone(raw: Mapping[str, Any], endpoint: Endpoint) -> tuple[Sequence[Any], Stamps]:
    """A detail object, cut down to what the list would show, and the parents that it names itself."""
    parents = {name: raw.get(name.removesuffix("_id")) for name in endpoint.placeholders}
    return [{f.name: raw.get(f.name) for f in endpoint.fields}], parents


def _note_times(walk: Walk, batch: Batch, endpoint: Endpoint) -> datetime | None:
    """Keep a stream's newest and its oldest open row in mind; returns the page's oldest time."""
    if endpoint.plan != "stream":
        return None
    created = batch.values("created_at")
    times = [at for at in created if at]
    walk.newest = max([*times, *filter(None, [walk.newest])], default=None)
    if endpoint.open_when:
        name, states = endpoint.open_when
        still = [at for at, state in zip(created, batch.values(name), strict=True) if state in states]
        walk.open_floor = min([at for at in (*still, walk.open_floor) if at], default=None)
    return min(times, default=None)
