"""Decides what the walks of a list prove. Pure functions over walks and the list's position.

A list that is not complete deletes no row: a missing row may be on a page that the walk did not see.
"""

from __future__ import annotations

from dataclasses import replace

from sources.posthog.errors import Unavailable
from sources.posthog.extract.run_warnings import left_out
from sources.posthog.extract.walks import ListResult, Status


def judge(result: ListResult) -> ListResult:
    """Return the result with what its walks prove: whether the list could be read, and whether it is complete."""
    walk = result.last
    if isinstance(walk.failure, Unavailable):
        return _with(result, "failed" if result.pages else "unavailable", walk.failure.reason)
    if walk.failure is not None:
        return _with(result, "failed", str(walk.failure))
    if walk.rejected:
        detail = left_out(walk.rejected, walk.rejected_at)
        return _with(result, "failed" if walk.all_rejected else "read", detail)
    if not walk.is_full or result.is_resumed:
        pages = f"{walk.resumed_pages} pages had been read by a run that broke off"
        return _with(result, "read", pages if walk.resumed_pages else "")
    if walk.count_is_stable and gap_is_known(result):
        return _with(result, "read", complete=True)
    counts = f"PostHog counts {walk.counts[-1]} rows and lists {walk.distinct}"
    return _with(result, "read", f"{counts}; nothing is concluded about deletions")


def _with(result: ListResult, status: Status, detail: str = "", *, complete: bool = False) -> ListResult:
    return replace(result, status=status, complete=complete, detail=detail)


def gap_is_known(result: ListResult) -> bool:
    """Return whether no row is missing, or only as many as the same key could not see last time.

    Where rows came twice, others did not come although the key sees them: the list has no fixed order.
    """
    before, walk = result.before, result.last
    as_before = before is not None and (before.fingerprint, before.gap) == (result.fingerprint, walk.gap)
    return walk.gap == 0 or (as_before and walk.rows == walk.distinct)


def needs_second_walk(result: ListResult) -> bool:
    """Return whether one walk is no proof.

    A full walk is none if it is incomplete, or if rows came twice because the list moved; an incremental walk if the
    list's count shows that rows came or went which it cannot have seen.
    """
    walk, before = result.last, result.before
    if result.is_incremental:
        counted = before and before.rows + walk.new_rows + before.gap
        return walk.count_after not in (None, counted)
    return not (result.complete and walk.rows == walk.distinct) and not walk.resumed_pages
