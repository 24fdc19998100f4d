"""What is to be written of a table: changed rows and tombstones, each a whole row, in Arrow batches.

An upsert sets to null what a row lacks, so a tombstone is the stored row read back with its `_deleted_at` set.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa

from sources.posthog.catalogue.fields import Type
from sources.posthog.changes.scratch import BATCH
from sources.posthog.changes.sql import child_table, columns_of, declared, present, quoted, row_hash
from sources.posthog.changes.table_changes import Changes

STAMPED: Mapping[str, Type] = {"_synced_at": "timestamp", "_deleted_at": "timestamp", "_row_hash": "text"}
"""The columns that every table ends with."""


@dataclass(frozen=True, slots=True)
class Outline:
    """A table or child table that a run may write."""

    table: str
    key: tuple[str, ...]
    columns: Mapping[str, Type]
    parent: str
    """The table whose result speaks for this one: itself, or a child's parent."""
    empty: bool
    """Whether nothing is stored yet, so that nothing can be there twice."""
    child: str = ""


@dataclass(frozen=True, slots=True)
class Delta:
    """What is to be written of one table, a row per key."""

    outline: Outline
    batches: Iterator[pa.Table]


def outlines(changes: Changes) -> Iterator[Outline]:
    """A table and its child tables."""
    table, shape, empty = changes.table, changes.shape, changes.stock.empty
    yield Outline(table, shape.key, {**shape.columns, **STAMPED}, table, empty[table])
    for child, own in shape.child_columns.items():
        columns = {**shape.key_columns, **own, **STAMPED}
        name = child_table(table, child)
        yield Outline(name, (*shape.key, "position"), columns, table, empty[name], child)


def delta(changes: Changes, outline: Outline) -> Delta:
    """What is to be written of a table or child table; needs its changes settled."""
    batches = _child_rows(changes, outline) if outline.child else _rows(changes)
    return Delta(outline, batches)


def _rows(changes: Changes) -> Iterator[pa.Table]:
    columns, started = changes.shape.columns, changes.started
    yield from changes.workspace.batches(
        f"""
        select {present(columns, changes.staged, "s")}, ?::timestamptz as _synced_at,
            c.deleted_at as _deleted_at, s._row_hash
        from {changes.name("staged")} s join {changes.name("changed")} c using (_sequence)
        """,
        [started],
    )
    dying = f"select {changes.key} from {changes.name('dying')}"
    for keys in changes.workspace.batches(dying, size=BATCH):
        stored = changes.known.rows(changes.table, keys)
        if not stored.num_rows:  # rows that were never stored have children to end only
            continue
        yield changes.workspace.table(
            f"""
            select {present(columns, stored.column_names, "t")}, ?::timestamptz as _synced_at,
                coalesce(t._deleted_at, ?::timestamptz) as _deleted_at, t._row_hash
            from stored t
            """,
            [started, started],
            stored=stored,
        )


def _child_rows(changes: Changes, outline: Outline) -> Iterator[pa.Table]:
    """Child rows that differ from the stored ones under every parent that is written, and the ends of others."""
    if outline.empty:
        yield from _first_children(changes, outline)
        return
    _line_up(changes, outline)
    yield from _changed_children(changes, outline)
    yield from _ended_children(changes, outline)


def _wanted(changes: Changes, outline: Outline) -> str:
    """The query for the children that written parents shall have, a row for each item of their lists."""
    key, split, name = changes.shape.key, quoted(outline.child), changes.name
    return f"""
        select *, {row_hash(changes.shape.items(outline.child))} as _row_hash from (
            select {columns_of("s", key)}, c.deleted_at, unnest(s.{split}, recursive := true),
                generate_subscripts(s.{split}, 1) - 1 as position
            from {name("staged")} s join {name("changed")} c using (_sequence))
        """


def _first_children(changes: Changes, outline: Outline) -> Iterator[pa.Table]:
    return changes.workspace.batches(
        f"""
        select {_own(outline, "w")}, ?::timestamptz as _synced_at, w.deleted_at as _deleted_at, w._row_hash
        from ({_wanted(changes, outline)}) w
        """,
        [changes.started],
    )


def _line_up(changes: Changes, outline: Outline) -> None:
    """Put side by side the written parents, the children they shall have and those they have."""
    run, key, name = changes.workspace.run, changes.key, changes.name
    run(
        f"""
        create or replace table {name("parents", outline.child)} as
        select {key}, deleted_at, true as seen from {name("changed")}
        union all select {key}, coalesce(deleted_at, ?), false from {name("dying")}
        """,
        [changes.started],
    )
    run(f"create or replace table {name('wanted', outline.child)} as {_wanted(changes, outline)}")
    columns: dict[str, Type] = {**outline.columns, "_sound": "bool"}
    run(f"create or replace table {name('existing', outline.child)} ({declared(columns)})")
    stored_before = (
        f"select {key} from {name('changed')} where met union all select {key} from {name('dying')}"
    )
    for keys in changes.workspace.batches(stored_before, size=BATCH):
        stored = changes.known.rows(outline.table, keys)
        there = present(columns, stored.column_names, "t")
        run(
            f"insert into {name('existing', outline.child)} by name select {there} from stored t",
            stored=stored,
        )


def _changed_children(changes: Changes, outline: Outline) -> Iterator[pa.Table]:
    name = changes.name
    return changes.workspace.batches(
        f"""
        select {_own(outline, "w")}, ?::timestamptz as _synced_at, p.deleted_at as _deleted_at, w._row_hash
        from {name("wanted", outline.child)} w join {name("parents", outline.child)} p using ({changes.key})
        left join {name("existing", outline.child)} e using ({changes.key}, position)
        where not (coalesce(e._sound, false) and e._row_hash = w._row_hash
            and e._deleted_at is not distinct from p.deleted_at)
        """,
        [changes.started],
    )


def _ended_children(changes: Changes, outline: Outline) -> Iterator[pa.Table]:
    """Children that their parents have no more; those that share a dead parent's date were its list when it died.

    So what a dead parent was seen without is gone a moment before it. Of a parent that was not seen, what is dead
    already died earlier and stays so, unless an unfinished load ended all there was: then it was to end the parent.
    """
    name = changes.name
    return changes.workspace.batches(
        f"""
        select {_own(outline, "e")}, ?::timestamptz as _synced_at,
            case when p.deleted_at is null then coalesce(e._deleted_at, ?::timestamptz)
                when p.seen then least(e._deleted_at, p.deleted_at - interval 1 microsecond)
                when e._last then p.deleted_at else e._deleted_at end as _deleted_at, e._row_hash
        from (
            select *, coalesce(_deleted_at, 'infinity') = max(coalesce(_deleted_at, 'infinity')) over (
                partition by {changes.key}) as _last
            from {name("existing", outline.child)}) e
        join {name("parents", outline.child)} p using ({changes.key})
        anti join {name("wanted", outline.child)} w using ({changes.key}, position)
        where e._deleted_at is null or not coalesce(e._sound, false) or (p.seen and e._deleted_at = p.deleted_at)
        """,
        [changes.started, changes.started],
    )


def _own(outline: Outline, alias: str) -> str:
    return columns_of(alias, [name for name in outline.columns if name not in STAMPED])
