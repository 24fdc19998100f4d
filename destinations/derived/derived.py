"""Selects the rows `t` of a table from which its histories and trends are derived inside the warehouse."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from destinations.warehouse import Warehouse, quoted

MANY = 500
"""The number of rows from which a table's statistics are updated before a join."""


class Rows(NamedTuple):
    """Rows `t` of a source."""

    condition: str
    few: bool = False
    """True if there are so few that any query plan is fast."""


def written_at(started: datetime, number: int) -> Rows:
    """Return the rows that the run started at `started` has written; `number` is their count."""
    return Rows(f"t._synced_at = {timestamp(started)}", few=number < MANY)


def finished(warehouse: Warehouse, key: Sequence[str] = (), children: Sequence[str] = ()) -> Rows:
    """Return the rows of committed loads whose children, with the same key, are of committed loads, too.

    Rows without a hash are left out: they wait to be written again and miss values. Deleted rows are not written again.
    """
    if "_dlt_loads" not in warehouse.columns():
        return Rows("false")
    loads = warehouse.committed_loads
    uncommitted = (
        f" and not exists (select 1 from {warehouse.name(child)} c where {equal('c', 't', key)} "
        f"and (c._dlt_load_id in {loads}) is not true)"
        for child in children
    )
    whole = "(t._row_hash <> '' or t._deleted_at is not null)"
    return Rows(f"t._dlt_load_id in {loads} and {whole}{''.join(uncommitted)}")


def equal(one: str, other: str, columns: Sequence[str]) -> str:
    """Return the condition that two rows agree in these columns."""
    return " and ".join(f"{one}.{quoted(name)} = {other}.{quoted(name)}" for name in columns)


def columns_of(alias: str, columns: Sequence[str]) -> str:
    """Return these columns of a row, for a select."""
    return ", ".join(f"{alias}.{quoted(name)}" for name in columns)


def timestamp(moment: datetime) -> str:
    """Return a time as SQL."""
    return f"timestamptz '{moment.isoformat()}'"
