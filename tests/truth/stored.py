"""What a warehouse holds, read the same from both databases with their own drivers."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import duckdb
import psycopg2

from tests.truth.expected import KEYS, Row, Tables

BOOKKEEPING = {"_synced_at", "_deleted_at", "_row_hash", "_dlt_load_id", "_dlt_id"}
SAME_TYPE = {
    "BIGINT": "bigint",
    "VARCHAR": "character varying",
    "BOOLEAN": "boolean",
    "TIMESTAMP WITH TIME ZONE": "timestamp with time zone",
    "DOUBLE": "double precision",
    "JSON": "json",
}
"""DuckDB's words for types in Postgres' words."""


def ask(url: str, sql: str) -> list[tuple[Any, ...]]:
    """The rows of one query."""
    if url.startswith("duckdb:///"):
        with duckdb.connect(url.removeprefix("duckdb:///"), read_only=True) as file:
            file.execute("set TimeZone = 'UTC'")
            return file.execute(sql).fetchall()
    with closing(psycopg2.connect(url)) as server, server.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def run(url: str, sql: str) -> None:
    """One statement, as an analyst or an operator would run it."""
    if url.startswith("duckdb:///"):
        with duckdb.connect(url.removeprefix("duckdb:///")) as file:
            file.execute(sql)
        return
    with closing(psycopg2.connect(url)) as server, server.cursor() as cursor:
        cursor.execute(sql)
        server.commit()


def types(url: str, dataset: str = "posthog") -> dict[str, dict[str, str]]:
    """Each table's columns and their types, in Postgres' words."""
    found: dict[str, dict[str, str]] = {}
    sql = "select table_name, column_name, data_type from information_schema.columns"
    for table, column, type_ in ask(
        url, f"{sql} where table_schema = '{dataset}' order by 1, ordinal_position"
    ):
        known = {"jsonb": "json"}.get(type_, type_)
        found.setdefault(table, {})[column] = SAME_TYPE.get(known, known)
    return found


def stored(url: str, dataset: str = "posthog") -> Tables:
    """Every table with its children; bookkeeping columns are left out, `dead` says whether `_deleted_at` is set."""
    tables: Tables = {}
    for table, columns in types(url, dataset).items():
        if table.startswith("_") or not columns.keys() >= {"_deleted_at"}:
            continue
        parent, _, child = table.partition("__")
        key = KEYS[parent] + (("position",) if child else ())
        found = rows(url, table, columns, dataset)
        tables[table] = {tuple(row[name] for name in key): own(row) for row in found}
        assert len(tables[table]) == len(found), f"{table} has a key twice"
    return tables


def rows(url: str, table: str, columns: dict[str, str], dataset: str = "posthog") -> list[Row]:
    """The rows of a table, values as Python's own."""
    names = ", ".join(f'"{name}"' for name in columns)
    found = ask(url, f'select {names} from "{dataset}"."{table}"')
    return [
        {name: plain(value, type_) for (name, type_), value in zip(columns.items(), row, strict=True)}
        for row in found
    ]


def plain(value: Any, type_: str) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return json.loads(value) if type_ == "json" and isinstance(value, str) else value


def own(row: Row) -> Row:
    kept = {name: value for name, value in row.items() if name not in BOOKKEEPING and value is not None}
    return {**kept, "dead": row["_deleted_at"] is not None}


def stamps(url: str, dataset: str = "posthog") -> dict[str, dict[tuple[Any, ...], tuple[Any, Any]]]:
    """When each row was written and when it died: `(_synced_at, _deleted_at)` by table and key."""
    found: dict[str, dict[tuple[Any, ...], tuple[Any, Any]]] = {}
    for table, columns in types(url, dataset).items():
        if not table.startswith("_") and "_deleted_at" in columns:
            parent, _, child = table.partition("__")
            key = KEYS[parent] + (("position",) if child else ())
            found[table] = {
                tuple(row[name] for name in key): (row["_synced_at"], row["_deleted_at"])
                for row in rows(url, table, columns, dataset)
            }
    return found
