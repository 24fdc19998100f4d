"""Plans which lists a run leaves for later if the hour's request budget has no room for all of them.

Partitions to read, the positions of their lists, and how many requests are left -> the partitions that wait. The least
recently read ones are read first. A partition that never fits is read in every second run, so none waits for ever.
Partitions that were never read have half of the requests at most while others wait, each run in another order: a list
that PostHog refuses has no position, so it looks like one that was never asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from math import ceil
from zlib import crc32

from sources.posthog.catalogue.endpoint import Endpoint
from sources.posthog.extract.plan.incremental import ReadPlan
from sources.posthog.extract.run_warnings import RunWarning, first_few
from sources.posthog.extract.walks import ListPath, Partition, Position, PositionStore

SPARE = 0.1
"""The share of the remaining requests that is not planned: if an estimate is too low, the run has these to spare."""
NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Cost:
    """What it takes to read a partition and the lists below its rows, and when it was read last."""

    partition: Partition
    requests: int
    last_walk_at: datetime


def without_room(costs: Iterable[Cost], left: int, last_run: datetime) -> list[Cost]:
    """Return what `left` requests have no room for; a later run reads it first.

    The first known partition that does not fit is read nevertheless if the last run left it out, or if it comes first.
    """
    ordered = sorted(costs, key=lambda cost: cost.last_walk_at)
    new = [one for one in ordered if one.last_walk_at == NEVER]
    known = ordered[len(new) :]
    room = max(left // 2, left - sum(one.requests for one in known))
    waiting: list[Cost] = []
    for number, one in enumerate(sorted(new, key=partial(_place, last_run))):
        if one.requests <= room or not number:
            room, left = room - one.requests, left - one.requests
        else:
            waiting.append(one)
    for number, one in enumerate(known):
        is_due = not number or one.last_walk_at < last_run
        if one.requests <= left or (is_due and left >= 0):
            left -= one.requests
        else:
            waiting.append(one)
    return waiting


def _place(last_run: datetime, one: Cost) -> int:
    """Return a partition's place among those never read: another after each run."""
    return crc32(f"{last_run} {one.partition.lists[0].path}".encode())


def warning(costs: Sequence[Cost], waiting: Sequence[Cost], left: int) -> RunWarning:
    """Return the warning that names what waits."""
    tables = sorted({one.partition.endpoint.table for one in waiting})
    late, total = (sum(len(one.partition.lists) for one in some) for some in (waiting, costs))
    text = (
        f"This run takes about {sum(one.requests for one in costs):,} requests, and {left:,} are left of the hour's "
        f"budget: {late:,} of {total:,} lists are left for later, those that were read most recently (of "
        f"{first_few(tables, 5)}). Select fewer tables, sync less often, or raise `[rate] per_hour`"
    )
    return RunWarning("", waiting[0].partition.lists[0].path, "over budget", text)


class Costs:
    """Estimates what partitions cost, by what earlier runs found in the lists of some tables."""

    def __init__(self, endpoints: Iterable[Endpoint], positions: PositionStore) -> None:
        self._positions = positions
        self._below = Counter[str]()
        """By list path, the requests for the lists below its rows."""
        for endpoint in endpoints:
            for path in positions.paths(endpoint.table):
                parent, _, own = path.partition("?")[0].rstrip("/").rpartition("/")
                above = parent.rpartition("/")[0]
                position = positions.position(path)
                if position and own and above.count("/") >= 2:
                    self._below[f"{above}/"] += _requests(endpoint, position)

    def of(self, partition: Partition, plan: Callable[[ListPath], ReadPlan]) -> Cost:
        """Return what a partition costs if its lists are read as planned."""
        requests = self._below[partition.lists[0].url_path]
        last = []
        for one in partition.lists:
            position = self._positions.position(one.path)
            last.append((position and position.last_walk_at) or NEVER)
            in_full = position and plan(one).since is None
            requests += pages(partition.endpoint, position) if position and in_full else 1
        return Cost(partition, requests, min(last))


def _requests(endpoint: Endpoint, position: Position) -> int:
    """Return what a list below a row costs; nothing if its parent row told at the last walk that nothing was due."""
    if endpoint.parent_cursor and position.moved and not position.open_floor:
        return 0
    return pages(endpoint, position) if endpoint.plan == "snapshot" else 1


def pages(endpoint: Endpoint, position: Position) -> int:
    """Return how many requests it takes to walk a list, by what its last walk found."""
    return max(1, ceil(position.rows / (position.page_size or endpoint.page_size)))
