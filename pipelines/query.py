"""One question in SQL to the warehouse, which it can read and not change."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from pipelines.errors import UsageError, WarehouseProblem
from pipelines.screen import printable, rendered, sentence
from pipelines.stopping import cutting_short

if TYPE_CHECKING:
    from pipelines.settings import Settings


@dataclass(frozen=True, slots=True)
class Answer:
    """Columns and rows, values as Python has them."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]

    def as_json(self) -> dict[str, Any]:
        """`{"columns": [...], "rows": [[...], ...]}`: two columns may have one name."""
        return {
            "columns": list(self.columns),
            "rows": [[plain(value) for value in row] for row in self.rows],
        }

    def shown(self) -> str:
        """A table, and how many rows it has."""
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, header_style="bold")
        for number, name in enumerate(self.columns):
            numeric = all(isinstance(row[number], int | float | Decimal | None) for row in self.rows)
            table.add_column(Text(printable(name)), justify="right" if numeric else "left")
        for row in self.rows:
            table.add_row(*(Text(written(value)) for value in row))
        return rendered(table, f"({len(self.rows):,} row{'' if len(self.rows) == 1 else 's'})")


def ask(settings: Settings, sql: str) -> Answer:
    """The answer to `sql`, with the dataset as search path.

    UsageError for what the database makes of the SQL, WarehouseProblem if there is no reading the warehouse.
    """
    with session(settings) as answered:
        return answered(sql)


@contextmanager
def session(settings: Settings) -> Iterator[Callable[[str], Answer]]:
    """A connection on which questions are answered as by `ask`."""
    with (_duckdb if settings.warehouse.kind == "duckdb" else _postgres)(settings) as answered:
        yield answered


@contextmanager
def _duckdb(settings: Settings) -> Iterator[Callable[[str], Answer]]:
    with closing(_open_duckdb(settings)) as database, cutting_short(database.interrupt):
        _use(database, settings)
        # A file opened read-only could still copy rows into another file, or attach one and write there.
        database.execute(
            "set TimeZone = 'UTC'; set enable_external_access = false; set lock_configuration = true"
        )
        yield partial(_answered_by_duckdb, database)


def _answered_by_duckdb(database: Any, sql: str) -> Answer:
    import duckdb

    try:
        cursor = database.execute(sql)
        described = [(str(name), str(kind)) for name, kind, *_ in cursor.description or ()]
        rows = cursor.fetchall() if described else []
    except duckdb.InterruptException:
        raise KeyboardInterrupt from None
    except duckdb.Error as error:
        raise _misunderstood(error) from None
    parsed = [kind == "JSON" for _, kind in described]
    return Answer(tuple(name for name, _ in described), [_parsed(row, parsed) for row in rows])


def _open_duckdb(settings: Settings) -> Any:
    import duckdb

    from destinations.duckdb import is_locked
    from destinations.warehouse import patiently

    path, label = settings.warehouse.path, settings.warehouse.label
    if not path.exists():
        raise WarehouseProblem(f"There is no warehouse {label} yet; `hogsync sync` makes it.")
    try:
        return patiently(
            lambda: duckdb.connect(str(path), read_only=True),
            lambda _: is_locked(path),
            settings.wait,
            _waiting,
        )
    except duckdb.Error as error:
        raise WarehouseProblem(
            sentence(f"The warehouse {label} cannot be read: {_first_line(error)}")
        ) from None


def _waiting(why: str) -> None:
    import logging

    logging.getLogger("hogsync").warning("Waiting: %s", why)


def _use(database: Any, settings: Settings) -> None:
    import duckdb

    try:
        database.execute(f"use {settings.dataset}")
    except duckdb.CatalogException:
        raise _no_dataset(settings) from None


def _no_dataset(settings: Settings) -> UsageError:
    return UsageError(
        f"The warehouse {settings.warehouse.label} has no dataset {settings.dataset} (HOGSYNC_DATASET); "
        "`hogsync sync` makes it."
    )


@contextmanager
def _postgres(settings: Settings) -> Iterator[Callable[[str], Answer]]:
    with _reading_postgres(settings) as cursor:
        cursor.execute("select 1 from information_schema.schemata where schema_name = %s", [settings.dataset])
        if not cursor.fetchone():
            raise _no_dataset(settings)
        cursor.execute(f"set search_path = {settings.dataset}, public")
        yield partial(_answered_by_postgres, cursor)


def _answered_by_postgres(cursor: Any, sql: str) -> Answer:
    import psycopg2

    try:
        cursor.execute(sql)
        described = tuple(str(column.name) for column in cursor.description or ())
        return Answer(described, cursor.fetchall() if described else [])
    except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
        if cursor.connection.closed:
            raise WarehouseProblem(f"The warehouse was lost in mid-query: {_first_line(error)}.") from None
        raise _misunderstood(error) from None
    except psycopg2.Error as error:
        raise _misunderstood(error) from None


@contextmanager
def _reading_postgres(settings: Settings) -> Iterator[Any]:
    """A cursor in a transaction that may not write and is rolled back; Ctrl-C ends a query of any length."""
    import psycopg2
    from psycopg2.extensions import set_wait_callback
    from psycopg2.extras import wait_select

    try:
        set_wait_callback(wait_select)
        connection = psycopg2.connect(
            settings.warehouse.dsn.get_secret_value(), connect_timeout=10, application_name="hogsync query"
        )
    except psycopg2.Error as error:
        label = settings.warehouse.label
        raise WarehouseProblem(
            sentence(f"The warehouse {label} cannot be reached: {_first_line(error)}")
        ) from None
    with closing(connection):
        connection.set_session(readonly=True)
        with connection.cursor() as cursor:
            cursor.execute("set default_transaction_read_only = on; set time zone 'UTC'")
            yield cursor


def _misunderstood(error: Exception) -> UsageError:
    return UsageError(sentence(f"The database does not take this SQL: {_first_line(error)}"))


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return printable(lines[0]) if lines else type(error).__name__


def _parsed(row: tuple[Any, ...], in_json: list[bool]) -> tuple[Any, ...]:
    """DuckDB hands JSON out as text, Postgres as what it holds."""
    return tuple(json.loads(v) if j and isinstance(v, str) else v for v, j in zip(row, in_json, strict=True))


def plain(value: Any) -> Any:
    """A value as JSON has it: times in ISO with Z, what else JSON lacks as text."""
    if isinstance(value, dict):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, datetime | date | time):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, str | int | None) else str(value)


def written(value: Any) -> str:
    """A value in a cell."""
    if value is None:
        return ""
    if isinstance(value, datetime | timedelta):
        return str(value).removesuffix("+00:00")
    if isinstance(value, dict | list):
        return printable(json.dumps(plain(value), ensure_ascii=False))
    return printable(str(value))
