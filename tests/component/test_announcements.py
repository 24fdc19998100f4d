"""Lists are skipped while the audit log announces no change: never longer than a sweep, never on a doubtful ground."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from sources.posthog.catalogue import DEFAULT_TABLES, ENDPOINTS
from sources.posthog.extract.options import Window
from sources.posthog.extract.plan.announcements import ANNOUNCED, LOG, heard
from sources.posthog.extract.walks import Announcement
from sources.sandbox import Sandbox
from tests.component.scene import Scene
from tests.harness.scene import of

FLAGS, SURVEYS, NOTES = "feature_flags", "surveys", "annotations"
READ = (LOG.table, FLAGS, SURVEYS, NOTES)
ALWAYS = {"announcements": "always", "sweep_every": "1d"}
PROJECT, PROJECTS = 101, (101, 102, 103, 201)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
EARLIER = NOW - timedelta(days=1)


def announce(posthog: Sandbox, scope: str, project: int = PROJECT) -> None:
    """The audit log tells of a change."""
    projects = posthog.truth(tables=("projects",))["rows"]["projects"]
    (parents,) = (row["_parents"] for row in projects if row["id"] == project)
    made = {"scope": scope, "created_at": datetime.now(UTC).isoformat().replace("+00:00", "Z")}
    posthog.edit(LOG.table, insert=[made], parents={"organization_id": parents["organization_id"]})


def rename(posthog: Sandbox, table: str, name: str, project: int = PROJECT) -> None:
    """Every row of a project has another name; nothing is announced."""
    field = "content" if table == NOTES else "name"
    assert posthog.edit(table, set={field: name}, parents={"project_id": project})


def names(scene: Scene, table: str, project: int = PROJECT) -> set[Any]:
    """The names of a project's rows as they are stored."""
    rows = scene.rows(table, dead=False).items()
    return {row.get("name") for key, row in rows if key[0] == project}


def trusting(scene: Scene) -> Scene:
    """All lists were read once while the log was heard."""
    assert scene.sync(*READ, lists=ALWAYS).exit_code == 0
    return scene


def later(scene: Scene, *tables: str) -> None:
    """So much time passes that a sweep of these tables is due."""
    for table in tables:
        scene.warehouse.age(table, last_walk_at=timedelta(days=2))


def trust(scene: Scene, table: str) -> Counter[str]:
    """How many organizations' announcements of a table are in which state."""
    states: Counter[str] = Counter()
    for one in scene.warehouse.announcements().values():
        if one.table == table:
            states["distrusted" if one.distrusted_at else "doubted" if one.doubted_at else "trusted"] += 1
    return states


@pytest.mark.parametrize("is_announced", [True, False])
@pytest.mark.parametrize("state", ["known", "doubted"])
def test_a_doubt_is_decided_by_what_the_next_log_tells(state: str, *, is_announced: bool) -> None:
    before = Announcement(
        organization_id="one", table=FLAGS, doubted_at=EARLIER if state == "doubted" else None
    )
    after = heard(before, NOW, is_announced=is_announced)
    assert after.announced_at == (NOW if is_announced else None)
    assert after.doubted_at is None
    assert after.distrusted_at == (NOW if state == "doubted" and not is_announced else None)


def test_an_idle_run_asks_for_no_announced_list(scene: Scene) -> None:
    lists = sum(len(of(trusting(scene).sync(*READ, full=True), table).lists) for table in READ[1:])
    trusting(scene)
    idle = scene.sync(*READ, lists=ALWAYS)
    assert [of(idle, table).requests for table in READ[1:]] == [0, 0, 0]
    assert sum(of(idle, table).skipped for table in READ[1:]) == lists
    assert of(idle, LOG.table).requests == 2


def test_an_idle_run_of_all_tables_takes_ten_requests_a_project_at_most(
    scene: Scene, posthog: Sandbox
) -> None:
    for table in ("batch_exports", "external_data_sources"):  # each of their rows has lists below it
        for project in PROJECTS:
            posthog.clear(table, project)
    for _ in range(2):
        outcome = scene.sync(*DEFAULT_TABLES, lists=ALWAYS)
    below = [table for table in DEFAULT_TABLES if ENDPOINTS[table].placeholders[:1] == ("project_id",)]
    sent = {table: of(outcome, table).requests for table in below}
    walked = {table for table in ANNOUNCED if sent.get(table)}
    assert walked == {"subscriptions"}, "their deliveries are read below them"
    assert sum(sent.values()) - sent["subscription_deliveries"] <= 10 * len(PROJECTS)


