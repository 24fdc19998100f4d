"""Extractions over a bad network and from an odd server: pages come again, loops end, broken pages leave nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.component.scene import Extractions
from tests.harness.little_posthog import KEY, little_posthog, page
from tests.harness.scene import of
from tests.sources.posthog.client.broken_responses import BROKEN, last
from tests.sources.posthog.client.wire_server import http, in_turn, serving

EVENTS, COMMENTS = "event_definitions", "comments"
SIZE, ROWS = 20, 70
PAGES: dict[str, Any] = {"lists": {"page_size": SIZE}}


def event(project: int, number: int) -> dict[str, Any]:
    return {"id": f"{project}-{number}", "name": f"event {number:03}"}


def comment(project: int, number: int) -> dict[str, Any]:
    day = f"2026-0{1 + number // 28}-{1 + number % 28:02}"
    return {"id": f"{project}-{number}", "content": "hello", "created_at": f"{day}T00:00:00Z"}


def tables(scene: Extractions) -> dict[str, dict[int, list[Any]]]:
    """The last part of every key, by table and project; all rows live."""
    found: dict[str, dict[int, list[Any]]] = {}
    for table, rows in scene.stored().items():
        for key in sorted(key for key in rows if len(key) > 1):
            assert not rows[key]["dead"]
            found.setdefault(table, {}).setdefault(key[0], []).append(key[-1])
    return found


ONCE: dict[str, Any] = {
    **BROKEN,
    **{str(status): last(status, b"<h1>busy</h1>") for status in (408, 425, 500, 502, 503, 504, 520, 524)},
    "no envelope": {"detail": "nothing to see here"},
    "an envelope without next": {"count": 1, "results": [{"id": "x", "name": "not to be believed"}]},
    "an array": [{"id": "x", "name": "not to be believed"}],
}


@pytest.mark.fault(
    "transport.cut",
    "transport.truncated_json",
    "transport.bad_gzip",
    "transport.length_too_long",
    "transport.chunks_without_end",
    "transport.html",
    "transport.empty_200",
    "transport.no_envelope",
    "transport.array_for_object",
    "transport.passing_status",
)
def test_a_page_that_comes_broken_once_costs_one_more_request_and_nothing_else(tmp_path: Path) -> None:
    """Every way of breaking in a list of its own, all in one sync; beside it an object where an array should be."""
    broken = list(ONCE.values())

    def answers(project: int, table: str, _query: dict[str, str], n: int) -> Any:
        if n == 0:
            return broken[project - 1] if table == EVENTS else page([{"group_type_index": 4}])
        return (
            page([event(project, 1)])
            if table == EVENTS
            else [{"group_type_index": 0, "group_type": "company"}]
        )

    with little_posthog(len(broken), answers) as server:
        scene = Extractions(server.origin, KEY, tmp_path)
        outcome = scene.sync(EVENTS, "group_types")
        assert outcome.exit_code == 0, [one.detail for one in of(outcome, EVENTS).lists if one.detail]
        assert all(result.complete for result in outcome.tables)
        # What the server was asked: the client may try a pooled connection that the server is just closing.
        asked = Counter(
            one.target.partition("?")[0] for one in server.asked if "/api/projects/" in one.target
        )
        lists = [
            f"/api/projects/{n + 1}/{name}/" for n in range(len(broken)) for name in (EVENTS, "groups_types")
        ]
        assert asked == dict.fromkeys(lists, 2)
    rows, projects = tables(scene), range(1, len(broken) + 1)
    assert rows[EVENTS] == {project: ["event 001"] for project in projects}
    assert rows["group_types"] == {project: [0] for project in projects}


LINKS = {
    "another origin": "https://elsewhere.example/api/projects/1/event_definitions/?{query}",
    "an internal host": "{internal}/latest/meta-data/?{query}",
    "another scheme": "file:///etc/passwd?{query}",
    "a user and a password": "http://someone:secret@127.0.0.1/?{query}",
    "relative": "?{query}",
    "relative to nothing": "//?{query}",
    "another list's path": "/api/projects/999/cohorts/?{query}",
    "more than it should": "?token=other&limit=1&{query}&ordering=-name",
    "a fragment": "?{query}#offset=0&cursor=c0",
}
LAST = "on the last page"
"""Where even the last page names a next one, which is empty."""


def offset_list(project: int, query: dict[str, str], link: str) -> Any:
    at = int(query["offset"])
    assert (query["limit"], query["ordering"]) == (str(SIZE), "name")
    rows = [event(project, n) for n in range(ROWS)][at : at + SIZE]
    on = at + SIZE < ROWS or (link == LAST and rows)
    return page(
        rows, link.replace(LAST, "?{query}").replace("{query}", f"offset={at + SIZE}") if on else None, ROWS
    )


def cursor_list(project: int, query: dict[str, str], link: str) -> Any:
    at = int(query.get("cursor", "c0")[1:])
    rows = [comment(project, n) for n in reversed(range(ROWS))][at : at + SIZE]
    on = at + SIZE < ROWS or (link == LAST and rows)
    return page(
        rows, link.replace(LAST, "?{query}").replace("{query}", f"cursor=c{at + SIZE}") if on else None
    )


@pytest.mark.fault(
    "transport.next_other_origin",
    "transport.next_other_scheme",
    "transport.next_internal_host",
    "transport.next_relative",
    "transport.next_other_list",
    "transport.next_on_last_page",
)
def test_of_a_strange_next_link_only_the_place_in_the_list_is_used(tmp_path: Path) -> None:
    with serving(in_turn(http(200, page([])))) as internal:
        links = [link.replace("{internal}", internal.origin) for link in (*LINKS.values(), LAST)]

        def lists(project: int, table: str, query: dict[str, str], _n: int) -> Any:
            return (offset_list if table == EVENTS else cursor_list)(project, query, links[project - 1])

        with little_posthog(len(links), lists) as server:
            scene = Extractions(server.origin, KEY, tmp_path)
            outcome = scene.sync(EVENTS, COMMENTS, **PAGES)
        assert outcome.exit_code == 0, of(outcome, EVENTS).detail + of(outcome, COMMENTS).detail
        assert all(result.complete for result in outcome.tables)
        assert internal.connections == 0
    assert len(server.asked) == outcome.requests
    assert not [asked for asked in server.asked if "token" in asked.target or "999" in asked.target]
    rows, projects = tables(scene), range(1, len(links) + 1)
    assert rows[EVENTS] == {p: [event(p, n)["name"] for n in range(ROWS)] for p in projects}
    assert rows[COMMENTS] == {p: sorted(comment(p, n)["id"] for n in range(ROWS)) for p in projects}


# Where each page begins; the last one ends with the list.
SHORT, LONG, EMPTY = range(0, ROWS, 7), (0, 20, 40), (0, 20, 20, 40, 60)


@pytest.mark.fault("transport.short_page", "transport.long_page", "transport.empty_page")
def test_pages_of_any_length_are_read_until_there_is_no_next(tmp_path: Path) -> None:
    def lists(project: int, _table: str, query: dict[str, str], _n: int) -> Any:
        starts, n = (SHORT, LONG, EMPTY)[project - 1], int(query["offset"]) // SIZE
        ends = [*starts[1:], ROWS]
        rows = [event(project, number) for number in range(starts[n], ends[n])]
        return page(rows, f"?offset={(n + 1) * SIZE}" if ends[n] < ROWS else None, ROWS)

    with little_posthog(3, lists) as server:
        scene = Extractions(server.origin, KEY, tmp_path)
        outcome = scene.sync(EVENTS, **PAGES)
    assert (outcome.exit_code, of(outcome, EVENTS).complete) == (0, True)
    assert of(outcome, EVENTS).requests == len(SHORT) + len(LONG) + len(EMPTY)
    assert tables(scene)[EVENTS] == {p: [event(p, n)["name"] for n in range(ROWS)] for p in (1, 2, 3)}


@pytest.mark.fault("transport.huge")
def test_a_page_beyond_the_limit_fails_its_list_and_names_the_setting(tmp_path: Path) -> None:
    def lists(project: int, _table: str, _query: dict[str, str], _n: int) -> Any:
        return page([event(project, 1) | {"description": "x" * ((1 << 20) if project == 1 else 1)}])

    with little_posthog(2, lists) as server:
        scene = Extractions(server.origin, KEY, tmp_path)
        outcome = scene.sync(EVENTS, lists={"page_megabytes": 1})
        assert (outcome.exit_code, of(outcome, EVENTS).count("failed")) == (1, 1)
        assert "[lists] page_megabytes" in of(outcome, EVENTS).detail
        assert of(outcome, EVENTS).requests == 2, "it would be as large again"
        assert tables(scene)[EVENTS] == {2: ["event 001"]}
        assert scene.sync(EVENTS, lists={"page_megabytes": 2}).exit_code == 0
        assert tables(scene)[EVENTS] == {1: ["event 001"], 2: ["event 001"]}


NOTHING = 10**6
"""A place at which there are no rows."""
# By project, for the page at a place of its list: where its rows come from, its `next`, what it counts.
OFFSETS: tuple[Callable[[int], tuple[int, Any, int]], ...] = (
    lambda at: (at, f"?offset={at}", ROWS),
    lambda at: (at, {0: "?offset=20", 20: "?offset=40", 40: "?offset=20"}[at], ROWS),
    lambda at: (at, "?page=2", ROWS),
    lambda at: (at, {"offset": 20}, ROWS),
    lambda at: (at, None, ROWS),
    lambda at: (0, f"?offset={at + SIZE}", NOTHING),
    lambda at: (NOTHING, f"?offset={at + SIZE}", ROWS),
    lambda at: (at, f"?offset={at + SIZE}", SIZE),
)
CURSORS: tuple[Callable[[int], tuple[int, Any, int]], ...] = (
    lambda at: (at, f"?cursor={at}", 0),
    lambda at: (at, {0: "?cursor=20", 20: "?cursor=40", 40: "?cursor=20"}[at], 0),
    lambda at: (at, "?page=2", 0),
    lambda at: (at, 7, 0),
    lambda at: (0, f"?cursor={at + SIZE}", 0),
    lambda at: (NOTHING, f"?cursor={at + SIZE}", 0),
)
GOOD = len(OFFSETS) + 1
WITHOUT_END = 100
"""Pages after which a walk would have no end."""


def bad_list(project: int, table: str, query: dict[str, str], n: int) -> Any:
    ways, make = (OFFSETS, event) if table == EVENTS else (CURSORS, comment)
    at = int(query.get("cursor") or query.get("offset") or 0)
    start, link, total = ways[project - 1](at) if project <= len(ways) else (at, None, SIZE)
    rows = [make(project, number) for number in range(start, start + SIZE)] if start < NOTHING else []
    return page(rows, link, total) if n < WITHOUT_END else http(400, b"this walk does not end")


@pytest.mark.fault(
    "transport.next_itself", "transport.next_cycle", "transport.next_missing", "transport.next_without_end"
)
def test_a_next_link_that_leads_nowhere_fails_its_list_and_no_other(tmp_path: Path) -> None:
    with little_posthog(GOOD, bad_list) as server:
        scene = Extractions(server.origin, KEY, tmp_path)
        outcome = scene.sync(EVENTS, COMMENTS, **PAGES)
    assert (outcome.exit_code, outcome.status) == (1, "partial")
    rows = tables(scene)
    for table, ways in ((EVENTS, OFFSETS), (COMMENTS, CURSORS)):
        listed = {int(one.list_path.parent_ids["project_id"]): one for one in of(outcome, table).lists}
        assert {project for project, one in listed.items() if one.status == "failed"} == {
            *range(1, len(ways) + 1)
        }
        assert all("the walk stops" in one.detail for one in listed.values() if one.status == "failed")
        assert listed[GOOD].complete
        assert len(rows[table][GOOD]) == SIZE
        assert len(rows[table][2]) == 3 * SIZE, "the rows that came are loaded"
