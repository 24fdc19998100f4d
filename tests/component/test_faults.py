"""Lists that are refused or fail: the others load in the same run, nothing is concluded, the next run is right."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.bookkeeping.records import run_table_row
from sources.posthog.extract.results import TableResult
from sources.sandbox import Sandbox
from tests.component.scene import Scene
from tests.harness.expected import Row
from tests.harness.scene import of

EVENTS = "event_definitions"
TABLES = (EVENTS, "cohorts", "group_types")
SMALL_PAGES = {"page_size": 20}


def change(posthog: Sandbox) -> None:
    """Something new and something gone in every project."""
    for project in (101, 102, 201):
        below = {"project_id": project}
        names = [r["name"] for r in posthog.rows(EVENTS) if r["_parents"] == below]
        posthog.edit(EVENTS, where={"name": min(names)}, parents=below, set={"description": "first"})
        posthog.edit(EVENTS, where={"name": max(names)}, parents=below, delete=True)
        ids = [r["id"] for r in posthog.rows("cohorts") if r["_parents"] == below]
        posthog.edit("cohorts", where={"id": ids[0]}, parents=below, set={"description": "edited"})
        posthog.edit("cohorts", where={"id": ids[1]}, parents=below, delete=True)


@pytest.mark.fault("transport.refused_list", "transport.no_envelope")
def test_one_project_refused_and_one_list_failing_half_way_leave_the_rest_whole(
    scene: Scene, posthog: Sandbox
) -> None:
    scene.sync(*TABLES, lists=SMALL_PAGES)
    scene.learn(scene.truth(*TABLES))
    change(posthog)
    posthog.gate("cohorts", 403, 102)
    posthog.fault(path="projects/201/event_definitions", kind="no_envelope", skip=3)
    outcome = scene.sync(*TABLES, lists=SMALL_PAGES)

    assert (outcome.exit_code, outcome.status) == (1, "partial")
    assert {result.table: result.status for result in outcome.tables} == {
        "organizations": "unchanged",
        "projects": "unchanged",
        "cohorts": "loaded",
        EVENTS: "failed",
        "group_types": "unchanged",
        "people": "unchanged",
    }
    assert not of(outcome, EVENTS).complete
    assert not of(outcome, "cohorts").complete
    assert of(outcome, "group_types").complete
    assert paths(of(outcome, EVENTS)) == (4, 3, 0, 1)
    assert paths(of(outcome, "cohorts")) == (4, 3, 1, 0)
    assert "projects/201/event_definitions" in of(outcome, EVENTS).detail
    now = scene.truth(*TABLES)
    read = sorted(key[1] for key in now[EVENTS] if key[0] == 201)[: 3 * SMALL_PAGES["page_size"]]
    scene.learn(now, unread=lambda table, row: unread(table, row, set(read)))
    assert scene.wrong() == ""

    posthog.clear_gates()
    posthog.clear_faults()
    outcome = scene.sync(*TABLES, lists=SMALL_PAGES)
    scene.learn(scene.truth(*TABLES))
    assert scene.wrong() == ""
    assert (outcome.exit_code, outcome.status) == (0, "ok")
    assert all(result.complete for result in outcome.tables)


def paths(result: TableResult) -> tuple[int, ...]:
    """How many lists a table's record counts: all, complete ones, those that are not available, failed ones."""
    row = run_table_row("a run", result)
    return tuple(row[name] for name in ("paths", "paths_complete", "paths_unavailable", "paths_failed"))


def unread(table: str, row: Row, read: set[str]) -> bool:
    """What the refusal and the failure kept from being read."""
    if table.startswith("cohorts"):
        return bool(row["project_id"] == 102)
    return table.startswith(EVENTS) and row["project_id"] == 201 and row["name"] not in read


@pytest.mark.parametrize("status", [402, 403, 404])
@pytest.mark.fault("transport.refused_list", "access.plan", "access.role", "access.feature_removed")
def test_a_list_that_is_not_to_be_had_is_unavailable_and_no_failure(
    scene: Scene, posthog: Sandbox, status: int
) -> None:
    scene.sync("cohorts", "group_types", projects=(101,))
    before = scene.stored()
    posthog.gate("cohorts", status)
    outcome = scene.sync("cohorts", "group_types", projects=(101,))
    assert (outcome.exit_code, of(outcome, "cohorts").status) == (0, "unavailable")
    assert of(outcome, "cohorts").detail
    assert scene.stored() == before


def test_when_nothing_selected_can_be_read_the_run_says_refused(scene: Scene, posthog: Sandbox) -> None:
    posthog.gate("cohorts", 403)
    outcome = scene.sync("cohorts", projects=(101,))
    assert (outcome.exit_code, outcome.status) == (3, "refused")
    assert "cohorts" not in scene.stored(), "a list that could not be read has no table"


@pytest.mark.fault("transport.401_in_mid_run", "access.revoked")
def test_a_key_that_is_revoked_in_mid_run_keeps_what_was_read(scene: Scene, posthog: Sandbox) -> None:
    label = "revoked in mid run"
    key = posthog.new_key(label)
    tables = (EVENTS, "cohorts")
    scene.sync(*tables, key=key, projects=(101,))
    scene.learn(scene.truth(*tables, projects=(101,)))
    change(posthog)

    def revoke(endpoint: Any, _rows: object) -> None:
        if endpoint.table == EVENTS:
            posthog.change_key(label, revoked=True)

    small = {"page_size": 20, "in_flight": 1}
    outcome = scene.sync(*tables, key=key, projects=(101,), lists=small, observers=(revoke,))
    assert (outcome.exit_code, outcome.status) == (3, "refused")
    assert of(outcome, EVENTS).status == "failed"
    assert of(outcome, EVENTS).counts.deleted == 0
    assert not scene.rows(EVENTS, dead=True)
    assert scene.rows(EVENTS)[(101, min(name for _, name in scene.rows(EVENTS)))]["description"] == "first"
    posthog.change_key(label, revoked=False)
    assert scene.sync(*tables, key=key, projects=(101,)).exit_code == 0
    scene.learn(scene.truth(*tables, projects=(101,)))
    assert scene.wrong() == ""


