"""What a warehouse holds, read the same from both databases with their own drivers."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import psycopg2
import psycopg2.extras

from tests.harness.expected import Row, Tables, key_of

BOOKKEEPING = {"_synced_at", "_deleted_at", "_row_hash", "_dlt_load_id", "_dlt_id"}
SAME_TYPE = {
    "BIGINT": "bigint",
    "VARCHAR": "character varying",
    "BOOLEAN": "boolean",
    "TIMESTAMP WITH TIME ZONE": "timestamp with time zone",
    "DOUBLE": "double precision",
    "JSON": "jsonb",
}
"""DuckDB's words for types in Postgres' words."""


Types = dict[str, dict[str, str]]
"""Each table's columns and their types, in Postgres' words."""


class Ask:
    """A connection on which queries are answered with their rows; of tables' shapes it asks once."""

    def __init__(self, answer: Callable[[str], list[tuple[Any, ...]]]) -> None:
        self._answer, self._types = answer, dict[str, Types]()

    def __call__(self, sql: str) -> list[tuple[Any, ...]]:
        return self._answer(sql)

    def types(self, dataset: str = "posthog") -> Types:
        if dataset not in self._types:
            self._types[dataset] = self._typed(dataset)
        return self._types[dataset]

    def _typed(self, dataset: str) -> Types:
        found: Types = {}
        sql = "select table_name, column_name, data_type from information_schema.columns"
        for table, column, type_ in self(
            f"{sql} where table_schema = '{dataset}' order by 1, ordinal_position"
        ):
            found.setdefault(table, {})[column] = SAME_TYPE.get(type_, type_)
        return found


@contextmanager
def session(url: str) -> Iterator[Ask]:
    """A connection to a warehouse that is there."""
    if url.startswith("duckdb:///"):
        with duckdb.connect(url.removeprefix("duckdb:///"), read_only=True) as file:
            file.execute("set TimeZone = 'UTC'")
            yield Ask(lambda sql: file.execute(sql).fetchall())
        return
    with closing(psycopg2.connect(url)) as server, server.cursor() as cursor:
        for register in (psycopg2.extras.register_default_json, psycopg2.extras.register_default_jsonb):
            register(server, loads=str)  # as text, like DuckDB: "a" is not a

        def answer(sql: str) -> list[tuple[Any, ...]]:
            cursor.execute(sql)
            return list(cursor.fetchall())

        yield Ask(answer)


def ask(url: str, sql: str) -> list[tuple[Any, ...]]:
    """The rows of one query."""
    with session(url) as answer:
        return answer(sql)


def there_is(url: str) -> bool:
    """Whether there is a database to ask: a file comes with the first sync."""
    file = url.removeprefix("duckdb:///")
    return file == url or Path(file).exists()


def types(url: str, dataset: str = "posthog") -> Types:
    with session(url) as answer:
        return answer.types(dataset)


def tables(
    url: str, dataset: str, only: Collection[str] = ()
) -> Iterator[tuple[str, list[tuple[tuple[Any, ...], Row]]]]:
    """Every table with its children, or some of them: the key and the whole row of each of their rows."""
    with session(url) as answer:
        yield from tables_in(answer, dataset, only)


def tables_in(
    answer: Ask, dataset: str, only: Collection[str] = ()
) -> Iterator[tuple[str, list[tuple[tuple[Any, ...], Row]]]]:
    for table, columns in answer.types(dataset).items():
        if not table.startswith("_") and "_deleted_at" in columns and (table in only or not only):
            parent, _, child = table.partition("__")
            key = key_of(parent) + (("position",) if child else ())
            found = rows(answer, table, columns, dataset)
            yield table, [(tuple(row[name] for name in key), row) for row in found]


def stored(url: str, dataset: str = "posthog", only: Collection[str] = ()) -> Tables:
    """Every table with its children, or some of them, without bookkeeping columns.

    `dead` says whether `_deleted_at` is set.
    """
    held: Tables = {}
    for table, found in tables(url, dataset, only):
        held[table] = {key: own(row) for key, row in found}
        assert len(held[table]) == len(found), f"{table} has a key twice"
    return held


def rows(answer: Ask, table: str, columns: dict[str, str], dataset: str) -> list[Row]:
    """The rows of a table, values as Python's own."""
    names = ", ".join(f'"{name}"' for name in columns)
    return [
        {name: plain(value, type_) for (name, type_), value in zip(columns.items(), row, strict=True)}
        for row in answer(f'select {names} from "{dataset}"."{table}"')
    ]


def plain(value: Any, type_: str) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    in_json = type_ in ("json", "jsonb") and isinstance(value, str)
    return json.loads(value, parse_int=number) if in_json else value


def number(digits: str) -> int | float:
    """`jsonb` writes the digits of 1e308 out."""
    return int(digits) if len(digits) < 300 else float(digits)


def own(row: Row) -> Row:
    kept = {name: value for name, value in row.items() if name not in BOOKKEEPING and value is not None}
    return {**kept, "dead": row["_deleted_at"] is not None}


def stamps(url: str, dataset: str = "posthog") -> dict[str, dict[tuple[Any, ...], tuple[Any, Any]]]:
    """When each row was written and when it died: `(_synced_at, _deleted_at)` by table and key."""
    return {
        table: {key: (row["_synced_at"], row["_deleted_at"]) for key, row in found}
        for table, found in tables(url, dataset)
    }


def run(url: str, *statements: str) -> None:
    """Run statements, as an analyst or an operator would."""
    if url.startswith("duckdb:///"):
        with duckdb.connect(url.removeprefix("duckdb:///")) as file:
            for sql in statements:
                file.execute(sql)
        return
    with closing(psycopg2.connect(url)) as server, server.cursor() as cursor:
        for sql in statements:
            cursor.execute(sql)
        server.commit()
