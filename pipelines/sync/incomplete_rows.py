"""Marks stored rows as incomplete that lost a column, a list or items because a person dropped them.

Tables that should exist and those that do -> rows with `_row_hash = ''`, and emptied child tables.

A row without a hash differs from what PostHog sends, so it is written again with its lists when it is read; until then
it makes no version. It counts as a row of a committed load, so its list is not read in full again and again.
"""

from __future__ import annotations

from collections.abc import Mapping

from destinations.warehouse import Types, Warehouse
from sources.posthog.changes.delta import TargetTable
from sources.posthog.extract.extraction import Extraction


def mark_incomplete(warehouse: Warehouse, extraction: Extraction, existing: Mapping[str, Types]) -> None:
    """Blank the hashes of such rows before an empty column or list is created in place of the lost one.

    Otherwise they would count as unchanged for ever if their list fails now or the run is killed before it writes them.
    """
    tables = {target.table: target for target in extraction.target_tables()}
    lost = [target for target in tables.values() if _lost(target, extraction, existing)]
    for table in {name for target in lost for name in (target.table, target.parent)}:
        if {*tables[table].key, "_row_hash"} <= existing.get(table, {}).keys():
            warehouse.execute(f"update {warehouse.name(table)} set _row_hash = ''")
    for target in tables.values():
        if target.child and not target.empty and _makes_place(tables[target.parent], extraction, existing):
            # Items are written with their parent row: items whose row does not come again would stay for ever.
            warehouse.alter_table(target.table, f"truncate table {warehouse.name(target.table)}")


def _lost(target: TargetTable, extraction: Extraction, existing: Mapping[str, Types]) -> bool:
    """True if a table has lost a column, or a child table any of its rows."""
    known, there = extraction.stored, existing.get(target.table, {})
    made = known.columns(target.table).keys() & target.columns.keys()
    return bool(made - there.keys()) or (bool(target.child) and known.lost_rows(target.table))


def _makes_place(parent: TargetTable, extraction: Extraction, existing: Mapping[str, Types]) -> bool:
    """True if a table that was read has lost all of its rows, or a column of its key."""
    lost = (
        extraction.stored.lost_rows(parent.table)
        or not {*parent.key} <= existing.get(parent.table, {}).keys()
    )
    return lost and extraction.results[parent.table].readable
