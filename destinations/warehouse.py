"""Connects to DuckDB or Postgres: the operations that hogsync needs of a database besides what dlt does.

A DuckDB file has one owner at a time, so it is open only while hogsync reads or writes it, never while PostHog is read.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any, ClassVar, NamedTuple

import pyarrow as pa

from destinations.reader import NoDataset, Reader

Types = Mapping[str, str]


class Relation(NamedTuple):
    """An object in a schema."""

    is_table: bool
    """True for a table; False for a view or any other object."""
    columns: frozenset[str]


class WarehouseUnavailable(Exception):
    """The database cannot be reached, opened or written, or another process holds it; the message says which."""


class DatabaseOutOfMemory(WarehouseUnavailable, MemoryError):
    """The database, which runs inside this process, has no memory for a statement."""


class TableInUse(WarehouseUnavailable):
    """Another transaction uses the table."""


def quoted(name: str) -> str:
    """Return a name as an SQL identifier."""
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


class Warehouse(ABC):
    """One dataset (schema) in one database."""

    types: ClassVar[Types]
    """The database's names for hogsync's column types."""

    def __init__(
        self, dataset: str, label: str, *, wait: float = 60, on_wait: Callable[[str], None] = print
    ) -> None:
        """`label` is a name that is safe to print; `wait` the seconds to wait for another process's database."""
        self.dataset = dataset
        self.label = label
        self.wait = wait
        self.on_wait = on_wait
        self._depth = 0
        self._lock = threading.RLock()
        self._held = threading.Lock()
        """Held by a thread while it closes or interrupts the connection."""

    @contextmanager
    def opened(self) -> Iterator[Warehouse]:
        """Hold the database open; may be nested: the outermost block opens and closes."""
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

    @abstractmethod
    def read_only(self, datasets: Sequence[str] = ()) -> AbstractContextManager[Reader]:
        """Open the database for reading only, with the only one of `datasets` (or of this warehouse) as search path.

        Several datasets are no search path. Raises NoDataset if the database holds none of them.
        """

    def _search_path(self, datasets: Sequence[str]) -> str:
        """Return the dataset whose tables are found without its name; empty for several datasets."""
        names = datasets or [self.dataset]
        known = ", ".join([self.placeholder] * len(names))
        if not self.rows(f"select 1 from information_schema.schemata where schema_name in ({known})", names):
            raise NoDataset
        return names[0] if len(names) == 1 else ""

    def name(self, table: str) -> str:
        """Return a table's qualified name."""
        return f"{quoted(self.dataset)}.{quoted(table)}"

    @property
    def committed_loads(self) -> str:
        """Return the query, in brackets, for the ids of committed loads; needs dlt's table of loads."""
        return f"(select load_id from {self.name('_dlt_loads')} where status = 0)"

    def columns(self) -> dict[str, dict[str, str]]:
        """Return every table of the dataset with its columns and the database's names for their types."""
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
        """Create a table or add the columns that it lacks; `existing` are its columns, empty if there is no table.

        `primary` also declares the key, for tables that are written by `upsert` and not by dlt. A table that lost a
        column of its key is truncated, because its rows can no longer be identified.
        """
        spelled = {name: self.types[type_] for name, type_ in columns.items()}
        if not existing:
            body = [f"{quoted(n)} {t}{' not null' * (n in key)}" for n, t in spelled.items()]
            body += [f"primary key ({', '.join(map(quoted, key))})"] * primary
            self.execute(f"create table if not exists {self.name(table)} ({', '.join(body)})")
        elif not existing.keys() >= set(key):
            # Not by a delete: Postgres refuses it for a published table without a key.
            self.alter_table(table, f"truncate table {self.name(table)}")
        for name, type_ in spelled.items() if existing else ():
            if name not in existing:
                self.alter_table(table, self.add_column_sql(table, name, type_))
        if primary and existing:  # the key, or a column of it, may have been dropped
            self.index_key(table, key)

    def comment(self, table: str, meaning: str, columns: Mapping[str, str]) -> None:
        """Write what a table and its columns mean into the database."""
        statements = [f"comment on table {self.name(table)} is {text_literal(meaning)}"]
        statements += [
            f"comment on column {self.name(table)}.{quoted(name)} is {text_literal(text)}"
            for name, text in columns.items()
        ]
        self.execute("; ".join(statements))

    def add_column_sql(self, table: str, column: str, type_: str) -> str:
        """Return the statement that adds a column of one of this database's types."""
        return f"alter table {self.name(table)} add column if not exists {quoted(column)} {type_}"

    def alter_table(self, table: str, *statements: str) -> None:  # noqa: ARG002  for databases where it has to be waited for
        """Change a table's definition or truncate it, all or nothing; no transaction may be open."""
        with self.transaction():
            for sql in statements:
                self.execute(sql)

    @abstractmethod
    def relations(self, schema: str) -> dict[str, Relation]:
        """Return everything in a schema, even without read access; names as the database compares them."""

    def same_names(self, schema: str) -> list[str]:  # noqa: ARG002  most databases tell names apart by their letters
        """Return schemas with another spelling that the database takes for this one."""
        return []

    def create_schema(self, schema: str) -> None:
        """Create a schema if it does not exist; for a role without the right to, it can be created in advance."""
        there = self.rows(
            f"select 1 from information_schema.schemata where schema_name = {self.placeholder}", [schema]
        )
        if not there:
            self.execute(f"create schema if not exists {quoted(schema)}")

    def create_dataset(self) -> None:
        """Create the dataset's schema if it does not exist."""
        self.create_schema(self.dataset)

    def exists(self) -> bool:
        """True if there is a database to open; a DuckDB file is created when it is first opened."""
        return True

    def readable_since(self) -> str:
        """Return the oldest version of the database that can open this one; empty if that does not matter."""
        return ""

    def interrupt(self) -> None:
        """Interrupt the running statement, if any, in whichever thread: it raises KeyboardInterrupt there."""
        if self._held.acquire(blocking=False):  # otherwise it is being closed, and no statement runs
            try:
                self._interrupt()
            finally:
                self._held.release()

    @abstractmethod
    def _interrupt(self) -> None: ...

    def limit_memory_for_inserts(self) -> None:  # noqa: B027  not every database has something to do then
        """Prepare for a load that changes no stored row."""

    out_of_memory: ClassVar[tuple[type[Exception], ...]] = (MemoryError,)
    """The errors of a process that is short of memory."""
    placeholder: ClassVar[str]
    """The spelling of a parameter."""
    json_object: ClassVar[str]
    """The function that makes a JSON object of names and values."""
    json_text: ClassVar[str] = "::varchar"
    """The cast that turns JSON into text that is the same for equal values."""
    former_json: ClassVar[str] = ""
    """The type of JSON columns in a dataset of an older hogsync, if it was another."""

    @abstractmethod
    def json_list(self, item: str, order: str) -> str:
        """Return an aggregate that makes a JSON list of items in an order."""

    @abstractmethod
    def iso(self, time: str) -> str:
        """Return the text of a time in UTC, the same on both databases."""

    @abstractmethod
    def destination(self) -> Any:
        """Return the dlt destination."""

    @abstractmethod
    def _connect(self) -> None: ...

    @abstractmethod
    def _close(self) -> None: ...

    @abstractmethod
    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Run one statement."""

    @abstractmethod
    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one query and return its rows."""

    @abstractmethod
    def batches(self, sql: str) -> Iterator[pa.RecordBatch]:
        """Run one query and yield its rows as Arrow."""

    @abstractmethod
    def matching(self, table: str, select: str, keys: pa.Table) -> pa.Table:
        """Return the rows `t` of a table that match one of the keys in the keys' columns."""

    @abstractmethod
    def upsert(self, table: str, key: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert or replace rows of a bookkeeping table by its primary key."""

    def analyze(self, table: str, columns: Sequence[str]) -> None:  # noqa: B027  not every database has to be told
        """Update the statistics of a table's columns before many of its rows are selected by them."""

    def wipe(self, tables: Sequence[str]) -> None:  # noqa: B027  not every database has to be told
        """Remove emptied values of these tables from the disk, as far as the database allows."""

    @abstractmethod
    def index_key(self, table: str, key: Sequence[str]) -> None:
        """Declare a table's primary key, where that makes merges faster."""

    def declare_keys(self) -> None:  # noqa: B027  not every database has keys that were not declared
        """Declare the keys that an older hogsync, or dlt, did not declare; no transaction may be open."""

    def modernise_json(self, table: str, columns: Sequence[str]) -> None:  # noqa: B027  the same
        """Change JSON columns of the former type to the current one, all or none; no transaction may be open."""

    def appendable(self, table: str, rows: pa.Table) -> pa.Table:  # noqa: ARG002  not every database wants them otherwise
        """Return rows in the form in which dlt must write them into this table directly, not by a merge."""
        return rows

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit the statements of the block together."""
        self.execute("begin")
        try:
            yield
        except BaseException:
            with suppress(
                WarehouseUnavailable
            ):  # a full disk or a lost connection has already rolled it back
                self.execute("rollback")
            raise
        self.execute("commit")


def text_literal(value: str) -> str:
    """Return a text as SQL spells it."""
    escaped = value.replace("'", "''")
    return f"'{escaped}'"


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, else its class."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def retry_while_locked(
    attempt: Callable[[], Any], held: Callable[[Exception], bool], wait: float, tell: Callable[[str], None]
) -> Any:
    """Return the result of `attempt`, retried for `wait` seconds while `held` accepts its error.

    Raises the last error.
    """
    deadline = time.monotonic() + wait
    waiting = False
    while True:
        try:
            return attempt()
        except Exception as error:
            if not held(error) or time.monotonic() >= deadline:
                raise
            if not waiting:
                tell(first_line(error))
                waiting = True
            time.sleep(0.25)
