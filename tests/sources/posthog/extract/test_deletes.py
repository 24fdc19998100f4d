"""Which missing rows are deleted and which are held, case by case."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from sources.posthog.catalogue import ENDPOINTS
from sources.posthog.extract.deletes import decide, needs_second_look
from sources.posthog.extract.walks import DeleteDecision, ListPath, ListResult, Position, Walk

AT = datetime(2026, 3, 1, tzinfo=UTC)
OTHER_KEY = "the key is not the one that saw these rows, or it may see less now"
IN_A_GAP = "PostHog counts more rows than it lists, and these may be among them"


def read(*walks: dict[str, Any], before: Position | None = None, key: str = "mine") -> ListResult:
    """A list that was read completely by these walks, by one of ninety rows in one page if none is given."""
    path = ListPath(ENDPOINTS["comments"], "projects/1/comments/", {"project_id": 1}, "cursor")
    made = [Walk(1, **{"pages": 1, "distinct": 90, "counts": [90], **walk}) for walk in walks or ({},)]
    before = before or position()
    return ListResult(list_path=path, before=before, fingerprint=key, walks=tuple(made), complete=True)


def position(**what: Any) -> Position:
    """Where the list stood after a complete walk by the same key."""
    last = {"last_walk_at": AT, "last_complete_at": AT, "fingerprint": "mine", "rows": 100}
    return Position(path="projects/1/comments/", table="comments", **{**last, **what})


def missing(number: int = 1, **what: Any) -> dict[str, Any]:
    known: dict[str, Any] = {
        "missing": frozenset(map(str, range(number))),
        "count_live": lambda: 100,
        "has_new_rows": False,
        "results": [read()],
        "held_before": frozenset(),
    }
    return {**known, **what}


GAP = {"counts": [92]}
CASES: dict[str, tuple[dict[str, Any], str, bool]] = {
    "one row": (missing(), "", False),
    "twenty rows of few": (missing(20, count_live=lambda: 20), "", False),
    "twenty-one rows of many": (missing(21, count_live=lambda: 1000), "", False),
    "twenty-one rows of a hundred": (missing(21), "so many at once", True),
    "the same rows as last time": (missing(21, held_before=frozenset(map(str, range(21)))), "", False),
    "another key": (missing(results=[read(key="other")]), OTHER_KEY, False),
    "a list whose key is not known": (missing(results=[read(before=position(fingerprint=None))]), "", False),
    "a list that became empty": (
        missing(results=[read({"distinct": 0, "counts": [0]})]),
        "a list is empty all at once",
        True,
    ),
    "a list that was empty before": (
        missing(results=[read({"distinct": 0, "counts": [0]}, before=position(rows=0))]),
        "",
        False,
    ),
    "a new gap": (missing(results=[read(GAP, before=position(last_complete_at=None))]), IN_A_GAP, False),
    "a gap that the last complete walk had": (missing(results=[read(GAP)]), "", False),
    "a gap beside rows held since": (
        missing(results=[read(GAP, before=position(held=1))]),
        IN_A_GAP,
        False,
    ),
    "a gap out of which new rows came": (missing(results=[read(GAP)], has_new_rows=True), IN_A_GAP, False),
    "a long list that was walked once": (
        missing(results=[read({"pages": 51})]),
        "seen by one walk only",
        True,
    ),
    "a long list that was walked twice": (missing(results=[read({"pages": 51}, {"pages": 51})]), "", False),
}


@pytest.mark.parametrize("case", CASES)
def test_missing_rows_are_deleted_unless_there_is_a_reason_to_hold_them(case: str) -> None:
    lost, reason, confirmable = CASES[case]
    held = lost["missing"] if reason else frozenset()
    assert decide(**lost) == DeleteDecision(held, reason, confirmable=confirmable)


@pytest.mark.parametrize("case", CASES)
def test_accepted_deletes_are_never_held(case: str) -> None:
    assert decide(**CASES[case][0], accept_deletes=True) == DeleteDecision()


def test_rows_that_were_held_before_are_deleted_and_only_the_new_ones_are_held() -> None:
    before = frozenset(map(str, range(5)))
    assert decide(**missing(30, held_before=before)).held == missing(30)["missing"] - before


@pytest.mark.parametrize(
    ("lists", "expected"),
    [
        ([read()], False),
        ([read({"pages": 2})], True),
        ([read(GAP)], True),
        ([read(), read()], True),
        ([read({"pages": 2}, {"pages": 2})], False),
        ([read({"pages": 51})], False),
    ],
)
def test_a_second_look_is_needed_where_one_walk_is_not_one_moment(
    lists: list[ListResult], *, expected: bool
) -> None:
    assert needs_second_look(lists) is expected
