"""What somebody dropped or emptied between two runs: which rows are incomplete until they are written again."""

from __future__ import annotations

from collections.abc import Mapping

from destinations.warehouse import Types, Warehouse
from sources.posthog.changes.delta import TargetTable
from sources.posthog.extract.extraction import Extraction


def mark_incomplete(warehouse: Warehouse, reading: Extraction, existing: Mapping[str, Types]) -> None:
    """Blank the hashes of rows that lost a column, a list or items of a list, before an empty one takes its place.

    Their hashes still speak of the lost values: the rows of a list that fails now, or of a run that dies before it has
    written them, would count as unchanged ever after. A row without a hash differs from what PostHog sends, so it is
    written when it is read again, with its lists; until then it makes no version. What has lost a column of its key
    loses its rows as it gets that column again.
    """
    tables = {outline.table: outline for outline in reading.target_tables()}
    lost = [outline for outline in tables.values() if _lost(outline, reading, existing)]
    for table in {name for outline in lost for name in (outline.table, outline.parent)}:
        if {*tables[table].key, "_row_hash"} <= existing.get(table, {}).keys():
            warehouse.execute(f"update {warehouse.name(table)} set _row_hash = ''")
    for outline in tables.values():
        if outline.child and not outline.empty and _makes_place(tables[outline.parent], reading, existing):
            # Lists are written with their rows: items whose row does not come again would stay for ever.
            warehouse.alter_table(outline.table, f"truncate table {warehouse.name(outline.table)}")


def _lost(outline: TargetTable, reading: Extraction, existing: Mapping[str, Types]) -> bool:
    """Whether a table has lost a column, or a list's table any of its rows."""
    known, there = reading.stored, existing.get(outline.table, {})
    made = known.columns(outline.table).keys() & outline.columns.keys()
    return bool(made - there.keys()) or (bool(outline.child) and known.lost_rows(outline.table))


def _makes_place(parent: TargetTable, reading: Extraction, existing: Mapping[str, Types]) -> bool:
    """Whether a table that was read has lost all of its rows, or a column without which nobody can tell them apart."""
    lost = (
        reading.stored.lost_rows(parent.table) or not {*parent.key} <= existing.get(parent.table, {}).keys()
    )
    return lost and reading.results[parent.table].readable
