"""Runs a query of `hogsync query` on Postgres: one statement that reads, in a transaction that it cannot leave.

The SQL goes to the server as a value, never as a command. There PL/pgSQL opens a cursor for it, which takes only one
statement that returns rows: no commit, no set, no copy, no do. Its rows are fetched in a transaction that may not write
and is never committed. Functions that act outside a transaction are refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipelines import signals
from pipelines.console import sentence
from pipelines.errors import WarehouseProblem
from pipelines.query.cells import as_text
from pipelines.query.query import (
    BATCH,
    ONE_STATEMENT,
    Rows,
    SqlProblem,
    first_line,
    no_dataset,
    sql_problem,
    values_in,
)

if TYPE_CHECKING:
    import pyarrow as pa

    from pipelines.settings import Settings

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
and proname not like 'pg\\_stat\\_get\\_%%' and not 'internal'::regtype = any(proargtypes)
order by proname limit 1
"""
"""Selects functions of these names whose effects no transaction undoes: volatile, in an untrusted language."""
HARMLESS = frozenset(
    [
        "array_sample",
        "array_shuffle",
        "clock_timestamp",
        "currval",
        "gen_random_bytes",
        "gen_random_uuid",
        "lastval",
        "pg_blocking_pids",
        "pg_current_wal_lsn",
        "pg_database_size",
        "pg_indexes_size",
        "pg_is_in_recovery",
        "pg_last_wal_receive_lsn",
        "pg_last_wal_replay_lsn",
        "pg_last_xact_replay_timestamp",
        "pg_partition_ancestors",
        "pg_partition_tree",
        "pg_relation_size",
        "pg_sequence_last_value",
        "pg_sleep",
        "pg_table_size",
        "pg_tablespace_size",
        "pg_total_relation_size",
        "pg_xact_commit_timestamp",
        "random",
        "random_normal",
        "timeofday",
        "uuid_generate_v1",
        "uuid_generate_v4",
        "uuidv4",
        "uuidv7",
    ]
)
"""Functions among them that only return information."""


@contextmanager
def postgres(settings: Settings) -> Iterator[PostgresSession]:
    """Yield a session whose transaction may not write and is rolled back; Ctrl-C ends a query of any length."""
    import psycopg2
    from psycopg2.extensions import set_wait_callback
    from psycopg2.extras import wait_select

    from destinations.postgres_connection import connect

    defaults: dict[str, str | int] = {"connect_timeout": 10, "application_name": "hogsync query"}
    try:
        set_wait_callback(wait_select)
        connection, _ = connect(settings.warehouse.dsn.get_secret_value(), defaults)
    except psycopg2.Error as error:
        label = settings.warehouse.label
        raise WarehouseProblem(
            sentence(f"The warehouse {label} cannot be reached: {first_line(error)}")
        ) from None
    with closing(connection):
        connection.set_session(readonly=True)
        with connection.cursor() as cursor:
            cursor.execute("set time zone 'UTC'")
            _use(cursor, settings)
            yield PostgresSession(cursor)


def _use(cursor: Any, settings: Settings) -> None:
    cursor.execute("select 1 from information_schema.schemata where schema_name = %s", [settings.dataset])
    if not cursor.fetchone():
        raise no_dataset(settings)
    cursor.execute(f"set search_path = {settings.dataset}, public")


@dataclass(frozen=True, slots=True)
class PostgresSession:
    """A cursor in a transaction that may not write."""

    cursor: Any

    def rows(self, sql: str) -> Rows:
        """Return the result as Python values."""
        batches = self._batches(sql)
        first = next(batches)
        described = tuple(str(column.name) for column in self.cursor.description)
        return Rows(described, _from(first, batches))

    def arrow(self, sql: str) -> pa.RecordBatchReader:
        """Return the result as Arrow types."""
        import pyarrow as pa

        batches = self._batches(sql)
        first = next(batches)
        schema = pa.schema([(column.name, _arrow_type(column)) for column in self.cursor.description])
        return pa.RecordBatchReader.from_batches(
            schema, (_as_batch(rows, schema) for rows in _from(first, batches))
        )

    def _batches(self, sql: str) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the rows; the first batch comes even if it is empty, and the cursor is closed after the last."""
        with _answering(self.cursor, sql), values_in():
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
            raise SqlProblem('Names written as U&"…" are refused: write them as they are.')
        words = set(re.findall(r"\w+", sql.lower()))
        self.cursor.execute(ACTING, [sorted(words - HARMLESS)])
        for (name,) in self.cursor.fetchall():
            raise SqlProblem(
                f"The function {name} is refused: it can act outside the transaction, and a query only reads."
            )


def _from(
    first: list[tuple[Any, ...]], others: Iterator[list[tuple[Any, ...]]]
) -> Iterator[list[tuple[Any, ...]]]:
    yield first
    yield from others


@contextmanager
def _answering(cursor: Any, sql: str) -> Iterator[None]:
    import psycopg2

    try:
        yield
    except psycopg2.Error as error:
        if (
            signals.stop_requested.is_set()
        ):  # psycopg2 raises the server's error instead of a KeyboardInterrupt
            raise KeyboardInterrupt from None
        if cursor.connection.closed:
            raise WarehouseProblem(f"The warehouse was lost in mid-query: {first_line(error)}.") from None
        if error.pgcode == NO_CURSOR:
            raise SqlProblem(f"{ONE_STATEMENT}none, several, or one that does not.") from None
        told = error.diag
        said = [told.message_primary or first_line(error), told.message_detail, told.message_hint]
        position = told.internal_position if told.internal_query in {None, sql} else None
        raise sql_problem(". ".join(filter(None, said)), _excerpt(sql, position)) from None


def _excerpt(sql: str, position: str | None) -> str:
    """Return the wrong line of the SQL with a caret below the place; empty if the position is unknown."""
    if not position:
        return ""
    before = sql[: int(position) - 1]
    number = before.count("\n") + 1
    head = f"LINE {number}: "
    blanks = len(head) + len(before.rpartition("\n")[2])
    return f"{head}{sql.splitlines()[number - 1]}\n{' ' * blanks}^"


# -- Postgres types as Arrow types


def _arrow_type(column: Any) -> pa.DataType:
    """Return a column's type; text for types that Arrow lacks, float for a numeric without declared digits."""
    import pyarrow as pa

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
    import pyarrow as pa

    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    arrays = [
        pa.array([_fitting(value, kind) for value in values], kind)
        for values, kind in zip(columns, schema.types, strict=True)
    ]
    return pa.record_batch(arrays, schema)


def _fitting(value: Any, kind: pa.DataType) -> Any:
    """Return a value in the form that its column's type takes."""
    import pyarrow as pa

    if value is None:
        return None
    if pa.types.is_decimal(kind):
        return value if value.is_finite() else None
    if pa.types.is_floating(kind):
        return float(value)
    if pa.types.is_binary(kind):
        return bytes(value)
    return as_text(value) if pa.types.is_string(kind) else value
