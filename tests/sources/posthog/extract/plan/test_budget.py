"""What an hour's requests have no room for waits, the list that was read most recently first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sources.posthog.catalogue import ENDPOINTS
from sources.posthog.extract.options import ReadOptions
from sources.posthog.extract.plan.budget import NEVER, Cost, Costs, list_above, pages, without_room
from sources.posthog.extract.plan.incremental import ReadPlan
from sources.posthog.extract.walks import ListPath, Partition, Position, PositionStore

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LAST_RUN = NOW - timedelta(hours=1)
FULL, PART = ReadPlan(), ReadPlan(NOW)


def partition(table: str, path: str) -> Partition:
    endpoint = ENDPOINTS[table]
    return Partition(endpoint, {}, (ListPath(endpoint, path, {}, endpoint.pagination),))


def cost(name: str, requests: int, hours: float | None) -> Cost:
    last = NEVER if hours is None else NOW - timedelta(hours=hours)
    return Cost(partition("cohorts", name), requests, last)


OLD, NEW, UNREAD, LONG = cost("old", 3, 9), cost("new", 3, 1), cost("unread", 1, None), cost("long", 50, 12)


@pytest.mark.parametrize(
    ("costs", "left", "waiting"),
    [
        ([OLD, NEW, UNREAD], 7, []),
        ([NEW, OLD, UNREAD], 6, ["new"]),
        ([OLD, NEW], 0, ["new"]),
        ([OLD, NEW, LONG], 7, ["old", "new"]),
        ([cost("first", 1, 20), LONG, NEW], 7, ["new"]),
        ([OLD, cost("long again", 50, 1)], 7, ["long again"]),
    ],
    ids=[
        "room for all",
        "the most recently read waits",
        "the least recently read is read even if no request is left",
        "a long list is read once it is the oldest",
        "a list that is too long is read if the last run left it out",
        "a list that is too long is not read in two runs that follow each other",
    ],
)
def test_what_was_read_most_recently_waits(costs: list[Cost], left: int, waiting: list[str]) -> None:
    assert [one.partition.lists[0].path for one in without_room(costs, left, LAST_RUN)] == waiting


REFUSED = tuple(cost(f"refused {number}", 1, None) for number in range(40))


@pytest.mark.parametrize(
    "refused", [(), REFUSED[:1], REFUSED], ids=["", "beside one that is always refused", "beside many such"]
)
def test_no_list_waits_for_ever(refused: tuple[Cost, ...]) -> None:
    last = {f"list {number}": 0 for number in range(40)}
    for run in range(1, 200):
        costs = [
            cost(name, 1 + 19 * (at % 5 == 0), 1000 - when) for at, (name, when) in enumerate(last.items())
        ]
        last_run = NOW - timedelta(hours=1000 - run + 1)
        waiting = {one.partition.lists[0].path for one in without_room([*costs, *refused], 12, last_run)}
        last |= dict.fromkeys(last.keys() - waiting, run)
        assert run - min(last.values()) <= 12


def test_of_lists_that_were_never_read_each_is_asked_for_in_some_run() -> None:
    asked: set[str] = set()
    for run in range(1, 60):
        waiting = without_room([OLD, NEW, *REFUSED], 8, NOW - timedelta(hours=run))
        asked |= {one.partition.lists[0].path for one in REFUSED if one not in waiting}
    assert len(asked) == len(REFUSED)


class Positions(PositionStore):
    """The positions of some lists."""

    def __init__(self, *known: Position) -> None:
        self.known = {one.path: one for one in known}

    def position(self, path: str) -> Position | None:
        return self.known.get(path)

    def paths(self, table: str) -> frozenset[str]:
        return frozenset(path for path, one in self.known.items() if one.table == table)


OPTIONS = ReadOptions(started=NOW)


def below(path: str, *, walked: float = 1, completed: float = 1, **what: Any) -> Position:
    """A list of 900 deliveries that was walked and completed so many hours ago."""
    return Position(
        path=path,
        table="subscription_deliveries",
        moved="then",
        rows=900,
        watermark=NOW,
        last_walk_at=NOW - timedelta(hours=walked),
        last_complete_at=NOW - timedelta(hours=completed),
        **what,
    )


@pytest.mark.parametrize(
    ("ago", "requests"),
    [({}, 0), ({"walked": 25}, 1), ({"walked": 25, "completed": 24 * 8}, 18)],
    ids=["skipped", "swept", "walked in full"],
)
def test_a_list_that_was_skipped_costs_requests_when_a_sweep_of_it_is_due(
    ago: dict[str, float], requests: int
) -> None:
    reports = "projects/1/subscriptions/"
    costs = Costs(ENDPOINTS.values(), Positions(below(f"{reports}7/deliveries/", **ago)), OPTIONS)
    assert costs.of(partition("subscriptions", reports), lambda _: FULL).requests == 1 + requests


@pytest.mark.parametrize(
    ("table", "path", "above"),
    [
        ("property_definitions", "property_definitions/?type=group&group_type_index=0", "groups_types/"),
        ("groups", "groups/?group_type_index=1", "groups_types/"),
        ("alert_checks", "alerts/a-b/", "alerts/"),
        ("hog_function_metrics", "hog_functions/c/metrics/totals/?after=-7d", "hog_functions/"),
        ("property_definitions", "property_definitions/?type=event", ""),
        ("cohorts", "cohorts/", ""),
    ],
)
def test_a_list_below_rows_is_counted_to_the_list_of_these_rows(table: str, path: str, above: str) -> None:
    assert list_above(ENDPOINTS[table], f"projects/1/{path}") == (above and f"projects/1/{above}")


@pytest.mark.parametrize(
    ("chosen", "ended_with", "expected"),
    [(1000, None, 3), (1000, 2000, 2), (100, None, 25), (100, 2000, 25), (5000, None, 3)],
    ids=["usual", "long pages", "short pages", "short pages after long ones", "as long as the list allows"],
)
def test_a_list_costs_pages_of_the_size_that_is_asked_for(
    chosen: int, ended_with: int | None, expected: int
) -> None:
    cohorts = Position(path="projects/1/cohorts/", table="cohorts", rows=2500, page_size=ended_with)
    options = ReadOptions(started=NOW, page_size=chosen)
    costs = Costs(ENDPOINTS.values(), Positions(cohorts), options)
    assert costs.of(partition("cohorts", cohorts.path), lambda _: FULL).requests == expected
    assert pages(cohorts, chosen) == expected


def test_a_list_costs_its_pages_and_those_of_the_lists_below_it() -> None:
    reports, log = "projects/1/subscriptions/", "projects/1/comments/"
    due = below(f"{reports}7/deliveries/", open_floor=NOW - timedelta(days=1))
    idle = below(f"{reports}8/deliveries/")
    positions = Positions(
        Position(path=reports, table="subscriptions", rows=2500, last_walk_at=NOW),
        Position(path=log, table="comments", rows=2500, last_walk_at=NOW),
        due,
        idle,
    )
    costs = Costs(ENDPOINTS.values(), positions, OPTIONS)
    assert costs.of(partition("subscriptions", reports), lambda _: FULL).requests == 3 + 1
    assert costs.lists_below(partition("subscriptions", reports)) == {"subscription_deliveries": 2}
    assert costs.of(partition("comments", log), lambda _: PART).requests == 1
    unread = costs.of(partition("cohorts", "projects/1/cohorts/"), lambda _: FULL)
    assert (unread.requests, unread.last_walk_at) == (1, NEVER)
