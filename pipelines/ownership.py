"""What hogsync did not make in the warehouse: a sync that would write to it is refused, by name, before it reads."""

from __future__ import annotations

from destinations.staging import staging_of, stranger
from destinations.warehouse import Warehouse
from pipelines.errors import WarehouseProblem


def refuse_others(warehouse: Warehouse) -> None:
    """Raise WarehouseProblem where a sync would write to what is somebody else's; needs the warehouse open."""
    if name := stranger(warehouse):
        schema = f"The schema {staging_of(warehouse.dataset)} in {warehouse.label}"
        raise WarehouseProblem(
            f"{schema} holds {name}, which hogsync did not make, and each load empties the tables of that schema; "
            "rename the schema, or choose another dataset by HOGSYNC_DATASET."
        )
