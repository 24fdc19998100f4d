"""Decides which missing rows of a completely read partition are deleted, and which deletes are held.

A row is deleted if complete walks by the key that saw it did not meet it: two walks, unless the list is one page. Held
until the next complete walk: more than 20 rows and 20 % at once, a list that became empty, and a list too long for a
second walk in the same run. Held until that key or a person (`--accept-deletes`) confirms: rows that another key saw.
Held until a person confirms: rows that may be in the gap between PostHog's count and its list.

Other places that write a tombstone:

| function | a row is deleted because |
|---|---|
| `TableChanges._marked` | PostHog lists the row as deleted |
| `TableChanges.cascade_delete` | its parent row was deleted |
| `TableChanges.delete_below` | its list is not read, because of a value of the parent row (`Endpoint.below_only`) |
| `changes.delta` | it is an item that left its row's list, or its row was deleted |
| `pipelines.sync.privacy_rewrite` | it is an item of a list that the privacy settings refuse |
| `History.end_missing` | only in a history: its table was dropped, and a complete walk did not see the row |
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from sources.posthog.changes.table_changes import ChildTable
from sources.posthog.extract.list_reader import ListReader
from sources.posthog.extract.walks import DeleteDecision, ListResult, PartitionResult, Position, project_of

SECOND_WALK_PAGES = 50
"""Up to this many pages the second walk for a missing row comes in the same run, beyond it in the next."""
DELETE_FUSE_ROWS, DELETE_FUSE_SHARE = 20, 0.2
"""More missing rows at once than both of these are held."""


def partitions_with_missing_rows(
    reader: ListReader, reads: Iterable[PartitionResult], children: Sequence[ChildTable]
) -> Iterator[PartitionResult]:
    """Yield an endpoint's completely read partitions with missing rows, and set their `missing`.

    One query serves all partitions: a query for each of a thousand short lists takes longer than reading them.
    """
    whole = [read for read in reads if can_detect_deletes(reader, read)]
    if not whole:
        return
    missing = _missing(reader, whole, children)
    with_missing = set(missing["partition"].to_pylist())
    for number, read in enumerate(whole):
        if number in with_missing:
            read.missing = missing.filter(pc.equal(missing["partition"], number))
            yield read
        else:  # the rows held before were seen again
            _conclude(read, DeleteDecision())


def _missing(
    reader: ListReader, reads: Sequence[PartitionResult], children: Sequence[ChildTable]
) -> pa.Table:
    """Return the stored rows of some partitions that no walk has seen.

    A row of a shared table that has a project stands in that project's list, also once it is shared. A row without one
    may stand in any list, so it is returned if all were read; if those that were not are of projects that are gone or
    that the key no longer sees, a person may accept its delete.
    """
    endpoint = reads[0].partition.endpoint
    changes = reader.changes[endpoint.table]
    missing = changes.missing([read.partition.parent_ids for read in reads], children)
    unread = _unread(reader, reads[0]) if endpoint.shared else ()
    accepted = reader.options.accept_deletes and not may_hold_rows(reader, unread)
    if not unread or accepted or not missing.num_rows:
        return missing
    keys = missing.select(changes.shape.key)
    projects = {one.list_path.parent_ids["project_id"] for one in reads[0].lists}
    own = {
        tuple(row[name] for name in changes.shape.key)
        for row in changes.stored.rows(endpoint.table, keys).to_pylist()
        if row["project_id"] in projects
    }
    return missing.filter(pa.array([tuple(key.values()) in own for key in keys.to_pylist()], pa.bool_()))


def _unread(reader: ListReader, read: PartitionResult) -> frozenset[str]:
    """Return the paths of a shared table's lists that this run did not read completely."""
    paths = frozenset(one.list_path.path for one in read.lists)
    return reader.positions.paths(read.partition.endpoint.table) - paths


def may_hold_rows(reader: ListReader, unread: Iterable[str]) -> bool:
    """Return whether one of these lists of a shared table is of a project that the key may see."""
    listed = reader.listed_projects
    return any(listed is None or project_of(path) in listed for path in unread)


def is_whole(reader: ListReader, read: PartitionResult) -> bool:
    """Return whether every row of a partition that the key sees was read."""
    is_shared = bool(read.partition.endpoint.shared)
    return can_detect_deletes(reader, read) and not (
        is_shared and may_hold_rows(reader, _unread(reader, read))
    )


