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
"""New files are written so that DuckDB of this version opens them too; 2.0's own default shuts 1.5 out."""
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
"""Megabytes a thread for a load that only inserts; a merge of a million rows was seen to fail in twice as much."""


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
        """`storage_version` is the oldest DuckDB that opens the file, if it is made here."""
        super().__init__(dataset, str(path), wait=wait, on_wait=on_wait)
        self.path = path
        self.storage_version = storage_version
        self._connection: duckdb.DuckDBPyConnection | None = None

    def destination(self) -> Any:
        """The dlt destination on the same file."""
        import dlt

        return dlt.destinations.duckdb(
            str(self.path.absolute()),
            staging_dataset_name_layout=staging_of(self.dataset),
        )

    def exists(self) -> bool:
        """Whether the file is there, as `may_exist` tells."""
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
            message = f"{self.label} cannot be opened for writing: {first_line(error)}"
            raise WarehouseUnavailable(message) from error

    def _make(self) -> None:
        """A file that readers of `storage_version` open, if there is none."""
        if not may_exist(self.path):
            with _private():
                version = {"storage_compatibility_version": self.storage_version}
                open_file(self.path, self.label, self.wait, self.on_wait, config=version).close()

    def readable_since(self) -> str:
        """The oldest DuckDB that opens the file as it is, such as v1.5.0; empty where that cannot be told."""
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
        """What the database refuses, such as a write to a full disk, as everywhere else."""
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
        """Keep DuckDB, dlt's connection included, from taking what it is not in need of: else 80 % of the machine's."""
        ((threads,),) = self.rows("select current_setting('threads')")
        self.execute(f"set global memory_limit = '{threads * INSERTING}MB'")

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Run one statement."""
        with self._translated():
            self._db.execute(sql, list(parameters))

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one query and take its rows."""
        with self._translated():
            return self._db.execute(sql, list(parameters)).fetchall()

    def relations(self, schema: str) -> dict[str, Relation]:
        """All that stands in a schema, in lower case as hogsync's names are: to DuckDB others are the same names.

        What is spelled otherwise is no table of hogsync's.
        """
        found = self.rows(RELATIONS, [schema.lower()])
        return {name: Relation(is_table, frozenset(columns)) for name, is_table, columns in found}

    def same_names(self, schema: str) -> list[str]:
        """Schemas that are spelled otherwise and that the database takes for this one."""
        return [name for (name,) in self.rows(SAME_NAMES, [schema, schema])]

    def batches(self, sql: str) -> Iterator[pa.RecordBatch]:
        """Run one query and take its rows as Arrow."""
        with self._translated():
            yield from self._db.sql(sql).to_arrow_reader(100_000)

    def matching(self, table: str, select: str, keys: pa.Table) -> pa.Table:
        """Rows `t` of a table that agree with one of the keys in the keys' columns."""
        same = " and ".join(f"t.{quoted(n)} = wanted_keys.{quoted(n)}" for n in keys.column_names)
        self._db.register("wanted_keys", keys)
        try:
            sql = f"select {select} from {self.name(table)} t semi join wanted_keys on {same}"
            with self._translated():
                return self._db.sql(sql).to_arrow_table()
        finally:
            self._db.unregister("wanted_keys")

    def upsert(self, table: str, key: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:  # noqa: ARG002  the table knows its key
        """Insert or replace rows of a bookkeeping table by its primary key, all in one statement."""
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
        """An aggregate that makes a JSON list of items in an order."""
        return f"to_json(list({item} order by {order}))"

    def wipe(self, tables: Sequence[str]) -> None:
        """Write what these tables hold anew, and write over the blocks that this frees.

        An update leaves its column's old blocks as they are, and those that other columns share in use; a checkpoint
        only marks freed blocks as free. What stays for a time, in its own notes, are the first eight letters of a
        column's smallest and largest text.
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
        """Do without: DuckDB merges by hash join, and its indexes refuse an update that a transaction would allow."""


def may_exist(path: Path) -> bool:
    """Whether a file is there, or cannot be looked at: whoever then opens it is told why not by an OSError.

    `Path.exists` raises PermissionError below a folder that may not be entered, or says no, by the version of Python.
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
    """Files made inside belong to their owner alone."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)
