"""Where a list is read from, case by case, and what a walk keeps in mind of its rows' times."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from sources.posthog.catalogue import ENDPOINTS
from sources.posthog.catalogue.endpoint import Endpoint
from sources.posthog.extract.options import ReadOptions, Window
from sources.posthog.extract.plan.incremental import FULL, ReadPlan, plan, track_cursor
from sources.posthog.extract.walks import ListPath, Position, Walk
from sources.posthog.paging.pages import as_query_time
from sources.posthog.shape.privacy import Policy
from sources.posthog.shape.row_shape import RowShape

NOW = datetime(2026, 11, 20, tzinfo=UTC)
LOGS = ENDPOINTS["organization_activity_logs"]


DAY = timedelta(days=1)
LAST = Position(
    path="a list",
    table="its table",
    watermark=NOW - 3 * DAY,
    last_walk_at=NOW - DAY / 24,
    last_complete_at=NOW - DAY / 2,
    rows=100_000,
    moved="parent mine",
)
COMMENTS, DELIVERIES, COHORTS = (ENDPOINTS[t] for t in ("comments", "subscription_deliveries", "cohorts"))
SINCE = NOW - 20 * DAY
BACKFILL = {"options": {"window": Window(SINCE)}}
CASES: dict[str, tuple[Endpoint, dict[str, Any], ReadPlan]] = {
    "a list that was never read": (COMMENTS, {"position": None}, FULL),
    "a long list": (COMMENTS, {}, ReadPlan(NOW - 3 * DAY - COMMENTS.lookback)),
    "a short list": (COMMENTS, {"position": replace(LAST, rows=10)}, FULL),
    "a short list below a row that can be deleted": (
        DELIVERIES,
        {"position": replace(LAST, rows=10)},
        ReadPlan(NOW - 3 * DAY - DELIVERIES.lookback),
    ),
    "a list in no order of time": (COHORTS, {}, FULL),
    "a list without a watermark": (COMMENTS, {"position": replace(LAST, watermark=None)}, FULL),
    "a full walk is due": (COMMENTS, {"position": replace(LAST, last_complete_at=NOW - 2 * DAY)}, FULL),
    "no walk was complete": (COMMENTS, {"position": replace(LAST, last_complete_at=None)}, FULL),
    "a clock was ahead": (COMMENTS, {"position": replace(LAST, last_complete_at=NOW + DAY)}, FULL),
    "an audit log is never due": (
        LOGS,
        {"position": replace(LAST, last_complete_at=None)},
        ReadPlan(NOW - 3 * DAY - LOGS.lookback),
    ),
    "a row is in progress": (
        DELIVERIES,
        {"position": replace(LAST, open_floor=NOW - 9 * DAY), "change_token": "parent mine"},
        ReadPlan(min(NOW - 9 * DAY, NOW - 3 * DAY - DELIVERIES.lookback)),
    ),
    "a row is stuck": (
        DELIVERIES,
        {"position": replace(LAST, open_floor=NOW - 90 * DAY)},
        ReadPlan(NOW - 3 * DAY - DELIVERIES.lookback),
    ),
    "rows must be written again": (COMMENTS, {"must_read_all": True}, FULL),
    "all is asked for": (COMMENTS, {"options": {"full": True}}, FULL),
    "the parent has not moved": (
        DELIVERIES,
        {"change_token": "parent mine"},
        ReadPlan(NOW - 3 * DAY - DELIVERIES.lookback, can_be_skipped=True),
    ),
    "the parent has moved": (
        DELIVERIES,
        {"change_token": "parent moved mine"},
        ReadPlan(NOW - 3 * DAY - DELIVERIES.lookback),
    ),
    "a sweep is due": (
        DELIVERIES,
        {"change_token": "parent mine", "position": replace(LAST, last_walk_at=NOW - 2 * DAY)},
        ReadPlan(NOW - 3 * DAY - DELIVERIES.lookback),
    ),
    "a backfill of a list in the order of time": (COMMENTS, BACKFILL, ReadPlan(SINCE)),
    "a backfill of any other list": (COHORTS, BACKFILL, FULL),
    "a backfill where rows must be written again": (COMMENTS, {**BACKFILL, "must_read_all": True}, FULL),
    "a backfill of an empty table": (
        COMMENTS,
        {**BACKFILL, "must_read_all": True, "is_empty": True},
        ReadPlan(SINCE),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_list_is_planned_by_its_position_and_the_options(case: str) -> None:
    endpoint, what, expected = CASES[case]
    facts = {"position": LAST, **what}
    options = ReadOptions(started=NOW, **facts.pop("options", {}))
    path = ListPath(endpoint, "a list", {}, endpoint.pagination)
    assert plan(path, facts.pop("position"), options, **facts) == expected


def walked(*pages: list[str], endpoint: Endpoint = LOGS) -> Walk:
    """A walk over pages whose rows have these times."""
    shape, walk = RowShape(endpoint, Policy()), Walk(1)
    for page in pages:
        rows = [{"id": time, "created_at": time} for time in page]
        track_cursor(walk, shape.to_batch(rows, {"organization_id": "one"}), endpoint, NOW)
    return walk


def test_a_row_from_the_future_is_no_news_of_what_came_before_it() -> None:
    walk = walked(["2026-01-01T00:00:00Z", "2031-01-01T00:00:00Z"])
    assert walk.newest == datetime(2026, 1, 1, tzinfo=UTC)


def test_times_are_asked_for_in_utc_without_a_plus() -> None:
    east = datetime(2026, 1, 1, 12, 30, 0, 5, tzinfo=timezone(timedelta(hours=2)))
    assert as_query_time(east) == "2026-01-01T10:30:00.000005Z"
