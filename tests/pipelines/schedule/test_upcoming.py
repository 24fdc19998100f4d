"""The next runs, as `hogsync schedule --list` prints them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipelines.bookkeeping.schema import RUN_TABLES
from pipelines.from_settings import open_warehouse
from pipelines.schedule.upcoming import Cost, estimated, upcoming
from pipelines.settings import load
from tests.harness.cli import hogsync
from tests.harness.scene import Scene

pytestmark = pytest.mark.duckdb_first

COSTS = {"users": Cost(1, 0.5), "cohorts": Cost(4, 2.0)}


@pytest.mark.parametrize(
    ("tables", "cost"),
    [(("users", "cohorts"), Cost(5, 2.5)), (("users", "comments"), None), ((), Cost(0, 0.0))],
)
def test_a_run_costs_what_its_tables_cost_last(tables: tuple[str, ...], cost: Cost | None) -> None:
    assert estimated(tables, COSTS) == cost


@pytest.mark.soak("stories")
def test_the_next_runs_are_listed_with_what_their_tables_cost(scene: Scene) -> None:
    scene.sync("cohorts", "users")
    Path("hogsync.toml").write_text(
        "[groups.often]\ntables = ['cohorts', 'users']\ncrontab = '*/10 * * * *'\n"
        "[groups.yearly]\ntables = ['comments']\ncrontab = '0 0 1 1 *'\n"
    )
    done = hogsync("schedule", "--list", "--json", **scene.settings())
    assert done.code == 0, done
    runs = json.loads(done.out)["runs"]
    assert [run["group"] for run in runs] == ["often"] * 10
    assert {run["connection"] for run in runs} == {"default"}
    assert all(run["requests"] > 2 and run["minutes"] is not None for run in runs)
    assert [run["at"] for run in runs] == sorted({run["at"] for run in runs})


def test_a_run_that_left_lists_for_later_tells_no_cost(file_scene: Scene) -> None:
    file_scene.sync("users")
    settings = load(file_scene.settings(HOGSYNC_GROUPS={"all": {"tables": ["users"]}}))
    assert upcoming(settings, datetime.now(UTC))[0].requests
    with open_warehouse(settings).opened() as warehouse:
        warehouse.execute(f"update {warehouse.name(RUN_TABLES)} set paths_postponed = 1")
    assert upcoming(settings, datetime.now(UTC))[0].requests is None


def test_what_was_never_read_costs_an_unknown_number_of_requests(file_scene: Scene, tmp_path: Path) -> None:
    done = hogsync("schedule", "--list", **file_scene.settings())
    assert done.code == 0, done
    assert done.out.count("unknown") == 20
    assert not (tmp_path / "hogsync.duckdb").exists()
