"""Answers queries from Postgres: one statement that reads, in a transaction that it cannot leave.

The SQL goes to the server as a value, never as a command. There PL/pgSQL opens a cursor for it, which takes only one
statement that returns rows: no commit, no set, no copy, no do. Its rows are fetched in a transaction that may not write
and is never committed. Functions that act outside a transaction are refused by name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any

import psycopg2
import pyarrow as pa

from destinations.reader import BATCH, QueryRefused, Result, not_one_statement, sql_refused, values_in
from destinations.warehouse import WarehouseUnavailable, first_line

ASK = "select set_config('hogsync.question', %s, true)"
OPEN = """
do $hogsync$
declare answer refcursor := 'hogsync_answer';
begin open answer for execute current_setting('hogsync.question'); end
$hogsync$
"""
FETCH = f"fetch {BATCH} from hogsync_answer"
NO_CURSOR = "42P11"
"""The server's code for a text that is not one statement that returns rows."""
ACTING = """
select distinct proname from pg_proc p join pg_language l on l.oid = p.prolang
where proname = any(%s) and provolatile = 'v' and not lanpltrusted
and proname not like 'pg\\_stat\\_get\\_%%' and proname not like 'pg\\_%%\\_size'
and not 'internal'::regtype = any(proargtypes)
order by proname limit 1
"""
"""Selects functions of these names whose effects no transaction undoes: volatile, in an untrusted language."""
HARMLESS = {"clock_timestamp", "gen_random_uuid", "pg_sleep", "random", "timeofday"}
"""Functions among them that only return something."""


@dataclass(frozen=True, slots=True)
class PostgresReader:
    """A cursor in a transaction that may not write."""

    cursor: Any

    def rows(self, sql: str) -> Result:
        batches = self._batches(sql)
        first = next(batches)
        columns = tuple(str(column.name) for column in self.cursor.description)
        return Result(columns, chain([first], batches))

    def arrow(self, sql: str) -> pa.RecordBatchReader:
        batches = self._batches(sql)
        first = next(batches)
        schema = pa.schema([(column.name, _arrow_type(column)) for column in self.cursor.description])
        return pa.RecordBatchReader.from_batches(
            schema, (_as_batch(rows, schema) for rows in chain([first], batches))
        )

    def _batches(self, sql: str) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the rows; the first batch comes even if it is empty, and the cursor is closed after the last."""
        with _translated(self.cursor, sql), values_in():
            self._refuse_acting(sql)
            self.cursor.execute(ASK, [sql])
            self.cursor.execute(OPEN)
            more = True
            while more:
                self.cursor.execute(FETCH)
                rows = self.cursor.fetchall()
                more = len(rows) == BATCH
                yield rows
            self.cursor.execute("close hogsync_answer")

    def _refuse_acting(self, sql: str) -> None:
        if re.search(r'u&"', sql, re.IGNORECASE):
            raise QueryRefused('Names written as U&"…" are refused: write them as they are.')
        words = set(re.findall(r"\w+", sql.lower()))
        self.cursor.execute(ACTING, [sorted(words - HARMLESS)])
        for (name,) in self.cursor.fetchall():
            raise QueryRefused(
                f"The function {name} is refused: it can act outside the transaction, and a query only reads."
            )


@contextmanager
def _translated(cursor: Any, sql: str) -> Iterator[None]:
    try:
        yield
    except psycopg2.Error as error:
        if cursor.connection.closed:
            raise WarehouseUnavailable(f"The warehouse was lost in mid-query: {first_line(error)}") from None
        if error.pgcode == NO_CURSOR:
            raise not_one_statement("none, several, or one that does not") from None
        found = error.diag
        parts = [found.message_primary or first_line(error), found.message_detail, found.message_hint]
        position = found.internal_position if found.internal_query in {None, sql} else None
        raise sql_refused(". ".join(filter(None, parts)), _excerpt(sql, position)) from error


def _excerpt(sql: str, position: str | None) -> str:
    """Return the wrong line of the SQL with a caret below the place; empty if the position is unknown."""
    if not position:
        return ""
    *lines, before = sql[: int(position) - 1].split("\n")
    head, line = f"LINE {len(lines) + 1}: ", sql.split("\n")[len(lines)]
    return f"{head}{line}\n{' ' * len(head + before)}^"


def _arrow_type(column: Any) -> pa.DataType:
    """Return a column's type; text for types that Arrow lacks, float for a numeric without declared digits."""
    if column.type_code == 1700 and column.precision is not None and column.precision <= 38:
        return pa.decimal128(column.precision, column.scale)
    simple = {
        16: pa.bool_(),
        17: pa.binary(),
        20: pa.int64(),
        21: pa.int16(),
        23: pa.int32(),
        26: pa.int64(),
        700: pa.float32(),
        701: pa.float64(),
        1082: pa.date32(),
        1083: pa.time64("us"),
        1114: pa.timestamp("us"),
        1184: pa.timestamp("us", "UTC"),
        1700: pa.float64(),
    }
    lists = {1000: 16, 1005: 21, 1007: 23, 1016: 20, 1021: 700, 1022: 701, 1009: 25, 1015: 25}
    if column.type_code in lists:
        return pa.list_(simple.get(lists[column.type_code], pa.string()))
    return simple.get(column.type_code, pa.string())


def _as_batch(rows: list[tuple[Any, ...]], schema: pa.Schema) -> pa.RecordBatch:
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    arrays = [
        pa.array([_fitting(value, kind) for value in values], kind)
        for values, kind in zip(columns, schema.types, strict=True)
    ]
    return pa.record_batch(arrays, schema)


def _fitting(value: Any, kind: pa.DataType) -> Any:
    """Return a value in the form that its column's type takes."""
    if value is None:
        return None
    if pa.types.is_decimal(kind):
        return value if value.is_finite() else None
    if pa.types.is_floating(kind):
        return float(value)
    if pa.types.is_binary(kind):
        return bytes(value)
    return _as_text(value) if pa.types.is_string(kind) else value


def _as_text(value: Any) -> str:
    as_json = isinstance(value, dict | list)
    return json.dumps(value, ensure_ascii=False, default=str) if as_json else str(value)
