"""What a table warns of follows from its lists alone: one warning for each kind and reason, however many lists."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import get_args

import pytest

from sources.posthog.catalogue import ENDPOINTS
from sources.posthog.errors import Unavailable
from sources.posthog.extract.results import TableResult
from sources.posthog.extract.run_warnings import KINDS, Kind, RunWarning
from sources.posthog.extract.walks import DeleteDecision, ListPath, ListResult, Walk
from sources.posthog.shape.row_shape import LONG_KEY, NO_KEY

COHORTS = ENDPOINTS["cohorts"]


def one(project: int) -> ListResult:
    path = f"projects/{project}/cohorts/"
    list_path = ListPath(COHORTS, path, {"project_id": project}, "offset")
    return ListResult(list_path=list_path, walks=(Walk(project),))


def held(project: int, count: int, reason: str) -> ListResult:
    return replace(one(project), decision=DeleteDecision(frozenset(map(str, range(count))), reason))


def refused(project: int, reason: str, *, before: bool) -> ListResult:
    listed = replace(one(project), status="unavailable", detail=reason)
    return listed.with_lost_access() if before else listed


def warnings(*listed: ListResult) -> list[RunWarning]:
    return TableResult("cohorts", lists=list(listed)).warnings


def test_every_kind_is_explained() -> None:
    assert set(KINDS) == set(get_args(Kind))


def test_lists_that_are_refused_for_one_reason_are_one_warning() -> None:
    lists = [refused(project, "402: no plan", before=True) for project in range(1, 801)]
    assert warnings(*lists, refused(900, "403: no", before=True)) == [
        RunWarning(
            "cohorts",
            "projects/1/cohorts/",
            "lost access",
            "could be read before and is refused now: 402: no plan (projects/1/cohorts/ and 799 more)",
        ),
        RunWarning(
            "cohorts",
            "projects/900/cohorts/",
            "lost access",
            "could be read before and is refused now: 403: no (projects/900/cohorts/)",
        ),
    ]


def test_a_list_that_was_never_readable_is_no_warning() -> None:
    assert warnings(refused(1, "402: no plan", before=False), one(2)) == []


def test_held_deletes_are_one_short_line_per_table() -> None:
    result = TableResult(
        "cohorts",
        lists=[held(1, 300, "so many at once"), one(2), held(3, 1000, "a list is empty all at once")],
    )
    said = "1,300 deletes held: so many at once, a list is empty all at once (projects/1/cohorts/ and 1 more)"
    assert result.detail == said
    assert result.warnings == [
        RunWarning(
            "cohorts",
            "projects/1/cohorts/",
            "deletes held",
            f"{said}; `hogsync sync --accept-deletes` applies them now",
        )
    ]


def test_rejected_rows_are_counted_over_the_lists_last_walks() -> None:
    lists = [one(1), one(2)]
    walks = Walk(1, rejected=Counter({NO_KEY: 9})), Walk(2, rejected=Counter({NO_KEY: 2}))
    lists[0] = replace(lists[0], walks=walks)
    lists[1].last.rejected = Counter({NO_KEY: 1, LONG_KEY: 1})
    (warning,) = warnings(*lists)
    assert (warning.kind, warning.path) == ("rejected rows", "projects/1/cohorts/")
    assert warning.text.startswith(
        f"4 rows left out: 1 {LONG_KEY}, 3 {NO_KEY} (projects/1/cohorts/ and 1 more)"
    )


@pytest.mark.parametrize(
    ("table", "status", "went"),
    [
        ("subscription_deliveries", 404, True),
        ("subscription_deliveries", 403, False),
        ("cohorts", 404, False),
    ],
)
def test_a_list_that_is_not_found_below_a_row_went_with_that_row(
    table: str, status: int, *, went: bool
) -> None:
    walk = Walk(1, failure=Unavailable("refused", status=status, code="not_found"))
    listed = ListResult(list_path=ListPath(ENDPOINTS[table], f"{table}/", {}, "offset"), walks=(walk,))
    assert listed.was_deleted_with_parent == went
