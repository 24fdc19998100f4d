"""Decides what a walk proves of a list. Pure functions over a walk and the list's position.

A list that is not complete deletes no row: a missing row may be on a page that the walk did not see.
"""

from __future__ import annotations

from sources.posthog.extract.walks import ListResult, Position


def needs_second_walk(result: ListResult) -> bool:
    """Return whether one walk is no proof: it is incomplete, or rows came twice because the list moved meanwhile."""
    is_proof = result.complete and result.last.rows == result.last.distinct
    return not is_proof and not result.last.resumed_pages


def judge(result: ListResult, position: Position | None, fingerprint: str | None) -> tuple[bool, str]:
    """Return whether the last walk is complete, and a sentence where PostHog's count says that it is not.

    `fingerprint` is that of the key for this list; `position` is the list's position before this run.
    """
    walk = result.last
    if result.status != "read" or not walk.is_full or result.is_resumed:
        return False, ""
    if walk.count_is_stable and gap_is_known(walk.gap, position, fingerprint):
        return True, ""
    counts = f"PostHog counts {walk.counts[-1]} rows and lists {walk.distinct}"
    return False, f"{counts}; nothing is concluded about deletions"


def gap_is_known(gap: int, position: Position | None, fingerprint: str | None) -> bool:
    """Return whether no row is missing, or only as many as the same key could not see last time."""
    known = position is not None and (position.fingerprint, position.gap) == (fingerprint, gap)
    return gap == 0 or known


def count_mismatches(count: int | None, result: ListResult, position: Position) -> bool:
    """Return whether a list's count shows that rows came or went which an incremental walk cannot have seen."""
    return count != position.rows + result.last.new_rows + position.gap
