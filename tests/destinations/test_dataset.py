"""What a sync reads of a dataset before it reads PostHog, on both databases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from destinations.dataset import COMPARED_COLUMNS, Dataset
from destinations.duckdb import DuckDB
from destinations.postgres import Postgres
from destinations.warehouse import Warehouse

COLUMNS = {"project_id": "bigint", "group": "bigint", "id": "bigint"} | dict.fromkeys(
    COMPARED_COLUMNS, "text"
)
FINISHED, TORN = "1.0", "2.0"


@pytest.fixture
def warehouse(warehouse_url: str, tmp_path: Path) -> Warehouse:
    if warehouse_url.startswith("duckdb"):
        return DuckDB(tmp_path / "hogsync.duckdb", "posthog", wait=0)
    return Postgres(warehouse_url, "posthog", "the test database", wait=0)


def row(load: str, group: int, ident: int) -> dict[str, Any]:
    return {**dict.fromkeys(COLUMNS), "project_id": 1, "group": group, "id": ident, "_dlt_load_id": load}


def below(warehouse: Warehouse) -> list[int]:
    """The ids of the rows below groups."""
    return [ident for (ident,) in warehouse.rows(f"select id from {warehouse.name('below')} order by id")]


@pytest.mark.fault("loads.torn")
@pytest.mark.parametrize("read_only", [False, True])
def test_rows_of_a_torn_load_whose_parent_row_was_never_written_are_deleted(
    warehouse: Warehouse, *, read_only: bool
) -> None:
    with warehouse.opened():
        warehouse.create_dataset()
        warehouse.ensure(
            "_dlt_loads", {"load_id": "text", "status": "bigint"}, ("load_id",), {}, primary=True
        )
        warehouse.upsert("_dlt_loads", ("load_id",), [{"load_id": FINISHED, "status": 0}])
        for table in ("groups", "below"):
            warehouse.ensure(table, COLUMNS, ("project_id", "id"), {}, primary=True)
        warehouse.upsert("groups", ("project_id", "id"), [row(TORN, 7, 7)])
        rows = [row(TORN, 7, 1), row(TORN, 8, 2), row(FINISHED, 8, 3), row(TORN, -1, 4)]
        warehouse.upsert("below", ("project_id", "id"), rows)
        dataset = Dataset(warehouse)
        dataset.read_only = read_only
        dataset.delete_orphans(
            "below", ("project_id", "group"), "groups", ("project_id", "id"), {"group": -1}
        )
        assert below(warehouse) == ([1, 2, 3, 4] if read_only else [1, 3, 4])
        dataset.delete_orphans("below", ("project_id", "group"), "nowhere", ("project_id", "id"), {})
        assert len(below(warehouse)) == (4 if read_only else 3), (
            "a parent that cannot be looked at proves nothing"
        )
