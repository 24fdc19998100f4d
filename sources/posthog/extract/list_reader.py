"""How one list is read in a run, and whether the reading proves that nothing was missed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from sources.posthog.catalogue import stamp_types
from sources.posthog.catalogue.endpoint import Endpoint, Stamps, query
from sources.posthog.changes.table_changes import Changes
from sources.posthog.errors import Misdirected, PageFailed, Unavailable
from sources.posthog.extract import incremental
from sources.posthog.extract.checkpoint_file import batch_of
from sources.posthog.extract.checkpoints import NO_JOURNAL, Half, Journal
from sources.posthog.extract.data_warnings import left_out
from sources.posthog.extract.options import Rules
from sources.posthog.extract.people import People
from sources.posthog.extract.positions import UNSETTLED, Memory, Position
from sources.posthog.extract.visibility import Sights
from sources.posthog.extract.walks import Listed, Listing, Observer, Walk
from sources.posthog.paging.pagers import PAGERS, Page, Prefetch, no_prefetch
from sources.posthog.paging.prefetch import Get
from sources.posthog.shape.batch import Batch
from sources.posthog.shape.row_shape import RowShape
from sources.posthog.shape.types import CONVERT
from sources.posthog.whole_numbers import counted

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
        *,
        person: RowShape,
        soon: Prefetch = no_prefetch,
        journal: Journal = NO_JOURNAL,
    ) -> None:
        """`person` is how whoever the rows name becomes a row."""
        self.get = get
        self.soon = soon
        self.journal = journal
        self.person = person
        self.changes = changes
        self.memory = memory
        self.rules = rules
        self.sights = Sights()
        self.movements = incremental.Movements(changes)
        self.people = People()
        self.observers: list[Observer] = [self.sights.note, self.movements.note]
        self._walk_ids = itertools.count(1)

    def read(self, listed: Listed) -> None:
        """Read a list, twice if one walk is no proof; refusals and failures are noted there."""
        listing = listed.listing
        known = self.memory.position(listing.path)
        stock = self.changes[listing.endpoint.table].stock
        back = incremental.is_back(known, self.sights.of(listing), self.memory.held(listing.path))
        floor = incremental.floor(listing, known, self.rules, stock, back=back)
        listed.reached = floor is not None
        count = self._count(listing) if floor is None and known and known.gap else None
        self.look(listed, floor, count)
        if listed.status != "read":
            return
        if floor is None:
            if not self._proven(listed) and not listed.last.kept:
                self.look(listed, count=count)
        elif (count := self._drift(listed)) is not None:
            self.look(listed, count=count)

    def spared(self, listing: Listing) -> bool:
        """Whether the list need not be asked in this run."""
        known, stock = self.memory.position(listing.path), self.changes[listing.endpoint.table].stock
        return known is not None and incremental.spared(
            listing, known, self._moved(listing), self.rules, stock
        )

    def _moved(self, listing: Listing) -> str | None:
        """What the row above a list says, and to which key: another one may see more rows below it."""
        said, sees = self.movements.of(listing), self.sights.of(listing)
        return None if said is None or sees is None else f"{said} {sees}"

    def look_again(self, listed: Listed) -> None:
        """A second look at a list; its rows are counted beside it if there is known to be a gap."""
        known = self.memory.position(listed.listing.path)
        beside = listed.listing.endpoint.count_path and (listed.last.gap or (known and known.gap))
        self.look(listed, count=self._count(listed.listing) if beside else None)

    def look(self, listed: Listed, floor: datetime | None = None, count: int | None = None) -> None:
        """Walk the list once, all of it or down to a time, and judge what that proves.

        `count` is how many rows the list has, where that was asked for beside it.
        """
        walk = Walk(next(self._walk_ids), filtered=bool(floor and listed.listing.endpoint.cursor_params))
        again = bool(listed.walks)
        listed.walks.append(walk)  # now, for what a walk has read is loaded also where a stop ends it
        self._walk(walk, listed.listing, floor, again=again)
        walk.counts = walk.counts if count is None else [count]
        listed.detail = ""
        if walk.kept:
            listed.detail = f"{walk.kept} pages had been read by a run that broke off"
        if walk.rejected:
            listed.detail = left_out(walk.rejected, walk.rejected_at)
        if walk.in_vain:
            listed.status = "failed"
        if walk.failure is not None:
            refused = isinstance(walk.failure, Unavailable) and not listed.pages
            listed.status = "unavailable" if refused else "failed"
            listed.detail = (
                walk.failure.reason if isinstance(walk.failure, Unavailable) else str(walk.failure)
            )
        listed.complete = listed.status == "read" and self._complete(listed)

    # -- reading

    def _walk(self, walk: Walk, listing: Listing, floor: datetime | None, *, again: bool) -> None:
        endpoint = listing.endpoint
        changes = self.changes[endpoint.table]
        keys: set[tuple[Any, ...]] = set()
        walk.keys = keys
        asked = query(listing.path)
        if floor and endpoint.cursor_params:
            asked |= incremental.asked_for(endpoint.cursor_params, floor, self.rules.window)
        half = self._half(listing, asked, again=again)
        try:
            for sent, batch in self._pages(listing, asked, floor, half, walk):
                walk.note_rejected(batch)
                walk.rows += sent
                walk.misfits.update(batch.misfits)
                if walk.recalls:
                    self.people.recall(batch.people)
                else:
                    self.people.meet(batch.people, endpoint.people_rank)
                    self.people.mention(batch.mentioned)
                changes.add(batch, walk.id)
                if walk.rows <= COUNTED_HERE:
                    keys.update(zip(*map(batch.values, endpoint.key), strict=True))
                incremental.note_times(walk, batch, endpoint, self.rules.started)
                for observe in self.observers:
                    observe(endpoint, batch)
            if half:
                half.end()
        except (Unavailable, PageFailed, Misdirected) as failure:
            walk.failure = failure
        walk.keys = keys if walk.rows <= COUNTED_HERE else None
        walk.distinct = len(keys) if walk.keys is not None else changes.distinct(walk.id)
        walk.fresh = changes.fresh(walk.id) if endpoint.count_path and not walk.whole else 0

    def _half(self, listing: Listing, asked: Mapping[str, str], *, again: bool) -> Half | None:
        """What was kept of a list; nothing for a second look, which would be none, nor where all is to be read."""
        changes, known = self.changes[listing.endpoint.table], self.memory.position(listing.path)
        return self.journal.half(
            listing,
            changes,
            self.person,
            asked,
            sees=self.sights.of(listing),
            since=known.last_walk_at if known else None,
            anew=again or self.rules.full or self.rules.window is not None,
        )

    def _pages(
        self,
        listing: Listing,
        asked: Mapping[str, str],
        floor: datetime | None,
        half: Half | None,
        walk: Walk,
    ) -> Iterator[tuple[int, Batch]]:
        """A list's pages down to the floor, each with how many rows were sent.

        Those of a half-read walk that still holds come first, so that what was read later goes over them.
        """
        endpoint, shaped = listing.endpoint, partial(self._shaped, listing)
        size = min(self.rules.page_size, endpoint.page_size)

        def start(at: str) -> Iterator[Page]:
            begun = {**asked, listing.pages: at} if at else asked
            return PAGERS[listing.pages](self.get, listing.address, begun, size, self.soon)

        def deeper() -> Page | None:
            reached = floor and walk.oldest and walk.oldest < floor and not walk.filtered
            return None if reached else next(following, None)

        read, following = half.resume(shaped, start) if half else ((), start(""))
        for leaf in half.kept() if half else ():
            walk.pages, walk.kept = walk.pages + 1, walk.kept + 1
            walk.counts.append(leaf.count)
            yield leaf.sent, batch_of(leaf)
            if walk.kept == 1 or endpoint.cursor_params:
                walk.newest_kept = walk.newest
        for page in itertools.chain(read, iter(deeper, None)):
            batch = shaped(page.rows)
            walk.pages += 1
            walk.counts.append(page.count)
            walk.ended = page.last
            if half:
                half.keep(page, batch)
            yield len(page.rows), batch

    def _shaped(self, listing: Listing, raws: Sequence[Any]) -> Batch:
        endpoint = listing.endpoint
        stamps = listing.stamps
        if listing.pages == "object":
            raws, stamps = listed_alone(raws[0], endpoint)
        return self.changes[endpoint.table].shape.to_batch(raws, stamps)

    def _count(self, listing: Listing) -> int | None:
        """How many rows the list has, by a question beside it; None where that is not told."""
        try:
            told = self.get(listing.counted_at.split("?")[0], query(listing.counted_at))
        except (Unavailable, PageFailed):
            return None
        count = told.get("count") if isinstance(told, dict) else None
        return counted(count)

    def _drift(self, listed: Listed) -> int | None:
        """The list's count, if rows came or went that a walk down to a time cannot have met."""
        known = self.memory.position(listed.listing.path)
        if not listed.listing.endpoint.count_path or known is None or listed.last.whole or self.rules.window:
            return None
        count, expected = self._count(listed.listing), known.rows + listed.last.fresh + known.gap
        unseen = known.held if known.fingerprint != self.sights.of(listed.listing) else 0
        return None if count in (expected, expected - unseen) else count

    # -- proving

    def _proven(self, listed: Listed) -> bool:
        """Whether one walk is proof enough; rows that came twice mean that the list moved."""
        return listed.complete and listed.last.rows == listed.last.distinct

    def _complete(self, listed: Listed) -> bool:
        walk = listed.last
        if not walk.whole or listed.kept:
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

    def claim(self, listed: Listed) -> Position | None:
        """Whose key saw the rows that are about to be stored, if that is not known of the list yet.

        Rows of a run that dies before its records, or of a backfill, would else be taken for those of another key,
        whose walk lacks them. So would those of a run that cannot tell what its key sees.
        """
        listing, sees = listed.listing, self.sights.of(listed.listing) or UNSETTLED
        known = self.memory.position(listing.path)
        if not listing.endpoint.detects_deletes or not listed.pages:
            return None
        if known is None or known.fingerprint is None:
            return replace(
                known or Position(path=listing.path, table=listing.endpoint.table), fingerprint=sees
            )
        changes = self.changes[listing.endpoint.table]
        if known.fingerprint not in (sees, UNSETTLED) and changes.newcomers(listing.stamps):
            return replace(known, fingerprint=UNSETTLED)
        return None

    def moves(self, listed: Listed) -> bool:
        """Whether a list that could not be read stands elsewhere all the same.

        What a walk in the order of time has met is loaded, wherever it broke off.
        """
        in_time = listed.listing.endpoint.plan == "since"
        return bool(in_time and listed.walks and listed.last.pages and listed.last.ascending)

    def position(self, listed: Listed) -> Position:
        """Where the list stands after this run.

        What a walk proved (rows, gap, deaths held) stands together with the key that proved it: a walk under another
        key changes nothing of it, unless that walk leaves nothing open or the user accepts its deletes.
        """
        listing = listed.listing
        sees = self.sights.of(listing)
        known = self.memory.position(listing.path)
        before = known or Position(path=listing.path, table=listing.endpoint.table)
        lost = not self.changes[listing.endpoint.table].stock.whole
        if listed.status != "read" and not listed.reached and lost:
            # Of what its table has lost, no more was read again than the walk has met.
            before = replace(before, watermark=None, last_complete_at=None, moved=None)
        if not listed.walks:  # the run stopped before it came to anything
            return before
        walk = listed.last
        newest = max(filter(None, [before.watermark, *(w.mark for w in listed.walks)]), default=None)
        after = replace(
            before, watermark=newest, rows=before.rows + walk.fresh, last_walk_at=self.rules.started
        )
        if listed.claimed:
            after = replace(after, fingerprint=listed.claimed.fingerprint)
        if listed.status != "read":
            return after
        after = replace(after, open_floor=walk.open_floor)
        # What was written late among rows that were kept waits for the next run, which must ask.
        after = replace(after, moved=None if walk.kept else self._moved(listing))
        if listed.complete:
            first = before.first_complete_at or before.last_complete_at or self.rules.started
            after = replace(after, first_complete_at=first)
        if not walk.whole or listed.kept or (sees is None and listing.endpoint.detects_deletes):
            return after
        same_key = self.rules.accept_deletes or before.fingerprint in (None, sees)
        if not same_key and (listed.held or not listed.complete):
            return self._held(after, listed) if listed.complete else after
        after = replace(after, rows=walk.distinct, gap=walk.gap, held=listed.held, fingerprint=sees)
        return replace(after, last_complete_at=self.rules.started) if listed.complete else after

    def _held(self, before: Position, listed: Listed) -> Position:
        """What another key does not see counts on, but was looked for: no run need do so before one is due."""
        rows = listed.last.distinct + listed.held
        return replace(before, rows=rows, held=listed.held, last_complete_at=self.rules.started)


def listed_alone(raw: Mapping[str, Any], endpoint: Endpoint) -> tuple[Sequence[Any], Stamps]:
    """A detail object, cut down to what the list would show, and the parents that it names itself.

    A parent that it does not name by an id is null: nobody could tell which one is meant.
    """
    named = {name: raw.get(name.removesuffix("_id")) for name in endpoint.placeholders}
    types = stamp_types(endpoint)
    parents = {n: None if value is None else CONVERT[types[n]](value) for n, value in named.items()}
    return [{f.name: raw.get(f.name) for f in endpoint.fields}], parents
