"""What users keep in the dataset beside our tables and on them, and what they take away."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import pytest

from pipelines.errors import UsageError
from sources.sandbox import Sandbox
from tests.harness.scene import Scene, written
from tests.harness.stored import run

HERE: dict[str, Any] = {"projects": (101,)}
TABLE = "cohorts"
_numbers = count(1)
OWN = (
    "create table posthog.cohorts_mine (id bigint primary key, note varchar)",
    "insert into posthog.cohorts_mine values (1, 'kept')",
    "create table posthog.annotations (id bigint)",
    "alter table posthog.cohorts add column mine varchar",
    "alter table posthog.cohorts add column noted_at timestamptz",
    "update posthog.cohorts set mine = 'kept'",
    "alter table posthog.cohorts__experiment_set add column mine varchar",
    "create view posthog.cohort_names as select id, name, mine from posthog.cohorts where _deleted_at is null",
)
OWN_OF_POSTGRES = (
    "create index by_name on posthog.cohorts (name)",
    "comment on column posthog.cohorts.name is 'as the team says'",
    "create materialized view posthog.cohort_count as select count(*) as n from posthog.cohorts",
    "grant usage on schema posthog to {role}",
    "grant select on posthog.cohorts, posthog.cohort_names to {role}",
    "grant select (id) on posthog.people to {role}",
    "create table posthog.stars (project_id bigint, id bigint)",
    "alter table posthog.stars add foreign key (project_id, id) references posthog.cohorts (project_id, id)",
    "insert into posthog.stars select project_id, id from posthog.cohorts limit 1",
    "create function touch() returns trigger as 'begin new.noted_at = now(); return new; end' language plpgsql",
    "create trigger touch before update on posthog.cohorts for each row execute function touch()",
)
GENERATED = (
    "alter table posthog.cohorts add column loud varchar generated always as (upper(name)) stored",
    "alter table posthog.cohorts add column nth bigint generated always as identity",
    "alter table posthog.cohorts__experiment_set add column twice bigint generated always as (value * 2) stored",
    "alter table posthog.people add column loud varchar generated always as (upper(email)) stored",
    "alter table posthog.cohorts_history add column loud varchar generated always as (upper(name)) stored",
    "alter table posthog._hogsync_meta add column loud varchar generated always as (upper(value)) stored",
)
THERE = {
    "by_name": "select count(*) from pg_indexes where indexname = 'by_name'",
    "comment": "select count(*) from pg_description where description = 'as the team says'",
    "materialized": "select count(*) from posthog.cohort_count where n > 0",
    "on a table": "select has_table_privilege('{role}', 'posthog.cohorts', 'select')::int",
    "on a column": "select has_column_privilege('{role}', 'posthog.people', 'id', 'select')::int",
    "foreign key": "select count(*) from pg_constraint where conrelid = 'posthog.stars'::regclass and contype = 'f'",
    "trigger": "select count(*) from pg_trigger where tgname = 'touch'",
}

TAKEN_AWAY = (
    ("drop schema posthog cascade",),
    ("drop schema posthog__hogsync_staging cascade",),
    ("drop table posthog._dlt_loads", "drop table posthog._dlt_version"),
    ("drop table posthog._dlt_pipeline_state",),
    ("drop table posthog._hogsync_paths", "drop table posthog._hogsync_runs"),
    ("drop table posthog._hogsync_meta", "alter table posthog._hogsync_run_tables drop column detail"),
)


def change(scene: Scene) -> None:
    """A row changes, with a list and a field that no row had; another is gone."""
    rows = [r for r in scene.posthog.rows(TABLE) if r["_parents"] == {"project_id": 101} and r["_listed"]]
    step = next(_numbers)
    news = {"name": f"renamed {step}", "experiment_set": [step], f"drift_{step}": step}
    scene.posthog.edit(TABLE, where={"id": rows[0]["id"]}, parents={"project_id": 101}, set=news)
    scene.posthog.edit(TABLE, where={"id": rows[1]["id"]}, parents={"project_id": 101}, delete=True)


def right(scene: Scene, *also: str) -> None:
    """One clean sync, after which the warehouse equals PostHog, a user's columns aside."""
    assert scene.sync(TABLE, **HERE).exit_code == 0
    scene.learn(scene.truth(TABLE, **HERE))
    known = scene.known
    found = {
        table: {key: {n: v for n, v in row.items() if n not in also} for key, row in rows.items()}
        for table, rows in scene.stored().items()
    }
    assert found == known