def test_what_is_announced_is_read_where_it_happened(scene: Scene, posthog: Sandbox) -> None:
    trusting(scene)
    rename(posthog, FLAGS, "Told")
    rename(posthog, SURVEYS, "Untold")
    announce(posthog, "Experiment")
    run = scene.sync(*READ, lists=ALWAYS)
    assert names(scene, FLAGS) == {"Told"}
    assert "Untold" not in names(scene, SURVEYS)
    assert {one.list_path.parent_ids["project_id"] for one in of(run, FLAGS).lists} == {101, 102, 103}
    assert of(scene.sync(*READ, lists=ALWAYS), FLAGS).requests == 0, "nothing came since"


def test_a_change_without_an_entry_arrives_with_the_sweep_and_ends_the_trust(
    scene: Scene, posthog: Sandbox
) -> None:
    trusting(scene)
    rename(posthog, SURVEYS, "Untold")
    scene.sync(*READ, lists=ALWAYS)
    assert "Untold" not in names(scene, SURVEYS)
    later(scene, SURVEYS)
    scene.sync(*READ, lists=ALWAYS)
    assert names(scene, SURVEYS) == {"Untold"}
    assert trust(scene, SURVEYS) == {"doubted": 1, "trusted": 1}
    decided = scene.sync(*READ, lists=ALWAYS)
    assert trust(scene, SURVEYS) == {"distrusted": 1, "trusted": 1}
    assert trust(scene, FLAGS) == {"trusted": 2}
    for run in (decided, scene.sync(*READ, lists=ALWAYS)):
        assert {one.list_path.parent_ids["project_id"] for one in of(run, SURVEYS).lists} == {101, 102, 103}


def test_an_entry_that_comes_after_the_log_was_read_keeps_the_trust(scene: Scene, posthog: Sandbox) -> None:
    trusting(scene)
    rename(posthog, SURVEYS, "Told late")
    later(scene, SURVEYS)
    scene.sync(*READ, lists=ALWAYS)
    announce(posthog, "Survey")
    scene.sync(*READ, lists=ALWAYS)
    assert trust(scene, SURVEYS) == {"trusted": 2}


@pytest.mark.parametrize(
    "silent", [{"last_called_at": "2031-01-01T00:00:00Z"}, {"experiment_set": [7]}, {"status": "STALE"}]
)
def test_a_field_that_changes_without_an_entry_ends_no_trust(
    silent: dict[str, Any], scene: Scene, posthog: Sandbox
) -> None:
    trusting(scene)
    below = {"project_id": PROJECT}
    posthog.edit(FLAGS, set=silent, parents=below)
    later(scene, FLAGS)
    assert of(scene.sync(*READ, lists=ALWAYS), FLAGS).counts.updated
    assert trust(scene, FLAGS) == {"trusted": 2}


@pytest.mark.parametrize("change", ["added", "removed", "tagged"])
def test_every_kind_of_silent_change_is_noticed_by_the_sweep(
    change: str, scene: Scene, posthog: Sandbox
) -> None:
    trusting(scene)
    below = {"project_id": PROJECT}
    rows = [row for row in posthog.truth(tables=(FLAGS,))["rows"][FLAGS] if row["_parents"] == below]
    where = {"id": rows[0]["id"]}
    what: dict[str, dict[str, Any]] = {
        "added": {"insert": [{}]},
        "removed": {"where": where, "delete": True},
        "tagged": {"where": where, "set": {"tags": ["new", "other"]}},
    }
    assert posthog.edit(FLAGS, parents=below, **what[change]) == 1
    later(scene, FLAGS)
    scene.sync(*READ, lists=ALWAYS)
    assert trust(scene, FLAGS)["doubted"] == 1


