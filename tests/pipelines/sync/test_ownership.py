"""What stands in the warehouse and is somebody else's: it is refused by name or left alone, never written to."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.check import check
from pipelines.errors import WarehouseProblem
from pipelines.settings import load
from pipelines.sync.selection import Selection
from pipelines.sync.sync import sync
from sources.posthog.catalogue.endpoint import Endpoint
from tests.harness.one_cohort import HERE, One
from tests.harness.scene import Scene
from tests.harness.stored import run

STAGING = "posthog__hogsync_staging"


def refused(scene: Scene, *tables: str, **asked: Any) -> str:
    """The sentence with which `check` and `sync` refuse the warehouse, before anything is read of a list."""
    scene.posthog.clear_requests()
    with pytest.raises(WarehouseProblem) as problem:
        scene.sync(*tables, **{**HERE, **asked})
    assert scene.posthog.requests() == []
    said = str(problem.value)
    report = check(load(scene.settings(HOGSYNC_SELECTION={"tables": list(tables)})))
    assert report.exit_code == 4
    assert said in [finding.text for finding in report.findings]
    return said


# -- the staging schema


@pytest.mark.fault("warehouse.others_staging")
def test_a_dataset_named_like_dlts_own_staging_keeps_its_rows(one: One) -> None:
    scene = one.scene
    place = load(scene.settings(HOGSYNC_DATASET="posthog_staging"))
    sync(place, Selection(tables=("cohorts",), **HERE))
    before = scene.ask("select * from posthog_staging.cohorts order by id")
    one.synced()
    one.becomes(set={"description": "later"})
    one.synced()
    assert before
    assert scene.ask("select * from posthog_staging.cohorts order by id") == before


@pytest.mark.fault("warehouse.others_staging")
def test_a_staging_schema_of_somebody_else_is_refused_by_name(one: One) -> None:
    scene = one.scene
    run(scene.url, f"create schema {STAGING}; create table {STAGING}.cohorts as select 'mine' as note")
    said = refused(scene, "cohorts")
    assert f"schema {STAGING}" in said
    assert "cohorts" in said
    assert scene.ask(f"select note from {STAGING}.cohorts") == [("mine",)]
    assert scene.ask("select count(*) from information_schema.schemata where schema_name = 'posthog'") == [
        (0,)
    ]


@pytest.mark.soak("stories")
@pytest.mark.fault("warehouse.others_staging")
def test_an_empty_staging_schema_was_made_for_hogsync(one: One) -> None:
    run(one.scene.url, f"create schema {STAGING}")
    one.synced()
    one.becomes(set={"description": "later"})
    one.synced()
    assert one.told("description")[-1] == ("update", "later")


# -- tables


THEIRS = (
    "create table posthog.people as select 'ann' as person_key, 'mine' as note",
    "create table posthog.cohorts as select 101 as project_id, 1 as id, 'mine' as note",
    "create table posthog.cohorts__experiment_set as select 'mine' as note",
    "create table posthog.cohorts_history as select 'mine' as note",
    "create view posthog.cohort_sizes as select 'mine' as note",
    "create table posthog._hogsync_meta as select 'colour' as key, 'blue' as value, 'mine' as note",
    "create table posthog._dlt_version as select 'mine' as note",
)


@pytest.mark.fault("warehouse.others_table", "warehouse.users_view")
def test_tables_of_somebody_else_are_refused_by_name_and_left_as_they_are(one: One) -> None:
    scene = one.scene
    run(scene.url, "create schema posthog; create table posthog.comments as select 'mine' as note")
    for statement in THEIRS:
        run(scene.url, statement)
    names = sorted(statement.split()[2].removeprefix("posthog.") for statement in THEIRS)
    said = refused(scene, "cohorts")
    assert f"holds {', '.join(names[:5])} and 2 more, which hogsync did not make" in said
    assert {scene.ask(f"select note from posthog.{name}")[0] for name in names} == {("mine",)}
    there = "select count(distinct table_name) from information_schema.tables where table_schema = 'posthog'"
    assert scene.ask(there) == [(len(names) + 1,)], "and nothing was made"
    for statement in THEIRS:
        run(scene.url, "drop {1} {2}".format(*statement.split()))
    one.synced()
    assert scene.ask("select note from posthog.comments") == [("mine",)], "which nobody asked for"


@pytest.mark.soak("stories")
@pytest.mark.fault("warehouse.others_table")
@pytest.mark.parametrize("schema", ["PostHog", "POSTHOG__hogsync_staging"])
def test_a_schema_of_another_spelling_is_refused_by_name_on_duckdb(file_scene: Scene, schema: str) -> None:
    run(file_scene.url, f'create schema "{schema}"')
    assert f"The schema {schema} " in refused(file_scene, "cohorts")
    run(file_scene.url, f'drop schema "{schema}"')
    assert file_scene.sync("cohorts", **HERE).exit_code == 0


@pytest.mark.fault("warehouse.others_table")
def test_a_table_of_another_spelling_is_somebodys_on_duckdb_and_a_table_of_its_own_on_postgres(
    one: One,
) -> None:
    scene = one.scene
    run(scene.url, "create schema posthog; create table posthog.\"Cohorts\" as select 'mine' as note")
    if scene.url.startswith("postgres"):
        one.synced()
    else:
        assert "holds cohorts" in refused(scene, "cohorts")
    assert scene.ask('select note from posthog."Cohorts"') == [("mine",)]


GENERATED = (
    "create table posthog.cohorts (id bigint, note varchar generated always as ('mine') {stored})",
    "insert into posthog.cohorts (id) values (1)",
)


@pytest.mark.fault("warehouse.others_table")
def test_a_table_with_a_generated_column_is_somebodys(one: One) -> None:
    run(one.scene.url, "create schema posthog")
    for statement in GENERATED:
        run(one.scene.url, statement.format(stored="stored" * one.scene.url.startswith("postgres")))
    assert "holds cohorts" in refused(one.scene, "cohorts")
    assert one.scene.ask("select id, note from posthog.cohorts") == [(1, "mine")]


@pytest.mark.soak("stories")
@pytest.mark.fault("warehouse.others_table")
def test_a_table_that_replaced_hogsyncs_is_somebodys(one: One) -> None:
    scene = one.scene
    one.synced()
    run(scene.url, "drop table posthog.cohorts; create table posthog.cohorts as select 'mine' as note")
    assert "cohorts" in refused(scene, "cohorts")
    assert scene.ask("select note from posthog.cohorts") == [("mine",)]


@pytest.mark.fault("warehouse.others_table")
def test_a_table_that_comes_to_stand_there_while_posthog_is_read_is_left_alone(one: One) -> None:
    scene = one.scene

    def somebody(endpoint: Endpoint, _: object) -> None:
        # That page is read alone: two threads that do it at once are in each other's way.
        if endpoint.table == "organizations":
            run(scene.url, "create schema if not exists posthog")
            run(scene.url, "create table if not exists posthog.cohorts as select 'mine' as note")

    with pytest.raises(WarehouseProblem, match="holds cohorts, which hogsync did not make"):
        scene.sync("cohorts", observers=[somebody], **HERE)
    assert scene.ask("select note from posthog.cohorts") == [("mine",)]


@pytest.mark.duckdb_first
@pytest.mark.fault("warehouse.others_table")
def test_a_dataset_in_which_nothing_is_noted_goes_on_and_notes_all_that_is_there(one: One) -> None:
    scene = one.scene
    one.synced()
    scene.sync("comments", **HERE, history={"enabled": False})
    run(scene.url, "delete from posthog._hogsync_meta where key = 'made'")
    one.becomes(set={"description": "later", "drift": 1})
    one.synced()
    assert one.told("description")[-1] == ("update", "later")
    assert scene.sync("comments", **HERE).exit_code == 0
    one.becomes(set={"drift": 2})
    one.synced()
    assert one.told("drift")[-1] == ("update", 2)


# -- columns


@pytest.mark.duckdb_first
@pytest.mark.fault("warehouse.users_things")
def test_a_field_named_like_a_column_of_somebodys_gets_another(one: One) -> None:
    scene, mine = one.scene, "select mine, noted, n from posthog.cohorts where id = "
    one.synced()
    for statement in (
        "alter table posthog.cohorts add column mine varchar",
        "alter table posthog.cohorts add column noted varchar default 'new'",
        "alter table posthog.cohorts add column n bigint default 7",
        "alter table posthog.cohorts alter column n set not null",
        "alter table posthog.cohorts_history add column noted_by varchar",
        "update posthog.cohorts set mine = 'kept'",
        "update posthog.cohorts_history set noted_by = 'kept'",
    ):
        run(scene.url, statement)
    one.becomes(set={"mine": "posthog's", "noted_by": "posthog's", "description": "later"})
    assert scene.sync("cohorts", **HERE).exit_code == 0
    assert scene.ask(f"{mine}{one.ident}") == [("kept", "new", 7)]
    told = f"select mine__2, noted_by__2, description from posthog.cohorts where id = {one.ident}"
    assert scene.ask(told) == [("posthog's", "posthog's", "later")]
    assert one.told("mine__2", "noted_by__2")[-1] == ("update", "posthog's", "posthog's")
    assert scene.ask("select distinct noted_by from posthog.cohorts_history order by 1") in (
        [("kept",), (None,)],
        [(None,), ("kept",)],
    )
    one.becomes(delete=True)
    assert scene.sync("cohorts", **HERE).exit_code == 0
    assert scene.ask(f"{mine}{one.ident}") == [("kept", "new", 7)]


@pytest.mark.soak("stories")
@pytest.mark.fault("warehouse.users_things")
def test_a_column_of_somebodys_at_a_declared_name_is_refused_by_name(one: One) -> None:
    scene = one.scene
    one.scene.sync("cohorts", **HERE, privacy={"columns": {"cohorts.description": "drop"}})
    run(scene.url, "alter table posthog.cohorts add column description varchar")
    run(scene.url, "update posthog.cohorts set description = 'mine'")
    assert "column description that hogsync did not make" in refused(scene, "cohorts")
    assert scene.ask("select distinct description from posthog.cohorts") == [("mine",)]
    run(scene.url, "alter table posthog.cohorts rename column description to mine")
    assert scene.sync("cohorts", **HERE).exit_code == 0
    assert one.told("description")[-1][-1] == "born"
    assert scene.ask("select distinct mine from posthog.cohorts") == [("mine",)]
