"""Upgrades a dataset of an older hogsync in place: declares keys, changes JSON columns to `jsonb`.

Existing tables -> altered tables, and the key `json of <table>` of `_hogsync_meta` for columns that the database did
not change. No view is ever dropped; one warning gives the statement. A table that is in use waits for the next run.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence

from destinations.warehouse import TableInUse, Types, Warehouse, WarehouseUnavailable
from pipelines.bookkeeping.schema import TABLES
from pipelines.sync.derive import Derivation

log = logging.getLogger("hogsync")
LEFT = "json of "
"""Begins the keys of `_hogsync_meta` that hold the JSON columns of a table that keep their former type."""


def upgrade(derivation: Derivation, existing: Mapping[str, Types]) -> dict[str, str]:
    """Declare keys and give JSON columns their current type; returns the facts to write to `_hogsync_meta`."""
    warehouse, facts = derivation.warehouse, dict[str, str]()
    warehouse.declare_keys()
    for table, columns in _columns(derivation, existing):
        noted = derivation.state.meta.get(f"{LEFT}{table}", "").split()
        there = existing.get(table, {})
        old = [n for n, t in columns.items() if t == "json" and there.get(n) == warehouse.former_json]
        if left := _left(warehouse, table, [name for name in old if name not in noted]):
            facts[f"{LEFT}{table}"] = " ".join((*noted, *left))
            log.warning(_advice(warehouse, table, left), extra={"table": table})
    return facts


def _columns(derivation: Derivation, existing: Mapping[str, Types]) -> Iterable[tuple[str, Types]]:
    """Yield the tables that this run may write, with their columns."""
    yield from ((target.table, target.columns) for target in derivation.extraction.target_tables())
    derived = derivation.tables.of([*derivation.extraction.changes.values()], existing)
    yield from ((one.target, one.columns) for one in derived)
    yield from ((table, columns) for table, (_, columns) in TABLES.items())


def _left(warehouse: Warehouse, table: str, columns: Sequence[str]) -> Sequence[str]:
    """Return those columns whose type the database refuses to change, for any reason."""
    if not columns:
        return ()
    try:
        warehouse.modernise_json(table, columns)
    except TableInUse as used:
        message = "The table %s keeps columns of the type json until the next sync: %s"
        log.info(message, table, used, extra={"table": table})
    except WarehouseUnavailable:
        if len(columns) == 1:
            return columns
        return [name for name in columns if _left(warehouse, table, [name])]
    return ()


def _advice(warehouse: Warehouse, table: str, columns: Sequence[str]) -> str:
    casts = ", ".join(f'alter column "{name}" type jsonb using "{name}"::jsonb' for name in columns)
    return (
        f"Of the table {table} these columns stay json, because a view, or something else of yours, depends on their "
        f"type: {', '.join(columns)}. If you want jsonb, drop that, run `alter table {warehouse.name(table)} {casts}` "
        "and make it again."
    )
