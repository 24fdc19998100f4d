"""Computes a list's position after a run: earlier position and `ListResult` -> `Position`. Pure functions.

A list belongs to the key that saw all of its stored rows. Another key takes over with a complete walk that misses none
of them, or if the user accepts its deletes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sources.posthog.extract.options import ReadOptions
from sources.posthog.extract.walks import MIXED_KEYS, UNREAD, ListPath, ListResult, Position


def initial(list_path: ListPath) -> Position:
    """Return the position of a list that was never read."""
    return Position(path=list_path.path, table=list_path.endpoint.table)


def before_load(result: ListResult, has_new_rows: Callable[[], bool]) -> Position | None:
    """Return the position to write before loading, so that no other key's walk deletes the rows; None if it is known.

    Rows of a backfill, of a run that is killed before its record, and of a run that cannot tell what its key sees would
    otherwise count as seen by another key.
    """
    before, sees = result.before or initial(result.list_path), result.fingerprint or MIXED_KEYS
    if not result.list_path.endpoint.detects_deletes or not result.pages:
        return None
    if before.fingerprint is None:
        return replace(before, fingerprint=sees)
    if before.fingerprint not in (sees, MIXED_KEYS) and has_new_rows():
        return replace(before, fingerprint=MIXED_KEYS)
    return None


def asked_in_vain(result: ListResult, *, read_anew: bool) -> Position | None:
    """Return the position of a list that was refused or failed and could be skipped: it is asked in the next run.

    That run reads it from where it stood, or in full if this run cleared the table's positions to read all `read_anew`.
    """
    if not (result.before and result.before.moved):
        return None
    return replace(result.before, **(UNREAD if read_anew else {"moved": None}))


def advance(result: ListResult, options: ReadOptions) -> Position:
    """Return the position of a list that was read."""
    before, fingerprint, walk = result.before or initial(result.list_path), result.fingerprint, result.last
    # The next run asks again if the walk missed edits on saved pages, did not reach all rows, or left rows out.
    is_stream = result.list_path.endpoint.plan != "snapshot"
    proves = result.complete or (is_stream and result.is_incremental)
    is_settled = proves and not (walk.resumed_pages or walk.rejected)
    after = replace(
        before,
        watermark=max(filter(None, [before.watermark, *(w.watermark for w in result.walks)]), default=None),
        open_floor=walk.open_floor,
        rows=before.rows + walk.new_rows,
        last_walk_at=options.started,
        page_size=walk.page_size or before.page_size,
        moved=result.change_token if is_settled else None,
    )
    if result.position_before_load:
        after = replace(after, fingerprint=result.position_before_load.fingerprint)
    if result.complete:
        first = before.first_complete_at or before.last_complete_at or options.started
        after = replace(after, first_complete_at=first)
    is_unsure = fingerprint is None and result.list_path.endpoint.detects_deletes
    same_key = options.accept_deletes or result.is_same_key
    if not walk.is_full or result.is_resumed or is_unsure or not (same_key or result.complete):
        return after  # of another key's incomplete walk: its gap may be what only that key does not see
    held = before.held if result.held_together is None else result.deletes_held
    after = replace(after, rows=walk.distinct, gap=walk.gap, held=held)
    # Another key may not see all rows: it takes over once none is missing, or a person accepts the deletes.
    if same_key or result.held_together == 0 or not result.list_path.endpoint.detects_deletes:
        after = replace(after, fingerprint=fingerprint)
    return replace(after, last_complete_at=options.started) if result.complete else after
