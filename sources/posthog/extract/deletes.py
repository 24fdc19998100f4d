"""Which rows of a scope are gone: what a walk may conclude, and what it must hold back.

A row is believed to be gone if a scope was read completely without it, twice where one walk is not one moment, by a
key that sees what the last one saw, and not too many at once. Everything else is held: the rows live on, the run says
so, and the next run believes what it finds again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from sources.posthog.changes.table_changes import ChildTable
from sources.posthog.extract.list_reader import ListReader
from sources.posthog.extract.walks import ListResult, Partition, PartitionResult, Position

SECOND_WALK_PAGES = 50
"""Up to so many pages the second look at a missing row comes in the same run, beyond it in the next."""
DELETE_FUSE_ROWS, DELETE_FUSE_SHARE = 20, 0.2
"""More deaths at once than both of these are held."""


@dataclass(frozen=True, slots=True)
class DeleteDecision:
    """Which deaths are held, why, and whether the next run may believe them if it finds the same."""

    held: frozenset[str] = frozenset()
    reason: str = ""
    confirmable: bool = False


def partitions_with_missing_rows(
    reader: ListReader, reads: Iterable[PartitionResult], children: Sequence[ChildTable]
) -> Iterator[PartitionResult]:
    """Those scopes of one endpoint that were read completely and lack stored rows, which they know from now on.

    Asked for all of them at once: one question for each of a thousand short lists takes longer than reading them.
    """
    whole = [partition_result for partition_result in reads if can_detect_deletes(reader, partition_result)]
    if not whole:
        return
    changes = reader.changes[whole[0].partition.endpoint.table]
    missing = changes.missing([partition_result.partition.parent_ids for partition_result in whole], children)
    doubts = set(missing["scope"].to_pylist())
    for number, partition_result in enumerate(whole):
        if number in doubts:
            partition_result.missing = missing.filter(pc.equal(missing["scope"], number))
            yield partition_result
        else:
            partition_result.lists[0].held_keys = ()  # what was held before has come back


def can_detect_deletes(reader: ListReader, partition_result: PartitionResult) -> bool:
    """Whether a scope was read so that what it lacks may be gone."""
    may_delete = partition_result.partition.endpoint.detects_deletes and not reader.options.window
    may_delete = may_delete and not reader.changes[partition_result.partition.endpoint.table].lost_pages
    told = may_delete and reader.visibility.fingerprint_of(partition_result.partition.lists[0]) is not None
    return told and all(one.complete for one in partition_result.lists)


def apply_deletes(
    reader: ListReader, partition_result: PartitionResult, children: Sequence[ChildTable]
) -> None:
    """End the rows that a doubted scope lacks, or hold them; looks again where one walk is not one moment."""
    scope, results, missing = partition_result.partition, partition_result.lists, partition_result.missing
    if missing is None:
        return
    changes = reader.changes[scope.endpoint.table]
    pages = sum(one.last.pages for one in results)
    one_moment = len(results) == 1 and pages <= 1 and results[0].last.gap == 0
    if not one_moment and pages <= SECOND_WALK_PAGES and not _looked_twice(results):
        for one in results:
            reader.walk_again(one)
        if not all(one.complete for one in results):
            return
        missing = changes.missing([scope.parent_ids], children)
    keys, living = missing["row_key"].to_pylist(), missing["living"].to_pylist()
    decision = _decide(
        reader, scope, results, frozenset(key for key, lives in zip(keys, living, strict=True) if lives)
    )
    changes.delete(missing.filter(pa.array([key not in decision.held for key in keys], pa.bool_())))
    first = results[0]
    first.deletes_held = len(decision.held)
    first.held_keys = tuple(sorted(decision.held)) if decision.confirmable else ()
    first.held_reason = decision.reason


def _looked_twice(results: Sequence[ListResult]) -> bool:
    """Whether every list was read again after all had been read; of several, each may have been read twice at once."""
    return len(results) == 1 and len(results[0].walks) > 1


def _decide(
    reader: ListReader, scope: Partition, results: list[ListResult], missing: frozenset[str]
) -> DeleteDecision:
    if not missing or reader.options.accept_deletes:
        return DeleteDecision()
    position = reader.positions.position(results[0].list_path.path)
    if position and position.fingerprint not in (None, reader.visibility.fingerprint_of(scope.lists[0])):
        reason = "the key is not the one that saw these rows, or it may see less now"
        return DeleteDecision(missing, reason)
    gaps = [reader.positions.position(one.list_path.path) for one in results if one.last.gap > 0]
    newcomers = bool(gaps) and reader.changes[scope.endpoint.table].has_new_rows(scope.parent_ids)
    if newcomers or any(
        map(_is_new_gap, gaps)
    ):  # what came out of a gap may have changed places with what lacks
        return DeleteDecision(missing, "PostHog counts more rows than it lists, and these may be among them")
    new = missing - reader.positions.held(results[0].list_path.path)
    reason = _hold_reason(reader, scope, results, len(new))
    return DeleteDecision(new, reason, confirmable=True) if new and reason else DeleteDecision()


def _is_new_gap(position: Position | None) -> bool:
    """Whether rows went missing when the gap came, or are missing since: they may have slipped into it."""
    if position is None or position.last_walk_at is None:
        return True
    return position.last_complete_at != position.last_walk_at or position.held > 0


def _hold_reason(reader: ListReader, scope: Partition, results: list[ListResult], new: int) -> str:
    """Why deaths that no earlier run has seen are not believed yet; empty if they are."""
    if any(_became_empty(reader.positions.position(one.list_path.path), one) for one in results):
        return "a list is empty all at once"
    if new > DELETE_FUSE_ROWS and new > DELETE_FUSE_SHARE * reader.changes[scope.endpoint.table].count_live(
        scope.parent_ids
    ):
        return "so many at once"
    pages = sum(one.last.pages for one in results)
    return "seen by one walk only" if pages > SECOND_WALK_PAGES and not _looked_twice(results) else ""


def _became_empty(position: Position | None, one: ListResult) -> bool:
    never = position is None or position.last_walk_at is None
    return not one.last.distinct and (never or (position is not None and position.rows > 0))