def test_after_a_401_in_mid_run_nothing_more_is_asked(scene: Scene, posthog: Sandbox) -> None:
    label = "revoked before the rest"
    key = posthog.new_key(label)

    def revoke(endpoint: Any, _rows: object) -> None:
        if endpoint.table == "projects":
            posthog.change_key(label, revoked=True)

    outcome = scene.sync(key=key, lists={"in_flight": 1}, observers=(revoke,))
    assert (outcome.exit_code, outcome.status) == (3, "refused")
    refused = [answer["status"] for answer in posthog.requests()].count(401)
    assert 1 <= refused < 6, "of some thirty lists, those that were on their way"


@pytest.mark.fault("transport.next_other_origin")
@pytest.mark.fault("security.other_host")
def test_a_next_link_to_another_host_is_used_for_its_query_only(scene: Scene, posthog: Sandbox) -> None:
    posthog.fault(path="projects/", kind="next_foreign")
    tables = (EVENTS, "comments")
    assert scene.sync(*tables, projects=(101,), lists=SMALL_PAGES).exit_code == 0
    scene.learn(scene.truth(*tables, projects=(101,)))
    assert scene.wrong() == ""


@pytest.mark.parametrize("table", [EVENTS, "comments"])
@pytest.mark.fault("transport.next_itself")
def test_a_next_link_that_goes_in_circles_fails_its_list_only(
    scene: Scene, posthog: Sandbox, table: str
) -> None:
    posthog.fault(path=f"projects/101/{table}", kind="next_same")
    outcome = scene.sync(table, "cohorts", projects=(101,), lists=SMALL_PAGES)
    assert (outcome.exit_code, of(outcome, table).status) == (1, "failed")
    assert of(outcome, table).requests <= 3
    assert of(outcome, "cohorts").complete
    assert scene.rows(table), "the rows that came are loaded"


@pytest.mark.fault("values.null_in_key")
def test_a_row_without_its_key_is_left_out_counted_and_named(scene: Scene, posthog: Sandbox) -> None:
    scene.sync(EVENTS, projects=(102,))
    names = sorted(name for _, name in scene.rows(EVENTS, dead=False))
    below = {"project_id": 102}
    posthog.edit(EVENTS, where={"name": names[5]}, parents=below, set={"name": None})
    posthog.edit(EVENTS, where={"name": names[6]}, parents=below, set={"description": "after the bad one"})
    outcome = scene.sync(EVENTS, projects=(102,))
    result = of(outcome, EVENTS)
    assert (outcome.exit_code, result.complete, result.counts.deleted) == (0, False, 0)
    assert "1 row" in result.detail
    assert "key" in result.detail
    stored = scene.rows(EVENTS)
    assert stored[(102, names[6])]["description"] == "after the bad one"
    assert not stored[(102, names[5])]["dead"]


@pytest.mark.fault("values.other_type", "values.unknown_field")
def test_fields_that_nobody_knows_become_columns_and_values_that_do_not_fit_become_text(
    scene: Scene, posthog: Sandbox
) -> None:
    here: dict[str, Any] = {"projects": (101,)}
    below = {"project_id": 101}
    scene.sync("cohorts", **here)
    first, second, third = sorted(scene.rows("cohorts", dead=False))[:3]
    news = {"brandNew": "word", "how_many": 3, "sure": True, "inside": {"b": [1], "a": None}}
    posthog.edit("cohorts", where={"id": first[1]}, parents=below, set=news)
    posthog.edit("cohorts", where={"id": second[1]}, parents=below, set={"count": "many", "how_many": "few"})
    posthog.edit("cohorts", where={"id": third[1]}, parents=below, set={"created_at": "the day before"})
    assert scene.sync("cohorts", **here).exit_code == 0
    rows = scene.rows("cohorts")
    assert {name: rows[first].get(name) for name in ("brand_new", "how_many", "sure")} == {
        "brand_new": "word",
        "how_many": 3,
        "sure": True,
    }
    assert rows[first]["inside"] == {"b": [1], "a": None}
    assert (rows[second].get("count"), rows[second]["count__v_text"]) == (None, "many")
    assert (rows[second].get("how_many"), rows[second]["how_many__v_text"]) == (None, "few")
    assert (rows[third].get("created_at"), rows[third]["created_at__v_text"]) == (None, "the day before")
    idle = scene.sync("cohorts", **here)
    assert of(idle, "cohorts").status == "unchanged"
    posthog.edit("cohorts", where={"id": first[1]}, parents=below, unset=list(news))
    posthog.edit("cohorts", where={"id": second[1]}, parents=below, set={"count": 5}, unset=["how_many"])
    posthog.edit("cohorts", where={"id": third[1]}, parents=below, set={"created_at": None})
    scene.sync("cohorts", **here)
    scene.learn(scene.truth("cohorts", **here))
    assert scene.wrong() == "", "an omitted field is null"
