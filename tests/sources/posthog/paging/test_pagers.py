"""How lists are walked, over a `get` that answers like a server does: good, odd and hostile."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from itertools import count
from typing import Any

import pytest

from sources.posthog.errors import PageFailed
from sources.posthog.paging.offset_pages import offset_pages
from sources.posthog.paging.page_size import PageSize
from sources.posthog.paging.pagers import (
    LOG_LINES,
    NEWEST_ROWS,
    array_page,
    cursor_pages,
    embedded_pages,
    flagged_pages,
    log_pages,
    newest_pages,
    numbered_pages,
    single_object,
    unpaged_rows,
)
from sources.posthog.paging.pages import EMPTY_PAGES, Page, Pager, no_prefetch
from sources.posthog.paging.prefetch import Get, Prefetcher

Asked = list[dict[str, Any]]


def server(answer: Callable[[dict[str, Any]], Any]) -> tuple[Get, Asked]:
    asked: Asked = []

    def get(path: str, params: Mapping[str, str | int]) -> Any:
        assert path == "projects/1/things/"
        asked.append(dict(params))
        return answer(dict(params))

    return get, asked


def offset_server(rows: list[Any], *, most: int = 1000) -> tuple[Get, Asked]:
    """Limit and offset as Django REST framework does it, with a server-side maximum."""

    def answer(params: dict[str, Any]) -> Any:
        limit, offset = min(int(params["limit"]), most), int(params["offset"])
        end = offset + limit
        link = f"http://elsewhere.example/api/other/?limit={limit}&offset={end}" if end < len(rows) else None
        return {"count": len(rows), "next": link, "results": rows[offset:end]}

    return server(answer)


def walked(pages: Any) -> list[Any]:
    return [row for page in pages for row in page.rows]


def offsets(get: Get, size: int = 10) -> list[Page]:
    return list(offset_pages(get, "projects/1/things/", {"ordering": "name"}, PageSize(size)))


def test_every_row_comes_once_and_the_lists_own_params_are_kept() -> None:
    get, asked = offset_server(list(range(25)))
    pages = offsets(get)
    assert walked(pages) == list(range(25))
    assert [page.count for page in pages] == [25, 25, 25]
    assert [page.last for page in pages] == [False, False, True]
    assert asked == [{"ordering": "name", "limit": 10, "offset": offset} for offset in (0, 10, 20)]


def test_a_server_that_gives_shorter_pages_than_asked_for_is_read_to_its_end() -> None:
    get, asked = offset_server(list(range(25)), most=7)
    assert walked(offsets(get)) == list(range(25))
    assert len(asked) == 4


def test_an_empty_page_in_the_middle_does_not_end_the_walk() -> None:
    pages = {0: ([1, 2], 2), 2: ([], 4), 4: ([3], None)}

    def answer(params: dict[str, Any]) -> Any:
        rows, following = pages[int(params["offset"])]
        return {"count": 3, "next": f"?offset={following}" if following else None, "results": rows}

    assert walked(offsets(server(answer)[0])) == [1, 2, 3]


def test_a_capped_count_is_no_count() -> None:
    get, _ = server(lambda _: {"count": 10_000, "count_is_capped": True, "next": None, "results": [1]})
    assert [page.count for page in offsets(get)] == [None]


NOWHERE = ("?offset=0", "?offset=-5", "?offset=x", "?limit=10", "http://h/?offset=٣", 7, "", False)
NO_LINKS = (
    ["?offset=1"],
    {"offset": 1},
    True,
    1.5,
    "http://[",
    "//[::1/?offset=1",
    "?offset=" + "9" * 5000,
    "\0",
)


@pytest.mark.fault("values.odd_next")
@pytest.mark.parametrize("link", [*NOWHERE, *NO_LINKS], ids=lambda link: repr(link)[:20])
def test_a_next_that_leads_back_or_nowhere_fails_the_list(link: Any) -> None:
    get, asked = server(lambda _: {"count": 30, "next": link, "results": [1]})
    walk = offset_pages(get, "projects/1/things/", {}, PageSize(10))
    assert next(walk).rows == [1]
    with pytest.raises(PageFailed, match="projects/1/things/"):
        next(walk)
    assert len(asked) == 1


@pytest.mark.fault("values.odd_next")
@pytest.mark.parametrize("link", [None, "", False, 0], ids=repr)
def test_a_next_that_says_nothing_ends_a_list_of_which_all_came(link: Any) -> None:
    get, asked = server(lambda _: {"count": 2, "next": link, "results": [1, 2]})
    assert walked(offsets(get)) == [1, 2]
    assert len(asked) == 1
    get, _ = server(lambda _: {"next": link, "results": [1, 2]})
    assert [page.last for page in cursors(get)] == [True]


@pytest.mark.fault("values.odd_count")
@pytest.mark.parametrize(
    ("said", "count"),
    [(3, 3), ("12", 12), (1e3, 1000), (0, 0), (2**63 - 1, 2**63 - 1)]
    + [
        (odd, None) for odd in (True, False, 2**63, 2**70, -1, "012", "many", 1.5, 1e300, None, [3], {"n": 3})
    ],
    ids=repr,
)
def test_a_count_is_a_whole_number_of_rows_or_none(said: Any, count: int | None) -> None:
    get, _ = server(lambda _: {"count": said, "next": None, "results": [1]})
    assert [page.count for page in offsets(get)] == [count]


def test_a_full_page_without_a_next_is_not_the_end_of_a_list_that_counts_more() -> None:
    rows = list(range(10))
    get, _ = server(lambda _: {"count": 11, "next": None, "results": rows})
    with pytest.raises(PageFailed, match="counts 11 rows and names no page after row 10"):
        offsets(get)
    get, _ = server(lambda _: {"count": 11, "next": None, "results": rows[:9]})
    assert walked(offsets(get)) == rows[:9], "a page that is not full may lack rows that the key does not see"


def test_pages_that_stay_empty_for_ever_are_a_loop() -> None:
    def answer(params: dict[str, Any]) -> Any:
        return {"count": 3, "next": f"?offset={int(params['offset']) + 1}", "results": []}

    get, asked = server(answer)
    with pytest.raises(PageFailed):
        offsets(get)
    assert len(asked) == EMPTY_PAGES


def test_a_statement_that_timed_out_is_asked_again_from_there_in_smaller_pages() -> None:
    rows = list(range(300))
    plain, _ = offset_server(rows)

    def answer(params: dict[str, Any]) -> Any:
        if int(params["limit"]) > 60 and int(params["offset"]) > 0:
            raise PageFailed("slow", status=503, code="event_definitions_timeout")
        return plain("projects/1/things/", params)

    get, asked = server(answer)
    assert walked(offsets(get, size=100)) == rows
    assert [a["limit"] for a in asked[:3]] == [100, 100, 25]
    assert asked[1]["offset"] == asked[2]["offset"] == 100


@pytest.mark.parametrize(
    "body", [[], {}, {"results": {}}, {"results": [], "count": 1}, "text", None, 5], ids=repr
)
def test_what_is_no_page_fails_the_list(body: Any) -> None:
    get, _ = server(lambda _: body)
    with pytest.raises(PageFailed, match="expected a page"):
        offsets(get)


def cursors(get: Get) -> list[Page]:
    return list(cursor_pages(get, "projects/1/things/", {"deleted": "true"}, PageSize(100)))


def test_a_cursor_list_is_followed_by_its_cursor_alone() -> None:
    pages = {None: ([3], "b"), "b": ([2], "a="), "a=": ([1], None)}

    def answer(params: dict[str, Any]) -> Any:
        rows, following = pages[params.get("cursor")]
        link = f"https://elsewhere.example/x?cursor={following.replace('=', '%3D')}" if following else None
        return {"next": link, "previous": None, "results": rows}

    get, asked = server(answer)
    assert walked(cursors(get)) == [3, 2, 1]
    assert asked == [
        {"deleted": "true"},
        {"deleted": "true", "cursor": "b"},
        {"deleted": "true", "cursor": "a="},
    ]


@pytest.mark.fault("values.odd_next")
@pytest.mark.parametrize(
    "place",
    [
        "http://h:99999/x",
        "http://h:no/",
        "//evil.test",
        "ftp://a:b@evil.test/",
        "javascript:x",
        "\x1b[31m",
        " ",
        "x" * 9999,
    ],
    ids=lambda place: repr(place)[:20],
)
def test_of_a_link_nothing_but_its_query_counts(place: str) -> None:
    get, asked = server(
        lambda told: {"next": None if "cursor" in told else f"{place}?cursor=b", "results": [1]}
    )
    assert walked(cursors(get)) == [1, 1]
    assert asked[1] == {"deleted": "true", "cursor": "b"}
    get, _ = server(lambda told: {"next": None if told["offset"] else f"{place}?offset=1", "results": [1]})
    assert walked(offsets(get)) == [1, 1]


@pytest.mark.fault("values.odd_next")
@pytest.mark.parametrize("link", NO_LINKS, ids=lambda link: repr(link)[:20])
def test_a_cursor_that_is_in_no_link_fails_the_list(link: Any) -> None:
    get, _ = server(lambda _: {"next": link, "results": [1]})
    with pytest.raises(PageFailed, match="projects/1/things/"):
        cursors(get)


@pytest.mark.parametrize(
    "links", [["?cursor=a", "?cursor=a"], ["?cursor=a", "?cursor=b", "?cursor=a"], ["?x=1"]]
)
def test_cursors_that_go_in_a_circle_fail_the_list(links: list[str]) -> None:
    following = iter(links)
    get, _ = server(lambda _: {"next": next(following), "results": [1]})
    with pytest.raises(PageFailed, match="leads back"):
        cursors(get)


def test_an_array_is_one_page_that_counts_itself() -> None:
    get, _ = server(lambda _: [1, 2])
    assert list(array_page(get, "projects/1/things/", {}, PageSize(10))) == [Page([1, 2], 2, last=True)]
    get, _ = server(lambda _: {"results": []})
    with pytest.raises(PageFailed, match="an object with the keys results"):
        list(array_page(get, "projects/1/things/", {}, PageSize(10)))


@pytest.mark.fault("security.unexpected_object")
def test_of_an_unexpected_objects_keys_no_address_and_no_credential_is_told() -> None:
    get, _ = server(
        lambda _: {"ann@partner.example": 1, "phx_0123456789abcdef": 2, "plain": 3, "x" * 9999: 4}
    )
    with pytest.raises(
        PageFailed, match=r"keys \[address\], \[secret\], plain, x+\. Check POSTHOG_HOST"
    ) as caught:
        list(array_page(get, "projects/1/things/", {}, PageSize(10)))
    assert len(str(caught.value)) < 400


def pages_of(pager: Pager, answer: Callable[[dict[str, Any]], Any], under: str = "results") -> Any:
    get, asked = server(answer)
    return list(pager(get, "projects/1/things/", {"kind": "x"}, PageSize(2), no_prefetch, under)), asked


def test_a_list_by_page_numbers_is_followed_by_the_number_in_next() -> None:
    def answer(params: dict[str, Any]) -> Any:
        last = params["page"] == 3
        link = None if last else f"http://elsewhere.example/x?page={params['page'] + 1}&limit=9"
        return {"count": 5, "next": link, "previous": None, "results": [5] if last else [1, 2]}

    pages, asked = pages_of(numbered_pages, answer)
    assert (walked(pages), [page.count for page in pages]) == ([1, 2, 1, 2, 5], [5, 5, 5])
    assert asked == [{"kind": "x", "page": number} for number in (1, 2, 3)]
    assert [page.next for page in pages] == ["2", "3", ""], "from where a later run may go on"


@pytest.mark.parametrize("link", ["?page=1", "?page=0", "?page=x", "?limit=5", 7], ids=repr)
def test_a_page_number_that_leads_back_or_nowhere_fails_the_list(link: Any) -> None:
    with pytest.raises(PageFailed, match="leads back"):
        pages_of(numbered_pages, lambda _: {"next": link, "results": [1]})


def test_a_list_of_activities_tells_no_count_and_is_walked_by_page_number() -> None:
    def answer(params: dict[str, Any]) -> Any:
        link = "https://h/api/x?limit=10&page=2" if params["page"] == 1 else None
        return {"next": link, "previous": None, "results": [params["page"]], "total_count": 2}

    pages, _ = pages_of(numbered_pages, answer)
    assert [(page.rows, page.count) for page in pages] == [([1], None), ([2], None)]


def test_a_keyset_that_only_leads_forward_is_a_cursor_list() -> None:
    answers = {None: ([1], "?group_type_index=0&cursor=k1"), "k1": ([2], None)}

    def answer(params: dict[str, Any]) -> Any:
        rows, link = answers[params.get("cursor")]
        return {"next": link, "previous": None, "results": rows}

    pages, asked = pages_of(cursor_pages, answer)
    assert walked(pages) == [1, 2]
    assert asked == [{"kind": "x"}, {"kind": "x", "cursor": "k1"}]


@pytest.mark.parametrize("link", ["?limit=2&offset=2", "/api/projects/1/things/?limit=2&offset=2"])
def test_a_relative_next_without_a_count_is_followed(link: str) -> None:
    pages, asked = pages_of(
        offset_pages,
        lambda told: {
            "next": None if told["offset"] else link,
            "previous": None,
            "results": [told["offset"]],
        },
    )
    assert [(page.rows, page.count) for page in pages] == [([0], None), ([2], None)]
    assert asked == [{"kind": "x", "limit": 2, "offset": offset} for offset in (0, 2)]


def test_a_list_that_only_flags_whether_more_follows_is_walked_by_the_rows_that_came() -> None:
    rows = list(range(5))

    def answer(params: dict[str, Any]) -> Any:
        end = params["offset"] + params["limit"]
        return {"results": rows[params["offset"] : end], "has_next": end < 5, "version": 4}

    pages, asked = pages_of(flagged_pages, answer)
    assert (walked(pages), [page.last for page in pages]) == (rows, [False, False, True])
    assert [told["offset"] for told in asked] == [0, 2, 4]


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ({"results": [], "has_next": True}, "sends none"),
        ({"results": [1]}, "expected a page"),
        ({"results": {}, "has_next": False}, "expected a page"),
        ([], "expected a page"),
    ],
    ids=repr,
)
def test_a_flagged_page_that_proves_nothing_fails_the_list(body: Any, what: str) -> None:
    with pytest.raises(PageFailed, match=what):
        pages_of(flagged_pages, lambda _: body)


def line(second: int, text: str = "") -> dict[str, Any]:
    return {"timestamp": f"2026-11-02T08:{second // 60:02}:{second % 60:02}Z", "message": text or str(second)}


def until(params: dict[str, Any]) -> datetime:
    """The time below which rows are asked for."""
    return datetime.fromisoformat(params.get("before", "9999-01-01T00:00:00Z"))


def log_server(lines: list[dict[str, Any]]) -> Callable[[dict[str, Any]], Any]:
    """Newest first, below `before`, as many as asked for."""

    def answer(params: dict[str, Any]) -> Any:
        below = [one for one in lines if datetime.fromisoformat(one["timestamp"]) < until(params)]
        return {"results": sorted(below, key=lambda one: one["timestamp"], reverse=True)[: params["limit"]]}

    return answer


@pytest.mark.parametrize("number", [0, 1, LOG_LINES - 1, LOG_LINES, LOG_LINES + 1, 2 * LOG_LINES + 7])
def test_every_line_of_a_log_comes_once_although_pages_share_a_time(number: int) -> None:
    pages, asked = pages_of(log_pages, log_server([line(second) for second in range(number)]))
    assert [one["message"] for one in walked(pages)] == [str(second) for second in reversed(range(number))]
    assert [told["limit"] for told in asked] == [LOG_LINES] * len(asked)


def test_lines_of_one_time_on_both_sides_of_a_pages_end_all_come() -> None:
    lines = [line(2, "new")] * (LOG_LINES - 1) + [line(1, "one"), line(1, "other"), line(0, "old")]
    pages, asked = pages_of(log_pages, log_server(lines))
    assert {one["message"] for one in walked(pages)} == {"new", "one", "other", "old"}
    assert asked[1]["before"] == "2026-11-02T08:00:01.000001Z"


@pytest.mark.parametrize(
    "lines", [[line(1)] * 2 * LOG_LINES, [{"message": "x"}] * LOG_LINES, [5] * LOG_LINES]
)
def test_a_page_of_lines_below_which_nothing_can_be_asked_for_fails_the_list(lines: Any) -> None:
    with pytest.raises(PageFailed, match="no older than the page before it"):
        pages_of(log_pages, lambda _: {"results": lines[:LOG_LINES]})


@pytest.mark.parametrize("number", [0, 1, NEWEST_ROWS - 1, NEWEST_ROWS, NEWEST_ROWS + 1, 2 * NEWEST_ROWS + 7])
def test_every_row_of_a_list_that_shows_its_newest_ones_comes_once(number: int) -> None:
    rows: list[dict[str, Any]] = [
        {"id": at, "created_at": f"2026-11-02T{at // 60:02}:{at % 60:02}:00Z"} for at in range(number)
    ]

    def answer(params: dict[str, Any]) -> Any:
        below = [row for row in rows if datetime.fromisoformat(row["created_at"]) < until(params)]
        return below[::-1][:NEWEST_ROWS]

    pages, _ = pages_of(newest_pages, answer)
    assert [row["id"] for row in walked(pages)] == list(reversed(range(number)))


def test_a_log_that_answers_with_ever_newer_lines_fails_the_list() -> None:
    pages = count()

    def answer(_: dict[str, Any]) -> Any:
        at = next(pages)
        return {"results": [line(at * LOG_LINES + second) for second in range(LOG_LINES)]}

    with pytest.raises(PageFailed, match="no older than the page before it"):
        pages_of(log_pages, answer)


def test_rows_inside_one_object_are_walked_by_their_own_limit_and_total() -> None:
    rows = list(range(5))

    def answer(params: dict[str, Any]) -> Any:
        start = params["checks_offset"]
        return {"id": 9, "checks": rows[start : start + params["checks_limit"]], "checks_total": 5}

    pages, asked = pages_of(embedded_pages, answer, "checks")
    assert [(page.rows, page.count, page.last) for page in pages] == [
        ([0, 1], 5, False),
        ([2, 3], 5, False),
        ([4], 5, True),
    ]
    assert asked[1] == {"kind": "x", "checks_limit": 2, "checks_offset": 2}


@pytest.mark.parametrize(
    ("body", "counts"),
    [({"checks": [1]}, [None]), ({"checks": [], "checks_total": 9}, [9])],
    ids=["without a total", "empty before its total"],
)
def test_rows_inside_one_object_end_where_none_come(body: Any, counts: list[Any]) -> None:
    pages, _ = pages_of(embedded_pages, lambda _: body, "checks")
    assert [page.count for page in pages] == counts


def test_a_list_without_paging_that_names_a_next_page_is_walked_by_limit_and_offset() -> None:
    def answer(params: dict[str, Any]) -> Any:
        start = params.get("offset", 0)
        more = "https://posthog.example/?offset=2" if start == 0 else None
        return {"count": 4, "next": more, "results": [start, start + 1]}

    pages, _ = pages_of(unpaged_rows, answer)
    assert walked(pages) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("body", "under"), [({"results": [1, 2]}, "results"), ({"keys": [1, 2], "x": 0}, "keys")]
)
def test_rows_under_a_key_without_paging_are_one_page(body: Any, under: str) -> None:
    pages, asked = pages_of(unpaged_rows, lambda _: body, under)
    assert pages == [Page([1, 2], 2, last=True)]
    assert asked == [{"kind": "x"}], "a limit would be ignored, and the rows would come again and again"


@pytest.mark.parametrize("pager", [unpaged_rows, embedded_pages, log_pages])
@pytest.mark.parametrize("body", [[], {}, {"results": None}, {"results": {}}, "text", None], ids=repr)
def test_an_answer_without_rows_under_its_key_fails_the_list(pager: Pager, body: Any) -> None:
    with pytest.raises(PageFailed, match="`results`, got"):
        pages_of(pager, lambda _: body)


def test_one_object_is_a_list_of_one() -> None:
    get, _ = server(lambda _: {"id": 1})
    assert walked(single_object(get, "projects/1/things/", {}, PageSize(10))) == [{"id": 1}]
    assert walked(pages_of(single_object, lambda _: {"limit": 3}, "limit")[0]) == [{"limit": 3}]
    get, _ = server(lambda _: [])
    with pytest.raises(PageFailed):
        list(single_object(get, "projects/1/things/", {}, PageSize(10)))


# -- reading ahead


class Reader:
    """Asks for pages ahead on threads, as a run does; keeps what was asked for, in the order of asking."""

    def __init__(self, get: Get, most: int) -> None:
        self.asked: list[int] = []
        self.busy, self.most = 0, 0
        self._lock = threading.Lock()
        self._answer = get
        self.ahead = Prefetcher(self.get, most)

    def get(self, path: str, params: Mapping[str, str | int]) -> Any:
        with self._lock:
            self.asked.append(int(params["offset"]))
            self.busy += 1
            self.most = max(self.most, self.busy)
        time.sleep(0.005)
        try:
            return self._answer(path, params)
        finally:
            with self._lock:
                self.busy -= 1

    def pages(self, size: int = 10) -> Iterator[Page]:
        return offset_pages(self.get, "projects/1/things/", {}, PageSize(size), self.ahead)


def test_pages_ahead_come_in_their_order_and_each_is_asked_for_once() -> None:
    for length in (1, 9, 10, 11, 20, 21, 95, 100, 101):
        reader = Reader(offset_server(list(range(length)))[0], 4)
        assert walked(reader.pages()) == list(range(length))
        assert sorted(reader.asked) == list(range(0, max(1, length), 10)), length


def test_several_pages_are_on_their_way_at_once_and_never_more_than_allowed() -> None:
    reader = Reader(offset_server(list(range(400)))[0], 4)
    assert walked(reader.pages()) == list(range(400))
    assert 2 <= reader.most <= 5, "four ahead, and the one whose turn it is"


def test_lists_that_are_read_at_once_share_the_places() -> None:
    reader = Reader(offset_server(list(range(200)))[0], 3)
    one, other = reader.pages(), reader.pages()
    assert [row for pair in zip(one, other, strict=True) for page in pair for row in page.rows] == [
        row for tens in range(20) for _ in (one, other) for row in range(10 * tens, 10 * tens + 10)
    ]
    assert reader.most <= 5


def test_a_next_that_leads_elsewhere_than_foreseen_is_followed() -> None:
    """The server gives shorter pages from the second on, as if it had been told to."""
    rows = list(range(100))

    def answer(params: dict[str, Any]) -> Any:
        offset = int(params["offset"])
        end = offset + (10 if offset == 0 else 6)
        return {"count": 100, "next": f"?offset={end}" if end < 100 else None, "results": rows[offset:end]}

    reader = Reader(server(answer)[0], 4)
    pages = reader.pages()
    begun = walked(next(pages) for _ in range(4))
    reader.most = 0
    assert begun + walked(pages) == rows
    assert reader.most > 1, "what was on its way elsewhere takes no place: pages are asked for ahead again"


def test_what_is_asked_for_again_is_not_mixed_up_with_what_is_on_its_way() -> None:
    good, _ = offset_server(list(range(60)))
    tries = Counter[Any]()

    def get(path: str, params: Mapping[str, str | int]) -> Any:
        tries[params["offset"]] += 1
        return {} if (params["offset"], tries[params["offset"]]) == (20, 1) else good(path, params)

    reader = Reader(get, 4)
    assert walked(reader.pages()) == list(range(60))
    assert sorted(reader.asked) == [0, 10, 20, 20, 30, 40, 50]


def test_a_list_that_shrinks_while_it_is_read_ahead_ends_where_it_says() -> None:
    def answer(params: dict[str, Any]) -> Any:
        offset = int(params["offset"])
        if offset == 0:
            return {"count": 95, "next": "?offset=10", "results": list(range(10))}
        return {
            "count": 25,
            "next": "?offset=20" if offset == 10 else None,
            "results": list(range(offset, min(offset + 10, 25))),
        }

    reader = Reader(server(answer)[0], 4)
    pages = list(reader.pages())
    assert walked(pages) == list(range(25))
    assert [page.count for page in pages] == [95, 25, 25], "the walk can tell that the list has moved"


def test_a_page_ahead_that_fails_fails_the_list_at_its_turn() -> None:
    good, _ = offset_server(list(range(100)))

    def get(path: str, params: Mapping[str, str | int]) -> Any:
        if params["offset"] == 30:
            raise PageFailed("gone", status=500)
        return good(path, params)

    walk = Reader(get, 4).pages()
    assert [next(walk).rows[0] for _ in range(3)] == [0, 10, 20]
    with pytest.raises(PageFailed, match="gone"):
        next(walk)


def test_a_time_out_ahead_makes_the_pages_smaller_from_there() -> None:
    good, _ = offset_server(list(range(1000)))

    def get(path: str, params: Mapping[str, str | int]) -> Any:
        if int(params["offset"]) >= 300 and int(params["limit"]) > 25:
            raise PageFailed("slow", status=503, code="event_definitions_timeout")
        return good(path, params)

    assert walked(Reader(get, 4).pages(100)) == list(range(1000))


def test_a_walk_that_is_left_gives_its_places_back() -> None:
    reader = Reader(offset_server(list(range(100)))[0], 2)
    walk = reader.pages()
    next(walk), next(walk)
    walk.close()  # type: ignore[attr-defined]
    free = [reader.ahead("projects/1/things/", {"limit": 1, "offset": 0}) for _ in range(3)]
    assert [page is not None for page in free] == [True, True, False]