def test_entries_of_a_run_that_was_never_recorded_are_not_overlooked(scene: Scene, posthog: Sandbox) -> None:
    trusting(scene)
    positions = dict(scene.warehouse.positions)
    known = dict(scene.warehouse.announced)
    rename(posthog, SURVEYS, "Told to a run that died")
    announce(posthog, "Survey")
    scene.sync(LOG.table, lists=ALWAYS)
    scene.warehouse.positions = positions
    scene.warehouse.announced = known
    scene.sync(*READ, lists=ALWAYS)
    assert names(scene, SURVEYS) == {"Told to a run that died"}


def test_a_run_that_reads_the_log_alone_overlooks_nothing_for_the_others(
    scene: Scene, posthog: Sandbox
) -> None:
    trusting(scene)
    rename(posthog, SURVEYS, "Told")
    announce(posthog, "Survey")
    scene.sync(LOG.table, lists={"announcements": "never"})
    scene.sync(*READ, lists=ALWAYS)
    assert names(scene, SURVEYS) == {"Told"}


def test_a_backfill_of_the_log_decides_nothing_and_its_entries_are_not_overlooked(
    scene: Scene, posthog: Sandbox
) -> None:
    trusting(scene)
    rename(posthog, SURVEYS, "Told late")
    later(scene, SURVEYS)
    scene.sync(*READ, lists=ALWAYS)
    rename(posthog, FLAGS, "Told")
    announce(posthog, "FeatureFlag")
    window = Window(datetime.now(UTC) - timedelta(days=1))
    scene.sync(LOG.table, lists=ALWAYS, window=window)
    assert trust(scene, SURVEYS) == {"doubted": 1, "trusted": 1}
    scene.sync(*READ, lists=ALWAYS)
    assert names(scene, FLAGS) == {"Told"}


@pytest.mark.parametrize("why", ["never", "full", "key", "log refused", "log failing", "few requests"])
def test_lists_are_read_whenever_announcements_do_not_hold(why: str, scene: Scene, posthog: Sandbox) -> None:
    trusting(scene)
    lists, asked = dict(ALWAYS), dict[str, Any]()
    match why:
        case "never":
            lists["announcements"] = "never"
        case "few requests":
            lists["announcements"] = "auto"  # a server without a budget is asked for all
        case "full":
            asked["full"] = True
        case "key":
            asked["key"] = posthog.new_key("another", scopes=["*"], user="staff")
        case "log refused":
            posthog.gate(LOG.table, 403)
        case "log failing":
            posthog.fault(kind="array", path="advanced_activity_logs")
    assert of(scene.sync(*READ, lists=lists, **asked), SURVEYS).skipped == 0


def test_notes_that_all_projects_list_are_read_in_all_of_them_or_in_none(
    scene: Scene, posthog: Sandbox
) -> None:
    trusting(scene)
    announce(posthog, "Annotation")
    run = scene.sync(*READ, lists=ALWAYS)
    assert {one.list_path.parent_ids["project_id"] for one in of(run, NOTES).lists} == {*PROJECTS}
    scene.warehouse.age(NOTES, last_walk_at=timedelta(days=2))
    trusting(scene)
    assert of(scene.sync(*READ, lists=ALWAYS), NOTES).lists == []


def test_lists_of_shared_rows_are_skipped_again_once_a_project_is_gone(
    scene: Scene, posthog: Sandbox
) -> None:
    trusting(scene)
    posthog.edit("projects", where={"id": 103}, delete=True)
    scene.warehouse.age(NOTES, last_walk_at=timedelta(days=2))
    assert len(of(scene.sync(*READ, lists=ALWAYS), NOTES).lists) == len(PROJECTS) - 1
    assert of(scene.sync(*READ, lists=ALWAYS), NOTES).lists == []


@pytest.mark.parametrize("seed", range(3))
def test_whatever_is_announced_or_not_the_warehouse_is_true_within_a_sweep(
    seed: int, scene: Scene, posthog: Sandbox
) -> None:
    dice = Random(seed)
    tables = {FLAGS: "FeatureFlag", SURVEYS: "Survey", "experiments": "Experiment"}
    for step in range(8):
        table = dice.choice([*tables])
        rename(posthog, table, f"edit {step}", project := dice.choice([101, 201]))
        if is_told := dice.random() < 0.6:
            announce(posthog, tables[table], project)
        scene.sync(LOG.table, *tables, lists=ALWAYS)
        if is_told:
            assert names(scene, table, project) == {f"edit {step}"}
        if dice.random() < 0.3:
            later(scene, *tables)
            scene.sync(LOG.table, *tables, lists=ALWAYS)
            scene.right(LOG.table, *tables)
    later(scene, *tables)
    scene.sync(LOG.table, *tables, lists=ALWAYS)
    scene.right(LOG.table, *tables)


