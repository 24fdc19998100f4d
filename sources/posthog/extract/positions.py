"""Where a list stands after a run: pure decisions over what earlier runs left and what came of the list in this one.

What a walk proved (rows, gap, deletes held) stands together with the key that proved it: a walk under another key
changes nothing of it, unless that walk leaves nothing open or the user accepts its deletes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from sources.posthog.extract.options import ReadOptions
from sources.posthog.extract.walks import MIXED_KEYS, ListPath, ListResult, Position


def initial(list_path: ListPath) -> Position:
    """The position of a list that was never read."""
    return Position(path=list_path.path, table=list_path.endpoint.table)


def before_load(
    result: ListResult, position: Position | None, fingerprint: str | None, has_new_rows: Callable[[], bool]
) -> Position | None:
    """The position to write before the rows are loaded, so that they are attributed to the key that saw them.

    Rows of a run that dies before its record, or of a backfill, would else be taken for those of another key, whose
    walk does not show them. So would those of a run that cannot tell what its key sees.
    """
    sees = fingerprint or MIXED_KEYS
    if not result.list_path.endpoint.detects_deletes or not result.pages:
        return None
    if position is None or position.fingerprint is None:
        return replace(position or initial(result.list_path), fingerprint=sees)
    if position.fingerprint not in (sees, MIXED_KEYS) and has_new_rows():
        return replace(position, fingerprint=MIXED_KEYS)
    return None


def has_partial_progress(result: ListResult) -> bool:
    """True if a failed walk still advanced the watermark: rows arrived in ascending time order and were loaded."""
    in_time = result.list_path.endpoint.plan == "since"
    return bool(in_time and result.walks and result.last.pages and result.last.ascending)


def advance(
    position: Position | None,
    result: ListResult,
    options: ReadOptions,
    *,
    fingerprint: str | None,
    parent_cursor: str | None,
    table_lost_rows: bool,
) -> Position:
    """Return where the list stands after this run.

    `fingerprint` tells what the key sees of the list, `parent_cursor` what the row above the list says, and to which
    key. After `table_lost_rows` no more of a failed list was read again than the walk has met.
    """
    before = position or initial(result.list_path)
    if result.status != "read" and not result.is_incremental and table_lost_rows:
        before = replace(before, watermark=None, last_complete_at=None, moved=None)
    if not result.walks:  # the run stopped before it came to anything
        return before
    walk, detects_deletes = result.last, result.list_path.endpoint.detects_deletes
    after = replace(
        before,
        watermark=_newest(before, result),
        rows=before.rows + walk.new_rows,
        last_walk_at=options.started,
    )
    if result.position_before_load:
        after = replace(after, fingerprint=result.position_before_load.fingerprint)
    if result.status != "read":
        return after
    # What was written late among rows that were saved waits for the next run, which must ask.
    after = replace(after, open_floor=walk.open_floor, moved=None if walk.resumed_pages else parent_cursor)
    if result.complete:
        first = before.first_complete_at or before.last_complete_at or options.started
        after = replace(after, first_complete_at=first)
    if not walk.is_full or result.is_resumed or (fingerprint is None and detects_deletes):
        return after
    same_key = options.accept_deletes or before.fingerprint in (None, fingerprint)
    if not same_key and not result.complete:
        return after
    if not same_key and result.deletes_held:
        # What another key does not see counts on, but was looked for: no run need do so before one is due.
        rows = walk.distinct + result.deletes_held
        return replace(after, rows=rows, held=result.deletes_held, last_complete_at=options.started)
    after = replace(
        after, rows=walk.distinct, gap=walk.gap, held=result.deletes_held, fingerprint=fingerprint
    )
    return replace(after, last_complete_at=options.started) if result.complete else after


def _newest(before: Position, result: ListResult) -> datetime | None:
    return max(filter(None, [before.watermark, *(walk.watermark for walk in result.walks)]), default=None)
