"""Decides whether a list is read in full, from its watermark, or not at all.

List path, position and options -> `ReadPlan`. A stream is walked from its newest row down to the planned time, a
`since` list is requested from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sources.posthog.catalogue import deletable_parent, parent_of
from sources.posthog.catalogue.endpoint import Endpoint, placeholders
from sources.posthog.changes.table_changes import TableChanges
from sources.posthog.extract.options import ReadOptions, Window
from sources.posthog.extract.walks import ListPath, Position, Walk
from sources.posthog.paging.pages import as_query_time
from sources.posthog.shape.batch import Batch

SHORT_LIST_PAGES = 10
"""A list of at most this many pages is walked in full every run: a full walk of it is cheap."""


@dataclass(frozen=True, slots=True)
class ReadPlan:
    """How a list is read in this run."""

    since: datetime | None = None
    """The time from which it is read; None for all of it."""
    can_be_skipped: bool = False
    """Whether nothing new is due in it."""


FULL = ReadPlan()


def plan(
    list_path: ListPath,
    position: Position | None,
    options: ReadOptions,
    *,
    change_token: str | None = None,
    must_read_all: bool = False,
    is_empty: bool = False,
) -> ReadPlan:
    """Return how a list is read.

    While `change_token` is that of the last walk, the list can be skipped. With `must_read_all`, rows anywhere in it
    must be written again; `is_empty` tells that its table has no rows.
    """
    endpoint = list_path.endpoint
    if options.window and endpoint.plan != "snapshot":
        return FULL if must_read_all and not is_empty else ReadPlan(options.window.since)
    if must_read_all or options.reads_all(endpoint.table) or options.window or position is None:
        return FULL
    in_progress = _in_progress_since(endpoint, position, options)
    is_due = _full_walk_due(endpoint, position, options)
    can_be_skipped = (
        change_token is not None
        and change_token == position.moved
        and position.last_walk_at is not None
        and options.started - options.sweep_every < position.last_walk_at <= options.started
        and not (is_due or in_progress or options.accept_deletes)
    )
    rows = SHORT_LIST_PAGES * endpoint.page_size
    is_short = endpoint.detects_deletes and not is_fanned_out(endpoint) and position.rows <= rows
    if endpoint.plan == "snapshot" or position.watermark is None or is_due or is_short:
        return ReadPlan(None, can_be_skipped)
    since = min(position.watermark - endpoint.lookback, in_progress or position.watermark)
    return ReadPlan(since, can_be_skipped)


def _full_walk_due(endpoint: Endpoint, position: Position, options: ReadOptions) -> bool:
    last = position.last_complete_at
    every = options.full_every_of.get(endpoint.table) or endpoint.full_every or options.full_every
    # A time in the future comes from a wrong clock.
    is_recent = last is not None and options.started - every < last <= options.started
    return endpoint.detects_deletes and not is_recent


def _in_progress_since(endpoint: Endpoint, position: Position, options: ReadOptions) -> datetime | None:
    """Return the oldest row in progress; None if it is older than `in_progress_limit`, for then it is stuck."""
    limit = options.started - endpoint.in_progress_limit
    return position.open_floor if position.open_floor and position.open_floor > limit else None


def is_fanned_out(endpoint: Endpoint) -> bool:
    """Return whether the endpoint's lists are below rows that can be deleted."""
    return any(map(deletable_parent, endpoint.paths))


def cursor_query(names: tuple[str, str], floor: datetime, window: Window | None) -> dict[str, str]:
    """Return the query for rows from `floor` on, and up to the window's end if it has one."""
    since, until = names
    ends = {until: as_query_time(window.until)} if window and window.until else {}
    return {since: as_query_time(floor), **ends}


def track_cursor(walk: Walk, batch: Batch, endpoint: Endpoint, now: datetime) -> None:
    """Update the walk's newest row, oldest row and oldest row in progress.

    A row dated in the future does not move the watermark: it proves nothing about the rows before it.
    """
    if endpoint.plan == "snapshot":
        return
    dated = batch.values(endpoint.cursor_field)
    times = [at for at in dated if at]
    past = [at for at in times if at <= now]
    walk.newest = max([*past, *filter(None, [walk.newest])], default=None)
    if endpoint.in_progress:
        name, states = endpoint.in_progress
        still = [at for at, state in zip(dated, batch.values(name), strict=True) if state in states]
        walk.open_floor = min([at for at in (*still, walk.open_floor) if at], default=None)
    walk.oldest = min([*times, *filter(None, [walk.oldest])], default=None)


class ParentCursors:
    """An observer of pages: keeps each parent row's cursor (`Endpoint.parent_cursor`)."""

    def __init__(self, changes: Mapping[str, TableChanges]) -> None:
        self._fields: dict[str, str] = {}
        for one in changes.values():
            endpoint = one.shape.endpoint
            for path in endpoint.paths if endpoint.parent_cursor else ():
                parent = parent_of(path)
                # A setting may drop the field; then no list is skipped by it.
                if parent and endpoint.parent_cursor in changes[parent.table].shape.columns:
                    self._fields[parent.table] = endpoint.parent_cursor
        self._seen: dict[tuple[str, tuple[object, ...]], str] = {}

    def note(self, endpoint: Endpoint, batch: Batch) -> None:
        """Keep the cursor of each row."""
        if field := self._fields.get(endpoint.table):
            keys = zip(*map(batch.values, endpoint.key), strict=True)
            self._seen |= {
                (endpoint.table, key): str(value or "")
                for key, value in zip(keys, batch.values(field), strict=True)
            }

    def cursor_above(self, list_path: ListPath) -> str | None:
        """Return the cursor of the row above a list; None if that row was not seen in this run."""
        path = next((path for path in list_path.endpoint.paths if list_path.endpoint.parent_cursor), "")
        parent = parent_of(path) if path else None
        key = tuple(list_path.parent_ids[name] for name in placeholders(path))
        return self._seen.get((parent.table, key)) if parent else None
