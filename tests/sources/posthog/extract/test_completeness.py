"""A gap that the key knows from its last walk is none now, unless rows came twice: then others did not come."""

from __future__ import annotations

import pytest

from sources.posthog.catalogue import ENDPOINTS
from sources.posthog.extract.completeness import judge
from sources.posthog.extract.walks import ListPath, ListResult, Position, Walk

PATH = ListPath(ENDPOINTS["cohorts"], "projects/1/cohorts/", {"project_id": 1}, "offset")


@pytest.mark.parametrize(
    ("rows", "distinct", "gap_before", "sees", "complete"),
    [
        (5, 5, 0, "mine", True),
        (3, 3, 2, "mine", True),
        (3, 3, 1, "mine", False),
        (3, 3, 2, "another's", False),
        (5, 3, 2, "mine", False),
    ],
    ids=["no gap", "the gap of last time", "another gap", "a gap of another key", "rows that came twice"],
)
def test_a_list_is_complete_without_a_gap_or_with_the_one_that_is_known(
    rows: int, distinct: int, gap_before: int, sees: str, *, complete: bool
) -> None:
    walk = Walk(1, pages=3, rows=rows, distinct=distinct, counts=[5, 5, 5], reached_end=True)
    before = Position(path=PATH.path, table="cohorts", gap=gap_before, fingerprint="mine")
    result = judge(ListResult(list_path=PATH, before=before, fingerprint=sees, walks=(walk,)))
    assert (result.status, result.complete) == ("read", complete)
