"""What hogsync asks of a database besides what dlt does, on both."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from destinations.duckdb import DuckDB
from destinations.postgres import Postgres
from destinations.warehouse import Relation, Warehouse, WarehouseUnavailable, first_line

pytestmark = pytest.mark.versions

COLUMNS = {
    "project_id": "bigint",
    "name": "text",
    "on": "bool",
    "at": "timestamp",
    "share": "double",
    "facts": "json",
}
ROWS = [
    {
        "project_id": 1,
        "name": "a",
        "on": True,
        "at": datetime(2026, 11, 2, 8, tzinfo=UTC),
        "share": 0.5,
        "facts": "{}",
    },
    {"project_id": 1, "name": 'b"é', "on": None, "at": None, "share": None, "facts": None},
]


@pytest.fixture
def warehouse(warehouse_url: str, tmp_path: Path) -> Warehouse:
    if warehouse_url.startswith("duckdb"):
        return DuckDB(tmp_path / "hogsync.duckdb", "posthog", wait=0)
    return Postgres(warehouse_url, "posthog", "the test database", wait=0)


def filled(warehouse: Warehouse) -> Warehouse:
    warehouse.create_dataset()
    warehouse.ensure("things", COLUMNS, ("project_id", "name"), {}, primary=True)
    warehouse.upsert("things", ("project_id", "name"), ROWS)
    return warehouse


def test_all_that_stands_in_a_schema_is_told_with_its_columns_and_whether_it_is_a_table(
    warehouse: Warehouse,
) -> None:
    with warehouse.opened():
        name = filled(warehouse).name("things")
        warehouse.execute(f"create view {warehouse.name('shown')} as select name from {name}")
        held = warehouse.relations("posthog")
    assert held["things"] == Relation(is_table=True, columns=frozenset(COLUMNS))
    assert held["shown"] == Relation(is_table=False, columns=frozenset({"name"}))
    assert all(not one.is_table for other, one in held.items() if other != "things")


def test_what_postgres_keeps_under_the_names_of_tables_is_told_too(postgres_url: str) -> None:
    warehouse = Postgres(postgres_url, "posthog", "the test database", wait=0)
    with warehouse.opened():
        name = filled(warehouse).name("things")
        warehouse.execute(f"create materialized view posthog.shown as select name from {name}")
        warehouse.execute(f"create index cohorts on {name} (share); create sequence posthog.people")
        held = warehouse.relations("posthog")
    assert {held[other].is_table for other in ("shown", "cohorts", "people")} == {False}


def test_names_that_differ_in_case_are_one_for_duckdb(tmp_path: Path) -> None:
    warehouse = DuckDB(tmp_path / "hogsync.duckdb", "posthog", wait=0)
    with warehouse.opened():
        warehouse.execute('create schema "PostHog"; create table "PostHog"."Things" ("Name" varchar)')
        held = warehouse.relations("posthog")
    assert held == {"things": Relation(is_table=False, columns=frozenset({"name"}))}


def test_a_table_gets_its_columns_and_later_those_that_it_lacks(warehouse: Warehouse) -> None:
    with warehouse.opened():
        filled(warehouse)
        warehouse.execute(f"alter table {warehouse.name('things')} add column mine varchar")
        existing = warehouse.columns()["things"]
        warehouse.ensure("things", {**COLUMNS, "more": "json"}, ("project_id", "name"), existing)
        assert list(warehouse.columns()["things"]) == [*COLUMNS, "mine", "more"]


def test_an_upsert_replaces_by_key(warehouse: Warehouse) -> None:
    with warehouse.opened():
        filled(warehouse).upsert("things", ("project_id", "name"), [{**ROWS[1], "share": 2.0}])
        found = warehouse.rows(f"select name, share from {warehouse.name('things')} order by name")
    assert found == [("a", 0.5), ('b"é', 2.0)]


def delete_and_be_interrupted(warehouse: Warehouse) -> None:
    with warehouse.transaction():
        warehouse.execute(f"delete from {warehouse.name('things')}")
        raise KeyboardInterrupt


def test_a_transaction_commits_as_a_whole_or_not_at_all(warehouse: Warehouse) -> None:
    with warehouse.opened():
        filled(warehouse)
        with pytest.raises(KeyboardInterrupt):
            delete_and_be_interrupted(warehouse)
        assert len(warehouse.rows(f"select 1 from {warehouse.name('things')}")) == 2
        with warehouse.transaction():
            warehouse.execute(f"delete from {warehouse.name('things')}")
    with warehouse.opened():
        assert warehouse.rows(f"select 1 from {warehouse.name('things')}") == []


@pytest.mark.fault("security.hostile_names")
def test_rows_are_found_by_their_keys_whatever_is_in_them(warehouse: Warehouse) -> None:
    keys = pa.table({"project_id": [1, 1, 2], "name": ['b"é', "c'; drop table things", "a"]})
    with warehouse.opened():
        found = filled(warehouse).matching("things", 't.name, t."on"', keys)
    assert found.to_pylist() == [{"name": 'b"é', "on": None}]


def test_several_threads_may_look_for_rows_at_once(warehouse: Warehouse) -> None:
    keys = pa.table({"project_id": [1], "name": ['b"é']})
    with warehouse.opened(), ThreadPoolExecutor(4) as threads:
        filled(warehouse)
        found = threads.map(lambda _: warehouse.matching("things", "t.name", keys).num_rows, range(40))
        assert set(found) == {1}


def test_arrow_has_the_same_types_from_both_databases(warehouse: Warehouse) -> None:
    with warehouse.opened():
        sql = f'select project_id, name, "on", "at", share from {filled(warehouse).name("things")} order by name'
        table = pa.Table.from_batches(warehouse.batches(sql))
    assert [str(t) for t in table.schema.types] == [
        "int64",
        "string",
        "bool",
        "timestamp[us, tz=UTC]",
        "double",
    ]
    assert table.to_pylist()[0]["at"] == ROWS[0]["at"]


def test_the_outermost_opening_opens_and_closes(warehouse: Warehouse, tmp_path: Path) -> None:
    with warehouse.opened(), warehouse.opened():
        filled(warehouse)
    if isinstance(warehouse, DuckDB):
        code = f"import duckdb; duckdb.connect({str(warehouse.path)!r}).execute('select 1')"
        subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)


# -- DuckDB alone


@pytest.mark.fault("security.files")
def test_a_new_file_belongs_to_its_owner_and_opens_with_older_readers(tmp_path: Path) -> None:
    path = tmp_path / "new" / "warehouse.duckdb"
    path.parent.mkdir()
    with DuckDB(path, "posthog").opened():
        pass
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    connection = duckdb.connect(str(path), read_only=True)
    sql = "select tags['storage_version'] from duckdb_databases() where not internal"
    (tags,) = connection.execute(sql).fetchone() or ("",)
    assert tags.startswith("v1.5")


@pytest.mark.parametrize("version", ["v1.0.0", "v1.4.0"])
def test_a_new_file_can_be_for_older_readers_and_stays_so(tmp_path: Path, version: str) -> None:
    path = tmp_path / "hogsync.duckdb"
    for wanted in (version, "v1.5.0"):
        with DuckDB(path, "posthog", storage_version=wanted).opened() as warehouse:
            warehouse.create_dataset()
            assert warehouse.readable_since() == version


HOLD = """
import duckdb, sys, time
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
time.sleep(float(sys.argv[2]))
"""


def holding(path: Path, seconds: float) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, path, str(seconds)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    return process


@pytest.mark.parametrize(("said", "told"), [("", "OSError"), (" \n", "OSError"), ("\n one \ntwo", "one ")])
def test_of_an_error_the_first_line_is_told_or_its_kind(said: str, told: str) -> None:
    assert first_line(OSError(said)) == told


def test_a_held_file_is_waited_for(tmp_path: Path) -> None:
    said: list[str] = []
    path = tmp_path / "hogsync.duckdb"
    with holding(path, 1.0) as process:
        with DuckDB(path, "posthog", wait=30, on_wait=said.append).opened() as warehouse:
            assert warehouse.rows("select 1") == [(1,)]
        assert len(said) == 1
        assert str(process.pid) in said[0]


def test_a_file_that_stays_held_is_given_up_and_its_holder_named(tmp_path: Path) -> None:
    path = tmp_path / "hogsync.duckdb"
    with holding(path, 60) as process:
        began = time.monotonic()
        with (
            pytest.raises(WarehouseUnavailable, match=rf"held by python\S*, process {process.pid}; close it"),
            DuckDB(path, "posthog", wait=0.5).opened(),
        ):
            pass
        assert time.monotonic() - began < 10
        process.kill()


def test_a_file_that_is_no_database_is_no_reason_to_wait(tmp_path: Path) -> None:
    path = tmp_path / "hogsync.duckdb"
    path.write_text("these are my notes, not a database " * 500)
    began = time.monotonic()
    with (
        pytest.raises(WarehouseUnavailable, match=r"hogsync\.duckdb"),
        DuckDB(path, "posthog", wait=30).opened(),
    ):
        pass
    assert time.monotonic() - began < 10
    assert path.read_text().startswith("these are my notes")


# -- Postgres alone


@pytest.mark.fault("security.wrong_password")
@pytest.mark.parametrize(("change", "word"), [(":hogsync@", "password"), ("/test_", "database")])
def test_a_refusal_of_the_server_is_one_sentence_without_the_password(
    postgres_url: str, change: str, word: str
) -> None:
    wrong = postgres_url.replace(change, {":hogsync@": ":canarypassword@", "/test_": "/nowhere_"}[change])
    if wrong == postgres_url:
        user, _, host = postgres_url.partition("://")[2].rpartition("@")
        wrong = f"postgresql://{user.split(':')[0]}:canarypassword@{host}"
    with (
        pytest.raises(WarehouseUnavailable, match=word) as refused,
        Postgres(wrong, "posthog", "it").opened(),
    ):
        pass
    assert "canarypassword" not in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


def test_options_of_the_url_are_honoured(postgres_url: str) -> None:
    url = f"{postgres_url}?options=-cstatement_timeout%3D1234"
    with Postgres(url, "posthog", "it").opened() as warehouse:
        assert warehouse.rows("show statement_timeout") == [("1234ms",)]
        assert next(warehouse.batches("select current_setting('statement_timeout') as t"))[
            "t"
        ].to_pylist() == ["1234ms"]


def test_umask_is_left_as_it_was(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        with DuckDB(tmp_path / "x.duckdb", "posthog").opened():
            pass
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)


def test_an_interrupt_is_over_with_the_connection_that_it_was_for(warehouse: Warehouse) -> None:
    with warehouse.opened():
        warehouse.interrupt()
    for _ in range(2):
        with warehouse.opened(), pytest.raises((WarehouseUnavailable, KeyboardInterrupt)) as refused:
            warehouse.rows("select * from nowhere")
        assert refused.type is WarehouseUnavailable
        warehouse.interrupt()
