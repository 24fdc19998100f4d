"""A connection to DuckDB or Postgres: the few things that hogsync asks of a database besides what dlt does.

A DuckDB file has one owner at a time, so it is open only while hogsync reads or writes it, never while PostHog is read.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, ClassVar, NamedTuple

import pyarrow as pa

Types = Mapping[str, str]


class Relation(NamedTuple):
    """What stands at a name in a schema."""

    is_table: bool
    """A table, no view nor whatever else the database keeps under such a name."""
    columns: frozenset[str]


class WarehouseUnavailable(Exception):
    """The database cannot be reached, opened or written, or somebody else holds it; the message says which."""


class DatabaseOutOfMemory(WarehouseUnavailable, MemoryError):
    """The database, which works inside this process, has no memory for a statement."""


class TableInUse(WarehouseUnavailable):
    """Somebody else's transaction uses the table."""


def quoted(name: str) -> str:
    """A name as an SQL identifier."""
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


class Warehouse(ABC):
    """One dataset (schema) in one database."""

    types: ClassVar[Types]
    """How this database spells our column types."""

    def __init__(
        self, dataset: str, label: str, *, wait: float = 60, on_wait: Callable[[str], None] = print
    ) -> None:
        """`label` is a name that is safe to print; `wait` the seconds for a database that somebody else holds."""
        self.dataset = dataset
        self.label = label
        self.wait = wait
        self.on_wait = on_wait
        self._depth = 0
        self._lock = threading.RLock()
        self._held = threading.Lock()
        """Whoever closes the connection and whoever interrupts it have it to themselves."""

    @contextmanager
    def opened(self) -> Iterator[Warehouse]:
        """Hold the database open; may be nested, the outermost opens and closes."""
        with self._lock:
            if self._depth == 0:
                self._connect()
            self._depth += 1
        try:
            yield self
        finally:
            with self._lock:
                self._depth -= 1
                if self._depth == 0:
                    with self._held:
                        self._close()

    def name(self, table: str) -> str:
        """A table's qualified name."""
        return f"{quoted(self.dataset)}.{quoted(table)}"

    def columns(self) -> dict[str, dict[str, str]]:
        """Every table of the dataset with its columns and the database's words for their types."""
        found: dict[str, dict[str, str]] = {}
        sql = (
            "select table_name, column_name, data_type from information_schema.columns "
            f"where table_schema = {self.placeholder} order by table_name, ordinal_position"
        )
        for table, column, type_ in self.rows(sql, [self.dataset]):
            found.setdefault(table, {})[column] = type_
        return found

    def ensure(
        self, table: str, columns: Types, key: Sequence[str], existing: Types, *, primary: bool = False
    ) -> None:
        """Give a table every one of these columns; `existing` are those that it has, none if there is no table.

        `primary` declares the key as well, for tables that are written by `upsert` and not by dlt. Where somebody has
        dropped a column of the key, nobody can tell any more which rows these are: they make place for those to come.
        """
        spelled = {name: self.types[type_] for name, type_ in columns.items()}
        if not existing:
            body = [f"{quoted(n)} {t}{' not null' * (n in key)}" for n, t in spelled.items()]
            body += [f"primary key ({', '.join(map(quoted, key))})"] * primary
            self.execute(f"create table if not exists {self.name(table)} ({', '.join(body)})")
        elif not existing.keys() >= set(key):
            # Not by a delete: Postgres refuses that of a table without a key which a publication has.
            self.alter_table(table, f"truncate table {self.name(table)}")
        for name, type_ in spelled.items() if existing else ():
            if name not in existing:
                self.alter_table(table, self.add_column_sql(table, name, type_))
        if primary and existing:  # somebody may have dropped it, or a column of it
            self.index_key(table, key)

    def add_column_sql(self, table: str, column: str, type_: str) -> str:
        """The statement that gives a table a column of a type of this database's."""
        return f"alter table {self.name(table)} add column if not exists {quoted(column)} {type_}"

    def alter_table(self, table: str, *statements: str) -> None:  # noqa: ARG002  for databases where it has to be waited for
        """Change what a table is, and with it what is in it, all at once or not at all; no transaction may be open."""
        with self.transaction():
            for sql in statements:
                self.execute(sql)

    @abstractmethod
    def relations(self, schema: str) -> dict[str, Relation]:
        """All that stands in a schema, also what this role may not read; names as the database compares them."""

    def same_names(self, schema: str) -> list[str]:  # noqa: ARG002  most databases tell names apart by their letters
        """Schemas that are spelled otherwise and that the database takes for this one."""
        return []

    def create_schema(self, schema: str) -> None:
        """Make a schema if it is not there; a role without the right to make one can be given it ready-made."""
        there = self.rows(
            f"select 1 from information_schema.schemata where schema_name = {self.placeholder}", [schema]
        )
        if not there:
            self.execute(f"create schema if not exists {quoted(schema)}")

    def create_dataset(self) -> None:
        """Make the dataset's schema if it is not there."""
        self.create_schema(self.dataset)

    def exists(self) -> bool:
        """Whether there is a database to open; a DuckDB file comes into being when it is first opened."""
        return True

    def readable_since(self) -> str:
        """The oldest version of the database that opens this one as it is; empty where nobody has to know."""
        return ""

    def interrupt(self) -> None:
        """End the statement that runs, if one does, in whichever thread: there it raises KeyboardInterrupt."""
        if self._held.acquire(blocking=False):  # else it is being closed, and no statement runs
            try:
                self._interrupt()
            finally:
                self._held.release()

    @abstractmethod
    def _interrupt(self) -> None: ...

    def limit_memory_for_inserts(self) -> None:  # noqa: B027  not every database has something to do then
        """Take note that the load of this opening changes no stored row."""

    placeholder: ClassVar[str]
    """How a parameter is written."""
    json_object: ClassVar[str]
    """The function that makes a JSON object of names and values."""
    json_text: ClassVar[str] = "::varchar"
    """The cast that makes JSON text which is the same for the same value."""
    former_json: ClassVar[str] = ""
    """The type of a JSON column in a dataset of an older hogsync, if that was another."""

    @abstractmethod
    def json_list(self, item: str, order: str) -> str:
        """An aggregate that makes a JSON list of items in an order."""

    @abstractmethod
    def destination(self) -> Any:
        """The dlt destination."""

    @abstractmethod
    def _connect(self) -> None: ...

    @abstractmethod
    def _close(self) -> None: ...

    @abstractmethod
    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Run one statement."""

    @abstractmethod
    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one query and take its rows."""

    @abstractmethod
    def batches(self, sql: str) -> Iterator[pa.RecordBatch]:
        """Run one query and take its rows as Arrow."""

    @abstractmethod
    def matching(self, table: str, select: str, keys: pa.Table) -> pa.Table:
        """Rows `t` of a table that agree with one of the keys in the keys' columns."""

    @abstractmethod
    def upsert(self, table: str, key: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert or replace rows of a bookkeeping table by its primary key."""

    def analyze(self, table: str, columns: Sequence[str]) -> None:  # noqa: B027  not every database has to be told
        """Have the database look at a table's values before many of its rows are asked for by these columns."""

    def wipe(self, tables: Sequence[str]) -> None:  # noqa: B027  not every database has to be told
        """Leave nothing on the disk of what was emptied in these tables, as far as the database lets us."""

    @abstractmethod
    def index_key(self, table: str, key: Sequence[str]) -> None:
        """Declare a table's primary key, where that makes merges quicker."""

    def declare_keys(self) -> None:  # noqa: B027  not every database has keys that were not declared
        """Declare the keys of tables that an older hogsync, or dlt, has made without; no transaction may be open."""

    def modernise_json(self, table: str, columns: Sequence[str]) -> None:  # noqa: B027  the same
        """Give JSON columns of the former type the one of today, all of them or none; no transaction may be open."""

    def appendable(self, table: str, rows: pa.Table) -> pa.Table:  # noqa: ARG002  not every database wants them otherwise
        """Rows in the form in which dlt shall write them into this table directly, not by a merge."""
        return rows

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A context in which statements commit together."""
        self.execute("begin")
        try:
            yield
        except BaseException:
            with suppress(
                WarehouseUnavailable
            ):  # a full disk or a lost connection has rolled it back already
                self.execute("rollback")
            raise
        self.execute("commit")


def first_line(error: BaseException) -> str:
    """The first line of what an error says, else its kind."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def retry_while_locked(
    attempt: Callable[[], Any], held: Callable[[Exception], bool], wait: float, tell: Callable[[str], None]
) -> Any:
    """Try until nobody else holds the thing or `wait` seconds have passed; raises the last error."""
    deadline = time.monotonic() + wait
    told = False
    while True:
        try:
            return attempt()
        except Exception as error:
            if not held(error) or time.monotonic() >= deadline:
                raise
            if not told:
                tell(first_line(error))
                told = True
            time.sleep(0.25)
