"""A sync that may have no more memory says so, and what to do about it; the next one makes up for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from destinations.duckdb import DuckDB
from pipelines.errors import OutOfMemory
from pipelines.from_settings import warehouse_problems
from sources.posthog.catalogue.endpoint import Endpoint
from tests.harness.scene import Scene

FAR_TOO_MUCH = 1 << 60
HERE: dict[str, Any] = {"projects": (101,)}


def of_python() -> None:
    bytearray(FAR_TOO_MUCH)


def of_arrow() -> None:
    pa.allocate_buffer(FAR_TOO_MUCH)


@pytest.mark.fault("process.memory_short")
@pytest.mark.parametrize(
    ("warehouse_url", "table", "asked"),
    [
        ("duckdb", "organizations", of_python),
        ("duckdb", "cohorts", of_arrow),
        ("postgres", "cohorts", of_python),
    ],
    indirect=["warehouse_url"],
)
def test_a_sync_that_runs_out_of_memory_says_so_and_is_recorded_as_failed(
    scene: Scene, table: str, asked: Callable[[], None]
) -> None:
    scene.sync("cohorts", **HERE)

    def greedy(endpoint: Endpoint, _: object) -> None:
        if endpoint.table == table:
            asked()

    with pytest.raises(OutOfMemory, match=r"ran out of memory.*page_size, in_flight and ahead") as told:
        scene.sync("cohorts", **HERE, observers=[greedy])
    assert told.value.exit_code == 1
    (last,) = scene.ask("select status, error from posthog._hogsync_runs order by started_at desc limit 1")
    assert last == ("failed", str(told.value))
    assert scene.sync("cohorts", **HERE).exit_code == 0
    scene.learn(scene.truth("cohorts", **HERE))
    assert scene.wrong() == ""


@pytest.mark.fault("process.memory_short")
def test_a_statement_that_duckdb_has_no_memory_for_is_not_blamed_on_the_warehouse(tmp_path: Path) -> None:
    warehouse = DuckDB(tmp_path / "some.duckdb", "posthog")
    with warehouse.opened():
        warehouse.execute("set memory_limit = '20MB'")
        with pytest.raises(MemoryError), warehouse_problems():
            warehouse.rows("select list(i) from range(100_000_000) numbers(i)")


def test_a_full_disk_that_duckdb_spills_onto_is_told(tmp_path: Path) -> None:
    warehouse = DuckDB(tmp_path / "some.duckdb", "posthog")
    with warehouse.opened():
        warehouse.execute("set memory_limit = '60MB'")
        warehouse.execute("set max_temp_directory_size = '1MB'")
        with pytest.raises(MemoryError) as short:
            warehouse.rows("select i from range(100_000_000) numbers(i) order by hash(i)")
    said = str(OutOfMemory(short.value))
    assert "failed to offload" in said
    assert "free space on the disk that DuckDB spills onto" in said