def can_detect_deletes(reader: ListReader, read: PartitionResult) -> bool:
    """Return whether a partition was read such that its missing rows may be deleted."""
    endpoint = read.partition.endpoint
    return (
        endpoint.detects_deletes
        and not reader.options.window
        and not reader.changes[endpoint.table].lost_pages
        and read.lists[0].fingerprint is not None
        and all(one.complete for one in read.lists)
    )


def apply_deletes(reader: ListReader, read: PartitionResult, children: Sequence[ChildTable]) -> None:
    """Delete or hold a partition's missing rows; walk its lists again where one walk is not one moment."""
    missing, changes = read.missing, reader.changes[read.partition.endpoint.table]
    if missing is None:
        return
    if needs_second_look(read.lists):
        for number, one in enumerate(read.lists):
            read.lists[number] = reader.read_again(one)
        if not all(one.complete for one in read.lists):
            return
        missing = _missing(reader, [read], children)
    keys, live = missing["row_key"].to_pylist(), missing["live"].to_pylist()
    gone = frozenset(key for key, is_live in zip(keys, live, strict=True) if is_live)
    parent_ids, has_gap = read.partition.parent_ids, any(one.last.gap > 0 for one in read.lists)
    decision = decide(
        gone,
        read.lists,
        held_before=reader.positions.held(read.lists[0].list_path.path),
        has_new_rows=has_gap and changes.has_new_rows(parent_ids),
        count_live=partial(changes.count_live, parent_ids),
        accept_deletes=reader.options.accept_deletes,
    )
    changes.delete(missing.filter(pa.array([key not in decision.held for key in keys], pa.bool_())))
    _conclude(read, decision)


def _conclude(read: PartitionResult, decision: DeleteDecision) -> None:
    read.lists = [replace(one, held_together=len(decision.held)) for one in read.lists]
    read.lists[0] = replace(read.lists[0], decision=decision)


def needs_second_look(results: Sequence[ListResult]) -> bool:
    """Return whether rows may have moved between the pages, and the lists are short enough to be read again."""
    pages = sum(one.last.pages for one in results)
    one_moment = len(results) == 1 and pages <= 1 and results[0].last.gap == 0
    return not one_moment and pages <= SECOND_WALK_PAGES and not _looked_twice(results)


def _looked_twice(results: Sequence[ListResult]) -> bool:
    """True if every list was read again after all were read; of several, each may have been read twice in a row."""
    return len(results) == 1 and len(results[0].walks) > 1


def decide(
    missing: frozenset[str],
    results: Sequence[ListResult],
    *,
    held_before: frozenset[str],
    has_new_rows: bool,
    count_live: Callable[[], int],
    accept_deletes: bool = False,
) -> DeleteDecision:
    """Return which of a partition's missing rows are held: they stay live, and the next complete walk may confirm them.

    `held_before` are the rows whose deletion the last complete walk held. `has_new_rows` tells that lists with a gap
    have rows that were not stored before. `count_live` returns how many rows are live, the missing ones included; it is
    called only if many are missing.
    """
    if not missing or accept_deletes:
        return DeleteDecision()
    if not all(one.is_same_key for one in results):
        reason = "the key is not the one that saw these rows, or it may see less now"
        return DeleteDecision(missing, reason)
    # A row that came out of the gap may have changed places with a missing one.
    if has_new_rows or any(_is_new_gap(one.before) for one in results if one.last.gap > 0):
        return DeleteDecision(missing, "PostHog counts more rows than it lists, and these may be among them")
    new, reason = missing - held_before, ""
    if any(map(_became_empty, results)):
        reason = "a list is empty all at once"
    elif len(new) > DELETE_FUSE_ROWS and len(new) > DELETE_FUSE_SHARE * count_live():
        reason = "so many at once"
    elif sum(one.last.pages for one in results) > SECOND_WALK_PAGES and not _looked_twice(results):
        reason = "seen by one walk only"
    return DeleteDecision(new, reason, confirmable=True) if new and reason else DeleteDecision()


def _is_new_gap(position: Position | None) -> bool:
    """Return whether rows were missing when the gap appeared, or since: the gap may hide them."""
    if position is None or position.last_walk_at is None:
        return True
    return position.last_complete_at != position.last_walk_at or position.held > 0


def _became_empty(one: ListResult) -> bool:
    had_rows = one.before is None or one.before.last_walk_at is None or one.before.rows > 0
    return had_rows and not one.last.distinct
