"""How lists are walked, over a `get` that answers like a server does: good, odd and hostile."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from sources.posthog.errors import PageFailed
from sources.posthog.paging import (
    EMPTY_PAGES,
    Get,
    Page,
    array_page,
    cursor_pages,
    offset_pages,
    single_object,
)

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
    return list(offset_pages(get, "projects/1/things/", {"ordering": "name"}, size))


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


@pytest.mark.parametrize(
    "link", ["?offset=0", "?offset=-5", "?offset=x", "?limit=10", "http://h/?offset=٣", 7, ""], ids=repr
)
def test_a_next_that_leads_back_or_nowhere_fails_the_list(link: Any) -> None:
    get, asked = server(lambda _: {"count": 30, "next": link, "results": [1]})
    with pytest.raises(PageFailed, match="projects/1/things/"):
        offsets(get)
    assert len(asked) == 1


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
    return list(cursor_pages(get, "projects/1/things/", {"deleted": "true"}, 100))


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
    assert list(array_page(get, "projects/1/things/", {}, 10)) == [Page([1, 2], 2, last=True)]
    get, _ = server(lambda _: {"results": []})
    with pytest.raises(PageFailed, match="an object with the keys results"):
        list(array_page(get, "projects/1/things/", {}, 10))


def test_one_object_is_a_list_of_one() -> None:
    get, _ = server(lambda _: {"id": 1})
    assert walked(single_object(get, "projects/1/things/", {}, 10)) == [{"id": 1}]
    get, _ = server(lambda _: [])
    with pytest.raises(PageFailed):
        list(single_object(get, "projects/1/things/", {}, 10))
