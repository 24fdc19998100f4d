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

from sources.posthog.changes.table_changes import Below
from sources.posthog.extract.list_reader import Walker
from sources.posthog.extract.positions import Position
from sources.posthog.extract.walks import Listed, Read, Scope

TWICE_AT_ONCE = 50
"""Up to so many pages the second look at a missing row comes in the same run, beyond it in the next."""
FUSE_ROWS, FUSE_SHARE = 20, 0.2
"""More deaths at once than both of these are held."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Which deaths are held, why, and whether the next run may believe them if it finds the same."""

    held: frozenset[str] = frozenset()
    reason: str = ""
    passing: bool = False


def doubted(walker: Walker, reads: Iterable[Read], below: Sequence[Below]) -> Iterator[Read]:
    """Those scopes of one endpoint that were read completely and lack stored rows, which they know from now on.

    Asked for all of them at once: one question for each of a thousand short lists takes longer than reading them.
    """
    whole = [read for read in reads if is_believable(walker, read)]
    if not whole:
        return
    changes = walker.changes[whole[0].scope.endpoint.table]
    lacking = changes.missing([read.scope.stamps for read in whole], below)
    doubts = set(lacking["scope"].to_pylist())
    for number, read in enumerate(whole):
        if number in doubts:
            read.lacking = lacking.filter(pc.equal(lacking["scope"], number))
            yield read
        else:
            read.listed[0].held_keys = ()  # what was held before has come back


def is_believable(walker: Walker, read: Read) -> bool:
    """Whether a scope was read so that what it lacks may be gone."""
    mortal = read.scope.endpoint.detects_deletes and not walker.rules.window
    mortal = mortal and not walker.changes[read.scope.endpoint.table].broken
    told = mortal and walker.sights.of(read.scope.listings[0]) is not None
    return told and all(one.complete for one in read.listed)


def conclude(walker: Walker, read: Read, below: Sequence[Below]) -> None:
    """End the rows that a doubted scope lacks, or hold them; looks again where one walk is not one moment."""
    scope, listed, lacking = read.scope, read.listed, read.lacking
    if lacking is None:
        return
    changes = walker.changes[scope.endpoint.table]
    pages = sum(one.last.pages for one in listed)
    one_moment = len(listed) == 1 and pages <= 1 and listed[0].last.gap == 0
    if not one_moment and pages <= TWICE_AT_ONCE and not _looked_twice(listed):
        for one in listed:
            walker.look_again(one)
        if not all(one.complete for one in listed):
            return
        lacking = changes.missing([scope.stamps], below)
    keys, living = lacking["row_key"].to_pylist(), lacking["living"].to_pylist()
    verdict = _verdict(
        walker, scope, listed, frozenset(key for key, lives in zip(keys, living, strict=True) if lives)
    )
    changes.end(lacking.filter(pa.array([key not in verdict.held for key in keys], pa.bool_())))
    first = listed[0]
    first.held = len(verdict.held)
    first.held_keys = tuple(sorted(verdict.held)) if verdict.passing else ()
    first.held_because = verdict.reason


def _looked_twice(listed: Sequence[Listed]) -> bool:
    """Whether every list was read again after all had been read; of several, each may have been read twice at once."""
    return len(listed) == 1 and len(listed[0].walks) > 1


def _verdict(walker: Walker, scope: Scope, listed: list[Listed], missing: frozenset[str]) -> Verdict:
    if not missing or walker.rules.accept_deletes:
        return Verdict()
    known = walker.memory.position(listed[0].listing.path)
    if known and known.fingerprint not in (None, walker.sights.of(scope.listings[0])):
        reason = "the key is not the one that saw these rows, or it may see less now"
        return Verdict(missing, reason)
    gaps = [walker.memory.position(one.listing.path) for one in listed if one.last.gap > 0]
    newcomers = bool(gaps) and walker.changes[scope.endpoint.table].newcomers(scope.stamps)
    if newcomers or any(
        map(_new_gap, gaps)
    ):  # what came out of a gap may have changed places with what lacks
        return Verdict(missing, "PostHog counts more rows than it lists, and these may be among them")
    fresh = missing - walker.memory.held(listed[0].listing.path)
    reason = _too_sudden(walker, scope, listed, len(fresh))
    return Verdict(fresh, reason, passing=True) if fresh and reason else Verdict()


def _new_gap(known: Position | None) -> bool:
    """Whether rows went missing when the gap came, or are missing since: they may have slipped into it."""
    if known is None or known.last_walk_at is None:
        return True
    return known.last_complete_at != known.last_walk_at or known.held > 0


def _too_sudden(walker: Walker, scope: Scope, listed: list[Listed], fresh: int) -> str:
    """Why deaths that no earlier run has seen are not believed yet; empty if they are."""
    if any(_emptied(walker.memory.position(one.listing.path), one) for one in listed):
        return "a list is empty all at once"
    if fresh > FUSE_ROWS and fresh > FUSE_SHARE * walker.changes[scope.endpoint.table].living(scope.stamps):
        return "so many at once"
    pages = sum(one.last.pages for one in listed)
    return "seen by one walk only" if pages > TWICE_AT_ONCE and not _looked_twice(listed) else ""


def _emptied(known: Position | None, one: Listed) -> bool:
    never = known is None or known.last_walk_at is None
    return not one.last.distinct and (never or (known is not None and known.rows > 0))
