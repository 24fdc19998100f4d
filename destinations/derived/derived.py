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
"""The number of rows from which a table's statistics are updated before a join."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows `t` of a source: an SQL condition and its parameters."""

    condition: str
    parameters: Sequence[Any] = ()
    few: bool = False
    """True if there are so few that any query plan is fast."""


class Derived(Protocol):
    """A table that is derived from another one, its source."""

    @property
    def source(self) -> str:
        """The table that it is derived from."""

    @property
    def source_key(self) -> tuple[str, ...]:
        """The source's key."""

    @property
    def children(self) -> tuple[str, ...]:
        """Child tables, with the source's key, that it is derived from, too."""

    @property
    def target(self) -> str:
        """The derived table."""

    @property
    def key(self) -> tuple[str, ...]:
        """The key of the derived table."""

    @property
    def primary(self) -> bool:
        """True if the key is declared, because the table is written by upsert."""

    @property
    def columns(self) -> Types:
        """All columns of the derived table with their types."""

    def statements(
        self, warehouse: Warehouse, rows: Rows, *, empty: bool, begins: datetime | None
    ) -> Iterator[str]:
        """Yield the statements that bring it up to date with some rows of its source.

        `empty`: the table holds no rows. `begins`: the common beginning of all rows that are found now, else None.
        """


def written_at(warehouse: Warehouse, started: datetime, number: int) -> Rows:
    """Return the rows that the run started at `started` has written; `number` is their count."""
    return Rows(f"t._synced_at = {warehouse.placeholder}", (started,), few=number < MANY)


def finished(warehouse: Warehouse, derived: Derived) -> Rows:
    """Return the rows of committed loads whose children are of committed loads, too.

    Rows without a hash are left out: they wait to be written again and miss values. Deleted rows are not written again.
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
    """Bring a derived table up to date; the table must exist, and a transaction must be open.

    `begins` is the time of its beginning, if it begins now; returns whether it did: a table with rows began earlier.
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
        warehouse.index_key(derived.target, derived.key)  # after the rows: this is faster for the first load
    return begins is not None


def equal(one: str, other: str, columns: Sequence[str]) -> str:
    """Return the condition that two rows agree in these columns."""
    return " and ".join(f"{one}.{quoted(name)} = {other}.{quoted(name)}" for name in columns)


def columns_of(alias: str, columns: Sequence[str]) -> str:
    """Return these columns of a row, for a select."""
    return ", ".join(f"{alias}.{quoted(name)}" for name in columns)
