"""What somebody took out of a warehouse between two runs, and how the next one makes up for it."""

from __future__ import annotations

from collections.abc import Mapping

from destinations.warehouse import Types, Warehouse
from sources.posthog.reading import Reading

LOST = "lost columns"
"""The load of rows that lack what somebody dropped: it never ends, so they are not believed until they are written."""


def distrust(warehouse: Warehouse, reading: Reading, existing: Mapping[str, Types]) -> None:
    """Make rows unknown that have lost a column, before they get an empty one in its place.

    Their hashes still speak of the lost values: the rows of a list that fails now, or of a run that dies before it has
    written them, would count as unchanged ever after. Nor is a row without its values a version.
    """
    for outline in reading.outlines():
        there = existing.get(outline.table, {})
        lost = (reading.known.columns(outline.table).keys() & outline.columns.keys()) - there.keys()
        if lost and there.keys() >= {*outline.key, "_dlt_load_id"}:
            warehouse.execute(f"update {warehouse.name(outline.table)} set _dlt_load_id = '{LOST}'")