def test_what_is_announced_stands_below_projects_and_names_its_columns() -> None:
    for table, endpoint in ANNOUNCED.items():
        columns = {one.column for one in endpoint.fields if one.role not in {"ignored", "secret"}}
        assert set(endpoint.placeholders) <= {"project_id", "group_type_index"}, table
        assert set(endpoint.unannounced) <= columns, table
    assert not any(ENDPOINTS[table].unannounced for table in ENDPOINTS if table not in ANNOUNCED)


def test_an_entry_is_not_lost_between_runs_that_use_the_log_and_runs_that_do_not(
    scene: Scene, posthog: Sandbox
) -> None:
    auto = {"announcements": "auto", "sweep_every": "1d"}
    scene.sync(*READ, lists=auto, per_hour=1000)  # no list is known, so the log is not needed
    scene.sync(*READ, lists=auto, per_hour=150)
    assert of(scene.sync(*READ, lists=auto, per_hour=150), FLAGS).skipped
    rename(posthog, FLAGS, "Told")
    announce(posthog, "FeatureFlag")
    scene.sync(LOG.table, lists=auto, per_hour=150)
    assert of(scene.sync(*READ, lists=auto, per_hour=150), SURVEYS).skipped
    assert names(scene, FLAGS) == {"Told"}


def test_a_list_with_a_row_that_was_left_out_is_asked_until_the_row_can_be_stored(
    scene: Scene, posthog: Sandbox
) -> None:
    tables = (LOG.table, "comments")
    scene.sync(*tables, lists=ALWAYS)
    ident = next(row["id"] for row in posthog.rows("comments") if row["_parents"]["project_id"] == PROJECT)
    posthog.edit("comments", where={"id": ident}, set={"content": "Edited"})
    announce(posthog, "Comment")
    posthog.fault(
        path=f"projects/{PROJECT}/comments",
        kind="swap",
        body={f'"id":"{ident}"': '"id":null', f'"id": "{ident}"': '"id": null'},
        times=None,
    )
    for _ in range(3):
        warnings = of(scene.sync(*tables, lists=ALWAYS), "comments").warnings
        assert [one.kind for one in warnings] == ["rejected rows"]
    posthog.clear_faults()
    scene.sync(*tables, lists=ALWAYS)
    assert [row["content"] for key, row in scene.rows("comments").items() if ident in key] == ["Edited"]


def test_held_deletes_of_a_table_that_projects_share_are_applied_when_a_person_says_so(
    scene: Scene, posthog: Sandbox
) -> None:
    tables = (LOG.table, NOTES)
    scene.sync(*tables, lists=ALWAYS)
    posthog.edit(NOTES, parents={"project_id": 201}, delete=True)
    announce(posthog, "Annotation", 201)
    held = of(scene.sync(*tables, lists=ALWAYS), NOTES).deletes_held
    assert held
    assert of(scene.sync(*tables, lists=ALWAYS, accept_deletes=True), NOTES).counts.deleted == held


def test_a_list_that_is_refused_while_all_is_read_is_asked_and_told_in_every_run(
    scene: Scene, posthog: Sandbox
) -> None:
    trusting(scene)
    assert of(scene.sync(*READ, lists=ALWAYS), SURVEYS).skipped
    posthog.gate(SURVEYS, 403)
    for full in (True, False, False):
        warnings = of(scene.sync(*READ, lists=ALWAYS, full=full), SURVEYS).warnings
        assert {one.kind for one in warnings} == {"lost access"}


def test_a_table_of_which_one_list_is_refused_and_the_others_are_skipped_is_available(
    scene: Scene, posthog: Sandbox
) -> None:
    posthog.gate(SURVEYS, 402, PROJECT)
    trusting(scene)
    run = scene.sync(*READ, lists=ALWAYS)
    assert of(run, SURVEYS).skipped
    assert of(run, SURVEYS).status == "unchanged"
