"""Compares the rows of walks with the stored rows of one table, set-wise in the scratch DuckDB.

Batches of walks -> inserts, updates and deletes. The scratch tables of one table are
  stored   key, hash, `_deleted_at` of every stored row, and whether its load was committed
  seen     key of every row that was read in this run, in reading order, by walk
  staged   whole rows that differ from `stored`, with their split lists
  deleted  keys of rows that were found to be deleted

A comparison scans all stored keys, so pages wait until there are 20,000 rows.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, repeat
from typing import Any

import pyarrow as pa

from sources.posthog.catalogue.endpoint import Stamps
from sources.posthog.catalogue.fields import Type
from sources.posthog.changes.scratch import ScratchDatabase
from sources.posthog.changes.sql import (
    SQL_TYPES,
    column_definitions,
    columns_of,
    equal,
    literal,
    quoted,
    row_hash,
    scratch_table,
    struct_list,
)
from sources.posthog.changes.stored import StoredTables
from sources.posthog.changes.stored_index import StoredIndex
from sources.posthog.shape.batch import Batch
from sources.posthog.shape.row_shape import RowShape

ROW_COLUMNS: Mapping[str, Type] = {"_sequence": "bigint", "_dead": "bool", "_row_hash": "text"}
"""Columns that exist only until a row is written; of two rows with one key the one with the higher sequence counts."""
COMPARE_ROWS = 20_000
"""Rows compared at once: each comparison scans all stored keys, so page by page would cost the square of their
number."""

ROW_KEY_BYTES = 500


@dataclass(slots=True)
class Counts:
    """The rows that a table's delta holds; child rows are counted with their parent's row."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0

    @property
    def written(self) -> int:
        """Return the number of all rows; 0 if nothing is to be written."""
        return self.inserted + self.updated + self.deleted


@dataclass(frozen=True, slots=True)
class _Page:
    """A page that waits to be compared, and its walk."""

    columns: Mapping[str, pa.Array]
    rows: int
    walk: int


@dataclass(frozen=True, slots=True)
class ChildTable:
    """A table with rows below another table's rows, and the columns that name their parent."""

    changes: TableChanges
    columns: tuple[str, ...]


