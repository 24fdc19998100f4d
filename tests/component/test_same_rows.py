"""The warehouse in memory ends like a real one: only so do the other tests of this folder show anything."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from sources.sandbox import Sandbox
from tests.component.scene import Scene
from tests.harness.changes import COHORTS, definitions, deliveries, own
from tests.harness.differences import differences
from tests.harness.scene import Scene as WholeScene

TIMES = ("last_walk_at", "last_complete_at", "first_complete_at", "page_size")
"""When a list was walked, and how quickly, differs; whether it was does not."""
PLACES = f"path, table_name as table, watermark, open_floor, fingerprint, rows, gap, held, moved, {', '.join(TIMES)}"


def positions_of(scene: Scene) -> dict[str, dict[str, Any]]:
    return {path: _timeless(asdict(one)) for path, one in scene.warehouse.positions.items()}


def positions_in(whole: WholeScene) -> dict[str, dict[str, Any]]:
    names = [name.split()[-1] for name in PLACES.split(", ")]
    rows = whole.ask(f"select {PLACES} from posthog._hogsync_paths")
    return {row[0]: _timeless(dict(zip(names, row, strict=True))) for row in rows}


def _timeless(position: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value is not None
        if name in TIMES
        else value.timestamp()
        if isinstance(value, datetime)
        else value
        for name, value in position.items()
    }


def changed(posthog: Sandbox) -> None:
    """Rows come, change, end and return, with their lists and people; new fields come."""
    posthog.advance(2)
    definitions(posthog)
    deliveries(posthog)
    posthog.edit(COHORTS, where={"id": own(posthog, COHORTS)[-1]["id"]}, set={"odd": {"a": 1}, "Odd": 1})


def test_the_whole_company_ends_the_same_in_memory_and_in_a_database(
    scene: Scene, posthog: Sandbox, tmp_path: Path
) -> None:
    whole = WholeScene(posthog, f"duckdb:///{tmp_path / 'hogsync.duckdb'}", tmp_path / "whole")
    for _ in range(2):
        changed(posthog)
        here, there = scene.sync(), whole.sync()
        assert [(one.table, one.status, one.counts) for one in here.tables] == [
            (one.table, one.status, one.counts) for one in there.tables
        ]
        assert differences(whole.stored(), scene.stored()) == ""
        assert positions_of(scene) == positions_in(whole)
