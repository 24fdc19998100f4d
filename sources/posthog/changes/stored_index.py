"""Indexes the stored rows of one table: key, hash, deletion, and whether the load that wrote the row was committed.

`StoredTables` -> the scratch table `stored <table>`.

A row is unknown if its load, or a load of its child rows, was not committed: the load may have stopped between the two.
If there is such a load, its rows without a parent row are deleted from the warehouse, and the rest is read again.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import chain, islice
from typing import Any

import pyarrow as pa

from sources.posthog.catalogue import deletable_parent
from sources.posthog.catalogue.endpoint import Stamps, placeholders
from sources.posthog.changes.scratch import ScratchDatabase
from sources.posthog.changes.sql import child_table, column_definitions, equal, quoted, scratch_table
from sources.posthog.changes.stored import StoredTables
from sources.posthog.shape.row_shape import RowShape


class StoredIndex:
    """The index of one table's stored rows, as they are when the run begins."""

    def __init__(self, scratch: ScratchDatabase, shape: RowShape, stored: StoredTables) -> None:
        self.scratch = scratch
        self.shape = shape
        self.stored = stored
        self.table = shape.endpoint.table
        self.key = ", ".join(map(quoted, shape.key))
        self.name = scratch_table(self.table, "stored")
        tables = (self.table, *(child_table(self.table, child) for child in shape.child_columns))
        self._uncommitted = self._with_deleted = frozenset[tuple[Any, ...]]()
        if self._take_in():
            self._delete_orphans()
            self._take_in()
        self.empty = {table: stored.empty(table) for table in tables}
        """By table and child table, whether it is still empty."""
        self.whole = self._intact() and not any(map(stored.lost_rows, tables))
        if not self.whole:
            scratch.run(f"update {self.name} set committed = false")
        self.last_written: datetime | None = datetime.max.replace(tzinfo=UTC)

    def _delete_orphans(self) -> None:
        delete, endpoint = self.stored.delete_orphans, self.shape.endpoint
        for path in endpoint.paths:
            if parent := deletable_parent(path):
                columns = placeholders(path)
                delete(self.table, columns, parent.table, parent.key, endpoint.without_parent(columns))
        for child in self.shape.child_columns:
            delete(child_table(self.table, child), self.shape.key, self.table, self.shape.key, {})

    def _take_in(self) -> bool:
        """Read the stored rows; returns whether a row, or a row of a child table, is of an uncommitted load."""
        self._index()
        children = [child_table(self.table, child) for child in self.shape.child_columns]
        parents = [self.stored.uncommitted(child, self.shape.key) for child in children]
        for one in parents:
            self._mark_uncommitted(one)
        self._note_partitions()
        return bool(self._uncommitted) or any(one.num_rows for one in parents)

    def _index(self) -> None:
        """Fill the table in key order, so that a page or a partition touches only a few blocks of it."""
        run, unsorted = self.scratch.run, scratch_table(self.table, "unsorted")
        own = "row_hash varchar, deleted_at timestamptz, committed boolean"
        columns = f"({column_definitions(self.shape.key_columns)}, {own})"
        batches = self.stored.index(self.table, self.shape.key)
        head = [*islice(batches, 2)]
        run(f"create or replace table {self.name} {columns}")
        in_order = f"insert into {self.name} by name from {{}} order by {self.key}"
        if len(head) < 2:
            for batch in head:
                run(in_order.format("stored"), stored=batch)
            return
        run(f"create table {unsorted} {columns}")
        for batch in chain(head, batches):
            run(f"insert into {unsorted} by name from stored", stored=batch)
        run(in_order.format(unsorted))
        run(f"drop table {unsorted}")

    def _note_partitions(self) -> None:
        """Note which partitions have uncommitted rows, and which have deleted ones."""
        columns = ", ".join(map(quoted, self._partition_columns)) or "0"
        found = self.scratch.rows(
            f"select distinct not committed, deleted_at is not null, {columns} from {self.name} "
            "where not committed or deleted_at is not null"
        )
        self._uncommitted = frozenset(tuple(one) for uncommitted, _, *one in found if uncommitted)
        self._with_deleted = frozenset(tuple(one) for _, deleted, *one in found if deleted)

    @property
    def _partition_columns(self) -> list[str]:
        return [name for name in self.shape.key if name in self.shape.endpoint.placeholders]

    def has_uncommitted(self, parent_ids: Stamps, *, revived: bool) -> bool:
        """Return whether a partition has rows that must be written again, wherever in its list they are.

        With `revived`, deleted rows count, too: rows of a list that returned with its parent are live again.
        """
        partition = tuple(parent_ids.get(name) for name in self._partition_columns)
        return (
            not self.whole or partition in self._uncommitted or (revived and partition in self._with_deleted)
        )

    def ask_when_written(self) -> None:
        """Load when the table was last written, for checkpoints and announcements; needs the warehouse open."""
        self.last_written = self.stored.last_written(self.table)

    def _intact(self) -> bool:
        """Return whether every column exists; one that was dropped, or that the catalogue added, is filled anew."""
        shape, has = self.shape, self.stored.has
        children = (
            (child_table(self.table, c), (*shape.child_key_columns, *columns))
            for c, columns in shape.child_columns.items()
        )
        return all(has(table, columns) for table, columns in ((self.table, tuple(shape.columns)), *children))

    def _mark_uncommitted(self, parents: pa.Table) -> None:
        if parents.num_rows:
            self.scratch.run(
                f"update {self.name} k set committed = false "
                f"where exists (select 1 from parents p where {equal('k', 'p', self.shape.key)})",
                parents=parents,
            )
