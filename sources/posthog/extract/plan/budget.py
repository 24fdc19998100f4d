"""Plans which lists a run leaves for later if the hour's request budget has no room for all of them.

Partitions to read, the positions of their lists, and how many requests are left -> the partitions that wait. The least
recently read ones are read first. A partition that never fits is read in every second run, so none waits for ever.
Partitions that were never read have half of the requests at most while others wait, each run in another order: a list
that PostHog refuses has no position, so it looks like one that was never asked for.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from math import ceil
from zlib import crc32

from sources.posthog.catalogue import ENDPOINTS, deletable_parent
from sources.posthog.catalogue.endpoint import Endpoint
from sources.posthog.extract.options import ReadOptions
from sources.posthog.extract.plan.incremental import ReadPlan, plan
from sources.posthog.extract.run_warnings import RunWarning, first_few
from sources.posthog.extract.walks import ListPath, Partition, Position, PositionStore
from sources.posthog.paging.page_size import USUAL_ROWS

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

    def __init__(self, endpoints: Iterable[Endpoint], positions: PositionStore, options: ReadOptions) -> None:
        self._positions, self._page_size = positions, options.page_size
        self._below = Counter[str]()
        """By the address of a list, the requests for the lists below its rows, at any depth."""
        self._lists: dict[str, Counter[str]] = {}
        """By the same, how many such lists each table has."""
        for endpoint in endpoints:
            for path in positions.paths(endpoint.table):
                position, above = positions.position(path), list_above(endpoint, path)
                if position and above:
                    self._below[above] += _requests(endpoint, position, options)
                    self._lists.setdefault(above, Counter())[endpoint.table] += 1

    def lists_below(self, partition: Partition) -> Mapping[str, int]:
        """Return how many lists each table has below the rows of a partition."""
        return self._lists.get(partition.lists[0].url_path, {})

    def of(self, partition: Partition, planned: Callable[[ListPath], ReadPlan]) -> Cost:
        """Return what a partition costs if its lists are read as planned."""
        requests = self._below[partition.lists[0].url_path]
        last = []
        for one in partition.lists:
            position = self._positions.position(one.path)
            last.append((position and position.last_walk_at) or NEVER)
            in_full = position and planned(one).since is None
            requests += pages(position, self._page_size) if position and in_full else 1
        return Cost(partition, requests, min(last))


def list_above(endpoint: Endpoint, path: str) -> str:
    """Return the address of the project's or organization's list below whose rows a list stands; empty if of none."""
    for pattern, above in _lists_above(endpoint.table):
        if met := pattern.fullmatch(path):
            return above.format_map(met.groupdict())
    return ""


@cache
def _lists_above(table: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    """Return a pattern for each kind of list that a table has below rows, and the address of the list above it."""
    found = []
    for path in ENDPOINTS[table].paths:
        above = deletable_parent(path)
        if above is None:
            continue
        while higher := deletable_parent(above.paths[0]):
            above = higher
        pattern = re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/?&]+)", re.escape(path)))
        found.append((pattern, above.paths[0].partition("?")[0]))
    return tuple(found)


def _requests(endpoint: Endpoint, position: Position, options: ReadOptions) -> int:
    """Return how many requests a list below a row costs; 0 if the list is skipped unless its parent row changed."""
    list_path = ListPath(endpoint, position.path, {}, endpoint.pagination)
    planned = plan(
        list_path, position, options, change_token=position.moved if endpoint.parent_cursor else None
    )
    if planned.can_be_skipped:
        return 0
    return 1 if planned.since else pages(position, options.page_size)


def pages(position: Position, page_size: int) -> int:
    """Return how many requests it takes to walk a list, by what its last walk found."""
    return pages_of(position.rows, rows_a_page(ENDPOINTS[position.table], page_size, position))


def pages_of(rows: float, page_size: int) -> int:
    """Return the number of pages of a list with so many rows."""
    return max(1, ceil(rows / page_size))


def rows_a_page(endpoint: Endpoint, page_size: int, position: Position | None) -> int:
    """Return how many rows the first page of a list is asked for, with this `[lists] page_size`."""
    usual = min(page_size, endpoint.page_size)
    if usual < USUAL_ROWS or position is None:
        return usual
    return position.page_size or usual
