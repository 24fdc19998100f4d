"""Copies datasets of an open DuckDB warehouse into another DuckDB file, and from that into Parquet files.

Only the tables that are named are read, so nothing of another table can stand in the copy. A copy has no views, keys or
comments. Its table `main._hogsync_published` holds the time of the copy and a digest of the content that was copied.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from destinations.warehouse import Warehouse, WarehouseUnavailable, quoted, text_literal

COPY = "hogsync__copy"
"""The name under which the copy is attached; no dataset has two underscores in a row."""
ABOUT = f"{COPY}.main._hogsync_published"

Tables = Mapping[str, Sequence[str]]
"""The names of tables by dataset."""


def digest_of(warehouse: Warehouse, file: Path) -> str:
    """Return the digest that a copy was made with; empty if there is no copy, or none that can be read."""
    if not file.exists():
        return ""
    try:
        with _attached(warehouse, file, "read_only"):
            return str(warehouse.rows(f"select digest from {ABOUT}")[0][0])
    except WarehouseUnavailable:
        warehouse.execute(f"detach database if exists {COPY}")
        return ""


def holds_other_tables(file: Path) -> bool:
    """Return whether a DuckDB file has tables and is no copy; False if the file is not there or cannot be read."""
    import duckdb

    try:
        with duckdb.connect(file, read_only=True) as opened:
            tables = opened.execute("select schema_name || '.' || table_name from duckdb_tables()").fetchall()
    except duckdb.Error:
        return False
    return bool(tables) and ("main._hogsync_published",) not in tables


@contextmanager
def new_copy(
    warehouse: Warehouse, file: Path, tables: Tables, digest: str, storage_version: str
) -> Iterator[None]:
    """Write a new file with the tables as of one moment; during the block `write_parquet` can read the copy.

    The file is complete after the block. Raises WarehouseUnavailable, and leaves an unfinished file, if that fails.
    """
    with _attached(warehouse, file, f"storage_version {text_literal(storage_version)}"):
        with warehouse.transaction():
            for dataset, names in tables.items():
                warehouse.execute(f"create schema {COPY}.{quoted(dataset)}")
                for name in names:
                    table = f"{quoted(dataset)}.{quoted(name)}"
                    warehouse.execute(f"create table {COPY}.{table} as from {table}")
            warehouse.execute(
                f"create table {ABOUT} as select now() as published_at, {text_literal(digest)} as digest"
            )
        yield


def write_parquet(warehouse: Warehouse, dataset: str, name: str, file: Path) -> None:
    """Write one table of the attached copy into a Parquet file, its rows in any order."""
    warehouse.execute(
        "set preserve_insertion_order = false"
    )  # without which no size of a row group can be set
    warehouse.execute(
        f"copy {COPY}.{quoted(dataset)}.{quoted(name)} to {text_literal(str(file))} "
        "(format parquet, row_group_size_bytes '16MB')"
    )


@contextmanager
def _attached(warehouse: Warehouse, file: Path, options: str) -> Iterator[None]:
    """Attach a file; after an error it stays attached until the warehouse is closed: its disk may be full."""
    warehouse.execute(f"attach {text_literal(str(file))} as {COPY} ({options})")
    yield
    warehouse.execute(f"detach {COPY}")  # which writes all that is still in the file's log
