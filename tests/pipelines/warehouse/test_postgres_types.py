"""Postgres: primary keys and `jsonb`, which other tools look for, also in datasets that an older hogsync has made."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from sources.sandbox import Sandbox
from tests.harness.scene import Scene, written
from tests.harness.served import analyst
from tests.harness.stored import types
from tests.harness.versions import history, wrong_versions

PROJECT = 101
BELOW = {"project_id": PROJECT}
HERE: dict[str, Any] = {"projects": (PROJECT,)}
TABLES = ("cohorts", "subscriptions")
_numbers = count(900_000)

WITHOUT_KEY = """
select t.relname from pg_class t where t.relnamespace = 'posthog'::regnamespace and t.relkind = 'r'
   and not exists (select 1 from pg_constraint c where c.conrelid = t.oid and c.contype = 'p')
"""
KEYS = """
select t.relname, c.conname, array_agg(a.attname::text order by k.at) filter (where k.at is not null)
  from pg_constraint c join pg_class t on t.oid = c.conrelid, unnest(c.conkey) with ordinality k(attnum, at)
  join pg_attribute a on a.attnum = k.attnum
 where a.attrelid = t.oid and c.contype = 'p' and t.relnamespace = 'posthog'::regnamespace group by 1, 2
"""
OF_BOOKS = "_hogsync"


@pytest.fixture
def scene(posthog: Sandbox, postgres_url: str, tmp_path: Path) -> Scene:
    """The company beside a Postgres."""
    return Scene(posthog, postgres_url, tmp_path / "home")


@contextmanager
def owner(url: str) -> Iterator[Any]:
    """The database's owner at work."""
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        yield cursor.execute


def aged(url: str, *, guarded: bool = True) -> None:
    """Make a dataset what hogsync made before it knew of primary keys and `jsonb`."""
    with session_of(url) as (execute, found):
        for table, name, key in found(KEYS):
            if not table.startswith(OF_BOOKS) and not table.endswith("_trend"):
                execute(f"alter table posthog.{table} drop constraint {name}")
                if guarded and not table.startswith("_dlt"):
                    execute(f"create unique index {table}__key on posthog.{table} ({', '.join(key)})")
        for table, columns in types(url).items():
            old = [name for name, type_ in columns.items() if type_ == "jsonb"]
            casts = ", ".join(f"alter column {name} type json using {name}::json" for name in old)
            if old:
                execute(f"alter table posthog.{table} {casts}")


@contextmanager
def session_of(url: str) -> Iterator[Any]:
    """What runs a statement, and what runs one and gives its rows."""
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True

        def found(sql: str) -> list[Any]:
            cursor.execute(sql)
            return list(cursor.fetchall())

        yield cursor.execute, found


def json_columns(url: str, type_: str = "json") -> set[str]:
    """The columns of this type, each with its table."""
    return {f"{table}.{name}" for table, made in types(url).items() for name, t in made.items() if t == type_}


def moved_on(posthog: Sandbox) -> int:
    """A cohort gets another name, one another list, one dies, one comes; gives one of which only the size has moved."""
    rows = [row for row in posthog.rows("cohorts") if row["_parents"] == BELOW and row["filters"]]
    moved, first, second, third = sorted(row["id"] for row in rows)[:4]
    posthog.edit("cohorts", where={"id": moved}, parents=BELOW, set={"count": next(_numbers)})
    posthog.edit("cohorts", where={"id": first}, parents=BELOW, set={"name": f"named {next(_numbers)}"})
    posthog.edit("cohorts", where={"id": second}, parents=BELOW, set={"experiment_set": [next(_numbers)]})
    posthog.edit("cohorts", where={"id": third}, parents=BELOW, delete=True)
    posthog.edit("cohorts", insert=[{"id": next(_numbers), "name": "new", "filters": {}}], parents=BELOW)
    return int(moved)


@pytest.mark.fault("warehouse.other_tools")
def test_every_table_has_a_primary_key_and_json_can_be_compared_and_searched(scene: Scene) -> None:
    assert scene.sync().exit_code == 0
    assert scene.ask(WITHOUT_KEY) == []
    keys = {table: key for table, _, key in scene.ask(KEYS)}
    assert keys["cohorts"] == ["project_id", "id"]
    assert keys["cohorts__experiment_set"] == ["project_id", "id", "position"]
    assert keys["cohorts_history"] == ["project_id", "id", "valid_from"]
    assert keys["people"] == ["id"]
    assert json_columns(scene.url) == set()
    cohorts = len(scene.rows("cohorts"))
    ((most,),) = scene.ask(
        "select max(n) from (select count(*) as n from posthog.cohorts group by filters) g"
    )
    assert 1 <= most <= cohorts
    assert scene.ask("select count(*) from posthog.cohorts where filters @> '{}'")[0][0] > 0


@pytest.mark.fault("warehouse.publication")
def test_a_publication_for_all_tables_hinders_no_sync(scene: Scene, posthog: Sandbox) -> None:
    with owner(scene.url) as execute:
        execute("create publication everything for all tables")
    scene.settle(*TABLES, **HERE)
    for _ in range(2):
        moved_on(posthog)
        assert scene.sync(*TABLES, full=True, **HERE).exit_code == 0
        scene.learn(scene.truth(*TABLES, **HERE))
        assert scene.wrong() == ""
        assert wrong_versions(scene.url) == ""