class TableChanges:
    """One table's changes in one run."""

    def __init__(
        self, scratch: ScratchDatabase, shape: RowShape, stored: StoredTables, started: datetime
    ) -> None:
        self.scratch = scratch
        self.shape = shape
        self.stored = stored
        self.started = started
        self.table = shape.endpoint.table
        self.key = ", ".join(map(quoted, shape.key))
        self.staged: dict[str, Type] = {**shape.columns, **ROW_COLUMNS}
        self._sequence = self._taken = 0
        self.lost_pages = False
        """Whether pages were lost before they were compared: then no list of the table counts as read."""
        self._lock = threading.Lock()
        self._waiting: list[_Page] = []
        self.stored_index = StoredIndex(scratch, shape, stored)
        self.counts = Counts()
        """What is written; after `finalize`."""
        self._differing = 0
        """Rows in `staged` and `deleted`."""
        self._create()

    def _create(self) -> None:
        key = column_definitions(self.shape.key_columns)
        lists = {child: struct_list(columns) for child, columns in self.shape.child_columns.items()}
        split = "".join(f", {quoted(child)} {type_}" for child, type_ in lists.items())
        self.scratch.run(
            f"create table {self.name('seen')} ({key}, _sequence bigint, walk bigint);"
            f"create table {self.name('deleted')} ({key}, deleted_at timestamptz, committed boolean);"
            f"create table {self.name('staged')} ({column_definitions(self.staged)}{split})"
        )

    def name(self, kind: str, child: str = "") -> str:
        """Return a scratch table of this table."""
        return scratch_table(self.table, kind, child)

    # -- while reading

    def stage(self, batch: Batch, walk: int) -> None:
        """Add rows as they were read; rows that differ from the stored ones are staged, with their split lists."""
        if not len(batch):
            return
        with self._lock:
            self._sequence += len(batch)
            self._waiting.append(_Page(batch.columns, len(batch), walk))
            enough = self._sequence - self._taken >= COMPARE_ROWS
        if enough:
            self._compare_pending()

    def _compare_pending(self) -> None:
        """Compare all waiting pages at once: record every key, and stage whole rows only of those that differ."""
        with self.scratch.lock:  # a query about rows waits here until other threads' pages are compared
            with self._lock:
                waiting, self._waiting = self._waiting, []
                before, self._taken = self._taken, self._sequence
            if not waiting:
                return
            lost, self.lost_pages = self.lost_pages, True  # as before once these pages are compared
            pages = self._marked(waiting, before)
            self._widen(pages)
            ((staged,),) = self.scratch.rows(
                f"""
                insert into {self.name("seen")} select {self.key}, _sequence, _walk from pages;
                insert into {self.name("staged")} by name
                select * exclude (_walk) from (select *, {self._hash(pages)} as _row_hash from pages) p
                where not exists (
                    select 1 from {self.name("stored")} k where {equal("k", "p", self.shape.key)}
                    and k.row_hash = p._row_hash and k.committed and (k.deleted_at is not null) = p._dead)
                """,
                pages=pages,
            )
            self._differing += staged
            self.lost_pages = lost

    def _marked(self, waiting: Sequence[_Page], before: int) -> pa.Table:
        """Return the pages' rows with `ROW_COLUMNS`; `before` rows were taken in earlier."""
        rows = self.shape.table([page.columns for page in waiting])
        own = self.shape.columns.get("deleted") == "bool"
        dead = rows["deleted"].fill_null(fill_value=False) if own else pa.array([False] * len(rows))
        walks = chain.from_iterable(repeat(page.walk, page.rows) for page in waiting)
        sequence = range(before + 1, before + 1 + len(rows))
        marks = {
            "_sequence": pa.array(sequence, pa.int64()),
            "_dead": dead,
            "_walk": pa.array(walks, pa.int64()),
        }
        return pa.Table.from_arrays([*rows.columns, *marks.values()], names=[*rows.column_names, *marks])

    def _hash(self, pages: pa.Table) -> str:
        """Return the SQL of the rows' hashes; columns with only nulls are left out of the computation."""
        filled = {name for name in pages.column_names if pages[name].null_count < pages.num_rows}
        columns = {name: type_ for name, type_ in dict(self.shape.columns).items() if name in filled}
        return row_hash(columns, filled.intersection(self.shape.child_columns))

    def _widen(self, pages: pa.Table) -> None:
        for column in pages.column_names:
            if column not in self.staged and column in self.shape.columns:
                self.staged[column] = type_ = self.shape.columns[column]
                add = f"add column {quoted(column)} {SQL_TYPES[type_]}"
                self.scratch.run(f"alter table {self.name('staged')} {add}")

    def distinct(self, walk: int) -> int:
        """Return the number of distinct keys that a walk has read."""
        self._compare_pending()
        sql = f"select count(*) from (select distinct {self.key} from {self.name('seen')} where walk = ?)"
        return int(self.scratch.rows(sql, [walk])[0][0])

    def keys(self, walks: Sequence[int]) -> set[tuple[Any, ...]]:
        """Return the distinct keys that these walks have read."""
        self._compare_pending()
        sql = f"select distinct {self.key} from {self.name('seen')} where list_contains(?, walk)"
        return set(self.scratch.rows(sql, [list(walks)]))

    def count_new(self, walk: int) -> int:
        """Return how many of the keys that a walk has read were not stored before."""
        self._compare_pending()
        stored = f"{self.name('stored')} k where {equal('k', 's', self.shape.key)}"
        read = f"select distinct {self.key} from {self.name('seen')} s where walk = ?"
        sql = f"select count(*) from ({read} and not exists (select 1 from {stored}))"
        return int(self.scratch.rows(sql, [walk])[0][0])

    def new_values(self, column: str, parent_ids: Stamps) -> set[Any]:
        """Return the values of a column in those rows of a partition that are not stored as they were read."""
        self._compare_pending()
        condition, values = self.partition_condition("s", parent_ids)
        sql = f"select distinct {quoted(column)} from {self.name('staged')} s where {condition}"
        return {value for (value,) in self.scratch.rows(sql, values)}

    # -- deletes

    def count_live(self, parent_ids: Stamps) -> int:
        """Return the number of live stored rows of a partition."""
        condition, values = self.partition_condition("k", parent_ids)
        sql = f"select count(*) from {self.name('stored')} k where deleted_at is null and {condition}"
        return int(self.scratch.rows(sql, values)[0][0])

    def has_new_rows(self, parent_ids: Stamps) -> bool:
        """Return whether this run has seen rows of a partition that were not stored and live."""
        self._compare_pending()
        condition, values = self.partition_condition("s", parent_ids)
        live = f"select 1 from {self.name('stored')} k where k.deleted_at is null"
        found = self.scratch.rows(
            f"select 1 from {self.name('staged')} s where not s._dead and {condition} "
            f"and not exists ({live} and {equal('k', 's', self.shape.key)}) limit 1",
            values,
        )
        return bool(found)

    def missing(self, partitions: Sequence[Stamps], below: Sequence[ChildTable] = ()) -> pa.Table:
        """Return the stored rows of some partitions that no walk of this run has seen.

        Columns are the key, the key as text (`row_key`), whether the row is `live`, and its partition's number. Of rows
        that are deleted already, only uncommitted ones and those with live rows below them are included.
        """
        self._compare_pending()
        named = [self.placed(one) for one in partitions]
        within = pa.Table.from_pylist([{**names, "partition": i} for i, names in enumerate(named)])
        texts = ", ".join(f"k.{quoted(name)}::varchar" for name in self.shape.key)
        return self.scratch.table(
            f"""
            select {columns_of("k", self.shape.key)}, {_row_key(f"to_json([{texts}])::varchar")} as row_key,
                k.deleted_at is null as live, w.partition
            from {self.name("stored")} k join within w on {equal("k", "w", named[0]) or "true"}
            where (k.deleted_at is null or not k.committed {self._has_live_children(below)}) and not exists (
                select 1 from {self.name("seen")} s where {equal("s", "k", self.shape.key)})
            """,
            within=within,
        )

    def _has_live_children(self, below: Sequence[ChildTable]) -> str:
        return "".join(
            f"or exists (select 1 from {it.changes.name('stored')} c where c.deleted_at is null and "
            + " and ".join(
                f"c.{quoted(c)} = k.{quoted(k)}" for c, k in zip(it.columns, self.shape.key, strict=True)
            )
            + ")"
            for it in below
        )

    def delete(self, keys: pa.Table) -> None:
        """Mark these rows as deleted."""
        if keys.num_rows:
            same = self.shape.key
            ((deleted,),) = self.scratch.rows(
                f"""
                insert into {self.name("deleted")} select {columns_of("k", same)}, k.deleted_at, k.committed
                from {self.name("stored")} k semi join gone g on {equal("g", "k", same)}
                anti join {self.name("deleted")} d on {equal("d", "k", same)}
                """,
                gone=keys,
            )
            self._differing += deleted

    def cascade_delete(self, parent: TableChanges, columns: Sequence[str]) -> None:
        """Mark the live rows below deleted parents as deleted, too."""
        self._delete_below(parent.name("deleted"), parent.shape.key, columns)

    def delete_below(self, parents: Sequence[tuple[Any, ...]], columns: Sequence[str]) -> None:
        """Mark the live rows below these parents as deleted: their lists are not read any more."""
        keys = {name: list(values) for name, values in zip(columns, zip(*parents, strict=True), strict=True)}
        self._delete_below("parents", columns, columns, parents=pa.table(keys))

    def _delete_below(
        self, source: str, key: Sequence[str], columns: Sequence[str], **registered: pa.Table
    ) -> None:
        """Mark the live rows as deleted whose `columns` are the `key` of a row of a scratch table."""
        pairs = zip(columns, key, strict=True)
        link = " and ".join(f"k.{quoted(ours)} = d.{quoted(theirs)}" for ours, theirs in pairs)
        no_parent = self.shape.endpoint.without_parent(columns).items()
        has_parent = "".join(f" and k.{quoted(name)} <> {literal(str(value))}" for name, value in no_parent)
        gone = self.scratch.table(
            f"""
            select {columns_of("k", self.shape.key)} from {self.name("stored")} k
            semi join {source} d on {link}
            where (k.deleted_at is null or not k.committed){has_parent}
            """,
            **registered,
        )
        self.delete(gone)

    def live_not_seen(self) -> list[tuple[Any, ...]]:
        """Return the keys of live stored rows that this run has not seen."""
        self._compare_pending()
        seen = f"select 1 from {self.name('seen')} s where {equal('s', 'k', self.shape.key)}"
        stored = f"{self.name('stored')} k where k.deleted_at is null and not exists ({seen})"
        return self.scratch.rows(f"select {self.key} from {stored} order by all")

    def placed(self, parent_ids: Stamps) -> dict[str, Any]:
        """Return the key columns that all rows of a partition share, with their values."""
        shared = {**self.shape.endpoint.key_defaults, **parent_ids}
        return {name: value for name, value in shared.items() if name in self.shape.key}

    def partition_condition(self, alias: str, parent_ids: Stamps) -> tuple[str, list[Any]]:
        """Return the condition that a row is of a partition, and its parameters."""
        shared = self.placed(parent_ids)
        return " and ".join(f"{alias}.{quoted(name)} = ?" for name in shared) or "true", [*shared.values()]

    # -- after reading

    def finalize(self) -> Counts:
        """Fix which rows are written; call once, after the last `stage` and `delete`.

        No row that was seen is deleted: a partition's rows are deleted after the last walk over its lists, no other
        partition has rows of their keys, and lists below a row are only read if the row was seen.
        """
        self._compare_pending()
        if not self._differing:
            return self.counts
        key = self.shape.key
        is_stored = f"k.{quoted(key[0])} is not null"
        self.scratch.run(
            f"""
            create table {self.name("changed")} as
            select s._sequence, {columns_of("s", key)}, {is_stored} as stored,
                case when s._dead then coalesce(k.deleted_at, ?) end as deleted_at,
                s._dead and {is_stored} and k.deleted_at is null as ends
            from {self.name("staged")} s
            join (select max(_sequence) as _sequence from {self.name("seen")} group by {self.key}) l
            using (_sequence)
            left join {self.name("stored")} k on {equal("k", "s", key)}
            """,
            [self.started],
        )
        # Deleted earlier, and listed here only for the rows below.
        was_deleted = "deleted_at is not null and committed"
        self.scratch.run(f"delete from {self.name('deleted')} where {was_deleted}")
        self.counts = self._count()
        return self.counts

    def _count(self) -> Counts:
        inserted, updated, ended = self.scratch.rows(
            f"""
            select count(*) filter (not stored), count(*) filter (stored and not ends),
                count(*) filter (ends) from {self.name("changed")}
            """
        )[0]
        deleted, again = self.scratch.rows(
            f"select count(*) filter (deleted_at is null), count(deleted_at) from {self.name('deleted')}"
        )[0]
        return Counts(inserted, updated + again, ended + deleted)


def _row_key(text: str) -> str:
    """Return a key as one text; of a long one, for which an index has no room, a digest."""
    return f"case when strlen({text}) > {ROW_KEY_BYTES} then md5({text}) else {text} end"
