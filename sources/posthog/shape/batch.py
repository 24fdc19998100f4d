"""One page's rows on their way to the warehouse, column by column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from sources.posthog.catalogue.fields import Type
from sources.posthog.shape.types import ARROW, Values


@dataclass(slots=True)
class Batch:
    """Rows as they will be stored: an array per column, a list per row and split list, and the people in them."""

    raws: Sequence[Mapping[str, Any]]
    """The rows as PostHog sent them."""
    arrays: dict[str, pa.Array] = field(default_factory=dict)
    """Columns that hold anything; the others are null."""
    lists: dict[str, pa.Array] = field(default_factory=dict)
    """Split lists that hold anything: a list of structs per row, null where there is none."""
    people: list[Values] = field(default_factory=list)
    """People whom declared fields name."""
    mentioned: list[Values] = field(default_factory=list)
    """Users in free JSON of declared fields."""
    misfits: Counter[str] = field(default_factory=Counter)
    """Number of values that did not fit, by column; they are kept as text in a column of their own."""
    rejected: dict[str, list[int]] = field(default_factory=dict)
    """Places on the page of the rows that were left out, by reason."""

    overflow_fields: list[Values] = field(init=False)
    """Each row's undeclared fields that have no column of their own."""

    def __post_init__(self) -> None:
        self.overflow_fields = [{} for _ in self.raws]

    def __len__(self) -> int:
        return len(self.raws)

    def values(self, column: str) -> list[Any]:
        """Return a column's values, one per row."""
        return self.arrays[column].to_pylist() if column in self.arrays else [None] * len(self)

    def put(self, column: str, value: Any, type_: Type) -> None:
        """Set the same value in every row."""
        self.arrays[column] = pa.repeat(pa.scalar(value, ARROW[type_]), len(self))

    def clear(self, columns: Iterable[str], rows: Sequence[bool]) -> None:
        """Set the columns of these rows to null."""
        mask = pa.array(rows, pa.bool_())
        for name in columns:
            self.arrays[name] = pc.if_else(mask, None, self.arrays[name])

    def reject(self, reasons: Sequence[str]) -> None:
        """Leave out the rows that have a reason."""
        for place, reason in enumerate(reasons):
            if reason:
                self.rejected.setdefault(reason, []).append(place)
        mask = pa.array([not reason for reason in reasons], pa.bool_())
        self.raws = [raw for raw, reason in zip(self.raws, reasons, strict=True) if not reason]
        for columns in (self.arrays, self.lists):
            for name, array in columns.items():
                columns[name] = array.filter(mask)

    @property
    def columns(self) -> dict[str, pa.Array]:
        """Return the columns and split lists that have a value."""
        return self.arrays | self.lists


def joined(pages: Sequence[Mapping[str, pa.Array]], types: Mapping[str, pa.DataType]) -> pa.Table:
    """Return the pages' columns as one table of exactly these columns, each in one piece.

    A thousand small pieces take a query longer than their rows.
    """
    none = pa.schema(list(types.items())).empty_table()
    tables = pa.concat_tables([none, *map(pa.table, pages)], promote_options="default")
    return tables.select(list(types)).combine_chunks()
