"""`hogsync status` after real syncs: what it says, to whom, and its exit code."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines.bookkeeping.run_facts import RunFacts, TableFacts
from pipelines.locking.load_lock import load_lock
from pipelines.settings import load
from pipelines.status import judge
from pipelines.status.render import render
from sources.sandbox import Sandbox
from tests.harness.command import hogsync
from tests.harness.holding import holding
from tests.harness.scene import Scene
from tests.harness.stored import run, tables

pytestmark = pytest.mark.duckdb_first

SELECTED: dict[str, Any] = {"HOGSYNC_SELECTION__TABLES": "cohorts,comments", "HOGSYNC_PROJECTS__ONLY": "101"}
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
GROUPS = {"some": {"crontab": "0 4 * * *", "tables": ["cohorts"]}}
HOURLY: dict[str, Any] = {"HOGSYNC_GROUPS__ALL__CRONTAB": "0 * * * *"}


def synced(scene: Scene, *words: str, code: int = 0, **variables: Any) -> None:
    done = hogsync(scene, "sync", "--quiet", *words, **{**SELECTED, **variables})
    assert done.code == code, done


def status(scene: Scene, code: int, *words: str, **variables: Any) -> dict[str, Any]:
    """What the command tells a program."""
    done = hogsync(scene, "status", "--json", *words, **{**SELECTED, **variables})
    assert done.code == code, done
    assert done.out.count("\n") == 1
    found: dict[str, Any] = json.loads(done.out)
    return found


def by_table(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {entry["table"]: entry for entry in found["tables"]}


def age(scene: Scene, **span: int) -> None:
    """Let all runs have happened so long ago."""
    before = timedelta(**span).total_seconds()
    moved = f"started_at = started_at - interval '{before:.0f} seconds'"
    run(scene.url, f"update posthog._hogsync_runs set {moved}")


def test_the_status_of_each_table_follows_its_runs(scene: Scene, posthog: Sandbox) -> None:
    nothing = status(scene, 1)
    assert nothing["status"] == "stale"
    assert {entry["last_success_at"] for entry in nothing["tables"]} == {None}

    began = datetime.now(UTC)
    synced(scene, "cohorts")
    part = by_table(status(scene, 1, **HOURLY))
    assert [part[table]["status"] for table in ("cohorts", "comments", "people")] == ["ok", "stale", "ok"]
    assert "`hogsync sync comments`" in part["comments"]["remedy"]

    synced(scene)
    cohort = min(row["id"] for row in posthog.rows("cohorts") if row["_parents"] == {"project_id": 101})
    posthog.edit("cohorts", where={"id": cohort}, set={"name": "Renamed"})
    synced(scene)
    good = status(scene, 0, **HOURLY)
    assert good["status"] == "ok"
    parents = ["organizations", "projects"]
    assert [entry["table"] for entry in good["tables"]] == ["cohorts", "comments", "people", *parents]
    cohorts, living = by_table(good)["cohorts"], len(scene.rows("cohorts", dead=False))
    assert cohorts["rows"] == living
    assert [cohorts[f"{what}_24h"] for what in ("inserted", "updated", "deleted")] == [living, 1, 0]
    assert began < datetime.fromisoformat(cohorts["last_success_at"]) < datetime.now(UTC)
    assert 0 <= cohorts["age_seconds"] < 600
    assert datetime.fromisoformat(cohorts["next_run_at"]).minute == 0
    assert cohorts["remedy"] is None

    posthog.fault(path="/comments/", kind="status", status=400, times=None)
    synced(scene, code=1)
    posthog.clear_faults()
    failing = by_table(status(scene, 1, **HOURLY))
    assert [failing[table]["status"] for table in ("cohorts", "comments")] == ["ok", "failing"]
    assert "400" in failing["comments"]["detail"]
    assert failing["comments"]["last_success_at"] == by_table(good)["comments"]["last_success_at"]

    posthog.change_key("owner", revoked=True)
    synced(scene, code=3)
    refused = status(scene, 1, **HOURLY)
    assert {entry["status"] for entry in refused["tables"]} == {"failing"}
    assert all("hogsync check" in entry["remedy"] for entry in refused["tables"])
    assert [refused["connections"][0][name] for name in ("last_run_status", "status")] == [
        "refused",
        "failing",
    ]

    age(scene, hours=23)
    posthog.change_key("owner", revoked=False)
    synced(scene, "cohorts")
    stale = by_table(status(scene, 1, **HOURLY))
    assert [stale[table]["status"] for table in ("cohorts", "people")] == ["ok", "ok"]
    assert [stale["comments"][name] for name in ("status", "stale")] == ["failing", True]
    age(scene, hours=2)
    assert by_table(status(scene, 1, **HOURLY))["cohorts"]["status"] == "stale"
    assert by_table(status(scene, 1))["cohorts"]["status"] == "ok"  # without groups an hour is no promise
    assert by_table(status(scene, 1))["cohorts"]["inserted_24h"] == 0


def test_another_machine_says_the_same(scene: Scene, tmp_path: Path) -> None:
    synced(scene, "cohorts")
    elsewhere = {"HOGSYNC_HOME": str(tmp_path / "elsewhere"), "HOGSYNC_SELECTION__TABLES": "cohorts"}
    found = status(scene, 0, **elsewhere)
    assert by_table(found)["cohorts"]["rows"] == len(scene.rows("cohorts", dead=False))


def test_held_deletes_and_lost_access_are_no_failure_and_have_a_remedy(
    file_scene: Scene, posthog: Sandbox
) -> None:
    synced(file_scene)
    posthog.clear("cohorts", 101)
    posthog.gate("comments", 403)
    synced(file_scene)
    found = by_table(status(file_scene, 0))
    assert found["cohorts"]["deletes_held"] > 0
    assert [warning["kind"] for warning in found["cohorts"]["warnings"]] == ["deletes held"]
    assert "--accept-deletes" in found["cohorts"]["remedy"]
    assert found["comments"]["last_run_status"] == "unavailable"
    assert "[selection] tables" in found["comments"]["remedy"]
    told = hogsync(file_scene, "status", **SELECTED)
    assert told.code == 0
    assert told.out.startswith("Good: 5 tables, the oldest synced ")
    assert "  → Run `hogsync sync cohorts --accept-deletes`" in told.out


@pytest.mark.soak("stories")
def test_a_sync_that_holds_the_file_is_named_and_the_status_before_it_counts(file_scene: Scene) -> None:
    file = file_scene.url.removeprefix("duckdb:///")
    settings = load(file_scene.settings())
    with holding(file), load_lock(settings, 0, "hogsync sync"):
        first = status(file_scene, 0)
        assert {entry["last_success_at"] for entry in first["tables"]} == {None}
        assert not any(entry["stale"] or entry["remedy"] for entry in first["tables"])
    synced(file_scene)
    free = by_table(status(file_scene, 0))
    synced(file_scene)
    with holding(file), load_lock(settings, 0, "hogsync sync"):
        held = status(file_scene, 0)
        told = hogsync(file_scene, "status", **SELECTED)
    assert held["connections"][0]["running"].startswith("hogsync sync, process ")
    for entry in (*held["tables"], *free.values()):
        del entry["age_seconds"]
    assert by_table(held) == free
    assert "A sync is at work (hogsync sync, process " in told.out
    assert not status(file_scene, 0)["connections"][0]["running"]


def test_a_file_that_another_program_holds_cannot_be_asked(file_scene: Scene) -> None:
    synced(file_scene, "cohorts")
    with holding(file_scene.url.removeprefix("duckdb:///")):
        done = hogsync(file_scene, "status", "--json", **SELECTED)
    assert done.code == 4
    assert "is held by" in json.loads(done.out)["error"]


def test_a_missing_warehouse_is_not_made(file_scene: Scene) -> None:
    told = hogsync(file_scene, "status", **SELECTED)
    assert told.code == 1
    assert told.out.startswith("Stale: of 3 tables, 3 never synced.")
    assert "  → Run `hogsync sync`, or leave" in told.out
    assert not Path(file_scene.url.removeprefix("duckdb:///")).exists()


def test_a_server_that_is_not_there_is_told_by_the_exit_code(file_scene: Scene) -> None:
    nowhere = hogsync(file_scene, "status", WAREHOUSE_URL="postgresql://hogsync@127.0.0.1:1/nowhere")
    assert "cannot be reached" in nowhere.refusal(4)


def test_a_postgres_without_the_dataset_is_not_changed(file_scene: Scene, postgres_url: str) -> None:
    found = status(file_scene, 1, WAREHOUSE_URL=postgres_url)
    assert found["status"] == "stale"
    assert not [*tables(postgres_url, "posthog")]


def test_each_connection_has_its_own_entries(
    file_scene: Scene, posthog: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY_ONE", posthog.key)
    one = f"[connections.one]\nhost = '{posthog.url}'\nkey_env = 'KEY_ONE'\nprojects = [101]\n"
    Path("hogsync.toml").write_text(f"{one}[connections.two]\n", "utf-8")
    selected: dict[str, Any] = {"HOGSYNC_SELECTION__TABLES": "cohorts"}
    synced(file_scene, "--connection", "one", **selected)
    found = status(file_scene, 1, **selected)
    assert [(one["connection"], one["table"], one["status"]) for one in found["tables"]] == [
        ("one", "cohorts", "ok"),
        ("one", "people", "ok"),
        ("one", "organizations", "ok"),
        ("one", "projects", "ok"),
        ("two", "cohorts", "stale"),
        ("two", "people", "stale"),
    ]
    assert "`hogsync sync --connection two`" in found["tables"][4]["remedy"]
    assert status(file_scene, 0, "--connection", "one", **selected)["status"] == "ok"
    told = hogsync(file_scene, "status", **selected).out
    assert told.startswith("Stale: of 6 tables of 2 connections, 2 never synced (two.cohorts, two.people).")
    assert "\nConnection two:\n" in told


def test_a_table_outside_the_selection_and_the_groups_is_never_stale_but_can_be_failing() -> None:
    failed = TableFacts(status="failed", run_status="partial", last_run_at=NOW)
    old = TableFacts(status="loaded", run_status="ok", last_success_at=NOW - timedelta(days=99))
    facts = RunFacts(
        tables={"activity_logs": failed, "roles": old, "cohorts": replace(old, last_success_at=NOW)}
    )
    settings = load({"HOGSYNC_SELECTION": {"tables": ["cohorts", "comments"]}, "HOGSYNC_GROUPS": GROUPS})
    found = {one.table: one for one in judge(settings, facts, NOW).tables}
    states = {table: (one.status, one.stale) for table, one in found.items()}
    assert states == {
        "cohorts": ("ok", False),
        "people": ("stale", True),
        "activity_logs": ("failing", False),
        "roles": ("ok", False),
    }
    assert (found["activity_logs"].next_run_at, found["roles"].remedy) == (None, None)


@pytest.mark.parametrize(
    ("width", "headings"),
    [
        ("100", "table status last success rows held next run"),
        ("160", "table status last success rows new/24 h changed/24 h gone/24 h held next run"),
    ],
)
def test_a_narrow_terminal_shows_whole_names_and_no_changes(
    monkeypatch: pytest.MonkeyPatch, width: str, headings: str
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", width)
    table = "feature_flag_scheduled_change_approvals"
    facts = RunFacts(tables={table: TableFacts(status="loaded", run_status="ok", rows=1_234_567)})
    lines = re.sub(r"\x1b\[\d*m", "", render([judge(load(), facts, NOW)], NOW)).splitlines()
    assert headings in {" ".join(line.split()) for line in lines}
    assert any(line.startswith(f"{table} ") for line in lines)
