"""What a history does about what somebody took away, on both databases."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from destinations.derived.derived import Rows, finished
from destinations.derived.history import History
from destinations.duckdb import DuckDB
from destinations.postgres import Postgres
from destinations.warehouse import Warehouse

pytestmark = pytest.mark.versions

FIRST = datetime(2026, 11, 2, 8, tzinfo=UTC)
LATER = FIRST + timedelta(hours=1)
HISTORY = History(
    target="cohorts_history",
    source="cohorts",
    source_key=("project_id", "id"),
    values={"project_id": "bigint", "id": "bigint", "name": "text"},
    lists={"tags": {"value": "text"}, "dates": {"value": "timestamp"}},
)
STAMPED = {"_synced_at": "timestamp", "_deleted_at": "timestamp", "_row_hash": "text", "_dlt_load_id": "text"}
ALL = Rows("true")


@pytest.fixture
def warehouse(warehouse_url: str, tmp_path: Path) -> Warehouse:
    """Two projects' cohorts of two each, and their history."""
    duckdb = warehouse_url.startswith("duckdb")
    made = (
        DuckDB(tmp_path / "hogsync.duckdb", "posthog") if duckdb else Postgres(warehouse_url, "posthog", "")
    )
    key = {"project_id": "bigint", "id": "bigint"}
    tables: dict[str, Any] = {
        "cohorts": {**key, "name": "text", **STAMPED},
        "cohorts__tags": {**key, "position": "bigint", "value": "text", **STAMPED},
        "cohorts__dates": {**key, "position": "bigint", "value": "timestamp", **STAMPED},
        "_dlt_loads": {"load_id": "text", "status": "bigint"},
        "cohorts_history": HISTORY.columns,
    }
    with made.opened():
        made.create_dataset()
        for table, columns in tables.items():
            made.ensure(table, columns, (), {})
        stamps = f"timestamptz '{FIRST.isoformat()}', null, 'a hash', 'a load'"
        rows = ", ".join(f"({project}, {ident}, 'born', {stamps})" for project in (1, 2) for ident in (1, 2))
        made.execute(f"insert into {made.name('cohorts')} values {rows}")
        made.execute(f"insert into {made.name('cohorts__tags')} values (1, 1, 0, 'blue', {stamps})")
        moment = f"timestamptz '{FIRST.isoformat()}'"
        made.execute(f"insert into {made.name('cohorts__dates')} values (1, 1, 0, {moment}, {stamps})")
        made.execute(f"insert into {made.name('_dlt_loads')} values ('a load', 0)")
        with made.transaction():
            HISTORY.derive(made, ALL, FIRST)
    return made


def versions(warehouse: Warehouse, columns: str = "op, name") -> list[tuple[Any, ...]]:
    told = f"project_id, id, valid_from, valid_to, {columns}"
    return warehouse.rows(f"select {told} from {warehouse.name('cohorts_history')} order by 1, 2, 3")


@pytest.mark.fault("warehouse.dropped_table")
def test_what_is_not_in_its_table_dies_in_those_scopes_that_are_known_as_a_whole(
    warehouse: Warehouse,
) -> None:
    with warehouse.opened():
        warehouse.execute(f"delete from {warehouse.name('cohorts')} where id = 1")
        for moment in (LATER, LATER + timedelta(hours=1)):
            with warehouse.transaction():
                HISTORY.end_missing(warehouse, [{"project_id": 1}, {"project_id": 7}], moment)
        assert versions(warehouse) == [
            (1, 1, FIRST, LATER, "insert", "born"),
            (1, 1, LATER, LATER, "delete", "born"),
            (1, 2, FIRST, None, "insert", "born"),
            (2, 1, FIRST, None, "insert", "born"),
            (2, 2, FIRST, None, "insert", "born"),
        ]


@pytest.mark.fault("warehouse.dropped_table")
def test_a_death_comes_after_its_row_whatever_the_clock_says(warehouse: Warehouse) -> None:
    with warehouse.opened():
        warehouse.execute(f"delete from {warehouse.name('cohorts')}")
        with warehouse.transaction():
            HISTORY.end_missing(warehouse, [{}], FIRST - timedelta(days=1))
        assert {row[2:5] for row in versions(warehouse)} == {
            (FIRST, FIRST + timedelta(microseconds=1), "insert"),
            (FIRST + timedelta(microseconds=1), FIRST + timedelta(microseconds=1), "delete"),
        }


@pytest.mark.fault("warehouse.dropped_column")
def test_a_dropped_column_comes_back_with_what_the_rows_say_and_makes_no_version(
    warehouse: Warehouse,
) -> None:
    with warehouse.opened():
        before = versions(warehouse, "op, name, tags::varchar")
        for column in HISTORY.columns.keys() & {"name", "tags"}:
            warehouse.execute(f"alter table {warehouse.name('cohorts_history')} drop column {column}")
        HISTORY.fill(warehouse, {"name": "text", "tags": "json"})
        with warehouse.transaction():
            HISTORY.derive(warehouse, ALL)
        assert versions(warehouse, "op, name, tags::varchar") == before


@pytest.mark.fault("warehouse.dropped_column")
def test_a_living_row_that_waits_to_be_written_again_is_no_version(warehouse: Warehouse) -> None:
    with warehouse.opened():
        name = warehouse.name("cohorts")
        warehouse.execute(f"update {name} set _row_hash = '', name = null where id = 1")
        warehouse.execute(f"update {name} set _deleted_at = _synced_at where project_id = 2 and id = 1")
        with warehouse.transaction():
            HISTORY.derive(warehouse, finished(warehouse, HISTORY.source_key, HISTORY.children))
        assert [(row[:2], row[4:]) for row in versions(warehouse)] == [
            ((1, 1), ("insert", "born")),
            ((1, 2), ("insert", "born")),
            ((2, 1), ("insert", "born")),
            ((2, 1), ("delete", None)),
            ((2, 2), ("insert", "born")),
        ]


def test_times_in_a_list_are_spelt_the_same_on_both_databases(warehouse: Warehouse) -> None:
    with warehouse.opened():
        (told,) = [row[-1] for row in versions(warehouse, "dates") if row[-1]]
    assert (json.loads(told) if isinstance(told, str) else told) == ["2026-11-02T08:00:00.000000Z"]
