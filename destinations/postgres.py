"""Postgres as warehouse: 15 or newer, because dlt merges with MERGE."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Any, ClassVar

import adbc_driver_postgresql.dbapi
import psycopg2
import psycopg2.extras
import pyarrow as pa
import pyarrow.compute as pc
from adbc_driver_manager import AdbcStatement

from destinations.postgres_connection import connect, connection_string, giving_up_after
from destinations.postgres_reader import PostgresReader
from destinations.reader import QueryRefused
from destinations.staging import staging_of
from destinations.warehouse import (
    Relation,
    TableInUse,
    Types,
    Warehouse,
    WarehouseUnavailable,
    first_line,
    quoted,
    retry_while_locked,
)

log = logging.getLogger(__name__)
DEFAULTS: Mapping[str, str | int] = {"connect_timeout": 10, "application_name": "hogsync"}
OLDEST = 15_00_00
DLT_TRIES = 5
"""How often dlt tries a statement that ran into the lock time-out."""
LOCK_TIMEOUT = "2s"
"""How long others may queue behind a waiting statement; autovacuum gives way after 1 s."""
SESSIONS_USING = """
select distinct concat(coalesce(nullif(application_name, ''), backend_type), ' of ', usename, ', server process ', pid)
  from pg_locks join pg_stat_activity using (pid)
 where relation = to_regclass(%s) and granted and pid <> pg_backend_pid()
"""
RELATIONS = """
select c.relname::varchar, c.relkind in ('r', 'p'),
       array(select a.attname::varchar from pg_attribute a
              where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped)
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where n.nspname = %s
"""
TABLES_WITH_KEY = """
select t.relname
  from pg_index x join pg_class t on t.oid = x.indrelid join pg_class i on i.oid = x.indexrelid
       join pg_namespace n on n.oid = t.relnamespace
 where n.nspname = %s and (x.indisprimary or i.relname = left(t.relname || '__key', 63))
"""
DLT_KEYS = {"_dlt_loads": "load_id", "_dlt_pipeline_state": "_dlt_id", "_dlt_version": "version_hash"}
"""The keys of dlt's own tables; dlt adds rows to these tables and never changes one."""
UNDECLARED = f"""
select t.relname from pg_class t join pg_namespace n on n.oid = t.relnamespace
 where n.nspname = %s and t.relkind = 'r'
   and not exists (select 1 from pg_index x where x.indrelid = t.oid and x.indisprimary)
   and (t.relname in ({", ".join(f"'{table}'" for table in DLT_KEYS)}) or exists (
        select 1 from pg_index x join pg_class i on i.oid = x.indexrelid
         where x.indrelid = t.oid and x.indisunique and i.relname = left(t.relname || '__key', 63)))
"""
BINARY_JSON = """
select attname from pg_attribute where attrelid = to_regclass(%s) and atttypid = 'jsonb'::regtype
"""


