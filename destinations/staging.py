"""Names, marks and checks the staging schema, in which dlt prepares merges and truncates tables.

hogsync marks the schema with a small table when it creates it. An empty schema was made for hogsync by an
administrator; one that holds something and no mark is refused.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from destinations.warehouse import Warehouse

SUFFIX = "__hogsync_staging"
"""No dataset's name has two underscores in a row, so no staging schema is ever a dataset."""
LONGEST = 63
"""Bytes of a Postgres name."""
MARK = "_hogsync_staging"
"""The table that marks the schema as hogsync's."""


def staging_of(dataset: str) -> str:
    """Return the staging schema of a dataset; a long name is cut and made unique by a digest."""
    if len(dataset) + len(SUFFIX) <= LONGEST:
        return f"{dataset}{SUFFIX}"
    digest = sha256(dataset.encode()).hexdigest()[:8]
    return f"{dataset[: LONGEST - len(SUFFIX) - len(digest) - 1]}_{digest}{SUFFIX}"


def foreign_schema(warehouse: Warehouse) -> str:
    """Return one name in the staging schema that is not hogsync's; empty if the schema is. Needs the warehouse open."""
    held = warehouse.relations(staging_of(warehouse.dataset))
    return "" if MARK in held else min(held, default="")


def claim_staging(warehouse: Warehouse) -> None:
    """Create the staging schema if it is missing, and mark it; needs the warehouse open."""
    schema = staging_of(warehouse.dataset)
    if MARK not in warehouse.relations(schema):
        with warehouse.transaction():
            warehouse.create_schema(schema)
            warehouse.execute(f'create table "{schema}"."{MARK}" (made_by varchar)')
