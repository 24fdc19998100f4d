"""DuckDB as warehouse: one file, one owner at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import pyarrow as pa

from destinations.duckdb_file import open_file
from destinations.duckdb_reader import DuckDBReader
from destinations.staging import staging_of
from destinations.warehouse import (
    DatabaseOutOfMemory,
    Relation,
    Types,
    Warehouse,
    WarehouseUnavailable,
    first_line,
    quoted,
)

READABLE_SINCE = "v1.5.0"
"""New files are written so that this version of DuckDB can open them; the default of 2.0 excludes 1.5."""
READABLE_BY = """
select rtrim(tags['storage_version'], '+') from duckdb_databases() where database_name = current_database()
"""
RELATIONS = """
select lower(t.table_name), t.table_type = 'BASE TABLE' and t.table_name = lower(t.table_name),
       list(lower(c.column_name))
  from information_schema.tables t join information_schema.columns c using (table_catalog, table_schema, table_name)
 where t.table_catalog = current_database() and lower(t.table_schema) = ?
 group by all
"""
SAME_NAMES = """
select schema_name from information_schema.schemata
 where catalog_name = current_database() and lower(schema_name) = lower(?) and schema_name <> ? order by 1
"""
INSERTING = 128
"""Megabytes per thread for a load that only inserts; a merge of a million rows failed with twice as much."""


class DuckDB(Warehouse):
    """A dataset in a DuckDB file."""

    types: ClassVar[Types] = {
        "bigint": "BIGINT",
        "text": "VARCHAR",
        "bool": "BOOLEAN",
        "timestamp": "TIMESTAMP WITH TIME ZONE",
        "double": "DOUBLE",
        "json": "JSON",
    }
    out_of_memory = (MemoryError, duckdb.OutOfMemoryException)
    placeholder = "?"
    json_object = "json_object"

    def __init__(
        self,
        path: Path,
        dataset: str,
        *,
        storage_version: str = READABLE_SINCE,
        wait: float = 60,
        on_wait: Callable[[str], None] = print,
    ) -> None:
        """`storage_version` is the oldest DuckDB that can open the file, if the file is created here."""
        super().__init__(dataset, str(path), wait=wait, on_wait=on_wait)
        self.path = path
        self.storage_version = storage_version
        self._connection: duckdb.DuckDBPyConnection | None = None

    def destination(self) -> Any:
        import dlt

        return dlt.destinations.duckdb(
            str(self.path.absolute()),
            staging_dataset_name_layout=staging_of(self.dataset),
        )

    def exists(self) -> bool:
        return may_exist(self.path)

    @property
    def _db(self) -> duckdb.DuckDBPyConnection:
        if self._connection is None:
            message = "the warehouse is used outside of `opened`"
            raise RuntimeError(message)
        return self._connection

    def _connect(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._make()
            self._connection = open_file(self.path, self.label, self.wait, self.on_wait)
            self._connection.execute("set TimeZone = 'UTC'")
        except duckdb.OutOfMemoryException as short:
            raise self._short(short) from short
        except (duckdb.Error, OSError) as error:
            message = f"{self.label} cannot be opened for writing: {_advised(error)}"
            raise WarehouseUnavailable(message) from error

    @contextmanager
    def read_only(self, datasets: Sequence[str] = ()) -> Iterator[DuckDBReader]:
        try:
            self._connection = open_file(self.path, self.label, self.wait, self.on_wait, read_only=True)
        except duckdb.Error as error:
            raise WarehouseUnavailable(f"{self.label} cannot be read: {_advised(error)}") from None
        try:
            if dataset := self._search_path(datasets):
                self._db.execute(f"use {quoted(dataset)}")
            # A file opened read-only could still copy rows into another file, or attach one and write there.
            self._db.execute("set TimeZone = 'UTC'; set enable_external_access = false")
            self._db.execute("set lock_configuration = true")
            yield DuckDBReader(self._db)
        finally:
            with self._held:
                self._close()

    def _make(self) -> None:
        """Create a file that readers of `storage_version` can open, if there is none."""
        if not may_exist(self.path):
            with _private():
                version = {"storage_compatibility_version": self.storage_version}
                open_file(self.path, self.label, self.wait, self.on_wait, config=version).close()

    def readable_since(self) -> str:
        return str(self.rows(READABLE_BY)[0][0] or "")

    def _close(self) -> None:
        self._db.close()
        self._connection = None

    def _interrupt(self) -> None:
        if self._connection is not None:
            self._connection.interrupt()

    def _short(self, error: duckdb.OutOfMemoryException) -> DatabaseOutOfMemory:
        return DatabaseOutOfMemory(f"{self.label} has too little memory: {first_line(error)}")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Translate DuckDB's errors, such as a write to a full disk, into those of `destinations.warehouse`."""
        try:
            yield
        except duckdb.InterruptException as stopped:
            raise KeyboardInterrupt from stopped
        except duckdb.OutOfMemoryException as short:
            raise self._short(short) from short
        except duckdb.Error as error:
            message = f"{self.label} refused: {first_line(error)}"
            raise WarehouseUnavailable(message) from error

    def limit_memory_for_inserts(self) -> None:
        """Limit the memory of DuckDB, dlt's connection included; by default it takes up to 80 % of the machine's."""
        ((threads,),) = self.rows("select current_setting('threads')")
        self.execute(f"set global memory_limit = '{threads * INSERTING}MB'")

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        with self._translated():
            self._db.execute(sql, list(parameters))

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._translated():
            return self._db.execute(sql, list(parameters)).fetchall()

    def relations(self, schema: str) -> dict[str, Relation]:
        """Return everything in a schema, names in lower case, because DuckDB ignores case.

        A table whose name is not in lower case is none of hogsync's.
        """
        found = self.rows(RELATIONS, [schema.lower()])
        return {name: Relation(is_table, frozenset(columns)) for name, is_table, columns in found}

    def same_names(self, schema: str) -> list[str]:
        return [name for (name,) in self.rows(SAME_NAMES, [schema, schema])]

    def batches(self, sql: str) -> Iterator[pa.RecordBatch]:
        with self._translated():
            yield from self._db.sql(sql).to_arrow_reader(100_000)

    def matching(self, table: str, select: str, keys: pa.Table) -> pa.Table:
        same = " and ".join(f"t.{quoted(n)} = wanted_keys.{quoted(n)}" for n in keys.column_names)
        sql = f"select {select} from {self.name(table)} t semi join wanted_keys on {same}"
        with self._lock:  # two tables whose rows are missing may ask at once
            self._db.register("wanted_keys", keys)
            try:
                with self._translated():
                    return self._db.sql(sql).to_arrow_table()
            finally:
                self._db.unregister("wanted_keys")

    def upsert(self, table: str, key: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:  # noqa: ARG002  the table knows its key
        if not rows:
            return
        new_rows = pa.Table.from_pylist([dict(row) for row in rows])
        with self._translated():
            self._db.register("new_rows", new_rows)
            try:
                self._db.execute(f"insert or replace into {self.name(table)} by name select * from new_rows")
            finally:
                self._db.unregister("new_rows")

    def json_list(self, item: str, order: str) -> str:
        return f"to_json(list({item} order by {order}))"

    def iso(self, time: str) -> str:
        return f"strftime({time} at time zone 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ')"

    def wipe(self, tables: Sequence[str]) -> None:
        """Rewrite these tables, and overwrite the blocks that this frees.

        An update leaves its column's old blocks unchanged, and those that it shares with other columns in use; a
        checkpoint only marks freed blocks as free. The first eight letters of a column's smallest and largest text stay
        for a time, in DuckDB's statistics.
        """
        for table in tables:
            with self.transaction():
                self.execute(f"create or replace temp table wiped as from {self.name(table)}")
                self.execute(f"delete from {self.name(table)}")
                self.execute(f"insert into {self.name(table)} by name from wiped")
                self.execute("drop table wiped")
        self.execute("checkpoint")
        ((free,),) = self.rows("select free_blocks from pragma_database_size()")
        over, data = self.name("_hogsync_overwritten"), "repeat(md5(i::varchar) || md5((i + 1)::varchar), 64)"
        self.execute(
            f"create or replace table {over} as select {data} as x from range({64 * (free + 2)}) r(i)"
        )
        self.execute("checkpoint")
        self.execute(f"drop table {over}")
        self.execute("checkpoint")

    def index_key(self, table: str, key: Sequence[str]) -> None:
        """Do nothing: DuckDB merges by hash join, and its indexes refuse an update that a transaction would allow."""


def _advised(error: Exception) -> str:
    return f"{first_line(error).rstrip('.')}; check WAREHOUSE_URL, and whether this user may use the file"


def may_exist(path: Path) -> bool:
    """True if a file exists, or if that is unknown: opening it then raises an OSError that gives the reason.

    `Path.exists` raises PermissionError below a folder without access, or returns False, depending on Python's version.
    """
    try:
        path.stat()
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return True


@contextmanager
def _private() -> Iterator[None]:
    """Make files that are created in the block private to their owner."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)
