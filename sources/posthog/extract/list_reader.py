"""Reads one list: walks it once or twice by its `ReadPlan`, and stages its rows. `ListPath` -> `ListResult`.

Refusals and failures are in the result; they stop no other list.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from sources.posthog.catalogue import stamp_types
from sources.posthog.catalogue.endpoint import Endpoint, Stamps, query
from sources.posthog.changes.table_changes import TableChanges
from sources.posthog.errors import NoRoom, PageFailed, Unavailable
from sources.posthog.extract.checkpoints import NO_CHECKPOINTS, CheckpointStore, ListState, ReadPage
from sources.posthog.extract.completeness import judge, needs_second_walk
from sources.posthog.extract.options import ReadOptions
from sources.posthog.extract.people import People
from sources.posthog.extract.plan import incremental
from sources.posthog.extract.plan.announcements import Announcements
from sources.posthog.extract.plan.budget import rows_a_page
from sources.posthog.extract.plan.lists_below import ListsBelow
from sources.posthog.extract.visibility import KeyVisibility
from sources.posthog.extract.walks import ListPath, ListResult, Observer, PositionStore, Walk
from sources.posthog.paging.page_size import MOST_ROWS, USUAL_ROWS, PageSize
from sources.posthog.paging.pagers import PAGERS
from sources.posthog.paging.pages import Page, Prefetch, no_prefetch
from sources.posthog.paging.prefetch import Get, PendingPage
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
        get: Callable[..., Any],
        changes: Mapping[str, TableChanges],
        positions: PositionStore,
        options: ReadOptions,
        *,
        person: RowShape,
        announcements: Announcements,
        prefetch: Callable[..., PendingPage | None] = no_prefetch,
        checkpoints: CheckpointStore = NO_CHECKPOINTS,
    ) -> None:
        """`person` is the shape of the people whom the rows name."""
        self.get = get
        self.prefetch = prefetch
        self.checkpoints = checkpoints
        self.person = person
        self.changes = changes
        self.positions = positions
        self.options = options
        self.visibility = KeyVisibility()
        self.parent_cursors = incremental.ParentCursors(changes)
        self.announcements = announcements
        self.people = People()
        self.lists_below = ListsBelow(changes)
        self.observers: list[Observer] = [
            self.visibility.note,
            self.parent_cursors.note,
            self.announcements.note,
            self.lists_below.note,
        ]
        self.listed_projects: frozenset[Any] | None = None
        """All projects that the key sees; None if this run cannot tell."""
        self._walk_ids = itertools.count(1)

    def plan(self, list_path: ListPath) -> incremental.ReadPlan:
        """Return how the list is read in this run."""
        endpoint = list_path.endpoint
        must_be_walked = self.announcements.must_be_walked(list_path)
        stored, deleted_too = self.changes[endpoint.table].stored_index, incremental.is_fanned_out(endpoint)
        return incremental.plan(
            list_path,
            self.positions.position(list_path.path),
            self.options,
            change_token=None if must_be_walked else self._change_token(list_path),
            must_read_all=stored.has_uncommitted(list_path.parent_ids, revived=deleted_too),
            is_empty=stored.empty[endpoint.table],
        )

    def read(self, list_path: ListPath) -> ListResult:
        """Read a list, twice if one walk is no proof."""
        since = self.plan(list_path).since
        result = ListResult(
            list_path=list_path,
            before=self.positions.position(list_path.path),
            change_token=self._change_token(list_path),
            is_incremental=since is not None,
        )
        result = self._walked(result, since, ask_count=since is None and _has_gap(result))
        if result.status == "read" and needs_second_walk(result):
            walk = result.last
            count = walk.count_after if result.is_incremental else walk.separate_count
            result = self._walked(result, count=count)
        return result

    def read_again(self, result: ListResult) -> ListResult:
        """Walk a list again; request its count separately if a gap is known."""
        return self._walked(result, ask_count=result.last.gap != 0 or _has_gap(result))

    def _walked(
        self,
        result: ListResult,
        since: datetime | None = None,
        *,
        count: int | None = None,
        ask_count: bool = False,
    ) -> ListResult:
        """Walk the list once, in full or from `since` on, and judge what its walks prove.

        `count` is the list's number of rows if it is known from a separate request; with `ask_count` it is requested.
        """
        list_path = result.list_path
        filtered = bool(since and list_path.endpoint.cursor_params)
        walk = Walk(next(self._walk_ids), filtered=filtered, separate_count=count)
        self._walk(walk, list_path, since, again=bool(result.walks), ask_count=ask_count)
        sees = self.visibility.fingerprint_of(list_path)  # known only now: the list's own rows may tell
        return judge(replace(result, walks=(*result.walks, walk), fingerprint=sees))

    def _walk(
        self, walk: Walk, list_path: ListPath, since: datetime | None, *, again: bool, ask_count: bool
    ) -> None:
        """Walk the list; the error that ends a walk early is the walk's failure, and rows read before are loaded."""
        endpoint, changes = list_path.endpoint, self.changes[list_path.endpoint.table]
        keys: set[tuple[Any, ...]] = set()
        walk.keys = keys
        try:
            if ask_count:
                walk.separate_count = self._count(list_path)
            for page in self._pages(list_path, since, walk, again=again):
                self._take(page, endpoint, walk)
                if walk.rows <= COUNTED_IN_MEMORY:
                    keys.update(zip(*map(page.batch.values, endpoint.key), strict=True))
            if since and not walk.is_full and not self.options.window:
                walk.count_after = self._count(list_path)
        except (NoRoom, MemoryError):
            raise
        except Exception as failure:  # noqa: BLE001  a bug fails this list alone
            walk.failure = failure
        if walk.separate_count is not None:
            walk.counts = [walk.separate_count]
        walk.keys = keys if walk.rows <= COUNTED_IN_MEMORY else None
        walk.distinct = len(keys) if walk.keys is not None else changes.distinct(walk.id)
        walk.new_rows = changes.count_new(walk.id) if endpoint.count_path and not walk.is_full else 0

    def _take(self, page: ReadPage, endpoint: Endpoint, walk: Walk) -> None:
        walk.note_page(page.batch, page.sent, page.count, last=page.last)
        if page.resumed:
            walk.resumed_pages += 1
            self.people.recall(page.batch.people)
        else:
            self.people.meet(page.batch.people, endpoint.people_rank)
            self.people.mention(page.batch.mentioned)
        self.changes[endpoint.table].stage(page.batch, walk.id)
        incremental.track_cursor(walk, page.batch, endpoint, self.options.started)
        if page.resumed and (walk.resumed_pages == 1 or endpoint.cursor_params):
            walk.newest_at_resume = walk.newest
        for observe in self.observers:
            observe(endpoint, page.batch)

    def _pages(
        self, list_path: ListPath, since: datetime | None, walk: Walk, *, again: bool
    ) -> Iterator[ReadPage]:
        """Yield a list's pages down to `since`, the saved ones first, so that rows read later replace them."""
        endpoint, asked = list_path.endpoint, query(list_path.path)
        size = self._page_size(list_path)
        get, prefetch = self._measuring(size)
        if since and endpoint.cursor_params:
            asked |= incremental.cursor_query(endpoint.cursor_params, since, self.options.window)

        def pages(place: str) -> Iterator[Page]:
            begun = {**asked, list_path.pagination: place} if place else asked
            pager = PAGERS[list_path.pagination]
            yield from pager(get, list_path.url_path, begun, size, prefetch, list_path.rows_under)
            walk.page_size = size.worth_keeping

        def enough() -> bool:
            return bool(since and walk.oldest and walk.oldest < since and not walk.filtered)

        state = self._list_state(list_path, asked, again=again)
        return self.checkpoints.resumable(state, pages, partial(self._shaped, list_path), enough)

    def _page_size(self, list_path: ListPath) -> PageSize:
        """Return the size of a list's first page; it follows the answers unless the settings or the server limit it."""
        position = self.positions.position(list_path.path)
        first = rows_a_page(list_path.endpoint, self.options.page_size, position)
        if list_path.pagination != "offset" or first < USUAL_ROWS:
            return PageSize(first)
        return PageSize(first, MOST_ROWS, self.options.page_bytes)

    def _measuring(self, size: PageSize) -> tuple[Get, Prefetch]:
        """Return what requests pages, and what requests them ahead, both measured if the size follows the answers."""
        if not size.most:
            return self.get, self.prefetch
        return partial(self.get, measured=size.measured), partial(self.prefetch, measured=size.measured)

    def _list_state(self, list_path: ListPath, asked: Mapping[str, str], *, again: bool) -> ListState:
        """Return what a checkpoint needs; a second walk must read anew, and lists without a fixed order, too."""
        changes, position = self.changes[list_path.endpoint.table], self.positions.position(list_path.path)
        ordered = query(list_path.path).get("ordering") == "name" or list_path.endpoint.plan != "snapshot"
        sees = self.visibility.fingerprint_of(list_path)
        reads_all = self.options.reads_all(list_path.endpoint.table)
        reads_anew = again or reads_all or self.options.window is not None
        about = [list_path.path, {k: str(v) for k, v in asked.items()}, sees, changes.shape.fingerprint]
        return ListState(
            path=list_path.path,
            about="" if reads_anew or sees is None or not ordered else digest(about),
            walked=position.last_walk_at if position else None,
            written=changes.stored_index.last_written,
            shapes=(changes.shape, self.person),
        )

    def _shaped(self, list_path: ListPath, raws: Sequence[Any]) -> Batch:
        endpoint, stamps = list_path.endpoint, list_path.parent_ids
        if list_path.pagination != endpoint.pagination:  # a row of a list, read by its id
            raws, stamps = listed_alone(raws[0], endpoint)
        return self.changes[endpoint.table].shape.to_batch(raws, stamps)

    def _count(self, list_path: ListPath) -> int | None:
        """Return the list's number of rows from a separate request; None if PostHog does not tell it."""
        if not list_path.count_path:
            return None
        try:
            answer = self.get(list_path.count_path.split("?")[0], query(list_path.count_path))
        except (Unavailable, PageFailed):
            return None
        return counted(answer.get("count") if isinstance(answer, dict) else None)

    def _change_token(self, list_path: ListPath) -> str | None:
        """Return the list's change token, with the key's fingerprint: another key may see more of its rows."""
        token, sees = self.parent_cursors.cursor_above(list_path), self.visibility.fingerprint_of(list_path)
        if token is None:
            token = self.announcements.token(list_path)
        return None if token is None or sees is None else f"{token} {sees}"


def _has_gap(result: ListResult) -> bool:
    return result.before is not None and result.before.gap != 0


def listed_alone(raw: Mapping[str, Any], endpoint: Endpoint) -> tuple[Sequence[Any], Stamps]:
    """Return a detail object reduced to the fields that the list would show, and the parents that it names itself.

    A parent that the object does not name by an id is null: which row is meant would be a guess.
    """
    named = {name: raw.get(name.removesuffix("_id")) for name in endpoint.placeholders}
    types = stamp_types(endpoint)
    parents = {n: None if value is None else CONVERT[types[n]](value) for n, value in named.items()}
    return [{f.name: raw.get(f.name) for f in endpoint.fields}], parents
