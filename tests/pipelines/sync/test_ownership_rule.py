"""Which tables count as hogsync's: by what it noted and by their columns, never by their names."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pytest

from destinations.duckdb import DuckDB
from destinations.warehouse import Relation
from pipelines.bookkeeping.records import record_made_tables
from pipelines.bookkeeping.state import DatasetState
from pipelines.sync.ownership import Table, foreign_objects, foreign_tables
from sources.posthog.catalogue.fields import TECHNICAL_COLUMNS

TECHNICAL = frozenset(TECHNICAL_COLUMNS)
ROW = frozenset({"project_id", "id", "name"})
VERSION = frozenset({"project_id", "id", "valid_from", "valid_to", "op"})
TABLES = {
    "cohorts": Table(TECHNICAL, ROW | TECHNICAL),
    "cohorts_history": Table(VERSION, ROW | VERSION),
}
NOTED = frozenset(TABLES)
META = frozenset({"key", "value"})
DLT_LOADS = frozenset({"load_id", "schema_name", "status", "inserted_at", "schema_version_hash"})


def table(*columns: str) -> Relation:
    return Relation(is_table=True, columns=frozenset(columns))


@pytest.mark.parametrize(
    ("name", "columns", "noted"),
    [
        ("cohorts", ROW | TECHNICAL, NOTED),
        ("cohorts", {*ROW, *TECHNICAL, "mine"}, NOTED),
        ("cohorts", (ROW | TECHNICAL) - {"_row_hash", "id"}, NOTED),
        ("cohorts", ROW | TECHNICAL, None),
        ("cohorts_history", ROW | VERSION, None),
        ("cohorts_history", (ROW | VERSION) - {"valid_to", "op"}, NOTED),
        ("_hogsync_paths", {"path", "table_name", "watermark", "rows", "gap", "held", "fingerprint"}, NOTED),
        ("_dlt_loads", DLT_LOADS, None),
        ("cohorts_mine", {"id"}, NOTED),
    ],
    ids=[
        "noted",
        "with a column of somebody's",
        "robbed of columns",
        "of a dataset that notes nothing",
        "a history of one",
        "a history without its spans",
        "bookkeeping of an older version",
        "of dlt",
        "at no name of hogsync's",
    ],
)
def test_what_hogsync_made_is_known(
    name: str, columns: Collection[str], noted: Collection[str] | None
) -> None:
    assert foreign_tables({name: table(*columns)}, TABLES, noted, ()) == []


@pytest.mark.parametrize(
    ("name", "found", "noted"),
    [
        ("cohorts", table(*ROW), None),
        ("cohorts", table(*ROW), NOTED),
        ("cohorts", table(*ROW, *TECHNICAL), {"people"}),
        ("cohorts", table(*ROW, *TECHNICAL - {"_row_hash"}), None),
        ("cohorts", Relation(is_table=False, columns=ROW | TECHNICAL), NOTED),
        ("cohorts", table(), NOTED),
        ("cohorts_history", table(*ROW, "valid_from", "valid_to"), None),
        ("_hogsync_runs", table("id"), NOTED),
        ("_dlt_loads", table("id"), NOTED),
    ],
    ids=[
        "nothing is noted",
        "it replaced hogsync's",
        "a copy of hogsync's elsewhere",
        "much alike",
        "a view",
        "without columns",
        "a history of one's own",
        "bookkeeping of one's own",
        "at a name of dlt's",
    ],
)
def test_what_somebody_else_made_is_told_by_name(
    name: str, found: Relation, noted: Collection[str] | None
) -> None:
    assert foreign_tables({name: found}, TABLES, noted, ()) == [name]


@pytest.mark.parametrize(
    ("found", "keys", "told"),
    [
        (META, {"origin", "made"}, []),
        (META, {"schema_version"}, []),
        (META, (), []),
        (META, {"colour"}, ["_hogsync_meta"]),
        ({"id", "value"}, (), ["_hogsync_meta"]),
    ],
    ids=["rows of hogsync's", "of a run that failed", "emptied", "other rows", "other columns"],
)
def test_the_mark_itself_is_told_by_its_rows(
    found: Collection[str], keys: Collection[str], told: list[str]
) -> None:
    assert foreign_tables({"_hogsync_meta": table(*found)}, TABLES, None, keys) == told


@pytest.mark.fault("warehouse.others_table", "loads.first")
def test_a_run_that_died_after_its_first_note_left_one_that_is_known_as_hogsyncs(tmp_path: Path) -> None:
    warehouse = DuckDB(tmp_path / "hogsync.duckdb", "posthog")
    with warehouse.opened():
        warehouse.create_dataset()
        record_made_tables(warehouse, {"cohorts": ["id"]})
        assert foreign_objects(DatasetState(warehouse)) == []
