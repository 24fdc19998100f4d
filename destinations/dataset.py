"""Reads what the next sync must know of a dataset: columns, keys with hashes, whole rows by key.

A load is committed if it is in `_dlt_loads`. dlt commits table by table and writes the load at the very end, so a row
of an uncommitted load may be without its children and has to be written again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa

from destinations.warehouse import Warehouse, quoted

SCHEMA_NAME = "posthog"
COMPARED_COLUMNS = ("_dlt_load_id", "_row_hash", "_synced_at", "_deleted_at")
"""Columns that the rows of a table need to be compared."""


class Dataset:
    """The tables of one dataset, read once at the start of a run."""

    def __init__(self, warehouse: Warehouse) -> None:
        """Read the tables; needs the warehouse open."""
        self.warehouse = warehouse
        self.read_only = False
        """Whether nothing may be written, not even to clean up after a killed run."""
        self.tables = warehouse.columns()
        self._loaded = self._dlt_columns()

    def _dlt_columns(self) -> Mapping[str, Mapping[str, str]]:
        """Return the columns that earlier loads made, with hogsync's names for their types; a user's own are left out.

        All schemas that dlt stored are read, not the latest: only clocks tell which is the latest, and one may be
        wrong.
        """
        if not {"schema", "schema_name"} <= self.tables.get("_dlt_version", {}).keys():
            return {}
        name, placeholder = self.warehouse.name("_dlt_version"), self.warehouse.placeholder
        sql = f"select schema from {name} where schema_name = {placeholder}"
        made: dict[str, dict[str, str]] = {}
        for (schema,) in self.warehouse.rows(sql, [SCHEMA_NAME]):
            for name, table in json.loads(schema)["tables"].items():
                columns = table.get("columns", {}).items()
                made.setdefault(name, {}).update({n: c["data_type"] for n, c in columns if "data_type" in c})
        return made

    def columns(self, table: str) -> Mapping[str, Any]:
        """Return the columns that earlier loads made, including dropped ones, because dlt goes on to merge them."""
        return self._loaded.get(table, {})

    def empty(self, table: str) -> bool:
        """True if the table holds no row at all, not even one that could not be compared."""
        if table not in self.tables:
            return True
        with self.warehouse.opened():
            return not self.warehouse.rows(f"select 1 from {self.warehouse.name(table)} limit 1")

    def index(self, table: str, key: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield key columns, `row_hash`, `deleted_at` and `committed` of every row."""
        if not self.has(table, key):
            return
        columns = ", ".join(quoted(name) for name in key)
        with self.warehouse.opened():
            yield from self.warehouse.batches(
                f"select {columns}, _row_hash as row_hash, _deleted_at as deleted_at, "
                f"{self._committed('t')} as committed from {self.warehouse.name(table)} t"
            )

    def last_written(self, table: str) -> datetime | None:
        """Return the start of the run that last wrote a row of the table."""
        if not self.has(table, ()):
            return None
        with self.warehouse.opened():
            found = self.warehouse.rows(f"select max(_synced_at) from {self.warehouse.name(table)}")
        latest: datetime | None = found[0][0]
        return latest

    def delete_orphans(
        self,
        table: str,
        columns: Sequence[str],
        parent: str,
        key: Sequence[str],
        no_parent: Mapping[str, Any],
    ) -> None:
        """Delete a table's rows of uncommitted loads whose `columns` name a row of `parent` that is not stored.

        Rows with a value of `no_parent` have none. No finished load ever had the deleted rows.
        """
        if self.read_only or not (self.has(table, columns) and self.has(parent, key)):
            return
        is_parent = " and ".join(
            f"p.{quoted(theirs)} = t.{quoted(own)}" for theirs, own in zip(key, columns, strict=True)
        )
        has_parent = "".join(f" and t.{quoted(name)} <> {self.warehouse.placeholder}" for name in no_parent)
        orphans = (
            f"from {self.warehouse.name(table)} t where not {self._committed('t')}{has_parent} "
            f"and not exists (select 1 from {self.warehouse.name(parent)} p where {is_parent})"
        )
        with self.warehouse.opened():
            values = [*no_parent.values()]
            if self.warehouse.rows(f"select 1 {orphans} limit 1", values):
                self.warehouse.declare_keys()  # Postgres deletes rows of a published table only if it has a key
                self.warehouse.execute(f"delete {orphans}", values)

    def uncommitted(self, table: str, columns: Sequence[str]) -> pa.Table:
        """Return the distinct values of these columns in rows of uncommitted loads."""
        empty = pa.table({name: pa.array([], pa.string()) for name in columns})
        if not self.has(table, columns):
            return empty
        names = ", ".join(quoted(name) for name in columns)
        with self.warehouse.opened():
            sql = f"select distinct {names} from {self.warehouse.name(table)} t where not {self._committed('t')}"
            batches = list(self.warehouse.batches(sql))
        return pa.Table.from_batches(batches) if batches else empty

    def rows(self, table: str, keys: pa.Table) -> pa.Table:
        """Return whole rows that match one of the keys, with `_committed` added."""
        if not keys.num_rows or not self.has(table, keys.column_names):
            return keys.slice(0, 0)
        columns = [name for name in self.tables[table] if name != "_dlt_load_id"]
        select = ", ".join(f"t.{quoted(name)}{self._as_text(table, name)}" for name in columns)
        with self.warehouse.opened():
            return self.warehouse.matching(table, f"{select}, {self._committed('t')} as _committed", keys)

    def has(self, table: str, columns: Iterable[str]) -> bool:
        """True if the table exists with all of these columns and hogsync's own."""
        return {*columns, *COMPARED_COLUMNS} <= self.tables.get(table, {}).keys()

    def _as_text(self, table: str, column: str) -> str:
        """Return a cast to text for a JSON column, so that both databases return the same."""
        json_like = self.tables[table][column].lower() in {"json", "jsonb"}
        return f"::varchar as {quoted(column)}" if json_like else ""

    def _committed(self, alias: str) -> str:
        if "_dlt_loads" not in self.tables:
            return "false"
        return f"({alias}._dlt_load_id in {self.warehouse.committed_loads})"
