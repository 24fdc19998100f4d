"""A stricter privacy setting reaches all that is stored: living rows, dead ones, lists, versions, other tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipelines.diff import diff
from pipelines.settings import load
from sources.sandbox import Sandbox
from tests.harness.scene import Scene, of, written
from tests.harness.stored import types
from tests.harness.versions import wrong_versions

pytestmark = pytest.mark.duckdb_first

PROJECTS: dict[str, Any] = {"projects": (101,)}
MARKS = ("canaryrecipient", "canarytext", "canarycustomer")


@pytest.fixture
def company(canary_company: Sandbox) -> Sandbox:
    return canary_company


def holds(scene: Scene, mark: str) -> list[str]:
    """Where in the tables, and on the disk, a mark stands.

    Of the smallest and largest text of a column DuckDB notes the first eight letters, which it does not clear.
    """
    found = []
    for table, columns in types(scene.url).items():
        names = ", ".join(f'"{name}"::varchar' for name in columns)
        if mark in str(scene.ask(f'select {names} from posthog."{table}"')):
            found.append(table)
    files = (path for path in scene.home.parent.rglob("*") if path.is_file())
    return found + [path.name for path in files if mark.encode() in path.read_bytes()]


@pytest.mark.fault("security.other_privacy")
@pytest.mark.parametrize(
    ("warehouse_url", "mode"), [("duckdb", "drop"), ("postgres", "hash")], indirect=["warehouse_url"]
)
def test_addresses_that_were_kept_are_gone_from_tables_lists_histories_and_the_file(
    scene: Scene, mode: str
) -> None:
    scene.sync("subscriptions", privacy={"recipient": "keep"}, **PROJECTS)
    scene.sync("subscriptions", privacy={"recipient": "keep"}, full=True, **PROJECTS)
    assert {"subscriptions__recipients", "subscriptions_history"} <= set(holds(scene, "canaryrecipient"))
    done = of(scene.sync("subscriptions", privacy={"recipient": mode}, **PROJECTS), "subscriptions")
    assert holds(scene, "canaryrecipient") == []
    assert "stored rows emptied of what the privacy settings refuse" in done.detail
    ((detail,),) = scene.ask(
        "select detail from posthog._hogsync_run_tables join posthog._hogsync_runs using (run_id) "
        "where table_name = 'subscriptions' order by started_at desc limit 1"
    )
    assert detail == done.detail
    living = scene.ask("select count(*) from posthog.subscriptions__recipients where _deleted_at is null")
    assert (living == [(0,)]) == (mode == "drop"), "no list is orphaned"
    again = of(scene.sync("subscriptions", privacy={"recipient": mode}, **PROJECTS), "subscriptions")
    assert (again.status, "emptied" in again.detail) == ("unchanged", False)


@pytest.mark.soak("stories")
@pytest.mark.fault("security.other_privacy")
def test_what_was_dropped_or_hashed_comes_back_when_it_is_kept_again(file_scene: Scene) -> None:
    scene = file_scene
    living = "select count(*) from posthog.subscriptions__recipients where _deleted_at is null"
    addresses = f"{living} and address is not null"
    scene.sync("subscriptions", privacy={"recipient": "keep"}, **PROJECTS)
    before = scene.ask(addresses)
    for mode in ("drop", "keep", "hash", "drop", "hash", "keep"):
        scene.sync("subscriptions", privacy={"recipient": mode}, **PROJECTS)
        assert scene.ask(addresses) == (before if mode == "keep" else [(0,)])


@pytest.mark.soak("stories")
@pytest.mark.fault("security.other_privacy")
def test_a_table_that_a_run_does_not_read_is_emptied_at_once_and_filled_when_it_is_read(
    file_scene: Scene,
) -> None:
    scene = file_scene
    texts = "select count(*) from posthog.comments where content is not null"
    scene.sync("comments", **PROJECTS)
    before = scene.ask(texts)
    assert before != [(0,)]
    scene.sync("cohorts", privacy={"text": "drop"}, **PROJECTS)
    assert scene.ask(texts) == [(0,)]
    assert holds(scene, "canarytext") == []
    scene.sync("cohorts", **PROJECTS)
    scene.sync("comments", **PROJECTS)
    assert scene.ask(texts) == before


def test_a_version_whose_list_is_emptied_agrees_with_a_row_whose_list_has_nothing_to_empty(
    file_scene: Scene,
) -> None:
    file_scene.sync("subscriptions", privacy={"recipient": "keep"})
    for table in ("cohorts", "subscriptions"):
        file_scene.sync(table)
        assert wrong_versions(file_scene.url) == ""


@pytest.mark.soak("stories")
@pytest.mark.fault("security.other_privacy")
def test_older_versions_and_rows_that_are_gone_are_emptied_by_a_columns_own_setting(
    file_scene: Scene,
) -> None:
    scene, below = file_scene, {"project_id": 101}
    row = {
        "id": 990_001,
        "name": "x",
        "description": "so long: hush one",
        "filters": {},
        "zz_note": "at mark@partner.example",
    }
    scene.posthog.edit("cohorts", insert=[row], parents=below)
    kept = {"recipient": "keep"}
    scene.sync("cohorts", privacy=kept, **PROJECTS)
    scene.posthog.edit(
        "cohorts", where={"id": 990_001}, parents=below, set={"description": "so long: hush two"}
    )
    scene.sync("cohorts", privacy=kept, **PROJECTS)
    scene.posthog.edit("cohorts", where={"id": 990_001}, parents=below, delete=True)
    scene.sync("cohorts", privacy=kept, accept_deletes=True, **PROJECTS)
    assert "cohorts_history" in holds(scene, "hush one")
    assert "cohorts" in holds(scene, "mark@partner")
    strict = {"columns": {"cohorts.description": "drop"}}
    scene.sync("cohorts", privacy=strict, **PROJECTS)
    assert (holds(scene, "hush"), holds(scene, "mark@partner")) == ([], [])
    versions = "select count(*) from posthog.cohorts_history where id = 990001 and name = 'x'"
    assert scene.ask(versions) == [(3,)], "what else the versions say stays"


@pytest.mark.fault("security.other_privacy")
def test_what_a_release_of_before_stored_of_values_about_others_is_judged_anew(file_scene: Scene) -> None:
    scene = file_scene
    scene.sync("organization_activity_logs")
    before = scene.ask("select id, detail::varchar from posthog.organization_activity_logs order by id")
    clear = json.dumps({"changes": [{"field": "target_value", "after": "hush@partner.example"}]})
    change(scene, f"update posthog.organization_activity_logs set detail = '{clear}'")
    facts = "posthog._hogsync_meta where key like 'privacy"
    change(scene, f"delete from {facts} within %'")
    change(scene, f"insert into posthog._hogsync_meta select key || ' ever', value from {facts} of %'")
    scene.sync("organization_activity_logs")
    assert holds(scene, "hush@partner") == []
    assert (
        scene.ask("select id, detail::varchar from posthog.organization_activity_logs order by id") == before
    )
    assert of(scene.sync("organization_activity_logs"), "organization_activity_logs").status == "unchanged"


def change(scene: Scene, sql: str) -> None:
    """What somebody does to the warehouse."""
    import duckdb

    with duckdb.connect(str(Path(scene.url.removeprefix("duckdb:///")))) as connection:
        connection.execute(sql)


@pytest.mark.fault("security.other_privacy")
def test_a_list_that_is_refused_does_not_make_every_later_run_read_all(
    file_scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene, tables = file_scene, ("comments", "surveys")
    scene.posthog.gate("surveys", 402, 101)
    scene.sync(*tables)
    for is_new in (True, False):
        caplog.clear()
        scene.sync(*tables, privacy={"text": "drop"})
        assert ("every list is read in full" in caplog.text) == is_new
    scene.posthog.clear_gates()
    scene.sync(*tables, privacy={"text": "drop"})
    assert scene.ask("select count(*) from posthog.surveys where project_id = 101") != [(0,)]


def test_a_list_that_fails_makes_only_its_own_table_be_read_in_full_until_it_was_read(
    file_scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene, tables = file_scene, ("subscription_deliveries", "surveys")
    scene.sync(*tables)
    scene.posthog.fault(path="projects/101/surveys", kind="status", status=400, times=None)
    requests = []
    for told in ("every list is read in full", "each list of surveys is read in full"):
        caplog.clear()
        requests.append(of(scene.sync(*tables, privacy={"text": "drop"}), tables[0]).requests)
        assert told in caplog.text
    assert requests[0] > requests[1]
    scene.posthog.clear_faults()
    scene.sync(*tables, privacy={"text": "drop"})
    caplog.clear()
    scene.sync(*tables, privacy={"text": "drop"})
    assert "read in full" not in caplog.text


def test_other_privacy_settings_are_no_change_of_a_row(file_scene: Scene) -> None:
    scene, tables = file_scene, ("annotations", "subscriptions")
    since = scene.sync(*tables).run.started_at
    versions = [f"select count(*) from posthog.{table}_history" for table in tables]
    before = [scene.ask(count) for count in versions]
    for mode in ("hash", "keep", "drop", "keep"):
        outcome = scene.sync(*tables, privacy={"text": mode, "recipient": mode})
        assert written(outcome) > 0
        assert [scene.ask(count) for count in versions] == before, mode
        assert wrong_versions(scene.url) == "", mode
    found = diff(load(scene.settings()), tables, since.isoformat()).as_json()["tables"]
    assert [(one["changed"], one["added"]) for one in found] == [([], [])] * 2
