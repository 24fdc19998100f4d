"""Yields the rows to write of a table and its child tables.

`TableChanges` -> Arrow batches of whole rows: changed rows and tombstones.

An upsert sets absent columns to null, so a tombstone is the stored row read back, with `_deleted_at` set. Children that
were deleted with their parent have the parent's `_deleted_at`; children that left their list earlier keep their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa

from sources.posthog.catalogue.fields import TECHNICAL_COLUMNS, Type
from sources.posthog.changes.scratch import LOOKUP_KEYS
from sources.posthog.changes.sql import (
    child_table,
    column_definitions,
    columns_of,
    quoted,
    row_hash,
    select_or_null,
)
from sources.posthog.changes.table_changes import TableChanges

STAMPED: Mapping[str, Type] = {
    name: one.type for name, one in TECHNICAL_COLUMNS.items() if name != "_dlt_load_id"
}
"""The technical columns that hogsync writes itself."""


@dataclass(frozen=True, slots=True)
class TargetTable:
    """A table or child table that a run may write."""

    table: str
    key: tuple[str, ...]
    columns: Mapping[str, Type]
    parent: str
    """The table whose result covers this one: itself, or a child's parent."""
    empty: bool
    """Whether the table is still empty, so that no row can be written twice."""
    child: str = ""


@dataclass(frozen=True, slots=True)
class Delta:
    """What is to be written of one table, one row per key."""

    target: TargetTable
    batches: Iterator[pa.Table]


def target_tables(changes: TableChanges) -> Iterator[TargetTable]:
    """Yield a table and its child tables."""
    table, shape, empty = changes.table, changes.shape, changes.stored_index.empty
    yield TargetTable(table, shape.key, {**shape.columns, **STAMPED}, table, empty[table])
    for child, own in shape.child_columns.items():
        columns = {**shape.child_key_columns, **own, **STAMPED}
        name = child_table(table, child)
        yield TargetTable(name, tuple(shape.child_key_columns), columns, table, empty[name], child)


def delta(changes: TableChanges, target: TargetTable) -> Delta:
    """Return what is to be written of a table or child table; needs `TableChanges.finalize`."""
    batches = _child_rows(changes, target) if target.child else _rows(changes)
    return Delta(target, batches)


def _rows(changes: TableChanges) -> Iterator[pa.Table]:
    columns, started = changes.shape.columns, changes.started
    yield from changes.scratch.batches(
        f"""
        select {select_or_null(columns, changes.staged, "s")}, ?::timestamptz as _synced_at,
            c.deleted_at as _deleted_at, s._row_hash
        from {changes.name("staged")} s join {changes.name("changed")} c using (_sequence)
        """,
        [started],
    )
    dying = f"select {changes.key} from {changes.name('deleted')}"
    for keys in changes.scratch.batches(dying, size=LOOKUP_KEYS):
        stored = changes.stored.rows(changes.table, keys)
        yield changes.scratch.table(
            f"""
            select {select_or_null(columns, stored.column_names, "t")}, ?::timestamptz as _synced_at,
                coalesce(t._deleted_at, ?::timestamptz) as _deleted_at, t._row_hash
            from stored t
            """,
            [started, started],
            stored=stored,
        )


def _child_rows(changes: TableChanges, target: TargetTable) -> Iterator[pa.Table]:
    if target.empty:
        yield from _first_children(changes, target)
        return
    _line_up(changes, target)
    yield from _changed_children(changes, target)
    yield from _ended_children(changes, target)


def _wanted(changes: TableChanges, target: TargetTable) -> str:
    """Return the query for the child rows of written parents: one row for each item of their lists."""
    key, split, name = changes.shape.key, quoted(target.child), changes.name
    return f"""
        select *, {row_hash(changes.shape.child_columns[target.child])} as _row_hash from (
            select {columns_of("s", key)}, c.deleted_at, unnest(s.{split}, recursive := true),
                generate_subscripts(s.{split}, 1) - 1 as position
            from {name("staged")} s join {name("changed")} c using (_sequence))
        """


def _first_children(changes: TableChanges, target: TargetTable) -> Iterator[pa.Table]:
    return changes.scratch.batches(
        f"""
        select {_own(target, "w")}, ?::timestamptz as _synced_at, w.deleted_at as _deleted_at, w._row_hash
        from ({_wanted(changes, target)}) w
        """,
        [changes.started],
    )


def _line_up(changes: TableChanges, target: TargetTable) -> None:
    run, key, name = changes.scratch.run, changes.key, changes.name
    run(
        f"""
        create or replace table {name("parents", target.child)} as
        select {key}, deleted_at, true as seen from {name("changed")}
        union all select {key}, coalesce(deleted_at, ?), false from {name("deleted")}
        """,
        [changes.started],
    )
    run(f"create or replace table {name('wanted', target.child)} as {_wanted(changes, target)}")
    columns: dict[str, Type] = {**target.columns, "_committed": "bool"}
    run(f"create or replace table {name('existing', target.child)} ({column_definitions(columns)})")
    stored_before = (
        f"select {key} from {name('changed')} where stored union all select {key} from {name('deleted')}"
    )
    for keys in changes.scratch.batches(stored_before, size=LOOKUP_KEYS):
        stored = changes.stored.rows(target.table, keys)
        there = select_or_null(columns, stored.column_names, "t")
        run(
            f"insert into {name('existing', target.child)} by name select {there} from stored t",
            stored=stored,
        )


def _changed_children(changes: TableChanges, target: TargetTable) -> Iterator[pa.Table]:
    name = changes.name
    return changes.scratch.batches(
        f"""
        select {_own(target, "w")}, ?::timestamptz as _synced_at, p.deleted_at as _deleted_at, w._row_hash
        from {name("wanted", target.child)} w join {name("parents", target.child)} p using ({changes.key})
        left join {name("existing", target.child)} e using ({changes.key}, position)
        where not (coalesce(e._committed, false) and e._row_hash = w._row_hash
            and e._deleted_at is not distinct from p.deleted_at)
        """,
        [changes.started],
    )


def _ended_children(changes: TableChanges, target: TargetTable) -> Iterator[pa.Table]:
    """Yield tombstones for child rows missing from their parent's list.

    Child rows deleted with their parent have its `_deleted_at`. A row missing from the list of a seen, deleted parent
    gets a time 1 µs before it. Below a parent that was not seen, rows deleted earlier keep their time, unless an
    uncommitted load deleted all of them: then it was to delete the parent.
    """
    name = changes.name
    return changes.scratch.batches(
        f"""
        select {_own(target, "e")}, ?::timestamptz as _synced_at,
            case when p.deleted_at is null then coalesce(e._deleted_at, ?::timestamptz)
                when p.seen then least(e._deleted_at, p.deleted_at - interval 1 microsecond)
                when e._last then p.deleted_at else e._deleted_at end as _deleted_at, e._row_hash
        from (
            select *, coalesce(_deleted_at, 'infinity') = max(coalesce(_deleted_at, 'infinity')) over (
                partition by {changes.key}) as _last
            from {name("existing", target.child)}) e
        join {name("parents", target.child)} p using ({changes.key})
        anti join {name("wanted", target.child)} w using ({changes.key}, position)
        where e._deleted_at is null or not coalesce(e._committed, false) or (p.seen and e._deleted_at = p.deleted_at)
        """,
        [changes.started, changes.started],
    )


def _own(target: TargetTable, alias: str) -> str:
    return columns_of(alias, [name for name in target.columns if name not in STAMPED])