class Postgres(Warehouse):
    """A dataset (schema) in a Postgres database."""

    types: ClassVar[Types] = {
        "bigint": "bigint",
        "text": "varchar",
        "bool": "boolean",
        "timestamp": "timestamptz",
        "double": "double precision",
        "json": "jsonb",
    }
    placeholder = "%s"
    json_object = "jsonb_build_object"
    json_text = "::jsonb::varchar"  # the former type, too, which keeps spaces and order as written
    former_json = "json"

    def __init__(
        self, dsn: str, dataset: str, label: str, *, wait: float = 60, on_wait: Callable[[str], None] = print
    ) -> None:
        super().__init__(dataset, label, wait=wait, on_wait=on_wait)
        self._dsn = dsn
        self._connection: Any = None
        self._arrow: Any = None
        self._takes_options = True
        self._keys: set[str] | None = None
        self._interrupted = False

    def destination(self) -> Any:
        """Return the dlt destination; needs the warehouse open."""
        from destinations.postgres_destination import Destination, credentials

        connecting = self._connecting(self.wait / DLT_TRIES)
        return Destination(
            credentials(connecting, self._connection.info.dbname),
            staging_dataset_name_layout=staging_of(self.dataset),
        )

    def _connecting(self, wait: float) -> str:
        """Return the connection string for dlt and ADBC, which connect beside the open connection."""
        options = giving_up_after(wait) if self._takes_options else None
        return connection_string(self._dsn, DEFAULTS, options=options)

    def _connect(self) -> None:
        options = giving_up_after(self.wait) if self._takes_options else None
        try:
            self._connection, self._takes_options = connect(self._dsn, DEFAULTS, options=options)
        except psycopg2.Error as error:
            reason = first_line(error).rstrip(".")
            message = f"{self.label} cannot be reached: {reason}; check WAREHOUSE_URL and the server"
            raise WarehouseUnavailable(message) from None
        self._connection.autocommit = True
        try:
            self._refuse_unfit()
        except WarehouseUnavailable:
            self._close()
            raise
        if options and not self._takes_options:
            log.warning(
                "%s refuses options at the start of a session: hogsync goes on without, and may wait for locks longer "
                "than [warehouse] wait.",
                self.label,
            )
        self.execute("set time zone 'UTC'")

    @contextmanager
    def read_only(self, datasets: Sequence[str] = ()) -> Iterator[PostgresReader]:
        with self.opened(), self._connection.cursor() as cursor:
            self._connection.autocommit = False
            self._connection.set_session(readonly=True)
            dataset = self._search_path(datasets)
            path = f"{quoted(dataset)}, public" if dataset else "public"
            cursor.execute(f"set time zone 'UTC'; set search_path = {path}")
            try:
                yield PostgresReader(cursor)
            except (QueryRefused, WarehouseUnavailable) as error:
                self._unless_interrupted(error)
                raise

    def _refuse_unfit(self) -> None:
        """Raise WarehouseUnavailable for a server that is too old, or a database whose text is not UTF-8."""
        if self._connection.server_version < OLDEST:
            message = f"{self.label} is older than Postgres 15; upgrade it: hogsync needs MERGE, which came with 15."
            raise WarehouseUnavailable(message)
        ((encoding, quoting),) = self.rows(
            "select current_setting('server_encoding'), current_setting('quote_all_identifiers')"
        )
        if encoding != "UTF8":
            raise WarehouseUnavailable(
                f"{self.label} keeps text as {encoding}, which has no place for all of PostHog's; make a database of "
                "UTF-8 (create database … encoding 'UTF8' template template0) and name it in WAREHOUSE_URL."
            )
        if quoting == "on":  # if options are refused, or set this
            raise WarehouseUnavailable(
                f"{self.label} quotes all identifiers, by which no types are found; set quote_all_identifiers off."
            )

    def _close(self) -> None:
        self._connection.close()
        if self._arrow is not None:
            self._arrow.close()
        self._connection = self._arrow = self._keys = None
        self._interrupted = False

    def _interrupt(self) -> None:
        self._interrupted = self._connection is not None
        for cancel in (self._connection and self._connection.cancel, self._arrow and self._arrow.adbc_cancel):
            # If one cannot be cancelled, the other may be the busy one.
            with suppress(psycopg2.Error, adbc_driver_postgresql.dbapi.Error):
                if cancel:
                    cancel()

    @contextmanager
    def _cursor(self) -> Iterator[Any]:
        try:
            with self._connection.cursor() as cursor:
                yield cursor
        except psycopg2.Error as error:
            self._unless_interrupted(error)
            message = f"{self.label} refused: {first_line(error)}"
            waited = isinstance(error, psycopg2.errors.LockNotAvailable)
            raise (TableInUse if waited else WarehouseUnavailable)(message) from error

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        with self._cursor() as cursor:
            cursor.execute(sql, tuple(parameters) or None)

    def alter_table(self, table: str, *statements: str) -> None:
        """Change a table's definition or truncate it, all or nothing; no transaction may be open.

        The statement waits for transactions that use the table, and later ones queue behind it, readers too. So it
        waits only for a moment, lets the others pass, and tries again.
        """
        retry_while_locked(
            lambda: self._alter_table(table, statements),
            lambda error: isinstance(error, TableInUse),
            self.wait,
            self.on_wait,
        )

    def _alter_table(self, table: str, statements: Sequence[str]) -> None:
        try:
            with self.transaction():
                self.execute(f"set local lock_timeout = '{LOCK_TIMEOUT}'")
                for sql in statements:
                    self.execute(sql)
        except TableInUse as error:
            users = ", ".join(user for (user,) in self.rows(SESSIONS_USING, [self.name(table)]))
            message = (
                f"{self.label} cannot change the table {table} while it is in use by {users or 'somebody'}"
            )
            raise TableInUse(message) from error

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._cursor() as cursor:
            cursor.execute(sql, tuple(parameters) or None)
            return list(cursor.fetchall())

    def relations(self, schema: str) -> dict[str, Relation]:
        """Return everything in a schema: views, sequences and indexes share the tables' names."""
        found = self.rows(RELATIONS, [schema])
        return {name: Relation(is_table, frozenset(columns)) for name, is_table, columns in found}

    def batches(self, sql: str) -> Iterator[pa.RecordBatch]:
        try:
            if self._arrow is None:
                self._arrow = adbc_driver_postgresql.dbapi.connect(
                    self._connecting(self.wait), autocommit=True
                )
            with self._one_transaction(), closing(self._statement(sql)) as statement:
                stream, _ = statement.execute_query()
                yield from pa.RecordBatchReader.from_stream(stream)
        except (adbc_driver_postgresql.dbapi.Error, pa.ArrowException, OSError) as error:
            # Arrow raises the last two itself, in mid-stream.
            self._unless_interrupted(error)
            message = f"{self.label} refused: {first_line(error)}"
            raise WarehouseUnavailable(message) from error

    def _statement(self, sql: str) -> AdbcStatement:
        """Return a statement below ADBC's cursor, which would handle SIGINT alone while it waits."""
        statement = AdbcStatement(self._arrow.adbc_connection)
        statement.set_sql_query(sql)
        return statement

    def _unless_interrupted(self, error: Exception) -> None:
        """Raise KeyboardInterrupt if a statement was interrupted.

        Postgres has no error of its own for this: the one of a cancelled statement also comes with a time-out.
        """
        if self._interrupted:
            raise KeyboardInterrupt from error

    @contextmanager
    def _one_transaction(self) -> Iterator[None]:
        """Run a query in one transaction: ADBC prepares it first, and a pooler might use another session for that."""
        connection = self._arrow.adbc_connection
        connection.set_autocommit(enabled=False)
        try:
            yield
        finally:
            connection.set_autocommit(enabled=True)

    def matching(self, table: str, select: str, keys: pa.Table) -> pa.Table:
        names = keys.column_names
        same = " and ".join(f"t.{quoted(n)} = k.{quoted(n)}" for n in names)
        arrays = ", ".join(
            f"%s::{'bigint' if pa.types.is_integer(keys[n].type) else 'varchar'}[]" for n in names
        )
        sql = (
            f"select {select} from {self.name(table)} t where exists (select 1 from unnest({arrays}) "
            f"as k({', '.join(map(quoted, names))}) where {same})"
        )
        with self._lock:  # two tables whose rows are missing may ask at once
            with self._cursor() as cursor:
                filled = cursor.mogrify(sql, [keys[n].to_pylist() for n in names]).decode()
            batches = list(self.batches(filled))
        return pa.Table.from_batches(batches) if batches else keys.slice(0, 0)

    def upsert(self, table: str, key: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
        if not rows:
            return
        names = list(rows[0])
        updates = ", ".join(f"{quoted(n)} = excluded.{quoted(n)}" for n in names if n not in key)
        action = f"update set {updates}" if updates else "nothing"
        sql = (
            f"insert into {self.name(table)} ({', '.join(map(quoted, names))}) values %s "
            f"on conflict ({', '.join(map(quoted, key))}) do {action}"
        )
        with self._cursor() as cursor:
            psycopg2.extras.execute_values(
                cursor, sql, [[row[n] for n in names] for row in rows], page_size=1000
            )

    def json_list(self, item: str, order: str) -> str:
        return f"jsonb_agg({item} order by {order})"

    def iso(self, time: str) -> str:
        return f"""to_char({time} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""

    def analyze(self, table: str, columns: Sequence[str]) -> None:
        """Update the statistics, which lack this run's rows: Postgres joins what it takes for one row by nested loops.

        16,000 rows of 100,000 took 50 s that way, and half a second after this.
        """
        named = ", ".join(map(quoted, columns))
        self.execute(f"analyze {self.name(table)} ({named})")

    def index_key(self, table: str, key: Sequence[str]) -> None:
        """Declare a table's primary key: for fast merges, against doubled rows, and for replication."""
        if self._keys is None:
            self._keys = {name for (name,) in self.rows(TABLES_WITH_KEY, [self.dataset])}
        if table in self._keys:
            return
        # `_keys` does not hold keys added since: one added in a transaction would be lost with its rollback.
        if not self.rows(f"{TABLES_WITH_KEY} and t.relname = %s", [self.dataset, table]):
            columns = ", ".join(map(quoted, key))
            self.execute(f"{self._adding_key(table)} ({columns})")

    def declare_keys(self) -> None:
        """Declare the keys that an older hogsync, or dlt, did not declare; no transaction may be open.

        A table that this role may not alter, or that is in use, is left out: it has a unique index on its key.
        """
        for (table,) in self.rows(UNDECLARED, [self.dataset]):
            key = f"({DLT_KEYS[table]})" if table in DLT_KEYS else f"using index {quoted(_key_name(table))}"
            with suppress(WarehouseUnavailable):
                self._alter_table(table, [f"{self._adding_key(table)} {key}"])

    def _adding_key(self, table: str) -> str:
        return f"alter table {self.name(table)} add constraint {quoted(_key_name(table))} primary key"

    def modernise_json(self, table: str, columns: Sequence[str]) -> None:
        casts = (f"alter column {name} type jsonb using {name}::jsonb" for name in map(quoted, columns))
        self._alter_table(table, [f"alter table {self.name(table)} {', '.join(casts)}"])

    def appendable(self, table: str, rows: pa.Table) -> pa.Table:
        """Return rows in the form in which dlt must write them into this table directly, not by a merge.

        ADBC copies text unchanged, and Postgres needs a version byte before `jsonb`. A merge's rows pass through dlt's
        own tables, where JSON is `json`.
        """
        for (name,) in self.rows(BINARY_JSON, [self.name(table)]):
            if name in rows.column_names:
                text = rows[name]
                version, end = (pa.scalar(part, text.type) for part in ("\x01", ""))
                whole = pc.binary_join_element_wise(version, text, end)
                rows = rows.set_column(rows.column_names.index(name), name, whole)
        return rows


def _key_name(table: str) -> str:
    return f"{table}__key"[:63]