@pytest.mark.soak("stories")
@pytest.mark.fault("warehouse.users_things", "warehouse.users_view")
def test_whatever_users_made_in_the_dataset_survives_changes_deaths_and_new_columns(scene: Scene) -> None:
    right(scene)
    postgres = scene.url.startswith("postgres")
    role = f"analyst_{scene.url.rpartition('/')[2]}"
    own = OWN + ((f"create role {role}", *OWN_OF_POSTGRES) if postgres else ())
    for statement in own:
        run(scene.url, statement.format(role=role))
    change(scene)
    right(scene, "mine", "noted_at")
    assert scene.ask("select note from posthog.cohorts_mine") == [("kept",)]
    assert scene.ask("select distinct mine from posthog.cohorts where mine is not null") == [("kept",)]
    assert scene.ask("select count(*) from posthog.annotations") == [(0,)]
    assert ("kept",) in scene.ask("select mine from posthog.cohort_names where name like 'renamed%'")
    for what, sql in THERE.items() if postgres else ():
        assert scene.ask(sql.format(role=role)) == [(1,)], what


@pytest.mark.fault("warehouse.users_things")
def test_columns_that_a_user_has_postgres_generate_hinder_no_load(
    posthog: Sandbox, postgres_url: str, tmp_path: Path
) -> None:
    scene = Scene(posthog, postgres_url, tmp_path / "home")
    assert scene.sync(TABLE, projects=(103,)).exit_code == 0
    assert scene.rows(TABLE) == {}, "the first rows are appended, later ones merged"
    for statement in GENERATED:
        run(scene.url, statement)
    for _ in range(2):
        assert scene.sync(TABLE, **HERE).exit_code == 0
        assert scene.ask("select count(*) from posthog.cohorts where loud <> upper(name)") == [(0,)]
        change(scene)
    assert scene.ask("select count(distinct nth) > 1 from posthog.cohorts") == [(True,)]
    assert scene.sync(TABLE, privacy={"columns": {"cohorts.name": "drop"}}, **HERE).exit_code == 0
    assert scene.ask("select count(*) from posthog.cohorts where loud is not null") == [(0,)]


@pytest.mark.fault("warehouse.dropped_dataset")
def test_what_somebody_took_away_is_made_again(scene: Scene) -> None:
    right(scene)
    for damage in TAKEN_AWAY:
        for statement in damage:
            run(scene.url, statement)
        if "drop schema posthog cascade" in damage:
            scene.known = {}
        change(scene)
        right(scene)
    assert written(scene.sync(TABLE, **HERE)) == 0
    assert scene.ask("select count(*) from posthog._hogsync_run_tables where table_name = 'cohorts'") > [(1,)]


@pytest.mark.soak("stories")
def test_a_dataset_of_an_older_hogsync_goes_on_and_gets_what_its_books_lack(scene: Scene) -> None:
    right(scene)
    runs = "select count(*), count(warnings) from posthog._hogsync_runs"
    run(scene.url, "alter table posthog._hogsync_runs drop column warnings")
    run(
        scene.url,
        "delete from posthog._hogsync_meta where key like 'privacy within %' or key in ('made', 'rows')",
    )
    ever = "select key || ' ever', value from posthog._hogsync_meta where key like 'privacy of %'"
    run(scene.url, f"insert into posthog._hogsync_meta {ever}")
    run(scene.url, "update posthog._hogsync_meta set value = '1' where key = 'schema_version'")
    assert written(scene.sync(TABLE, **HERE)) == 0
    assert scene.ask(runs) == [(2, 1)]
    assert scene.ask("select value from posthog._hogsync_meta where key = 'schema_version'") == [("2",)]
    change(scene)
    right(scene)


def test_a_dataset_of_a_newer_hogsync_is_left_alone(scene: Scene) -> None:
    right(scene)
    version = "update posthog._hogsync_meta set value = '{}' where key = 'schema_version'"
    run(scene.url, version.format(99))
    with pytest.raises(UsageError, match="newer hogsync"):
        scene.sync(TABLE, **HERE)
    run(scene.url, version.format(1))
    change(scene)
    right(scene)
