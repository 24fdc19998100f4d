"""Derives trends: numbers of a row over time, for columns that make no versions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from destinations.derived.derived import Rows
from destinations.warehouse import Types, Warehouse, quoted


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """A table of numbers by key and time; a number found again replaces the former one of the same time."""

    target: str
    source: str
    source_key: tuple[str, ...]
    names: Mapping[str, str]
    """The source's columns with their names here: the key, the time, the numbers."""
    at: str
    """The source's column with the time of the numbers."""
    types: Types
    """The types of the source's columns."""

    primary: bool = True
    children: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, ...]:
        """The row's key and the time."""
        return tuple(self.names[name] for name in (*self.source_key, self.at))

    @property
    def columns(self) -> Types:
        """All columns with their names here."""
        return {here: self.types[name] for name, here in self.names.items()}

    def statements(
        self,
        warehouse: Warehouse,
        rows: Rows,
        *,
        empty: bool,  # noqa: ARG002  all the same
        begins: datetime | None,  # noqa: ARG002  numbers have times of their own
    ) -> Iterator[str]:
        """Yield the statement that inserts the numbers."""
        into = ", ".join(map(quoted, self.columns))
        there = "".join(f" and t.{quoted(name)} is not null" for name in self.names)
        numbers = [quoted(name) for name in self.columns if name not in self.key]
        yield f"""
            insert into {warehouse.name(self.target)} ({into})
            select {", ".join(f"t.{quoted(name)}" for name in self.names)} from {warehouse.name(self.source)} t
            where {rows.condition}{there}
            on conflict ({", ".join(map(quoted, self.key))})
            do update set {", ".join(f"{name} = excluded.{name}" for name in numbers)}
            """
