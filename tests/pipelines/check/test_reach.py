"""Whether a key leads anywhere, and which projects that were asked for by id are not there."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.sync.outcome import run_status
from pipelines.sync.reach import depends_on_organizations, leads_nowhere, unknown_projects
from sources.posthog.catalogue import ENDPOINTS
from sources.posthog.extract.results import TableResult
from sources.posthog.extract.walks import ListPath, ListResult, Walk

EVERY_TABLE = tuple(ENDPOINTS)


def table(name: str, *lists: tuple[Any, int]) -> TableResult:
    """A table with lists of these statuses and numbers of rows; a list that was read has a page at least."""
    listed = [
        ListResult(
            list_path=ListPath(ENDPOINTS[name], f"{name}/{n}/", {}, "offset"),
            status=status,
            walks=(Walk(n, pages=int(status == "read"), rows=rows),),
        )
        for n, (status, rows) in enumerate(lists)
    ]
    return TableResult(name, lists=listed)


READ_USERS = table("users", ("read", 1))


@pytest.mark.parametrize(
    ("results", "chosen", "nowhere"),
    [
        pytest.param(
            [table("organizations", ("read", 0)), READ_USERS], EVERY_TABLE, True, id="no organization"
        ),
        pytest.param(
            [table("organizations", ("unavailable", 0)), READ_USERS], EVERY_TABLE, True, id="refused"
        ),
        pytest.param([table("organizations", ("read", 0)), READ_USERS], ("users",), False, id="users alone"),
        pytest.param([table("organizations", ("failed", 0)), READ_USERS], EVERY_TABLE, False, id="failed"),
        pytest.param(
            [table("organizations", ("read", 1)), table("projects", ("read", 0))],
            EVERY_TABLE,
            False,
            id="no project",
        ),
        pytest.param(
            [table("organizations", ("unavailable", 0)), table("projects", ("read", 1))],
            EVERY_TABLE,
            False,
            id="scoped to a project",
        ),
        pytest.param(
            [
                table("organizations", ("unavailable", 0)),
                table("projects", ("unavailable", 0)),
                table("cohorts", ("read", 0)),
            ],
            EVERY_TABLE,
            False,
            id="a project that may not be looked at",
        ),
        pytest.param(
            [
                table("organizations", ("unavailable", 0)),
                table("projects", ("unavailable", 0)),
                table("cohorts", ("unavailable", 0)),
                READ_USERS,
            ],
            EVERY_TABLE,
            True,
            id="a project that is not there",
        ),
    ],
)
def test_a_key_without_any_organization_and_project_leads_nowhere(
    results: list[TableResult], chosen: tuple[str, ...], *, nowhere: bool
) -> None:
    assert leads_nowhere(results, chosen) == nowhere
    if nowhere:
        assert run_status(results, chosen, refused=False) == ("refused", 3)


def test_only_users_and_people_stand_without_an_organization() -> None:
    assert set(ENDPOINTS) - depends_on_organizations(ENDPOINTS) == {"users"}


@pytest.mark.parametrize(
    ("asked", "met", "all_listed", "unknown"),
    [
        ((999,), {101}, True, [999]),
        ((101, 999), {101}, True, [999]),
        ((101,), {101, 102}, True, []),
        ((), {101}, True, []),
        ((201,), {101}, False, [201]),
        ((101, 201), {101}, False, []),
    ],
)
def test_a_project_that_was_asked_for_must_be_there(
    asked: tuple[int, ...], met: set[int], unknown: list[int], *, all_listed: bool
) -> None:
    assert unknown_projects(asked, met, all_listed=all_listed) == unknown
