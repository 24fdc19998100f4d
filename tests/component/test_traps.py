"""The traps of PostHog's lists beyond the core: each is read so that its trap costs neither rows nor requests."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest

from sources.posthog.catalogue import ENDPOINTS
from sources.posthog.catalogue.endpoint import query
from sources.sandbox import Sandbox
from tests.component.scene import Scene
from tests.harness.scene import written

HERE: dict[str, Any] = {"projects": (101,)}
BELOW = {"project_id": 101}
EVERY_PROJECT = (101, 102, 201)


def asked(posthog: Sandbox, ending: str) -> list[dict[str, Any]]:
    """The queries of the requests for paths that end so."""
    return [dict(parse_qsl(one["query"])) for one in posthog.requests() if one["path"].endswith(ending)]


@pytest.mark.parametrize(
    ("table", "path"), [("actions", "101/actions/"), ("proxy_records", "/proxy_records/")]
)
def test_a_list_that_ignores_limit_and_offset_is_one_request_and_no_row_comes_twice(
    scene: Scene, posthog: Sandbox, table: str, path: str
) -> None:
    scene.sync(table, lists={"page_size": 2}, **HERE)
    scene.right(table, **HERE)
    assert len(asked(posthog, path)) == len(
        {one["path"] for one in posthog.requests() if one["path"].endswith(path)}
    )


def test_what_is_called_a_list_and_is_one_object_is_one_row(scene: Scene) -> None:
    scene.settle("subscriptions_summary_quota", "dashboard_sharing", **HERE)
    assert list(scene.rows("subscriptions_summary_quota")) == [(101,)]


def test_of_a_list_that_shows_only_the_callers_own_rows_none_dies(scene: Scene, posthog: Sandbox) -> None:
    scene.settle("exports", **HERE)
    for row in posthog.rows("exports")[:2]:
        posthog.edit("exports", where={"id": row["id"]}, delete=True)
    scene.sync("exports", **HERE)
    assert scene.rows("exports", dead=True) == {}


def test_batch_export_runs_of_more_than_seven_days_ago_come_too(scene: Scene, posthog: Sandbox) -> None:
    export = posthog.rows("batch_exports")[0]
    parents = {**export["_parents"], "batch_export_id": export["id"]}
    old = {"id": "5" * 36, "created_at": "2026-05-01T00:00:00Z", "status": "Completed"}
    posthog.edit("batch_export_runs", insert=[old], parents=parents)
    scene.sync("batch_export_runs")
    assert (*parents.values(), old["id"]) in scene.rows("batch_export_runs")


def test_imports_come_all_although_posthog_shows_the_newest_fifty(scene: Scene, posthog: Sandbox) -> None:
    source = posthog.rows("external_data_sources")[0]
    parents = {**source["_parents"], "external_data_source_id": source["id"]}

    beginning = datetime.now(UTC) - timedelta(days=1)

    def imported(numbers: range) -> list[dict[str, Any]]:
        return [
            {"id": f"{n:036}", "created_at": f"{beginning + timedelta(minutes=n)}", "status": "Completed"}
            for n in numbers
        ]

    first, *others = imported(range(120))
    posthog.edit("external_data_jobs", insert=[first | {"status": "Running"}, *others], parents=parents)
    scene.settle("external_data_jobs", **HERE)
    posthog.edit("external_data_jobs", where={"id": first["id"]}, set={"status": "Failed"})
    posthog.edit("external_data_jobs", insert=imported(range(120, 180)), parents=parents)
    scene.settle("external_data_jobs", **HERE)
    assert len(scene.rows("external_data_jobs")) >= 180


def test_a_flag_that_is_archived_lives_on_and_a_deleted_one_dies(scene: Scene, posthog: Sandbox) -> None:
    posthog.edit("feature_flags", insert=[{"key": "stays", "archived": False}], parents=BELOW)
    scene.settle("feature_flags", **HERE)
    put_away, gone = [
        row["id"]
        for row in posthog.rows("feature_flags")
        if row["_parents"] == BELOW and not row["archived"] and not row["deleted"] and row["key"] != "stays"
    ][:2]
    posthog.edit("feature_flags", where={"id": put_away}, set={"archived": True})
    posthog.edit("feature_flags", where={"id": gone}, soft_delete=True)
    scene.settle("feature_flags", **HERE)
    rows = scene.rows("feature_flags")
    assert [rows[101, one]["dead"] for one in (put_away, gone)] == [False, True]


SHARED = pytest.mark.parametrize("table", ["annotations", "dashboard_templates"])


@SHARED
def test_a_row_that_every_project_lists_is_stored_once_without_a_project(scene: Scene, table: str) -> None:
    scene.settle(table)
    name, values = ENDPOINTS[table].shared or ("", ())
    projects = {row[name] in values: row.get("project_id") for row in scene.rows(table).values()}
    assert projects.pop(True) is None
    assert None not in projects.values()
    assert written(scene.sync(table)) == 0, "in whatever order the projects are read"


@SHARED
def test_a_shared_row_dies_only_when_all_lists_that_may_show_it_were_read(
    scene: Scene, posthog: Sandbox, table: str
) -> None:
    scene.settle(table)
    name, values = ENDPOINTS[table].shared or ("", ())
    wide = next(row for row in posthog.rows(table) if row[name] in values)
    here, there = (
        next(
            row
            for row in posthog.rows(table)
            if row[name] not in values
            and row["_parents"] == {"project_id": project}
            and not row.get("deleted")
        )
        for project in (101, 102)
    )
    for row in (wide, here, there):
        posthog.edit(table, where={"id": row["id"]}, delete=True)
    scene.sync(table, **HERE)
    dead = {(here["id"],)}
    assert scene.rows(table, dead=True).keys() == dead, "other projects' lists were not read"
    posthog.fault(path=f"projects/102/{table}/", kind="status", status=400, times=None)
    for accept_deletes in (False, True):
        scene.sync(table, accept_deletes=accept_deletes)
        assert scene.rows(table, dead=True).keys() == dead, "one of the lists could not be read"
    posthog.clear_faults()
    scene.settle(table)
    assert scene.rows(table, dead=True).keys() == dead | {(wide["id"],), (there["id"],)}


@SHARED
def test_a_row_that_one_project_lists_no_more_and_another_does_lives(
    scene: Scene, posthog: Sandbox, table: str
) -> None:
    scene.settle(table)
    name, values = ENDPOINTS[table].shared or ("", ())
    row = next(
        row
        for row in posthog.rows(table)
        if row[name] not in values and row["_parents"] == BELOW and not row.get("deleted")
    )
    posthog.edit(table, where={"id": row["id"]}, set={name: values[0]})
    scene.settle(table)
    assert scene.rows(table)[row["id"],]["dead"] is False
    assert "project_id" not in scene.rows(table)[row["id"],]


def test_an_unordered_list_whose_rows_come_twice_or_not_at_all_ends_no_row(scene: Scene) -> None:
    scene.sync("scheduled_changes", **HERE)
    for _ in range(6):
        scene.sync("scheduled_changes", lists={"page_size": 2}, **HERE)
        assert scene.rows("scheduled_changes", dead=True) == {}
    scene.right("scheduled_changes", **HERE)


def test_a_next_that_is_a_query_alone_and_a_list_without_a_count_are_read_to_their_end(scene: Scene) -> None:
    scene.sync("cohort_calculation_history", "persons", lists={"page_size": 1}, **HERE)
    scene.right("cohort_calculation_history", "persons", **HERE)
    assert len(scene.rows("persons")) > 1


def test_groups_are_asked_for_by_their_type_in_the_query(scene: Scene, posthog: Sandbox) -> None:
    scene.settle("groups", **HERE)
    assert {one["group_type_index"] for one in asked(posthog, "101/groups/")} == {"0", "1"}


def test_a_log_is_walked_forward_from_its_latest_entry(scene: Scene, posthog: Sandbox) -> None:
    scene.settle("advanced_activity_logs", **HERE)
    latest = max(row["created_at"] for row in scene.rows("advanced_activity_logs").values())
    begun = len(asked(posthog, "101/advanced_activity_logs/"))
    scene.sync("advanced_activity_logs", **HERE)
    (again,) = asked(posthog, "101/advanced_activity_logs/")[begun:]
    assert again["ordering"] == "created_at"
    assert 0 <= (latest - datetime.fromisoformat(again["start_date"])).total_seconds() <= 3600


def test_what_posthog_hides_once_it_is_deleted_dies_by_its_absence(scene: Scene, posthog: Sandbox) -> None:
    tables = ("actions", "dashboards", "insights", "notebooks")
    scene.settle(*tables, **HERE)
    gone = {
        table: next(r for r in posthog.rows(table) if r["_parents"] == BELOW and not r["deleted"])
        for table in tables
    }
    for table, row in gone.items():
        posthog.edit(table, where={"id": row["id"]}, soft_delete=True)
    scene.settle(*tables, **HERE)
    assert all(scene.rows(table, dead=True) for table in tables)


def test_alert_checks_that_posthog_forgot_stay(scene: Scene, posthog: Sandbox) -> None:
    scene.settle("alert_checks", **HERE)
    before = scene.rows("alert_checks")
    for row in posthog.rows("alert_checks"):
        posthog.edit("alert_checks", where={"id": row["id"]}, delete=True)
    scene.sync("alert_checks", **HERE)
    assert scene.rows("alert_checks") == before != {}


def test_lines_of_a_log_come_once_and_two_that_say_the_same_are_one(scene: Scene, posthog: Sandbox) -> None:
    scene.settle("hog_function_logs", **HERE)
    line = posthog.rows("hog_function_logs")[0]
    told = {name: value for name, value in line.items() if not name.startswith("_")}
    before = len(scene.rows("hog_function_logs"))
    posthog.edit("hog_function_logs", insert=[told, told], parents=line["_parents"])
    scene.sync("hog_function_logs", **HERE)
    assert len(scene.rows("hog_function_logs")) == before


def test_a_list_that_costs_a_request_for_each_row_is_read_below_chosen_rows_only(
    scene: Scene, posthog: Sandbox
) -> None:
    scene.settle("dashboard_sharing", **HERE)
    dashboards = scene.rows("dashboards", dead=False)
    shared = {key for key, row in dashboards.items() if row.get("is_shared")}
    assert scene.rows("dashboard_sharing").keys() == shared < dashboards.keys()
    assert len(asked(posthog, "/sharing/")) == len(shared)
    no_more = min(shared)
    posthog.edit("dashboards", where={"id": no_more[1]}, parents=BELOW, set={"is_shared": False})
    scene.sync("dashboard_sharing", **HERE)
    assert scene.rows("dashboard_sharing", dead=True).keys() == {no_more}
    posthog.edit("dashboards", where={"id": no_more[1]}, parents=BELOW, set={"is_shared": True})
    scene.settle("dashboard_sharing", **HERE)
    assert scene.rows("dashboard_sharing", dead=True) == {}
    posthog.clear_requests()
    posthog.edit("dashboards", parents=BELOW, set={"is_shared": None})
    scene.sync("dashboard_sharing", **HERE)
    assert scene.rows("dashboard_sharing", dead=True) == {}, "a field that is missing says nothing"
    assert len(asked(posthog, "/sharing/")) == len(dashboards)


WRITES = (r"dashboards/{\w+}/$", r"event_definitions/{\w+}/$", r"property_definitions/{\w+}/$")


@pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=list(ENDPOINTS))
def test_no_list_has_a_side_effect_on_posthog(endpoint: Any) -> None:
    """A dashboard's detail notes that it was opened, a definition's makes rows; `refresh` starts a computation."""
    for path in endpoint.paths:
        address = path.partition("?")[0]
        assert not any(re.search(pattern, address) for pattern in WRITES), path
        assert "refresh" not in query(path), path
        if address == "projects/{project_id}/":
            assert not endpoint.by_default, (
                "PostHog then checks, once a day at most, which products are in use"
            )
        assert "environments" not in address, "an alias that PostHog has announced the end of"
        if re.search(r"/insights/$", address):
            assert query(path).items() >= {"basic": "true", "order": "id"}.items()
