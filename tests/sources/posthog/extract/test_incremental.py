"""What a walk keeps in mind of its rows' times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from sources.posthog.catalogue import ENDPOINTS, stamp_types
from sources.posthog.catalogue.endpoint import Endpoint
from sources.posthog.extract.incremental import as_query_time, track_cursor
from sources.posthog.extract.walks import Walk
from sources.posthog.shape.privacy import Policy
from sources.posthog.shape.row_shape import RowShape

NOW = datetime(2026, 11, 20, tzinfo=UTC)
LOGS = ENDPOINTS["organization_activity_logs"]


def walked(*pages: list[str], endpoint: Endpoint = LOGS) -> Walk:
    """A walk over pages whose rows have these times."""
    shape, walk = RowShape(endpoint, Policy(), stamp_types(endpoint), {}), Walk(1)
    for page in pages:
        rows = [{"id": time, "created_at": time} for time in page]
        track_cursor(walk, shape.to_batch(rows, {"organization_id": "one"}), endpoint, NOW)
    return walk


@pytest.mark.parametrize(
    "pages",
    [
        [["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"], ["2026-01-02T00:00:00Z"]],
        [["2026-01-02T00:00:00Z"], [], ["2026-01-03T00:00:00Z"]],
    ],
)
def test_pages_in_the_order_of_time_are_known(pages: list[list[str]]) -> None:
    assert walked(*pages).ascending


@pytest.mark.parametrize(
    "pages",
    [
        [["2026-01-03T00:00:00Z"], ["2026-01-02T00:00:00Z"]],
        [["2026-01-03T00:00:00Z"], ["2026-01-04T00:00:00Z", "2026-01-02T00:00:00Z"]],
        [["2026-01-03T00:00:00Z", "2026-01-02T00:00:00Z"]],
    ],
)
def test_a_server_that_lists_the_newest_first_is_told_by_its_pages(pages: list[list[str]]) -> None:
    assert not walked(*pages).ascending


def test_a_row_from_the_future_is_no_news_of_what_came_before_it() -> None:
    walk = walked(["2026-01-01T00:00:00Z", "2031-01-01T00:00:00Z"])
    assert walk.newest == datetime(2026, 1, 1, tzinfo=UTC)


def test_times_are_asked_for_in_utc_without_a_plus() -> None:
    east = datetime(2026, 1, 1, 12, 30, 0, 5, tzinfo=timezone(timedelta(hours=2)))
    assert as_query_time(east) == "2026-01-01T10:30:00.000005Z"
