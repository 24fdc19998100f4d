"""What an extraction asks of the warehouse: a protocol, and an empty warehouse."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import pyarrow as pa

from sources.posthog.catalogue.fields import Type


class StoredTables(Protocol):
    """What the warehouse holds; a table that does not exist yet is an empty one."""

    def columns(self, table: str) -> Mapping[str, Type]:
        """The columns that earlier loads made."""

    def column_names_of_fields(self, table: str) -> Mapping[str, str]:
        """The columns that undeclared fields got in earlier runs."""

    def foreign_columns(self, table: str) -> Collection[str]:
        """The columns that somebody else made on a table, in lower case."""

    def has(self, table: str, columns: Iterable[str]) -> bool:
        """Whether the table is there with all of these columns."""

    def empty(self, table: str) -> bool:
        """Whether the table holds no row at all, not even one that could not be compared."""

    def lost_rows(self, table: str) -> bool:
        """Whether somebody has taken all rows of a table away, or any of a split list's."""

    def index(self, table: str, key: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Key columns, `row_hash`, `deleted_at` and `sound` (its load was finished) of every row."""

    def written(self, table: str, columns: Sequence[str]) -> Mapping[tuple[Any, ...], datetime]:
        """When the run began that last wrote a row, by the values of these columns."""

    def uncommitted(self, table: str, columns: Sequence[str]) -> pa.Table:
        """Distinct values of these columns over the rows of unfinished loads."""

    def rows(self, table: str, keys: pa.Table) -> pa.Table:
        """Whole rows that match one of the keys, with `_sound` added."""


class EmptyWarehouse:
    """A warehouse that holds and remembers nothing yet: every row counts as new."""

    def position(self, path: str) -> None:
        """No list was ever read."""

    def was_read(self, table: str) -> bool:  # noqa: ARG002  as below
        """No list was ever read."""
        return False

    def held(self, path: str) -> frozenset[str]:  # noqa: ARG002  an empty answer needs no question
        """No death is held."""
        return frozenset()

    def columns(self, table: str) -> Mapping[str, Type]:  # noqa: ARG002  as above
        """No columns."""
        return {}

    def column_names_of_fields(self, table: str) -> Mapping[str, str]:  # noqa: ARG002  as above
        """No names."""
        return {}

    def foreign_columns(self, table: str) -> Collection[str]:  # noqa: ARG002  as above
        """No columns."""
        return ()

    def has(self, table: str, columns: Iterable[str]) -> bool:  # noqa: ARG002  as above
        """No table."""
        return False

    def empty(self, table: str) -> bool:  # noqa: ARG002  as above
        """Nobody can tell, so nothing may be taken for granted."""
        return False

    def lost_rows(self, table: str) -> bool:  # noqa: ARG002  as above
        """There were none."""
        return False

    def index(self, table: str, key: Sequence[str]) -> Iterator[pa.RecordBatch]:  # noqa: ARG002  as above
        """No rows."""
        return iter(())

    def written(self, table: str, columns: Sequence[str]) -> Mapping[tuple[Any, ...], datetime]:  # noqa: ARG002  as above
        """Never."""
        return {}

    def uncommitted(self, table: str, columns: Sequence[str]) -> pa.Table:  # noqa: ARG002  as above
        """No rows."""
        return pa.table({name: pa.array([], pa.string()) for name in columns})

    def rows(self, table: str, keys: pa.Table) -> pa.Table:  # noqa: ARG002  as above
        """No rows."""
        return keys.slice(0, 0)
