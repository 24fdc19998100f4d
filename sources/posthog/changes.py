"""What is new: the rows that were walked against what the warehouse holds -> inserts, updates, tombstones.

The comparison is done set-wise in a working DuckDB that spills to disk, never row by row. Per table it holds
  known   key, hash, `_deleted_at` of every stored row, and whether the load that wrote it was finished
  seen    key of every row that was read in this run, in reading order, by walk
  staged  whole rows, only of those that differ from `known`
  dying   keys of rows that are concluded to be gone
A row of an unfinished load is not believed: the load may have stopped between this table and its children.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import duckdb
import pyarrow as pa

from sources.posthog.endpoint import Stamps, Type
from sources.posthog.shape import Row, Shape, arrow

SQL_TYPES: Mapping[Type, str] = {
    "bigint": "BIGINT",
    "text": "VARCHAR",
    "bool": "BOOLEAN",
    "timestamp": "TIMESTAMPTZ",
    "double": "DOUBLE",
    "json": "VARCHAR",
}
STAMPED: Mapping[str, Type] = {"_synced_at": "timestamp", "_deleted_at": "timestamp", "_row_hash": "text"}
"""Columns that every table ends with."""
BATCH = 20_000
"""Rows in one Arrow batch on their way to dlt."""


class Known(Protocol):
    """What the warehouse holds of a table; every method answers for a table that does not exist yet as for an empty one."""

    def columns(self, table: str) -> Mapping[str, Type]:
        """The columns that earlier loads made."""

    def index(self, table: str, key: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Key columns, `row_hash`, `deleted_at` and `sound` (its load was finished) of every row."""

    def torn(self, table: str, columns: Sequence[str]) -> pa.Table:
        """Distinct values of these columns over the rows of unfinished loads."""

    def rows(self, table: str, keys: pa.Table) -> pa.Table:
        """Whole rows that match one of the keys, with `_sound` added."""


class Nothing:
    """A warehouse that holds and remembers nothing yet: every row counts as new."""

    def position(self, path: str) -> None:
        """No list was ever read."""

    def held(self, path: str) -> frozenset[str]:  # noqa: ARG002  an empty answer needs no question
        """No death is held."""
        return frozenset()

    def columns(self, table: str) -> Mapping[str, Type]:  # noqa: ARG002  an empty answer needs no question
        """No columns."""
        return {}

    def index(self, table: str, key: Sequence[str]) -> Iterator[pa.RecordBatch]:  # noqa: ARG002  as above
        """No rows."""
        return iter(())

    def torn(self, table: str, columns: Sequence[str]) -> pa.Table:  # noqa: ARG002  as above
        """No rows."""
        return pa.table({name: pa.array([], pa.string()) for name in columns})

    def rows(self, table: str, keys: pa.Table) -> pa.Table:  # noqa: ARG002  as above
        """No rows."""
        return keys.slice(0, 0)


