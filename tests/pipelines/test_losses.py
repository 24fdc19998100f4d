"""What somebody drops of a warehouse comes back with the next runs, and makes no versions that tell nothing."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from sources.sandbox import Sandbox
from tests.pipelines.one_cohort import HERE, One
from tests.pipelines.test_sync_mending import run
from tests.truth.changes import Edit
from tests.truth.kills import Story, doomed, number_of
from tests.truth.scene import Scene
from tests.truth.stored import types
from tests.truth.versions import history, wrong_versions

BOTH: dict[str, Any] = {"projects": (101, 201)}
LOST = [
    "drop table posthog.cohorts",
    "delete from posthog.cohorts",
    "alter table posthog.cohorts drop column id",
    "alter table posthog.cohorts drop column project_id",
]


def whole(one: One, **asked: Any) -> bool:
    """Whether the warehouse holds what PostHog shows, with sound histories."""
    one.scene.learn(one.scene.truth("cohorts", **(asked or HERE)))
    return (one.scene.wrong(), wrong_versions(one.scene.url)) == ("", "")


# -- columns of a table


@pytest.mark.fault("warehouse.dropped_column")
@pytest.mark.parametrize(
    "column", ["cohorts drop column description", "cohorts__experiment_set drop column value"]
)
def test_a_dropped_column_is_filled_again_and_makes_no_version(one: One, column: str) -> None:
    one.synced()
    before = history(one.scene.url, "cohorts")
    run(one.scene.url, f"alter table posthog.{column}")
    one.synced()
    assert whole(one)
    assert history(one.scene.url, "cohorts") == before
    one.becomes(set={"description": "later", "experiment_set": [5]})
    one.synced()
    assert one.told("description", "experiment_set") == [("insert", "born", [1, 2]), ("update", "later", [5])]


@pytest.mark.fault("warehouse.dropped_column", "warehouse.dropped_table")
@pytest.mark.parametrize(
    "drop",
    ["alter table posthog.cohorts drop column description", "drop table posthog.cohorts__experiment_set"],
    ids=["column", "list"],
)
def test_rows_of_a_list_that_fails_meanwhile_get_what_was_dropped_back_later(
    one: One, posthog: Sandbox, drop: str
) -> None:
    one.scene.sync("cohorts", **BOTH)
    before = history(one.scene.url, "cohorts")
    run(one.scene.url, drop)
    posthog.fault(path="projects/101/cohorts", kind="status", status=400)
    assert one.scene.sync("cohorts", **BOTH).exit_code == 1
    posthog.clear_faults()
    assert wrong_versions(one.scene.url) == ""
    one.scene.sync("cohorts", **BOTH)
    assert whole(one, **BOTH)
    assert history(one.scene.url, "cohorts") == before


@pytest.mark.fault("warehouse.dropped_column", "loads.unfinished")
@pytest.mark.parametrize(
    "column", ["cohorts drop column description", "cohorts__experiment_set drop column value"]
)
def test_a_kill_before_a_dropped_column_is_filled_loses_nothing(one: One, column: str) -> None:
    def drop(_: Sandbox) -> list[Edit]:
        run(one.scene.url, f"alter table posthog.{column}")
        return []

    one.synced()
    before = history(one.scene.url, "cohorts")
    with doomed(one.scene, Story(("cohorts",), drop)) as dying:
        dying.learn()
        told = dying.statements()
        added = number_of(told, "add column")
        for at in dying.mended((added, added + 1, added + 2)):
            assert history(one.scene.url, "cohorts") == before, told[at - 1]


# -- lists


@pytest.mark.fault("warehouse.dropped_table", "loads.unfinished")
def test_a_kill_before_a_dropped_list_is_filled_loses_nothing(one: One) -> None:
    def drop(_: Sandbox) -> list[Edit]:
        run(one.scene.url, "drop table posthog.cohorts__experiment_set")
        return []

    without = {"enabled": False}  # with a history the list comes from there, see test_losses_deaths
    one.synced(history=without)
    with doomed(one.scene, Story(("cohorts",), drop)) as dying:
        dying.more = {"HOGSYNC_HISTORY": without}
        dying.learn()
        told = dying.statements()
        made = number_of(told, "create table", "cohorts__experiment_set")
        for at in dying.mended((made, made + 1)):
            assert whole(one), told[at - 1]


# -- columns of a history


@pytest.mark.fault("warehouse.dropped_column")
@pytest.mark.parametrize("column", ["description", "experiment_set"])
def test_a_dropped_column_of_a_history_is_filled_for_what_lives(one: One, column: str) -> None:
    one.synced()
    one.becomes(set={"description": "later", "experiment_set": [5]})
    one.synced()
    before = one.versions
    run(one.scene.url, f"alter table posthog.cohorts_history drop column {column}")
    one.synced(full=True)
    assert one.versions == [{**before[0], column: None}, before[1]]
    one.becomes(set={"name": "another"})
    one.synced()
    assert one.told("description", "experiment_set")[-1] == ("update", "later", [5])


@pytest.mark.fault("warehouse.dropped_column")
def test_a_kill_while_a_historys_column_is_filled_makes_no_version(one: One) -> None:
    def drop(_: Sandbox) -> list[Edit]:
        run(one.scene.url, "alter table posthog.cohorts_history drop column description")
        one.becomes(set={"count": one.step})
        one.step += 1
        return []

    one.synced()
    with doomed(one.scene, Story(("cohorts",), drop)) as dying:
        dying.learn()
        told = dying.statements()
        added = number_of(told, "add column")
        for at in dying.mended((added, added + 1, added + 2)):
            assert one.told("description") == [("insert", "born")], told[at - 1]


@pytest.mark.fault("warehouse.dropped_column")
@pytest.mark.parametrize("column", ["description", "experiment_set"])
def test_a_column_that_table_and_history_have_lost_makes_no_versions(one: One, column: str) -> None:
    one.synced()
    before = history(one.scene.url, "cohorts")
    lost = "cohorts__experiment_set drop column value"
    run(
        one.scene.url,
        f"alter table posthog.{lost if column == 'experiment_set' else 'cohorts drop column ' + column}",
    )
    run(one.scene.url, f"alter table posthog.cohorts_history drop column {column}")
    one.synced()
    assert history(one.scene.url, "cohorts") == before


@pytest.mark.fault("warehouse.dropped_column")
def test_a_history_that_lags_and_lost_a_column_tells_only_what_has_changed(one: One) -> None:
    one.synced()
    others = history(one.scene.url, "cohorts")
    mine = others.pop((101, one.ident))
    one.becomes(set={"name": "second"})
    one.synced(history={"enabled": False})
    run(one.scene.url, "alter table posthog.cohorts_history drop column description")
    one.synced()
    assert one.told("name", "description") == [("insert", "one", None), ("update", "second", "born")]
    after = history(one.scene.url, "cohorts")
    assert after.pop((101, one.ident))[0]["valid_from"] == mine[0]["valid_from"]
    assert after == others


def test_a_field_that_came_with_a_run_that_died_is_no_lost_column(one: One) -> None:
    one.synced()
    one.becomes(set={"just_come": "news"})
    one.synced(history={"enabled": False})
    # As a kill before its records would have left it.
    run(one.scene.url, "delete from posthog._hogsync_meta where key = 'columns of cohorts'")
    one.synced()
    assert one.told("just_come") == [("insert", None), ("update", "news")]


@pytest.mark.fault("warehouse.dropped_column", "warehouse.long_select")
def test_a_historys_column_that_could_not_come_back_at_once_makes_no_versions_later(
    posthog: Sandbox, postgres_url: str, tmp_path: Path
) -> None:
    one = One(Scene(posthog, postgres_url, tmp_path / "home"))
    one.synced()
    others = history(one.scene.url, "cohorts")
    run(one.scene.url, "alter table posthog.cohorts_history drop column description")
    one.becomes(set={"name": "second"})
    with closing(psycopg2.connect(one.scene.url)) as reader:
        reader.cursor().execute("select * from posthog.cohorts_history")
        assert one.scene.sync("cohorts", **HERE, wait=1).run.status == "partial"
    one.synced()
    assert one.told("name", "description") == [("insert", "one", None), ("update", "second", "born")]
    after = history(one.scene.url, "cohorts")
    del after[(101, one.ident)], others[(101, one.ident)]
    assert after == others
    one.becomes(delete=True)


# -- whole tables


@pytest.mark.fault("warehouse.dropped_table")
@pytest.mark.parametrize("lost", LOST, ids=["dropped", "emptied", "no id", "no project"])
def test_a_lost_table_is_read_anew_and_its_history_tells_what_happened_meanwhile(one: One, lost: str) -> None:
    changed, gone = One(one.scene), One(one.scene)
    one.synced()
    assert whole(one)
    before = history(one.scene.url, "cohorts")
    run(one.scene.url, lost)
    changed.becomes(set={"description": "later"})
    gone.becomes(delete=True)
    new = One(one.scene)
    one.synced()
    assert whole(one)
    assert changed.told("description") == [("insert", "born"), ("update", "later")]
    assert gone.told("experiment_set") == [("insert", [1, 2]), ("delete", [1, 2])]
    assert new.told("description") == [("insert", "born")]
    mine = {(101, each.ident) for each in (changed, gone, new)}
    after = history(one.scene.url, "cohorts")
    assert {key: after[key] for key in after.keys() - mine} == {
        key: before[key] for key in before.keys() - mine
    }
    changed.becomes(delete=True)
    new.becomes(delete=True)


@pytest.mark.fault("warehouse.dropped_table")
@pytest.mark.parametrize("lost", LOST, ids=["dropped", "emptied", "no id", "no project"])
def test_a_lost_tables_rows_live_on_where_nobody_can_tell(one: One, posthog: Sandbox, lost: str) -> None:
    gone = One(one.scene)
    one.scene.sync("cohorts", **BOTH)
    assert whole(one, **BOTH)
    before = history(one.scene.url, "cohorts")
    run(one.scene.url, lost)
    gone.becomes(delete=True)
    posthog.fault(path="projects/101/cohorts", kind="status", status=403)
    one.scene.sync("cohorts", **BOTH)
    posthog.clear_faults()
    assert wrong_versions(one.scene.url) == ""
    assert history(one.scene.url, "cohorts") == before
    kept = one.scene.rows("cohorts", dead=False)
    assert kept[(101, gone.ident)]["description"] == "born"
    filters = {key: row.get("filters") for key, row in kept.items()}
    assert any(filters.values())
    assert filters == {key: before[key][-1]["filters"] for key in filters}
    one.scene.sync("cohorts", **BOTH)
    assert whole(one, **BOTH)
    assert gone.told() == [("insert",), ("delete",)]


@pytest.mark.fault("warehouse.dropped_table")
def test_what_may_be_stored_no_more_does_not_come_back_from_a_history(one: One, posthog: Sandbox) -> None:
    strict = {"columns": {"cohorts.description": "drop"}}
    one.synced()
    one.synced(history={"enabled": False}, privacy=strict)
    run(one.scene.url, "drop table posthog.cohorts")
    posthog.fault(path="projects/101/cohorts", kind="status", status=403)
    one.scene.sync("cohorts", **HERE, privacy=strict)
    kept = f"select name, description, filters from posthog.cohorts where id = {one.ident}"
    assert one.scene.ask(kept) == [("one", None, None)]
    posthog.clear_faults()
    one.synced(privacy=strict)
    assert one.told("description") == [("insert", None)]


@pytest.mark.fault("warehouse.dropped_table", "loads.unfinished")
def test_a_kill_while_a_dropped_table_is_made_anew_forgets_none_of_its_rows(
    one: One, posthog: Sandbox
) -> None:
    def drop(_: Sandbox) -> list[Edit]:
        run(one.scene.url, "drop table if exists posthog.cohorts")
        return []

    gone = One(one.scene)
    one.synced()
    with doomed(one.scene, Story(("cohorts",), drop)) as dying:
        dying.learn()
        told = dying.statements()
        made = number_of(told, "create table", '"cohorts"')
        gone.becomes(delete=True)
        dying.prepare()
        assert dying.die("statement", made + 1) < 0
        dying.mend()
    assert gone.told() == [("insert",), ("delete",)]


def test_a_dry_run_makes_no_dropped_table_anew(one: One) -> None:
    one.synced()
    run(one.scene.url, "drop table posthog.cohorts")
    one.scene.sync("cohorts", dry_run=True, **HERE)
    assert "cohorts" not in types(one.scene.url)


@pytest.mark.fault("warehouse.dropped_column", "loads.half_record")
def test_a_kill_after_a_lost_column_came_back_and_before_the_run_is_recorded_makes_no_version(
    one: One,
) -> None:
    def drop(_: Sandbox) -> list[Edit]:
        for table in ("cohorts", "cohorts_history"):
            run(one.scene.url, f"alter table posthog.{table} drop column if exists description")
        one.becomes(set={"name": f"name {one.step}"})
        one.step += 1
        return []

    one.synced()
    with doomed(one.scene, Story(("cohorts",), drop)) as dying:
        dying.learn()
        told = dying.statements()
        regained = number_of(told, "add column", "_history")
        for at in (
            regained,
            regained + 2,
            regained + 4,
            regained + 8,
            (regained + len(told)) // 2,
            len(told),
        ):
            before = {key: len(each) for key, each in history(one.scene.url, "cohorts").items()}
            dying.prepare()
            assert dying.die("statement", at) < 0
            assert wrong_versions(one.scene.url) == ""
            dying.mend()
            after = {key: len(each) for key, each in history(one.scene.url, "cohorts").items()}
            assert after == {**before, (101, one.ident): before[(101, one.ident)] + 1}, told[at - 1]
            assert one.told("name", "description")[-1] == ("update", f"name {one.step - 1}", "born")
