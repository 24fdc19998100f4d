"""Reads one list: decides from where, walks it once or twice, and stages its rows.

`ListPath` -> `ListResult`, and rows in `TableChanges`. Refusals and failures are in the result; they stop no other
list.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from sources.posthog.catalogue import stamp_types
from sources.posthog.catalogue.endpoint import Endpoint, Stamps, query
from sources.posthog.changes.table_changes import TableChanges
from sources.posthog.errors import Misdirected, PageFailed, Unavailable
from sources.posthog.extract import incremental
from sources.posthog.extract.checkpoints import NO_CHECKPOINTS, CheckpointStore, ListState, ReadPage
from sources.posthog.extract.completeness import count_mismatches, judge, needs_second_walk
from sources.posthog.extract.options import ReadOptions
from sources.posthog.extract.people import People
from sources.posthog.extract.positions import advance, before_load
from sources.posthog.extract.run_warnings import left_out
from sources.posthog.extract.visibility import KeyVisibility
from sources.posthog.extract.walks import (
    ListPath,
    ListResult,
    Observer,
    Position,
    PositionStore,
    Walk,
)
from sources.posthog.paging.pagers import PAGERS, Page, Prefetch, no_prefetch
from sources.posthog.paging.prefetch import Get
from sources.posthog.shape.batch import Batch
from sources.posthog.shape.row_shape import RowShape
from sources.posthog.shape.types import CONVERT, digest
from sources.posthog.whole_numbers import counted

COUNTED_IN_MEMORY = 5000
"""Up to this many rows, distinct keys are counted in Python, faster than a query; beyond it in the scratch database."""


class ListReader:
    """Reads lists and stages their rows in `TableChanges`; safe to use from several threads, one list each."""

    def __init__(
        self,
        get: Get,
        changes: Mapping[str, TableChanges],
        positions: PositionStore,
        options: ReadOptions,
        *,
        person: RowShape,
        soon: Prefetch = no_prefetch,
        checkpoints: CheckpointStore = NO_CHECKPOINTS,
    ) -> None:
        """`person` is the shape of the people whom the rows name."""
        self.get = get
        self.soon = soon
        self.checkpoints = checkpoints
        self.person = person
        self.changes = changes
        self.positions = positions
        self.options = options
        self.visibility = KeyVisibility()
        self.movements = incremental.ParentCursors(changes)
        self.people = People()
        self.observers: list[Observer] = [self.visibility.note, self.movements.note]
        self._walk_ids = itertools.count(1)

    def read(self, result: ListResult) -> None:
        """Read a list, twice if one walk is no proof; refusals and failures are recorded in `result`."""
        list_path = result.list_path
        position = self.positions.position(list_path.path)
        stock = self.changes[list_path.endpoint.table].stored_index
        floor = incremental.start_time(list_path, position, self.options, stock)
        result.is_incremental = floor is not None
        count = self._count(list_path) if floor is None and position and position.gap else None
        self.walk_once(result, floor, count)
        if result.status != "read":
            return
        if floor is None:
            if needs_second_walk(result):
                self.walk_once(result, count=count)
        elif (count := self._count_mismatch(result)) is not None:
            self.walk_once(result, count=count)

    def should_skip(self, list_path: ListPath) -> bool:
        """Return whether the list need not be requested in this run."""
        position, stock = (
            self.positions.position(list_path.path),
            self.changes[list_path.endpoint.table].stored_index,
        )
        return position is not None and incremental.should_skip(
            list_path, position, self._moved(list_path), self.options, stock
        )

    def _moved(self, list_path: ListPath) -> str | None:
        """Return the parent row's cursor and the key's fingerprint: another key may see more rows below the parent."""
        said, sees = self.movements.cursor_above(list_path), self.visibility.fingerprint_of(list_path)
        return None if said is None or sees is None else f"{said} {sees}"

    def walk_again(self, result: ListResult) -> None:
        """Walk a list again; request its count separately if a gap is known."""
        position = self.positions.position(result.list_path.path)
        beside = result.list_path.endpoint.count_path and (result.last.gap or (position and position.gap))
        self.walk_once(result, count=self._count(result.list_path) if beside else None)

    def walk_once(self, result: ListResult, floor: datetime | None = None, count: int | None = None) -> None:
        """Walk the list once, in full or from `floor` on, and judge whether the walk is complete.

        `count` is the list's number of rows, where it was requested separately.
        """
        walk = Walk(next(self._walk_ids), filtered=bool(floor and result.list_path.endpoint.cursor_params))
        again = bool(result.walks)
        result.walks.append(walk)  # appended first: the rows of an interrupted walk are loaded, too
        self._walk(walk, result.list_path, floor, again=again)
        walk.counts = walk.counts if count is None else [count]
        result.detail = ""
        if walk.resumed_pages:
            result.detail = f"{walk.resumed_pages} pages had been read by a run that broke off"
        if walk.rejected:
            result.detail = left_out(walk.rejected, walk.rejected_at)
        if walk.all_rejected:
            result.status = "failed"
        if walk.failure is not None:
            refused = isinstance(walk.failure, Unavailable) and not result.pages
            result.status = "unavailable" if refused else "failed"
            result.detail = (
                walk.failure.reason if isinstance(walk.failure, Unavailable) else str(walk.failure)
            )
        position = self.positions.position(result.list_path.path)
        result.complete, said = judge(result, position, self.visibility.fingerprint_of(result.list_path))
        result.detail = said or result.detail

    # -- reading

    def _walk(self, walk: Walk, list_path: ListPath, floor: datetime | None, *, again: bool) -> None:
        endpoint = list_path.endpoint
        changes = self.changes[endpoint.table]
        keys: set[tuple[Any, ...]] = set()
        walk.keys = keys
        asked = query(list_path.path)
        if floor and endpoint.cursor_params:
            asked |= incremental.cursor_query(endpoint.cursor_params, floor, self.options.window)
        try:
            for page in self._pages(list_path, asked, floor, walk, again=again):
                batch = page.batch
                walk.note_rejected(batch)
                walk.pages, walk.rows, walk.reached_end = walk.pages + 1, walk.rows + page.sent, page.last
                walk.counts.append(page.count)
                walk.misfits.update(batch.misfits)
                if page.resumed:
                    walk.resumed_pages += 1
                    self.people.recall(batch.people)
                else:
                    self.people.meet(batch.people, endpoint.people_rank)
                    self.people.mention(batch.mentioned)
                changes.stage(batch, walk.id)
                if walk.rows <= COUNTED_IN_MEMORY:
                    keys.update(zip(*map(batch.values, endpoint.key), strict=True))
                incremental.track_cursor(walk, batch, endpoint, self.options.started)
                if page.resumed and (walk.resumed_pages == 1 or endpoint.cursor_params):
                    walk.newest_at_resume = walk.newest
                for observe in self.observers:
                    observe(endpoint, batch)
        except (Unavailable, PageFailed, Misdirected) as failure:
            walk.failure = failure
        walk.keys = keys if walk.rows <= COUNTED_IN_MEMORY else None
        walk.distinct = len(keys) if walk.keys is not None else changes.distinct(walk.id)
        walk.new_rows = changes.count_new(walk.id) if endpoint.count_path and not walk.is_full else 0

    def _pages(
        self,
        list_path: ListPath,
        asked: Mapping[str, str],
        floor: datetime | None,
        walk: Walk,
        *,
        again: bool,
    ) -> Iterator[ReadPage]:
        """Yield a list's pages down to `floor`, the saved ones first, so that rows read later replace them."""
        endpoint = list_path.endpoint
        size = min(self.options.page_size, endpoint.page_size)

        def pages(place: str) -> Iterator[Page]:
            begun = {**asked, list_path.pagination: place} if place else asked
            return PAGERS[list_path.pagination](self.get, list_path.url_path, begun, size, self.soon)

        def enough() -> bool:
            return bool(floor and walk.oldest and walk.oldest < floor and not walk.filtered)

        state = self._list_state(list_path, asked, again=again)
        return self.checkpoints.resumable(state, pages, partial(self._shaped, list_path), enough)

    def _list_state(self, list_path: ListPath, asked: Mapping[str, str], *, again: bool) -> ListState:
        """Return what a checkpoint needs; a second walk must read anew, and lists without a fixed order, too."""
        changes, position = self.changes[list_path.endpoint.table], self.positions.position(list_path.path)
        ordered = query(list_path.path).get("ordering") == "name" or list_path.endpoint.plan != "snapshot"
        sees = self.visibility.fingerprint_of(list_path)
        anew = again or self.options.full or self.options.window is not None
        about = [list_path.path, {k: str(v) for k, v in asked.items()}, sees, changes.shape.fingerprint]
        return ListState(
            path=list_path.path,
            about="" if anew or sees is None or not ordered else digest(about),
            walked=position.last_walk_at if position else None,
            written=changes.stored_index.last_written,
            shapes=(changes.shape, self.person),
        )

    def _shaped(self, list_path: ListPath, raws: Sequence[Any]) -> Batch:
        endpoint = list_path.endpoint
        stamps = list_path.parent_ids
        if list_path.pagination == "object":
            raws, stamps = listed_alone(raws[0], endpoint)
        return self.changes[endpoint.table].shape.to_batch(raws, stamps)

    def _count(self, list_path: ListPath) -> int | None:
        """Return the list's number of rows from a separate request; None if PostHog does not tell it."""
        try:
            told = self.get(list_path.count_path.split("?")[0], query(list_path.count_path))
        except (Unavailable, PageFailed):
            return None
        count = told.get("count") if isinstance(told, dict) else None
        return counted(count)

    def _count_mismatch(self, result: ListResult) -> int | None:
        """Return the list's count if rows came or went that an incremental walk cannot have seen; else None."""
        position = self.positions.position(result.list_path.path)
        if (
            not result.list_path.endpoint.count_path
            or position is None
            or result.last.is_full
            or self.options.window
        ):
            return None
        count = self._count(result.list_path)
        return count if count_mismatches(count, result, position) else None

    # -- remembering

    def position_before_load(self, result: ListResult) -> Position | None:
        """Return the position to write before this list's rows are loaded; None if none is to be written."""
        list_path = result.list_path
        return before_load(
            result,
            self.positions.position(list_path.path),
            self.visibility.fingerprint_of(list_path),
            partial(self.changes[list_path.endpoint.table].has_new_rows, list_path.parent_ids),
        )

    def position_after(self, result: ListResult) -> Position:
        """Return the list's position after this run."""
        list_path = result.list_path
        return advance(
            self.positions.position(list_path.path),
            result,
            self.options,
            fingerprint=self.visibility.fingerprint_of(list_path),
            parent_cursor=self._moved(list_path),
            table_lost_rows=not self.changes[list_path.endpoint.table].stored_index.whole,
        )


def listed_alone(raw: Mapping[str, Any], endpoint: Endpoint) -> tuple[Sequence[Any], Stamps]:
    """Return a detail object reduced to the fields that the list would show, and the parents that it names itself.

    A parent that the object does not name by an id is null: which row is meant would be a guess.
    """
    named = {name: raw.get(name.removesuffix("_id")) for name in endpoint.placeholders}
    types = stamp_types(endpoint)
    parents = {n: None if value is None else CONVERT[types[n]](value) for n, value in named.items()}
    return [{f.name: raw.get(f.name) for f in endpoint.fields}], parents