@dataclass(slots=True)
class Counts:
    """What a table's delta holds; children are counted with their parent's row."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0

    @property
    def written(self) -> int:
        """Rows in all."""
        return self.inserted + self.updated + self.deleted


class Workspace:
    """The working DuckDB of one run: in memory, spilling into the run's folder beyond its limit."""

    def __init__(self, folder: Path, memory: str = "512MB") -> None:
        config = {"memory_limit": memory, "temp_directory": str(folder / "spill")}
        self._connection = duckdb.connect(":memory:", config=config)
        self._connection.execute("set global TimeZone = 'UTC'")
        self.lock = threading.RLock()

    def run(self, sql: str, parameters: Sequence[Any] = (), **tables: Any) -> duckdb.DuckDBPyConnection:
        """Execute one statement, Arrow data at hand under the given names."""
        with self.lock:
            for name, data in tables.items():
                self._connection.register(name, data)
            return self._connection.execute(sql, list(parameters) or None)

    def rows(self, sql: str, parameters: Sequence[Any] = (), **tables: Any) -> list[tuple[Any, ...]]:
        """The answer as Python tuples."""
        with self.lock:
            return self.run(sql, parameters, **tables).fetchall()

    def table(self, sql: str, parameters: Sequence[Any] = (), **tables: Any) -> pa.Table:
        """The answer as Arrow."""
        with self.lock:
            for name, data in tables.items():
                self._connection.register(name, data)
            return self._connection.sql(sql, params=list(parameters)).to_arrow_table()

    def batches(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[pa.Table]:
        """The answer as Arrow tables of `BATCH` rows, read through a connection of its own."""
        reader = self._connection.cursor().sql(sql, params=list(parameters)).to_arrow_reader(BATCH)
        return (pa.Table.from_batches([batch]) for batch in reader)

    def close(self) -> None:
        """Forget everything."""
        self._connection.close()


class Changes:
    """One table's changes in one run."""

    def __init__(self, workspace: Workspace, shape: Shape, known: Known, started: datetime) -> None:
        self.workspace = workspace
        self.shape = shape
        self.known = known
        self.started = started
        self.table = shape.endpoint.table
        self.key = ", ".join(map(quoted, shape.key))
        self._sequence = 0
        self._staged: dict[str, Type] = {}
        self._create()

    def _create(self) -> None:
        key = _ddl(self.shape.key_columns)
        run = self.workspace.run
        run(f"create table {self._t('known')} ({key}, row_hash VARCHAR, deleted_at TIMESTAMPTZ, sound BOOLEAN)")
        run(f"create table {self._t('seen')} ({key}, _sequence BIGINT, walk BIGINT)")
        run(f"create table {self._t('dying')} ({key}, deleted_at TIMESTAMPTZ)")
        self._staged = {**self.shape.columns, "_sequence": "bigint", "_dead": "bool", "_row_hash": "text"}
        run(f"create table {self._t('staged')} ({_ddl(self._staged)})")
        for name, columns in self.shape.child_columns.items():
            child = {**self.shape.key_columns, **columns, "_sequence": "bigint", "_row_hash": "text"}
            run(f"create table {self._t('staged', name)} ({_ddl(child)})")
        for batch in self.known.index(self.table, self.shape.key):
            run(f"insert into {self._t('known')} by name select * from stored", stored=batch)
        for name in self.shape.child_columns:
            self._distrust(self.known.torn(self.child_table(name), self.shape.key))

    def _distrust(self, parents: pa.Table) -> None:
        """Rows whose children come from an unfinished load are as unknown as those children."""
        if parents.num_rows:
            run = self.workspace.run
            run(
                f"update {self._t('known')} k set sound = false where exists "
                f"(select 1 from parents p where {self._same('k', 'p')})",
                parents=parents,
            )

    def _t(self, kind: str, child: str = "") -> str:
        return quoted(f"{kind} {self.table} {child}".rstrip())

    def _same(self, left: str, right: str) -> str:
        return " and ".join(f"{left}.{quoted(k)} = {right}.{quoted(k)}" for k in self.shape.key)

    def child_table(self, name: str) -> str:
        """The child table of a split list."""
        return f"{self.table}__{name}"

    # -- while reading

    def add(self, rows: Sequence[Row], walk: int) -> None:
        """Take in rows as they were read; those that differ from what is stored are staged with their children."""
        if not rows:
            return
        with self.workspace.lock:
            for row in rows:
                self._sequence += 1
                row.sequence = self._sequence
            page = arrow(
                [{**row.values, "_sequence": row.sequence, "_dead": row.dead, "_row_hash": row.hash} for row in rows],
                {**self.shape.key_columns, "_sequence": "bigint", "_dead": "bool", "_row_hash": "text"},
            )
            columns = f"{self.key}, _sequence"
            insert = f"insert into {self._t('seen')} select {columns}, {walk} from page"
            self.workspace.run(insert, page=page)
            self._stage([rows[i] for i in self._differing(page)])

    def _differing(self, page: pa.Table) -> list[int]:
        """Positions in the page of rows that are not stored exactly so by a finished load."""
        found = self.workspace.rows(
            f"select p._sequence from page p anti join {self._t('known')} k on {self._same('k', 'p')} "
            "and k.row_hash = p._row_hash and k.sound and (k.deleted_at is not null) = p._dead order by 1",
            page=page,
        )
        first = page["_sequence"][0].as_py()
        return [sequence - first for (sequence,) in found]

    def _stage(self, rows: Sequence[Row]) -> None:
        if not rows:
            return
        page = self.shape.table(rows)
        for name in page.column_names:
            if name not in self._staged:
                self._staged[name] = type_ = self.shape.columns[name]
                self.workspace.run(f"alter table {self._t('staged')} add column {quoted(name)} {SQL_TYPES[type_]}")
        self.workspace.run(f"insert into {self._t('staged')} by name select * from page", page=page)
        for name in self.shape.child_columns:
            children = self.shape.children(name, rows)
            if children.num_rows:
                insert = f"insert into {self._t('staged', name)} by name select * from page"
                self.workspace.run(insert, page=children)

    def distinct(self, walk: int) -> int:
        """How many different keys a walk has read."""
        sql = f"select count(*) from (select distinct {self.key} from {self._t('seen')} where walk = ?)"
        return int(self.workspace.rows(sql, [walk])[0][0])

    def keys(self, walks: Sequence[int]) -> list[dict[str, Any]]:
        """The different keys that these walks have read."""
        sql = f"select distinct {self.key} from {self._t('seen')} where list_contains(?, walk) order by all"
        return self.workspace.table(sql, [list(walks)]).to_pylist()

    # -- concluding

    def living(self, scope: Stamps) -> int:
        """How many stored rows of a scope live."""
        where, values = self._where(scope)
        sql = f"select count(*) from {self._t('known')} k where deleted_at is null and {where}"
        return int(self.workspace.rows(sql, values)[0][0])

    def missing(self, scope: Stamps, below: Sequence[tuple[Changes, Sequence[str]]] = ()) -> pa.Table:
        """Stored rows of a scope that no walk of this run has seen: the key columns and `row_key`, the key as text.

        Rows that are dead already count only if their load was torn, or if rows `below` them still live.
        """
        where, values = self._where(scope)
        orphaned = "".join(
            f" or exists (select 1 from {child._t('known')} c where c.deleted_at is null and "  # noqa: SLF001  same class
            + " and ".join(f"c.{quoted(c)} = k.{quoted(k)}" for c, k in zip(columns, self.shape.key, strict=True))
            + ")"
            for child, columns in below
        )
        texts = ", ".join(f"k.{quoted(name)}::varchar" for name in self.shape.key)
        return self.workspace.table(
            f"select {self.key}, to_json([{texts}])::varchar as row_key from {self._t('known')} k where {where} and "
            f"(k.deleted_at is null or not k.sound{orphaned}) and not exists "
            f"(select 1 from {self._t('seen')} s where {self._same('s', 'k')})",
            values,
        )

    def end(self, keys: pa.Table) -> None:
        """Conclude that these rows are gone."""
        if keys.num_rows:
            self.workspace.run(
                f"insert into {self._t('dying')} select {', '.join('k.' + quoted(n) for n in self.shape.key)}, "
                f"k.deleted_at from {self._t('known')} k where exists (select 1 from gone g where {self._same('g', 'k')}) "
                f"and not exists (select 1 from {self._t('dying')} d where {self._same('d', 'k')})",
                gone=keys,
            )

    def end_below(self, parent: Changes, columns: Sequence[str]) -> None:
        """Conclude that the living rows under a parent that is gone are gone with it."""
        link = " and ".join(
            f"k.{quoted(c)} = d.{quoted(p)}" for c, p in zip(columns, parent.shape.key, strict=True)
        )
        gone = self.workspace.table(
            f"select {', '.join('k.' + quoted(n) for n in self.shape.key)} from {self._t('known')} k join "
            f"{parent._t('dying')} d on {link} where k.deleted_at is null or not k.sound"  # noqa: SLF001  same class
        )
        self.end(gone)

    def unseen(self) -> list[tuple[Any, ...]]:
        """Keys of living stored rows that this run has not met."""
        sql = (
            f"select {self.key} from {self._t('known')} k where deleted_at is null and not exists "
            f"(select 1 from {self._t('seen')} s where {self._same('s', 'k')}) order by all"
        )
        return self.workspace.rows(sql)

    def _where(self, scope: Stamps) -> tuple[str, list[Any]]:
        names = [name for name in scope if name in self.shape.key]
        return " and ".join(["true", *(f"k.{quoted(n)} = ?" for n in names)]), [scope[n] for n in names]

    # -- after reading

    def settle(self) -> Counts:
        """Fix which rows are written; call once, after the last `add` and `end`."""
        run = self.workspace.run
        run(
            f"create table {self._t('changed')} as select s._sequence, k.row_hash is not null as stored, "
            f"case when s._dead then coalesce(k.deleted_at, ?) end as deleted_at, "
            f"s._dead and k.row_hash is not null and k.deleted_at is null as ends, {_prefixed('s', self.shape.key)} "
            f"from {self._t('staged')} s "
            f"join (select max(_sequence) as _sequence from {self._t('seen')} group by {self.key}) l using (_sequence) "
            f"left join {self._t('known')} k on {self._same('k', 's')}",
            [self.started],
        )
        run(f"delete from {self._t('dying')} d where exists (select 1 from {self._t('seen')} s where {self._same('s', 'd')})")
        inserted, updated, ended = self.workspace.rows(
            f"select count(*) filter (not stored), count(*) filter (stored and not ends), count(*) filter (ends) "
            f"from {self._t('changed')}"
        )[0]
        dying = self.workspace.rows(f"select count(*) from {self._t('dying')}")[0][0]
        return Counts(inserted, updated, ended + dying)

    def columns(self) -> dict[str, Type]:
        """The table's columns in their order."""
        return {**self.shape.columns, **STAMPED}

    def child_columns(self, name: str) -> dict[str, Type]:
        """A child table's columns in their order."""
        return {**self.shape.key_columns, **self.shape.child_columns[name], **STAMPED}

    def delta(self) -> Iterator[pa.Table]:
        """Changed rows whole, then tombstones whole: an upsert sets to null what a row lacks."""
        own = ", ".join(f"s.{quoted(name)}" if name in self._staged else _null(name, t) for name, t in self.shape.columns.items())
        yield from self.workspace.batches(
            f"select {own}, ?::timestamptz as _synced_at, c.deleted_at as _deleted_at, s._row_hash "
            f"from {self._t('staged')} s join {self._t('changed')} c using (_sequence)",
            [self.started],
        )
        for keys in self.workspace.batches(f"select {self.key} from {self._t('dying')}"):
            stored = self.known.rows(self.table, keys)
            yield self.workspace.table(
                f"select {_present(self.shape.columns, stored)}, ?::timestamptz as _synced_at, "
                "coalesce(_deleted_at, ?::timestamptz) as _deleted_at, _row_hash from stored",
                [self.started, self.started],
                stored=stored,
            )

    def child_delta(self, name: str) -> Iterator[pa.Table]:
        """Child rows that differ, and the ends of positions that are no more, under every row of `delta`."""
        table, key = self.child_table(name), self.key
        with self.workspace.lock:
            self.workspace.run(
                f"create or replace temp table parents as select {key}, deleted_at from {self._t('changed')} "
                f"union all select {key}, coalesce(deleted_at, ?) from {self._t('dying')}",
                [self.started],
            )
            stored_parents = self.workspace.table(
                f"select {key} from {self._t('changed')} where stored union all select {key} from {self._t('dying')}"
            )
            stored = self.known.rows(table, stored_parents)
            columns = self.child_columns(name)
            existing = _present({**columns, "_sound": "bool"}, stored)
            self.workspace.run(f"create or replace temp table existing as select {existing} from stored", stored=stored)
            self.workspace.run(
                f"create or replace temp table wanted as select w.* exclude (_sequence) from {self._t('staged', name)} w "
                f"join {self._t('changed')} using (_sequence)"
            )
            own = _prefixed("w", [n for n in columns if n not in STAMPED])
            changed = self.workspace.table(
                f"select {own}, ?::timestamptz as _synced_at, p.deleted_at as _deleted_at, w._row_hash from wanted w "
                f"join parents p using ({key}) left join existing e using ({key}, position) where not "
                "(coalesce(e._sound, false) and e._row_hash = w._row_hash and (e._deleted_at is null) = (p.deleted_at is null))",
                [self.started],
            )
            ended = self.workspace.table(
                f"select {_prefixed('e', [n for n in columns if n not in STAMPED])}, ?::timestamptz as _synced_at, "
                f"coalesce(e._deleted_at, p.deleted_at, ?::timestamptz) as _deleted_at, e._row_hash from existing e "
                f"join parents p using ({key}) anti join wanted w using ({key}, position) "
                "where e._deleted_at is null or not e._sound",
                [self.started, self.started],
            )
        yield from (part for part in (changed, ended) if part.num_rows)


def quoted(name: str) -> str:
    """A name as an SQL identifier."""
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


def _ddl(columns: Mapping[str, Type]) -> str:
    return ", ".join(f"{quoted(name)} {SQL_TYPES[type_]}" for name, type_ in columns.items())


def _prefixed(prefix: str, names: Sequence[str]) -> str:
    return ", ".join(f"{prefix}.{quoted(name)}" for name in names)


def _null(name: str, type_: Type) -> str:
    return f"null::{SQL_TYPES[type_]} as {quoted(name)}"


def _present(columns: Mapping[str, Type], stored: pa.Table) -> str:
    """The wanted columns of a stored table, null where it has none."""
    return ", ".join(
        f"{quoted(n)}::{SQL_TYPES[t]} as {quoted(n)}" if n in stored.column_names else _null(n, t)
        for n, t in columns.items()
    )
