"""How much of a list a run reads: all of it, what is new since the last walk, or nothing because nothing can be new.

A stream is walked from its newest row down to a floor; a `since` list is asked for what is not older than one. The
floor lies a look-back below the newest row that was ever seen, and at the oldest row that is still going to change.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from sources.posthog.catalogue import parent_of
from sources.posthog.catalogue.endpoint import Endpoint, placeholders
from sources.posthog.changes.stored_index import Stock
from sources.posthog.changes.table_changes import Changes
from sources.posthog.extract.options import Rules, Window
from sources.posthog.extract.positions import Position
from sources.posthog.extract.walks import Listing, Walk
from sources.posthog.shape.batch import Batch

SHORT = 10
"""A list of at most so many pages is walked in full every run: truth is cheap there."""


def floor(
    listing: Listing, known: Position | None, rules: Rules, stock: Stock, *, back: bool
) -> datetime | None:
    """The time from which on a list is read; None for all of it, as when a key is `back` (`is_back`)."""
    endpoint = listing.endpoint
    fanned_out = _fanned_out(endpoint)
    if rules.window and endpoint.plan != "snapshot":
        # Rows that want to be written again are not left out for standing outside the window.
        doubtful = stock.doubtful(listing.stamps, revived=fanned_out) and not stock.empty[endpoint.table]
        return None if doubtful else rules.window.since
    if endpoint.plan == "snapshot" or rules.full or known is None or known.watermark is None:
        return None
    if back or _due(endpoint, known, rules) or stock.doubtful(listing.stamps, revived=fanned_out):
        return None
    if endpoint.detects_deletes and not fanned_out and known.rows <= SHORT * endpoint.page_size:
        return None
    return min(known.watermark - endpoint.lookback, _open_since(endpoint, known, rules) or known.watermark)


def is_back(known: Position | None, sees: str | None, remembered: frozenset[str]) -> bool:
    """Whether a key that saw rows follows one that did not meet them, and had them held.

    Only it can tell what they are, or that they are gone. What is `remembered` as held by its own walk has its second
    look in time, and what a gap of that walk hides no walk can tell.
    """
    return bool(known and known.held and known.fingerprint == sees and not known.gap and not remembered)


def spared(listing: Listing, known: Position, moved: str | None, rules: Rules, stock: Stock) -> bool:
    """Whether a list below a row need not be asked: the row has not `moved`, nothing is open and no sweep is due."""
    endpoint = listing.endpoint
    if not endpoint.parent_cursor or rules.full or rules.window or known.last_walk_at is None:
        return False
    return (
        moved is not None
        and moved == known.moved
        and rules.started - rules.sweep_every < known.last_walk_at <= rules.started
        and not _due(endpoint, known, rules)
        and _open_since(endpoint, known, rules) is None
        and not stock.doubtful(listing.stamps, revived=True)
    )


def _due(endpoint: Endpoint, known: Position, rules: Rules) -> bool:
    """Whether a list must be walked in full, so that what was deleted or edited late is noticed."""
    last = known.last_complete_at
    if not endpoint.detects_deletes:
        return False
    every = rules.full_every_of.get(endpoint.table) or endpoint.full_every or rules.full_every
    return (
        last is None or not rules.started - every < last <= rules.started
    )  # the future is a clock that was wrong


def _open_since(endpoint: Endpoint, known: Position, rules: Rules) -> datetime | None:
    """The oldest row that is still going to change; one that has been open for too long is stuck for good."""
    limit = rules.started - endpoint.in_progress_limit
    return known.open_floor if known.open_floor and known.open_floor > limit else None


def _fanned_out(endpoint: Endpoint) -> bool:
    return any((parent := parent_of(path)) and parent.detects_deletes for path in endpoint.paths)


def asked_for(names: tuple[str, str], floor: datetime, window: Window | None) -> dict[str, str]:
    """The query for rows from a floor on, of a window up to its end."""
    since, until = names
    ends = {until: spelled(window.until)} if window and window.until else {}
    return {since: spelled(floor), **ends}


def spelled(time: datetime) -> str:
    """A time for a query, in UTC: the `+` of an offset would arrive as a blank."""
    return f"{time.astimezone(UTC).replace(tzinfo=None).isoformat()}Z"


def note_times(walk: Walk, batch: Batch, endpoint: Endpoint, now: datetime) -> None:
    """Keep a list's newest, its oldest and its oldest open row in mind.

    A row that is dated in the future is no news of what came before it: the watermark does not follow.
    """
    if endpoint.plan == "snapshot":
        return
    dated = batch.values(endpoint.cursor_field)
    times = [at for at in dated if at]
    past = [at for at in times if at <= now]
    onward = past == sorted(past) and not (past and walk.newest and past[0] < walk.newest)
    walk.ascending = walk.ascending and onward
    walk.newest = max([*past, *filter(None, [walk.newest])], default=None)
    if endpoint.in_progress:
        name, states = endpoint.in_progress
        still = [at for at, state in zip(dated, batch.values(name), strict=True) if state in states]
        walk.open_floor = min([at for at in (*still, walk.open_floor) if at], default=None)
    walk.oldest = min([*times, *filter(None, [walk.oldest])], default=None)


class Movements:
    """An observer of pages: what rows say of whether something came below them."""

    def __init__(self, changes: Mapping[str, Changes]) -> None:
        self._fields: dict[str, str] = {}
        for one in changes.values():
            endpoint = one.shape.endpoint
            for path in endpoint.paths if endpoint.parent_cursor else ():
                parent = parent_of(path)
                # Where a setting drops the field nothing can be told by it.
                if parent and endpoint.parent_cursor in changes[parent.table].shape.columns:
                    self._fields[parent.table] = endpoint.parent_cursor
        self._seen: dict[tuple[str, tuple[object, ...]], str] = {}

    def note(self, endpoint: Endpoint, batch: Batch) -> None:
        """Keep the telling field of each row in mind."""
        if field := self._fields.get(endpoint.table):
            keys = zip(*map(batch.values, endpoint.key), strict=True)
            self._seen |= {
                (endpoint.table, key): str(value or "")
                for key, value in zip(keys, batch.values(field), strict=True)
            }

    def of(self, listing: Listing) -> str | None:
        """The telling field of the row above a list; None if that row was not met in this run."""
        path = next((path for path in listing.endpoint.paths if listing.endpoint.parent_cursor), "")
        parent = parent_of(path) if path else None
        key = tuple(listing.stamps[name] for name in placeholders(path))
        return self._seen.get((parent.table, key)) if parent else None
