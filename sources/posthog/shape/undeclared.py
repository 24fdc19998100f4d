"""Gives undeclared fields their columns.

Field name -> column name; a field keeps the column that it has. Beyond `new_columns` per table, fields share the JSON
column `_other_fields`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sources.posthog.catalogue.fields import Type
from sources.posthog.shape.types import column_name

VARIANT = "__v_text"
"""Suffix of the column for values that do not fit their own column."""
OVERFLOW_COLUMN = "_other_fields"
"""The JSON column of undeclared fields without a column of their own; no field's column begins like it."""

TAKEN = frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid", "rowid"})
"""Columns that every table of Postgres or of DuckDB has by itself."""


def id_of(name: str) -> str:
    """Return the name that stands for the id of a field's objects: `reviewer_id` may be a field of its own."""
    return f"{name}{{id}}"


class Undeclared:
    """The undeclared fields of one table and their columns."""

    def __init__(
        self, columns: dict[str, Type], taken: Iterable[str], named: Mapping[str, str], new_columns: int
    ) -> None:
        """`columns` are the table's columns: the declared ones at first, those of undeclared fields are added later.

        `taken` are other names that no field gets; `named` are the columns that fields got in earlier runs.
        """
        self.named: dict[str, str] = dict(named)
        """Columns by field."""
        self.apart: set[str] = set()
        """Columns of fields whose plain column name another field has."""
        self._columns = columns
        self._declared = frozenset((*columns, *taken))
        self._new_columns = new_columns

    def has_room(self, name: str) -> bool:
        """Return whether a field has a column already or may get one."""
        own = self._undeclared(self._columns)
        return name in self.named or column_name(name) in own or len(own) < self._new_columns

    def may_take(self, named: Mapping[str, str], columns: Iterable[str]) -> bool:
        """Return whether another run's columns and fields fit those of this run, and there is room for them."""
        together = {**self.named, **named}
        own, more = self._undeclared(self._columns), self._undeclared(columns)
        room = more <= own or len(own | more) <= self._new_columns
        return room and together == {**named, **self.named} and len({*together.values()}) == len(together)

    def _undeclared(self, columns: Iterable[str]) -> set[str]:
        """Return those of some columns that count as new ones."""
        return {c for c in {*columns} - self._declared if c != OVERFLOW_COLUMN and not c.endswith(VARIANT)}

    def _take_over(self, name: str, raws: Sequence[Mapping[str, Any]]) -> None:
        """Keep the column that an earlier version gave to a field's id, unless a field of its own has that name."""
        old = name.removesuffix(id_of("")) + "_id"
        if name.endswith(id_of("")) and old in self.named and not any(old in raw for raw in raws):
            self.named[name] = self.named.pop(old)

    def column(self, name: str, raws: Sequence[Mapping[str, Any]]) -> str:
        """Return a field's column; if names collide, the declared or plain one keeps it, others get `__2`, `__3`."""
        plain = column_name(name)
        if name not in self.named:
            self._take_over(name, raws)
        if name not in self.named:
            taken = set(self.named.values()) | self._declared | TAKEN
            taken |= {plain} if plain != name and any(plain in raw for raw in raws) else set()
            spellings = (plain if i == 1 else f"{plain}__{i}" for i in range(1, 1000))
            self.named[name] = next(column for column in spellings if column not in taken)
        self.apart |= {self.named[name]} - {plain}
        return self.named[name]
