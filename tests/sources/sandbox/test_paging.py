"""Paging as Django REST framework does it: limit and offset, cursors, links."""

from __future__ import annotations

import base64
from urllib.parse import parse_qs, urlsplit

import pytest

from sources.sandbox import Sandbox
from tests.sources.sandbox.conftest import Asker

COHORTS = "/api/projects/101/cohorts/"
COMMENTS = "/api/projects/101/comments/"
PROPERTIES = "/api/projects/101/property_definitions/"


def test_an_offset_page_has_100_rows_and_the_whole_count(ask: Asker) -> None:
    page = ask(PROPERTIES).body
    assert list(page) == ["count", "next", "previous", "results"]
    assert len(page["results"]) == 100
    assert page["count"] > 250
    assert page["previous"] is None


def test_there_is_no_largest_limit(ask: Asker) -> None:
    page = ask(f"{PROPERTIES}?limit=5000").body
    assert len(page["results"]) == page["count"]
    assert page["next"] is None


@pytest.mark.parametrize("limit", ["0", "-3", "many", ""])
def test_a_limit_of_junk_falls_back_to_100(ask: Asker, limit: str) -> None:
    assert len(ask(f"{PROPERTIES}?limit={limit}").body["results"]) == 100


@pytest.mark.parametrize("offset", ["-1", "junk", ""])
def test_an_offset_of_junk_is_0(ask: Asker, offset: str) -> None:
    assert ask(f"{PROPERTIES}?offset={offset}").ids == ask(PROPERTIES).ids


def test_an_offset_past_the_end_is_an_empty_page(ask: Asker) -> None:
    page = ask(f"{COHORTS}?offset=5000").body
    assert page["results"] == []
    assert page["next"] is None
    assert page["count"] > 0


def test_the_next_link_keeps_the_query_and_is_built_from_the_host_that_was_asked(ask: Asker) -> None:
    page = ask(f"{COHORTS}?limit=2&type=dynamic", Host="posthog.internal:8000").body
    parts = urlsplit(page["next"])
    assert (parts.scheme, parts.netloc, parts.path) == ("http", "posthog.internal:8000", COHORTS)
    assert parse_qs(parts.query) == {"limit": ["2"], "offset": ["2"], "type": ["dynamic"]}


def test_following_next_gives_every_row_once(ask: Asker) -> None:
    for path in (COHORTS, "/api/projects/101/event_definitions/", "/api/projects/101/subscriptions/"):
        ids = [row["id"] for row in ask.walk(f"{path}?limit=7")]
        assert len(ids) == len(set(ids)) == ask(path).body["count"]


def test_a_comment_page_has_100_rows_no_count_and_no_other_size(ask: Asker) -> None:
    for query in ("", "?limit=5", "?page_size=5"):
        page = ask(COMMENTS + query).body
        assert list(page) == ["next", "previous", "results"]
        assert len(page["results"]) == 100


def test_a_delivery_page_has_50_rows(ask: Asker) -> None:
    page = ask("/api/projects/101/subscriptions/4101/deliveries/?limit=500").body
    assert list(page) == ["next", "previous", "results"]
    assert len(page["results"]) == 50


def test_cursors_lead_through_ties_and_give_every_row_once(ask: Asker, sandbox: Sandbox) -> None:
    rows = ask.walk(f"{COMMENTS}?deleted=true")
    listed = [
        row for row in sandbox.rows("comments") if row["_listed"] and row["_parents"] == {"project_id": 101}
    ]
    assert len({row["created_at"] for row in rows}) < len(rows), "there are ties"
    assert sorted(row["id"] for row in rows) == sorted(row["id"] for row in listed)
    assert len(rows) == ask(f"{COMMENTS}count/?deleted=true").body["count"]


def test_a_cursor_is_position_reverse_and_offset_in_base64(ask: Asker) -> None:
    cursor = parse_qs(urlsplit(ask(COMMENTS).body["next"]).query)["cursor"][0]
    assert base64.b64decode(cursor).startswith(b"p=2026-")


def test_a_hand_made_reverse_cursor_gives_the_rows_just_newer(ask: Asker) -> None:
    everything = ask.walk(COMMENTS)
    pivot = everything[30]
    cursor = base64.b64encode(f"r=1&p={pivot['created_at']}".encode()).decode()
    newer = ask(f"{COMMENTS}?cursor={cursor}").body["results"]
    assert [row["id"] for row in newer] == [row["id"] for row in everything[:30]]


def test_a_broken_cursor_is_not_found(ask: Asker) -> None:
    answer = ask(f"{COMMENTS}?cursor=abc")
    assert answer.status == 404
    assert answer.body == {
        "type": "invalid_request",
        "code": "not_found",
        "detail": "Invalid cursor",
        "attr": None,
    }


def test_a_cursor_of_nothing_but_junk_is_the_first_page(ask: Asker) -> None:
    # base64 skips what is outside its alphabet, so nothing is left, and no position means the beginning.
    assert ask(f"{COMMENTS}?cursor=%25%25%25").ids == ask(COMMENTS).ids


def test_a_cursor_whose_position_is_no_time_breaks_the_server(ask: Asker) -> None:
    cursor = base64.b64encode(b"p=yesterday").decode()
    answer = ask(f"{COMMENTS}?cursor={cursor}")
    assert answer.status == 500
    assert answer.body["detail"] == "A server error occurred."


def test_new_rows_at_the_head_do_not_shift_later_cursor_pages(ask_own: Asker, own: Sandbox) -> None:
    first = ask_own(COMMENTS).body
    following = urlsplit(first["next"])
    before = ask_own(f"{following.path}?{following.query}").ids
    own.edit("comments", insert=[{}, {}])
    assert ask_own(f"{following.path}?{following.query}").ids == before
    assert ask_own(COMMENTS).ids[2:] == [row["id"] for row in first["results"]][:98]


def test_a_row_inserted_during_an_offset_walk_repeats_one_at_the_border(ask_own: Asker, own: Sandbox) -> None:
    first = ask_own(f"{COHORTS}?limit=10").ids
    # The newest one goes after the row without a date, which comes before all.
    own.edit("cohorts", insert=[{"created_at": "2027-01-01T00:00:00Z"}])
    assert ask_own(f"{COHORTS}?limit=10&offset=10").ids[0] == first[-1]


def test_answers_are_packed_for_those_who_take_it(ask: Asker) -> None:
    answer = ask(COHORTS, **{"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.body[:2] == b"\x1f\x8b"
