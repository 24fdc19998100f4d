"""Derives trends: numbers of a row over time, for columns that make no versions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from destinations.derived.derived import Rows, columns_of
from destinations.warehouse import Types, Warehouse, quoted


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """A table of numbers by key and time; a number found again replaces the former one of the same time."""

    target: str
    source: str
    key: tuple[str, ...]
    """The row's key and the time."""
    columns: Types
    names: Mapping[str, str]
    """The source's columns with their names here."""

    def derive(self, warehouse: Warehouse, rows: Rows) -> None:
        """Insert the numbers of these rows."""
        numbers = [quoted(name) for name in self.columns if name not in self.key]
        warehouse.execute(f"""
            insert into {warehouse.name(self.target)} ({", ".join(map(quoted, self.names.values()))})
            select {columns_of("t", [*self.names])} from {warehouse.name(self.source)} t
            where {rows.condition}{"".join(f" and t.{quoted(name)} is not null" for name in self.names)}
            on conflict ({", ".join(map(quoted, self.key))})
            do update set {", ".join(f"{name} = excluded.{name}" for name in numbers)}
            """)
