"""What an extraction asks of the warehouse; the answers here are those of an empty one."""

# ruff: noqa: ARG002  an empty answer needs no question

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import pyarrow as pa

from sources.posthog.catalogue.fields import Type


class StoredTables(Protocol):
    """The stored rows of the warehouse; a table that does not exist yet counts as empty."""

    def columns(self, table: str) -> Mapping[str, Type]:
        """Return the columns that earlier loads made."""
        return {}

    def column_names_of_fields(self, table: str) -> Mapping[str, str]:
        """Return the columns that undeclared fields got in earlier runs, by field."""
        return {}

    def foreign_columns(self, table: str) -> Collection[str]:
        """Return the columns that hogsync did not make, in lower case."""
        return ()

    def has(self, table: str, columns: Iterable[str]) -> bool:
        """Return whether the table exists with all of these columns."""
        return False

    def empty(self, table: str) -> bool:
        """Return whether the table has no row at all, not even one that cannot be compared."""
        return False

    def lost_rows(self, table: str) -> bool:
        """Return whether all rows of a table, or any row of a child table, were removed from outside."""
        return False

    def index(self, table: str, key: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield key columns, `row_hash`, `deleted_at` and `committed` (whether its load was) of every row."""
        return iter(())

    def last_written(self, table: str) -> datetime | None:
        """Return when the run began that last wrote a row of the table."""
        return None

    def delete_orphans(
        self,
        table: str,
        columns: Sequence[str],
        parent: str,
        key: Sequence[str],
        no_parent: Mapping[str, Any],
    ) -> None:
        """Delete rows of uncommitted loads whose `columns` name no stored row of `parent`, unless in `no_parent`."""
        return

    def uncommitted(self, table: str, columns: Sequence[str]) -> pa.Table:
        """Return the distinct values of these columns over the rows of uncommitted loads."""
        return pa.table({name: pa.array([], pa.string()) for name in columns})

    def rows(self, table: str, keys: pa.Table) -> pa.Table:
        """Return whole rows that match one of the keys, with `_committed` added."""
        return keys.slice(0, 0)
