"""Where a list stands after a run, case by case."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sources.posthog.catalogue import ENDPOINTS
from sources.posthog.errors import PageFailed
from sources.posthog.extract.completeness import gap_is_known, judge, needs_second_walk
from sources.posthog.extract.options import ReadOptions
from sources.posthog.extract.positions import advance, asked_in_vain, before_load
from sources.posthog.extract.walks import MIXED_KEYS, DeleteDecision, ListPath, ListResult, Position, Walk

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
LAST = Position(
    path="projects/1/comments/",
    table="comments",
    watermark=NOW - 9 * DAY,
    last_walk_at=NOW - DAY,
    last_complete_at=NOW - 2 * DAY,
    first_complete_at=NOW - 8 * DAY,
    fingerprint="mine",
    rows=10,
    gap=1,
    held=2,
    moved="before mine",
)
HELD = DeleteDecision(frozenset({"1", "2", "3"}), "so many at once", confirmable=True)
FAILED: dict[str, Any] = {"status": "failed", "failure": PageFailed("502", status=502)}


def result(table: str = "comments", **what: Any) -> ListResult:
    """A list of ten rows, read as a whole in one page, but for what is said."""
    endpoint = ENDPOINTS[table]
    walk = Walk(1, pages=1, rows=10, distinct=10, counts=[10], reached_end=True, newest=NOW - DAY)
    for name in list(what):
        if hasattr(walk, name) and name not in {"pages", "rows"}:
            setattr(walk, name, what.pop(name))
    path = ListPath(endpoint, "projects/1/comments/", {"project_id": 1}, endpoint.pagination)
    known = {"before": LAST, "fingerprint": "mine", "complete": walk.is_full, **what}
    held = known.get("decision", DeleteDecision()).held
    judged = {"held_together": len(held) if known["complete"] else None}
    return ListResult(list_path=path, walks=(walk,), **{**judged, **known})


def after(one: ListResult, *, sees: str | None = "mine", **options: Any) -> Position:
    moved = replace(one, fingerprint=sees, change_token="now mine")
    return advance(moved, ReadOptions(started=NOW, **options))


COMPLETE = {
    "watermark": NOW - DAY,
    "last_walk_at": NOW,
    "last_complete_at": NOW,
    "rows": 10,
    "gap": 0,
    "held": 0,
    "moved": "now mine",
}
WALKED = {"watermark": NOW - DAY, "last_walk_at": NOW, "moved": "now mine"}
CASES: dict[str, tuple[ListResult, dict[str, Any], dict[str, Any]]] = {
    "a complete walk proves all": (result(), {}, COMPLETE),
    "held deletes are remembered": (result(decision=HELD), {}, {**COMPLETE, "held": 3}),
    "a gap is remembered": (result(counts=[12], complete=True), {}, {**COMPLETE, "gap": 2}),
    "a rejected row is no gap that another walk may know": (
        result(counts=[12], rejected=Counter({"has no id": 1})),
        {},
        {**WALKED, "moved": None},
    ),
    "an incremental walk moves the watermark and counts new rows": (
        result(filtered=True, new_rows=4, is_incremental=True),
        {},
        {**WALKED, "rows": 14},
    ),
    "a walk that is not complete proves how many rows there are, and confirms no deletes": (
        result(complete=False),
        {},
        {**COMPLETE, "last_complete_at": LAST.last_complete_at, "held": 2, "moved": None},
    ),
    "a complete walk beside one that failed confirms no deletes": (
        result(held_together=None),
        {},
        {**COMPLETE, "held": 2},
    ),
    "a resumed walk proves nothing and its parent is asked again": (
        result(resumed_pages=1, newest_at_resume=NOW - 5 * DAY, complete=False),
        {},
        {"watermark": NOW - 5 * DAY, "last_walk_at": NOW, "moved": None},
    ),
    "another key that misses nothing takes over": (
        result(),
        {"sees": "other"},
        {**COMPLETE, "fingerprint": "other"},
    ),
    "another key that misses rows does not take over": (
        result(decision=HELD),
        {"sees": "other"},
        {**COMPLETE, "held": 3},
    ),
    "another key does not take over beside a list that failed": (
        result(held_together=None),
        {"sees": "other"},
        {**COMPLETE, "held": 2},
    ),
    "another key does not take over beside a list of which rows are missing": (
        result(held_together=3),
        {"sees": "other"},
        COMPLETE,
    ),
    "another key whose walk is not complete changes nothing": (
        result(complete=False),
        {"sees": "other"},
        {**WALKED, "moved": None},
    ),
    "another key whose deletes are accepted takes over": (
        result(complete=False),
        {"sees": "other", "accept_deletes": True},
        {
            **COMPLETE,
            "fingerprint": "other",
            "last_complete_at": LAST.last_complete_at,
            "held": 2,
            "moved": None,
        },
    ),
    "a key of which nothing is known proves nothing": (result(), {"sees": None}, WALKED),
}


@pytest.mark.parametrize("case", CASES)
def test_a_position_advances_by_what_the_walk_proved(case: str) -> None:
    one, how, expected = CASES[case]
    assert after(one, **how) == replace(LAST, **expected)


def test_the_first_complete_walk_of_a_list_is_remembered_for_good() -> None:
    assert after(result(before=None)).first_complete_at == NOW
    older = result(before=replace(LAST, first_complete_at=None))
    assert after(older).first_complete_at == LAST.last_complete_at


@pytest.mark.parametrize(
    ("before", "sees", "new_rows", "expected"),
    [
        (None, "mine", True, "mine"),
        (replace(LAST, fingerprint=None), "mine", True, "mine"),
        (None, None, True, MIXED_KEYS),
        (LAST, "mine", True, None),
        (LAST, "other", True, MIXED_KEYS),
        (LAST, "other", False, None),
        (replace(LAST, fingerprint=MIXED_KEYS), "other", True, None),
    ],
)
def test_rows_are_attributed_to_their_key_before_they_are_loaded(
    before: Position | None, sees: str | None, *, new_rows: bool, expected: str | None
) -> None:
    written = before_load(result(before=before, fingerprint=sees), lambda: new_rows)
    assert (written and written.fingerprint) == expected


def test_nothing_is_attributed_where_no_page_came_or_nothing_is_ever_deleted() -> None:
    empty = result()
    empty.last.pages = 0
    assert before_load(replace(empty, before=None), lambda: True) is None
    assert before_load(result("organizations", before=None), lambda: True) is None


@pytest.mark.parametrize(
    ("what", "position", "complete"),
    [
        ({}, None, True),
        ({"counts": [10, 11]}, None, False),
        ({"counts": [12]}, None, False),
        ({"counts": [12]}, replace(LAST, gap=2), True),
        ({"counts": [12]}, replace(LAST, gap=2, fingerprint="other"), False),
        ({"counts": [None]}, None, True),
        ({"reached_end": False}, None, False),
        ({"filtered": True}, None, False),
        ({"rejected": Counter({"no key": 1})}, None, False),
        ({"resumed_pages": 1}, None, False),
        (FAILED, None, False),
    ],
)
def test_a_walk_is_complete_if_every_row_came_and_the_count_agrees(
    what: dict[str, Any], position: Position | None, *, complete: bool
) -> None:
    assert judge(result(before=position, **what)).complete is complete


def test_a_full_walk_after_a_resumed_one_says_not_how_many_rows_there_are() -> None:
    twice = (result(resumed_pages=1).last, result(distinct=8).last)
    assert after(replace(result(complete=False), walks=twice)).rows == LAST.rows


def test_a_second_walk_is_not_complete_after_one_that_was_resumed() -> None:
    twice = (result(resumed_pages=1).last, result().last)
    assert not judge(replace(result(), walks=twice)).complete


def test_a_gap_is_told_with_both_numbers() -> None:
    said = judge(result(counts=[12], before=None)).detail
    assert said == "PostHog counts 12 rows and lists 10; nothing is concluded about deletions"


def test_rows_that_came_twice_ask_for_a_second_walk() -> None:
    assert not needs_second_walk(result())
    assert needs_second_walk(result(distinct=9))
    assert needs_second_walk(result(complete=False))
    assert not needs_second_walk(result(complete=False, resumed_pages=1))


def test_a_gap_is_known_to_the_key_that_met_it() -> None:
    assert gap_is_known(result(before=None, fingerprint=None))
    assert gap_is_known(result(counts=[11]))
    assert not gap_is_known(result(counts=[11], fingerprint="other"))
    assert not gap_is_known(result(counts=[12]))


@pytest.mark.parametrize(("count", "expected"), [(11, False), (12, True), (9, True), (None, False)])
def test_a_count_tells_of_rows_that_an_incremental_walk_cannot_meet(
    count: int | None, *, expected: bool
) -> None:
    assert needs_second_walk(result(is_incremental=True, filtered=True, count_after=count)) is expected


def test_a_list_that_was_asked_in_vain_is_asked_again_from_where_it_stood() -> None:
    failed = result(**FAILED)
    assert asked_in_vain(failed, read_anew=False) == replace(LAST, moved=None)
    assert asked_in_vain(replace(failed, before=replace(LAST, moved=None)), read_anew=False) is None


def test_a_list_that_was_asked_in_vain_while_all_is_read_anew_stands_at_its_beginning() -> None:
    position = asked_in_vain(result(**FAILED), read_anew=True)
    assert position
    assert (position.watermark, position.last_walk_at, position.last_complete_at) == (None,) * 3
