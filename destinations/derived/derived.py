"""Derives a table from rows of another one, inside the warehouse: what histories and trends have in common.

Rows `t` of the source (those that a run wrote, or all committed ones) -> statements that bring the target up to date.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from destinations.warehouse import Types, Warehouse, quoted

MANY = 500
"""So many rows are worth a look at what a table holds, before they are joined."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Which rows `t` of a source are meant: an SQL condition and its parameters."""

    condition: str
    parameters: Sequence[Any] = ()
    few: bool = False
    """Whether they are so few that any way to find them is quick."""


class Derived(Protocol):
    """A table that follows another one, its source."""

    @property
    def source(self) -> str:
        """The table that it follows."""

    @property
    def source_key(self) -> tuple[str, ...]:
        """What tells the source's rows apart."""

    @property
    def children(self) -> tuple[str, ...]:
        """Further tables, with the source's key, of which it is derived too."""

    @property
    def target(self) -> str:
        """Its own name."""

    @property
    def key(self) -> tuple[str, ...]:
        """What tells its rows apart."""

    @property
    def primary(self) -> bool:
        """Whether its key is declared, because it is written by upsert."""

    @property
    def columns(self) -> Types:
        """All of its columns and their types."""

    def statements(
        self, warehouse: Warehouse, rows: Rows, *, empty: bool, begins: datetime | None
    ) -> Iterator[str]:
        """What brings it up to date with some rows of its source.

        `empty` says that it holds nothing yet, `begins` besides when what it finds now begins all together.
        """


def written_at(warehouse: Warehouse, started: datetime, number: int) -> Rows:
    """The rows that the run which began then has written, so many of them."""
    return Rows(f"t._synced_at = {warehouse.placeholder}", (started,), few=number < MANY)


def finished(warehouse: Warehouse, derived: Derived) -> Rows:
    """The rows of finished loads whose children are of finished loads, too.

    Not those that wait without a hash to be written again: they lack values. What is dead is not written again.
    """
    if "_dlt_loads" not in warehouse.columns():
        return Rows("false")
    loads = f"(select load_id from {warehouse.name('_dlt_loads')} where status = 0)"
    torn = (
        f" and not exists (select 1 from {warehouse.name(child)} c where {equal('c', 't', derived.source_key)} "
        f"and (c._dlt_load_id in {loads}) is not true)"
        for child in derived.children
    )
    whole = "(t._row_hash <> '' or t._deleted_at is not null)"
    return Rows(f"t._dlt_load_id in {loads} and {whole}{''.join(torn)}")


def derive(warehouse: Warehouse, derived: Derived, rows: Rows, begins: datetime | None = None) -> bool:
    """Bring a derived table up to date; it must be there, and a transaction open.

    `begins` is the time of its beginning, if this is one; gives whether it was: what holds rows has begun before.
    """
    empty = not warehouse.rows(f"select 1 from {warehouse.name(derived.target)} limit 1")
    if not (empty or rows.few):
        warehouse.analyze(derived.source, ("_synced_at", "_dlt_load_id"))
    begins = begins if empty else None
    if not (derived.primary or empty):
        warehouse.index_key(derived.target, derived.key)
    for sql in derived.statements(warehouse, rows, empty=empty, begins=begins):
        warehouse.execute(sql, tuple(rows.parameters) * sql.count(rows.condition))
    if empty and not derived.primary:
        warehouse.index_key(derived.target, derived.key)  # after the rows: that is quicker for the first many
    return begins is not None


def equal(one: str, other: str, columns: Sequence[str]) -> str:
    """That two rows agree in these columns."""
    return " and ".join(f"{one}.{quoted(name)} = {other}.{quoted(name)}" for name in columns)


def columns_of(alias: str, columns: Sequence[str]) -> str:
    """These columns of a row."""
    return ", ".join(f"{alias}.{quoted(name)}" for name in columns)
