"""How many rows a page is asked for: what a server sends within a second, as its own answers tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pytest

from sources.posthog.errors import PageFailed
from sources.posthog.paging.offset_pages import offset_pages
from sources.posthog.paging.page_size import MOST_ROWS, PageSize, next_rows
from sources.posthog.paging.prefetch import Prefetcher

MB = 1 << 20
Seconds = Callable[[int], float]


@pytest.mark.parametrize(
    ("rows", "seconds", "size", "usual", "following"),
    [
        (1000, 0.05, MB, 0.05, 10_000),
        (1000, 0.25, MB, 0.25, 4000),
        (1000, 0.6, MB, 0.6, 2000),
        (1000, 5.0, MB, 5.0, 2000),
        (2000, 12.0, MB, 5.0, 1000),
        (1000, 0.05, 20 * MB, 0.05, 3000),
        (1000, 0.05, 200 * MB, 0.05, 1000),
        (10_000, 0.9, MB, 0.09, 10_000),
        (10_000, 4.0, MB, 0.4, 2000),
        (1000, 0.0, 0, 0.0, 10_000),
    ],
    ids=[
        "quick and light",
        "four times as many in a second",
        "twice as long as usual",
        "a slow server, twice what is usual there",
        "slower than that",
        "a quarter of the limit",
        "never below 1,000",
        "as it should be",
        "slower than before",
        "no time at all",
    ],
)
def test_the_next_page_takes_a_second_and_a_quarter_of_the_largest_size(
    rows: int, seconds: float, size: int, usual: float, following: int
) -> None:
    assert next_rows(rows, seconds, size, usual=usual, most=MOST_ROWS, max_bytes=256 * MB) == following


class Slow:
    """A server that takes its time for so many rows, and gives no more than its own maximum."""

    def __init__(
        self, number: int, seconds: Seconds, *, most: int = 1_000_000, fails_from: int = 1_000_000
    ) -> None:
        self.number, self.seconds, self.most, self.fails_from = number, seconds, most, fails_from
        self.asked: list[int] = []

    def get(self, _path: str, params: Mapping[str, Any], measured: Any = None) -> Any:
        offset, limit = int(params["offset"]), min(int(params["limit"]), self.most)
        self.asked.append(int(params["limit"]))
        end = min(offset + limit, self.number)
        if self.seconds(limit) > 60:
            raise PageFailed("too slow", status=503, code="query_timeout")
        if limit >= self.fails_from:
            raise PageFailed("too large", status=502)
        if measured:
            measured(params, self.seconds(end - offset), 500 * (end - offset))
        link = f"?offset={offset + limit}" if end < self.number else None
        return {"count": self.number, "next": link, "results": list(range(offset, end))}

    def walk(self, size: PageSize, ahead: int = 0) -> list[int]:
        get = partial(self.get, measured=size.measured)
        prefetcher = Prefetcher(self.get, ahead)
        prefetch = partial(prefetcher, measured=size.measured)
        pages = offset_pages(get, "things/", {}, size, prefetch)
        return [row for page in pages for row in page.rows]


@pytest.mark.parametrize("ahead", [0, 15])
@pytest.mark.parametrize(
    ("seconds", "most_requests"),
    [
        (lambda rows: 0.02 + rows / 50_000, 12),
        (lambda rows: 0.02 + rows / 2000, 60),
        (lambda rows: rows / 100, 60),
    ],
    ids=["quick", "half a second for a thousand", "ten seconds for a thousand"],
)
def test_a_long_list_takes_few_requests_of_a_quick_server_and_no_more_than_before_of_a_slow_one(
    seconds: Seconds, most_requests: int, ahead: int
) -> None:
    server = Slow(60_000, seconds)
    assert server.walk(PageSize(1000, MOST_ROWS), ahead) == list(range(60_000))
    assert len(server.asked) <= most_requests
    assert max(server.asked) <= MOST_ROWS


def test_what_a_walk_ended_with_is_what_the_next_one_begins_with() -> None:
    size = PageSize(1000, MOST_ROWS)
    Slow(60_000, lambda rows: rows / 50_000).walk(size)
    assert size.worth_keeping == MOST_ROWS
    later = Slow(60_000, lambda rows: rows / 50_000)
    later.walk(PageSize(size.worth_keeping or 0, MOST_ROWS))
    assert len(later.asked) == 6


def test_a_server_that_became_slow_gets_smaller_pages_again() -> None:
    size = PageSize(MOST_ROWS, MOST_ROWS)
    server = Slow(60_000, lambda rows: rows / 1000)
    assert server.walk(size) == list(range(60_000))
    assert server.asked[:3] == [10_000, 1000, 2000]


def test_a_server_that_takes_long_for_a_page_of_any_size_keeps_its_large_pages() -> None:
    rows = 1000
    for _ in range(3):
        size = PageSize(rows, MOST_ROWS)
        server = Slow(60_000, lambda rows: 2 + rows / 20_000)
        server.walk(size)
        assert len(server.asked) <= 15
        rows = size.worth_keeping or 0


@pytest.mark.parametrize("rows", [1000, MOST_ROWS])
def test_a_large_page_that_fails_is_asked_for_again_as_one_of_1000_rows(rows: int) -> None:
    server = Slow(20_000, lambda rows: rows / 50_000, fails_from=1001)
    size = PageSize(rows, MOST_ROWS)
    assert server.walk(size, ahead=15) == list(range(20_000))
    assert size.worth_keeping == 1000
    assert len([asked for asked in server.asked if asked > 1000]) <= 16


def test_a_page_of_1000_rows_that_fails_fails_the_list() -> None:
    with pytest.raises(PageFailed, match="too large"):
        Slow(20_000, lambda rows: rows / 50_000, fails_from=900).walk(PageSize(1000, MOST_ROWS))


def test_a_server_with_a_maximum_of_its_own_is_asked_for_no_more() -> None:
    server = Slow(5000, lambda _rows: 0.01, most=500)
    assert server.walk(PageSize(1000, MOST_ROWS), 15) == list(range(5000))
    assert set(server.asked[1:]) == {500}


def test_after_a_time_out_the_pages_stay_small_in_this_walk_and_begin_as_usual_in_the_next() -> None:
    size = PageSize(1000, MOST_ROWS)
    server = Slow(2000, lambda rows: 99.0 if rows > 300 else 0.01)
    assert server.walk(size) == list(range(2000))
    assert set(server.asked[1:]) == {250}
    assert size.worth_keeping == 1000, "not what was remembered from before"


def test_large_pages_take_several_places_of_those_that_are_requested_ahead() -> None:
    prefetcher = Prefetcher(lambda _path, _params: None, 15)
    pages = [prefetcher("things/", {"limit": 4000, "offset": at}) for at in range(4)]
    assert [page is not None for page in pages] == [True, True, True, False]
    for page in pages:
        if page:
            page.take()
    assert prefetcher("things/", {"limit": 15_000, "offset": 0}) is not None
