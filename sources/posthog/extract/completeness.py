"""Decides what the walks of a list prove. Pure functions over walks and the list's position.

A list that is not complete deletes no row: a missing row may be on a page that the walk did not see.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sources.posthog.errors import Unavailable
from sources.posthog.extract.run_warnings import left_out
from sources.posthog.extract.walks import Position, Status, Walk


@dataclass(frozen=True, slots=True)
class Completeness:
    """Whether a list could be read, whether it is complete, and a sentence if there is something to say."""

    status: Status = "read"
    complete: bool = False
    detail: str = ""


def judge(walks: Sequence[Walk], position: Position | None, fingerprint: str | None) -> Completeness:
    """Return what a list's walks prove.

    `fingerprint` is that of the key for this list; `position` is the list's position before this run.
    """
    walk = walks[-1]
    if isinstance(walk.failure, Unavailable):
        is_refused = all(one.pages == one.resumed_pages for one in walks)
        return Completeness("unavailable" if is_refused else "failed", detail=walk.failure.reason)
    if walk.failure is not None:
        return Completeness("failed", detail=str(walk.failure))
    if walk.rejected:
        detail = left_out(walk.rejected, walk.rejected_at)
        return Completeness("failed" if walk.all_rejected else "read", detail=detail)
    if not walk.is_full or any(one.resumed_pages for one in walks):
        pages = f"{walk.resumed_pages} pages had been read by a run that broke off"
        return Completeness(detail=pages if walk.resumed_pages else "")
    if walk.count_is_stable and gap_is_known(walk.gap, position, fingerprint):
        return Completeness(complete=True)
    counts = f"PostHog counts {walk.counts[-1]} rows and lists {walk.distinct}"
    return Completeness(detail=f"{counts}; nothing is concluded about deletions")


def gap_is_known(gap: int, position: Position | None, fingerprint: str | None) -> bool:
    """Return whether no row is missing, or only as many as the same key could not see last time."""
    known = position is not None and (position.fingerprint, position.gap) == (fingerprint, gap)
    return gap == 0 or known


def needs_second_walk(walk: Walk, *, complete: bool) -> bool:
    """Return whether one full walk is no proof: it is incomplete, or rows came twice because the list moved."""
    return not (complete and walk.rows == walk.distinct) and not walk.resumed_pages


def count_mismatches(count: int | None, walk: Walk, position: Position) -> bool:
    """Return whether a list's count shows that rows came or went which an incremental walk cannot have seen."""
    return count != position.rows + walk.new_rows + position.gap
