"""What a run of the schedule asks a warehouse before it catches up."""

from __future__ import annotations

import threading
from pathlib import Path

from pipelines.errors import WarehouseProblem
from pipelines.schedule.run import last_success
from pipelines.settings import Settings, load
from pipelines.settings.sections import GroupSettings
from tests.harness.holding import holding

GROUP = GroupSettings(crontab="0 * * * *", tables=("cohorts",))
PATIENCE = 30


def warehouse(folder: Path) -> Settings:
    """Settings of a DuckDB file, for which everything else would wait an hour."""
    url = f"duckdb:///{folder / 'hogsync.duckdb'}"
    return load({"WAREHOUSE_URL": url, "HOGSYNC_WAREHOUSE": {"wait": 3600}})


def test_a_held_warehouse_is_not_waited_for(tmp_path: Path) -> None:
    settings, refused = warehouse(tmp_path), list[WarehouseProblem]()

    def ask() -> None:
        try:
            last_success(settings, GROUP)
        except WarehouseProblem as held:
            refused.append(held)

    with holding(tmp_path / "hogsync.duckdb"):
        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        asking.join(PATIENCE)
        assert not asking.is_alive()
    assert refused


def test_a_warehouse_that_is_not_there_has_no_success_and_is_not_made(tmp_path: Path) -> None:
    assert last_success(warehouse(tmp_path), GROUP) is None
    assert not (tmp_path / "hogsync.duckdb").exists()
