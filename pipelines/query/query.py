"""Runs one SQL query on the warehouse, which it can read and not change.

Settings -> a session: `rows` as Python values, `arrow` as typed batches, both read from the database while they are
consumed. `query.postgres` holds the protection of Postgres.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from pipelines.console import printable, sentence
from pipelines.errors import UsageError, WarehouseProblem
from pipelines.signals import interruptible

if TYPE_CHECKING:
    import pyarrow as pa

    from pipelines.settings import Settings

BATCH = 1_000
"""Rows per fetch."""
ONE_STATEMENT = (
    "`hogsync query` answers one statement that reads, such as select, with, explain or show; "
    "this text holds "
)


class SqlProblem(UsageError):
    """The database refuses the SQL; `below` shows where."""


@dataclass(frozen=True, slots=True)
class Rows:
    """A result: its columns, and its rows in batches that are fetched when they are consumed."""

    columns: tuple[str, ...]
    batches: Iterator[list[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete result: columns and rows, as Python values."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


class Session(Protocol):
    """A connection on which nothing can be changed; raises SqlProblem for SQL that the database refuses."""

    def rows(self, sql: str) -> Rows:
        """Return the result as Python values."""

    def arrow(self, sql: str) -> pa.RecordBatchReader:
        """Return the result as Arrow types."""


@contextmanager
def session(settings: Settings) -> Iterator[Callable[[str], Answer]]:
    """Yield a function that returns the complete result of a query."""

    def ask(sql: str) -> Answer:
        found = opened.rows(sql)
        return Answer(found.columns, [row for batch in found.batches for row in batch])

    with connected(settings) as opened:
        yield ask


def connected(settings: Settings) -> AbstractContextManager[Session]:
    """Open a session with the dataset as search path; raises WarehouseProblem if the warehouse cannot be read."""
    if settings.warehouse.kind == "duckdb":
        return _duckdb(settings)
    from pipelines.query.postgres import postgres

    return postgres(settings)


def no_dataset(settings: Settings) -> UsageError:
    """Return the error for a dataset that does not exist yet."""
    return UsageError(
        f"The warehouse {settings.warehouse.label} has no dataset {settings.dataset} (HOGSYNC_DATASET); "
        "`hogsync sync` makes it."
    )


def sql_problem(said: str, below: str = "") -> SqlProblem:
    """Return the error for SQL that the database refuses, with the database's message."""
    problem = SqlProblem(sentence(f"The database does not take this SQL: {said}"))
    problem.below = below
    return problem


@contextmanager
def values_in() -> Iterator[None]:
    """Raise SqlProblem for values that Python cannot hold, such as a time before the year 1."""
    try:
        yield
    except (ValueError, OverflowError) as error:
        raise sql_problem(f"a value cannot be shown ({error}); cast its column to text") from None


# -- DuckDB


@contextmanager
def _duckdb(settings: Settings) -> Iterator[Session]:
    with closing(_open_duckdb(settings)) as database, interruptible(database.interrupt):
        _use(database, settings)
        # A file opened read-only could still copy rows into another file, or attach one and write there.
        database.execute(
            "set TimeZone = 'UTC'; set enable_external_access = false; set lock_configuration = true"
        )
        yield DuckDBSession(database)


@dataclass(frozen=True, slots=True)
class DuckDBSession:
    """A DuckDB file that is open for reading."""

    database: Any

    def rows(self, sql: str) -> Rows:
        """Return the result as Python values."""
        with _answering():
            self._refuse_several(sql)
            cursor = self.database.execute(sql)
            described = [(str(name), str(kind)) for name, kind, *_ in cursor.description or ()]
        in_json = [kind == "JSON" for _, kind in described]
        return Rows(tuple(name for name, _ in described), self._batches(in_json) if described else iter(()))

    def arrow(self, sql: str) -> pa.RecordBatchReader:
        """Return the result as Arrow types."""
        import pyarrow as pa

        with _answering():
            self._refuse_several(sql)
            return pa.RecordBatchReader.from_stream(self.database.sql(sql))

    def _refuse_several(self, sql: str) -> None:
        number = len(self.database.extract_statements(sql))
        if number != 1:
            raise SqlProblem(f"{ONE_STATEMENT}{number or 'none'}.")

    def _batches(self, in_json: list[bool]) -> Iterator[list[tuple[Any, ...]]]:
        with _answering(), values_in():
            while rows := self.database.fetchmany(BATCH):
                yield [_parsed(row, in_json) for row in rows]


def _parsed(row: tuple[Any, ...], in_json: list[bool]) -> tuple[Any, ...]:
    """Return a row with parsed JSON: DuckDB returns JSON as text, Postgres as its content."""
    return tuple(json.loads(v) if j and isinstance(v, str) else v for v, j in zip(row, in_json, strict=True))


@contextmanager
def _answering() -> Iterator[None]:
    import duckdb

    try:
        yield
    except duckdb.InterruptException:
        raise KeyboardInterrupt from None
    except duckdb.Error as error:
        said, _, below = str(error).strip().partition("\n")
        raise sql_problem(said or type(error).__name__, below.strip("\n")) from None


def _open_duckdb(settings: Settings) -> Any:
    import duckdb

    from destinations.duckdb import may_exist
    from destinations.duckdb_file import FileHeld, open_file

    path, label = settings.warehouse.path, settings.warehouse.label
    if not may_exist(path):
        raise WarehouseProblem(f"There is no warehouse {label} yet; `hogsync sync` makes it.")
    try:
        return open_file(path, label, settings.wait, _waiting, read_only=True)
    except FileHeld as held:
        raise WarehouseProblem(sentence(str(held))) from None
    except duckdb.Error as error:
        raise WarehouseProblem(
            sentence(f"The warehouse {label} cannot be read: {first_line(error)}")
        ) from None


def _waiting(why: str) -> None:
    import logging

    logging.getLogger("hogsync").warning("Waiting: %s", why)


def _use(database: Any, settings: Settings) -> None:
    import duckdb

    try:
        database.execute(f"use {settings.dataset}")
    except duckdb.CatalogException:
        raise no_dataset(settings) from None


def first_line(error: Exception) -> str:
    """Return the first line of an error's message."""
    lines = str(error).strip().splitlines()
    return printable(lines[0]) if lines else type(error).__name__