@pytest.mark.fault("warehouse.publication", "warehouse.dropped_key")
def test_keys_that_somebody_dropped_of_tables_in_a_publication_are_made_again(
    scene: Scene, posthog: Sandbox
) -> None:
    scene.settle("cohorts", **HERE)
    with owner(scene.url) as execute:
        execute("create publication everything for all tables")
        for table, column in (
            ("cohorts", "id"),
            ("cohorts__experiment_set", "position"),
            ("cohorts_history", "valid_from"),
            ("people", "id"),
            ("_hogsync_held", "row_key"),
            ("_hogsync_runs", "run_id"),
        ):
            execute(f"alter table posthog.{table} drop column {column} cascade")
        for table in ("projects__key", "cohort_sizes_pkey", "_hogsync_run_tables_pkey"):
            execute(f"alter table posthog.{table.rpartition('_')[0].rstrip('_')} drop constraint {table}")
    moved_on(posthog)
    assert scene.sync("cohorts", **HERE).exit_code == 0
    scene.known = {}
    scene.learn(scene.truth("cohorts", **HERE))
    assert scene.wrong() == ""
    assert wrong_versions(scene.url) == ""
    assert scene.ask(WITHOUT_KEY) == []
    moved_on(posthog)
    assert scene.sync("cohorts", **HERE).exit_code == 0


@pytest.mark.fault("warehouse.publication", "security.other_privacy")
def test_what_an_older_hogsync_left_in_a_publication_without_keys_is_emptied(scene: Scene) -> None:
    scene.sync("comments", **HERE)
    aged(scene.url)
    with owner(scene.url) as execute:
        execute("create publication everything for all tables")
        execute("delete from posthog._hogsync_meta where key like 'privacy within %'")
    assert scene.sync("comments", privacy={"text": "drop"}, **HERE).exit_code == 0
    assert scene.ask("select count(*) from posthog.comments where content is not null") == [(0,)]
    assert scene.ask(WITHOUT_KEY) == []


@pytest.mark.fault("warehouse.older_types")
def test_a_dataset_of_an_older_hogsync_gets_its_keys_and_jsonb_and_no_version_more(
    scene: Scene, posthog: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    scene.settle(*TABLES, **HERE)
    aged(scene.url)
    with owner(scene.url) as execute:
        execute("create view posthog.mine as select id, filters from posthog.cohorts")
        execute("alter table posthog.cohorts add column noted json")
        execute("create publication everything for all tables")
    before = history(scene.url, "cohorts")
    with caplog.at_level(logging.WARNING, "hogsync"):
        assert written(scene.sync(*TABLES, full=True, **HERE)) == 0
    (said,) = [one for one in caplog.messages if "jsonb" in one]
    assert "filters" in said
    assert "alter table" in said
    assert scene.ask(WITHOUT_KEY) == []
    assert json_columns(scene.url) == {"cohorts.filters", "cohorts.noted", "mine.filters"}
    assert history(scene.url, "cohorts") == before
    caplog.clear()
    key = (PROJECT, moved_on(posthog))
    assert scene.sync(*TABLES, **HERE).exit_code == 0
    assert len(history(scene.url, "cohorts")[key]) == len(before[key])
    assert "jsonb" not in caplog.text
    with owner(scene.url) as execute:
        execute("alter table posthog.cohorts drop column noted")
    scene.learn(scene.truth(*TABLES, **HERE))
    assert scene.wrong() == ""
    assert wrong_versions(scene.url) == ""
    assert len(scene.ask("select * from posthog.mine")) == len(scene.rows("cohorts"))


@pytest.mark.fault("warehouse.older_types")
def test_an_old_table_that_somebody_reads_is_left_for_the_next_sync(scene: Scene, posthog: Sandbox) -> None:
    scene.settle("cohorts", **HERE)
    aged(scene.url)
    with analyst(scene.url, "select count(*) from posthog.cohorts"):
        moved_on(posthog)
        assert scene.sync("cohorts", **HERE).exit_code == 0
        assert {column.partition(".")[0] for column in json_columns(scene.url)} == {"cohorts"}
        assert scene.ask(WITHOUT_KEY) == [("cohorts",)]
    scene.learn(scene.truth("cohorts", **HERE))
    assert scene.wrong() == ""
    assert scene.sync("cohorts", **HERE).exit_code == 0
    assert json_columns(scene.url) == set()
    assert scene.ask(WITHOUT_KEY) == []
    assert scene.wrong() == ""
    assert wrong_versions(scene.url) == ""


def test_a_table_of_an_older_hogsync_that_is_still_empty_takes_its_first_rows(
    scene: Scene, posthog: Sandbox
) -> None:
    scene.sync("cohorts", projects=(103,))
    aged(scene.url)
    with owner(scene.url) as execute:
        execute("create view posthog.mine as select filters from posthog.cohorts")
    scene.settle("cohorts", **HERE)
    assert json_columns(scene.url) == {"cohorts.filters", "mine.filters"}


def test_a_history_fills_a_table_that_was_dropped_also_where_json_is_jsonb(scene: Scene) -> None:
    scene.settle("cohorts", **HERE)
    with owner(scene.url) as execute:
        execute("drop table posthog.cohorts, posthog.cohorts__experiment_set")
    scene.sync("cohorts", **HERE)
    assert scene.wrong() == ""
    assert wrong_versions(scene.url) == ""
