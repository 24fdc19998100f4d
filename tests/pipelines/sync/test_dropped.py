"""What somebody drops of a warehouse comes back with the next runs, and makes no versions that tell nothing."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sources.sandbox import Sandbox
from tests.harness.kills import Doomed, Story
from tests.harness.one_cohort import HERE, PROJECT, One
from tests.harness.scene import Scene, of, written
from tests.harness.stored import run, types
from tests.harness.versions import Key, history, wrong_versions

pytestmark = pytest.mark.duckdb_first

BOTH: dict[str, Any] = {"projects": (PROJECT, 201)}
LIST, LOGS = "cohorts__experiment_set", "organization_activity_logs"


@pytest.fixture
def here(file_scene: Scene) -> Iterator[One]:
    """A cohort beside a DuckDB file, gone after the test."""
    cohort = One(file_scene)
    yield cohort
    cohort.becomes(delete=True)


def is_whole(scene: Scene, **asked: Any) -> bool:
    """Whether the warehouse holds what PostHog shows and no more, with sound histories."""
    scene.known = {}  # what had died went with its table
    scene.learn(scene.truth("cohorts", **(asked or HERE)))
    return (scene.wrong(), wrong_versions(scene.url)) == ("", "")


def others(one: One, *but: One) -> dict[Key, Any]:
    """All versions but those of some cohorts."""
    mine = {(PROJECT, each.ident) for each in but}
    return {key: each for key, each in history(one.scene.url, "cohorts").items() if key not in mine}


# -- tables


@pytest.mark.fault("warehouse.dropped_table")
@pytest.mark.parametrize("warehouse_url", ["duckdb"], indirect=True)
def test_a_lost_table_is_read_anew_and_its_history_tells_what_happened_meanwhile(one: One) -> None:
    for lost in ("drop table posthog.cohorts", "alter table posthog.cohorts drop column id"):
        changed, gone = One(one.scene), One(one.scene)
        one.synced()
        before = others(one, changed, gone)
        run(one.scene.url, lost)
        changed.becomes(set={"description": "later"})
        gone.becomes(delete=True)
        new = One(one.scene)
        one.synced()
        assert is_whole(one.scene)
        assert changed.told("description") == [("insert", "born"), ("update", "later")]
        assert gone.told("experiment_set") == [("insert", [1, 2]), ("delete", [1, 2])]
        assert new.told() == [("insert",)]
        assert others(one, changed, gone, new) == before
        changed.becomes(delete=True)
        new.becomes(delete=True)


@pytest.mark.fault("warehouse.dropped_table", "access.other_owner")
def test_of_a_lost_table_nothing_dies_that_was_not_looked_for_by_the_key_that_saw_it(
    here: One, posthog: Sandbox
) -> None:
    gone, hidden = One(here.scene), One(here.scene)
    here.scene.sync("cohorts", **BOTH)
    before = others(here)
    run(here.scene.url, "drop table posthog.cohorts")
    gone.becomes(delete=True)
    posthog.fault(path=f"projects/{PROJECT}/cohorts", kind="status", status=403)
    here.scene.sync("cohorts", **BOTH)
    posthog.clear_faults()
    assert others(here) == before
    here.scene.sync("cohorts", **BOTH)
    assert is_whole(here.scene, **BOTH)
    assert gone.told() == [("insert",), ("delete",)]
    run(here.scene.url, "drop table posthog.cohorts")
    hidden.becomes(delete=True)
    other = posthog.new_key(label="sees less", user="owner", scopes=["*:read", "query:read", "*"])
    here.scene.sync("cohorts", key=other, **BOTH)
    assert hidden.told() == [("insert",)]
    here.scene.sync("cohorts", key=other, accept_deletes=True, **BOTH)
    assert hidden.told() == [("insert",), ("delete",)]


@pytest.mark.fault("warehouse.dropped_table")
def test_what_went_with_a_table_is_told_when_a_history_that_was_off_is_on_again(here: One) -> None:
    gone = One(here.scene)
    here.synced()
    run(here.scene.url, "drop table posthog.cohorts")
    gone.becomes(delete=True)
    here.scene.sync("cohorts", **HERE, history={"enabled": False})
    here.synced()
    assert is_whole(here.scene)
    assert gone.told() == [("insert",), ("delete",)]


def test_a_dry_run_makes_no_dropped_table_anew(here: One) -> None:
    here.synced()
    run(here.scene.url, "drop table posthog.cohorts")
    here.scene.sync("cohorts", dry_run=True, **HERE)
    assert "cohorts" not in types(here.scene.url)


# -- columns and lists


@pytest.mark.fault("warehouse.dropped_column", "warehouse.dropped_table")
def test_what_a_list_that_fails_meanwhile_has_lost_comes_back_later_and_makes_no_version(
    here: One, posthog: Sandbox
) -> None:
    here.scene.sync("cohorts", **BOTH)
    before = others(here)
    for drop in (
        "alter table posthog.cohorts drop column description",
        f"alter table posthog.{LIST} drop column value",
        f"drop table posthog.{LIST}",
    ):
        run(here.scene.url, drop)
        posthog.fault(path=f"projects/{PROJECT}/cohorts", kind="status", status=400)
        assert here.scene.sync("cohorts", **BOTH).exit_code == 1, drop
        posthog.clear_faults()
        assert wrong_versions(here.scene.url) == ""
        here.scene.sync("cohorts", **BOTH)
        assert is_whole(here.scene, **BOTH), drop
        assert others(here) == before
    assert written(here.scene.sync("cohorts", **BOTH)) == 0


@pytest.mark.fault("warehouse.dropped_column")
def test_a_row_that_goes_with_a_lost_column_dies_and_the_dead_stay_as_they_were(here: One) -> None:
    dead, gone = One(here.scene), One(here.scene)
    here.synced()
    dead.becomes(delete=True)
    here.synced()
    before = dead.versions
    run(here.scene.url, "alter table posthog.cohorts drop column description")
    gone.becomes(delete=True)
    here.synced()
    assert gone.told("description") == [("insert", "born"), ("delete", None)]
    assert dead.versions == before
    assert {(PROJECT, each.ident) for each in (dead, gone)} <= here.scene.rows("cohorts", dead=True).keys()
    assert written(here.scene.sync("cohorts", **HERE)) == 0
    run(here.scene.url, f"update posthog.cohorts set _dlt_load_id = 'torn' where id = {dead.ident}")
    assert [written(here.scene.sync("cohorts", **HERE)) for _ in range(2)] == [1, 0]


@pytest.mark.soak("stories")
@pytest.mark.fault("warehouse.dropped_column")
def test_what_an_audit_log_lists_no_more_is_not_looked_for_ever_after(
    file_scene: Scene, posthog: Sandbox
) -> None:
    posthog.options(cursor_rows=10)
    below = {"organization_id": posthog.rows("organizations")[0]["id"]}
    began = datetime.now(UTC) - timedelta(days=30)
    posthog.clear(LOGS)
    times = [(began + timedelta(hours=number)).isoformat() for number in range(100)]
    posthog.edit(LOGS, insert=[{"created_at": at, "activity": "updated"} for at in times], parents=below)
    made = [row for row in posthog.rows(LOGS) if row["_parents"] == below]
    first, *rest = sorted(made, key=lambda row: str(row["created_at"]))

    def stored() -> dict[str, str | None]:
        mine = f"organization_id = '{below['organization_id']}'"
        return dict(file_scene.ask(f"select id, activity from posthog.{LOGS} where {mine}"))

    file_scene.sync(LOGS)
    posthog.edit(LOGS, where={"id": first["id"]}, delete=True)
    run(file_scene.url, f"alter table posthog.{LOGS} drop column activity")
    assert [of(file_scene.sync(LOGS), LOGS).pages >= 10 for _ in range(2)] == [True, False]
    activities = {row["id"]: "updated" for row in rest}
    assert stored() == {**activities, first["id"]: None}
    posthog.edit(LOGS, insert=[first], parents=below)
    file_scene.sync(LOGS, full=True)
    assert stored() == {**activities, first["id"]: "updated"}


# -- histories


@pytest.mark.fault("warehouse.dropped_column")
def test_what_a_history_has_lost_of_its_rows_is_filled_for_what_lives(here: One) -> None:
    column = "alter table posthog.cohorts{} drop column description"
    here.synced()
    here.becomes(set={"description": "later", "experiment_set": [5]})
    here.synced()
    before = others(here)
    versions = before[(PROJECT, here.ident)]
    for drop in (
        column.format("_history"),
        "alter table posthog.cohorts_history drop column experiment_set",
        f"{column.format('')}; {column.format('_history')}",
    ):
        run(here.scene.url, drop)
        here.synced()
        assert others(here, here) == {k: each for k, each in before.items() if k != (PROJECT, here.ident)}
        assert here.versions[-1] == versions[-1]
    assert here.versions == [{**versions[0], "description": None, "experiment_set": None}, versions[1]]


@pytest.mark.soak("stories")
@pytest.mark.fault("warehouse.dropped_column")
def test_a_history_that_lags_and_lost_a_column_tells_only_what_has_changed(here: One) -> None:
    here.synced()
    before = others(here, here)
    here.becomes(set={"name": "second"})
    here.synced(history={"enabled": False})
    run(here.scene.url, "alter table posthog.cohorts_history drop column description")
    here.synced()
    here.synced()  # filled by the one, derived by the other
    assert here.told("name", "description") == [("insert", "one", "born"), ("update", "second", "born")]
    assert others(here, here) == before


@pytest.mark.parametrize("off", [True, False], ids=["while a history was off", "with a run that died"])
def test_a_field_that_came_is_no_lost_column(here: One, *, off: bool) -> None:
    here.synced()
    here.becomes(set={"just_come": "news"})
    if off:
        here.synced(history={"enabled": False})
    else:
        dying = Doomed(here.scene, Story(("cohorts",), lambda _: []))
        assert dying.die("statement", 1, of='"cohorts_history" add column') < 0
    here.synced()
    assert here.told("just_come") == [("insert", None), ("update", "news")]


@pytest.mark.fault("warehouse.dropped_table", "warehouse.dropped_column")
def test_a_history_that_lost_its_table_or_what_tells_its_versions_begins_anew_with_one_warning(
    here: One, caplog: pytest.LogCaptureFixture
) -> None:
    here.synced()
    for number, drop in enumerate(("table {}", "table {0} drop column valid_to", "table {0} drop column op")):
        here.becomes(set={"description": f"number {number}"})
        here.synced()
        assert len(here.versions) == 2
        words = "drop" if number == 0 else "alter"
        run(here.scene.url, f"{words} {drop.format('posthog.cohorts_history')}")
        with caplog.at_level(logging.WARNING, "hogsync"):
            began = here.synced()
            here.synced()
        assert caplog.text.count("cohorts_history has lost its versions") == 1
        caplog.clear()
        assert here.told("description") == [("insert", f"number {number}")]
        assert {row["valid_from"] for each in others(here).values() for row in each} == {began}


# -- deaths in between


LOADED, RECORDED = 'INSERT INTO "posthog"."_dlt_loads"', "upsert ('_hogsync_runs'"


def dies(scene: Scene, drop: str, *before: str) -> Iterator[str]:
    """Drop something, let a sync die before a statement that speaks of this, and mend it by a clean one."""
    dying = Doomed(scene, Story(("cohorts",), lambda _: []))
    for statement in before:
        run(scene.url, drop)
        scene.known = {}
        assert dying.die("statement", 1, of=statement) < 0, statement
        dying.mend()
        yield statement


@pytest.mark.soak("stories")
@pytest.mark.fault("warehouse.dropped_table", "loads.unfinished")
@pytest.mark.parametrize("warehouse_url", ["postgres"], indirect=True)
def test_a_kill_while_a_dropped_table_is_made_anew_loses_and_doubles_nothing(one: One) -> None:
    one.synced()
    before = others(one)
    drop = "drop table if exists posthog.cohorts"
    for at in dies(one.scene, drop, 'create table if not exists "posthog"."cohorts"', LOADED, RECORDED):
        assert others(one) == before, at


@pytest.mark.fault("warehouse.dropped_column", "loads.unfinished", "loads.half_record")
def test_a_kill_while_dropped_columns_are_filled_makes_no_version(here: One) -> None:
    here.synced()
    before = others(here)
    column = "alter table posthog.{} drop column if exists {}"
    lost = (("cohorts", "description"), ("cohorts_history", "description"), (LIST, "value"))
    drop = "; ".join(column.format(*each) for each in lost)
    filled = '"cohorts_history" o set "description"'
    for at in dies(here.scene, drop, filled, f'"{LIST}" add column', LOADED, RECORDED):
        assert others(here) == before, at
