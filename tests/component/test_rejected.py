"""Rows that cannot be stored: each is counted and told, and costs no other row; a list of nothing else has failed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipelines.bookkeeping.records import run_table_row
from sources.posthog.shape.row_shape import LONG_KEY, NO_KEY
from tests.component.scene import Extractions
from tests.harness.little_posthog import KEY, little_posthog, page
from tests.harness.scene import of


@pytest.mark.fault("values.null_in_key", "values.long_key")
def test_rows_that_cannot_be_stored_cost_no_other_and_prove_nothing(tmp_path: Path) -> None:
    rows: list[Any] = [{"name": "one"}, {"name": "two"}, {"name": "three"}]

    def lists(_project: int, _table: str, _query: dict[str, str], _n: int) -> Any:
        return page(rows)

    with little_posthog(1, lists) as server:
        scene = Extractions(server.origin, KEY, tmp_path)
        assert scene.sync("event_definitions").exit_code == 0
        rows[1:] = [{"name": None}, {"name": "é" * 2000}, "no row", {"name": ["x"]}, {"name": "five"}]
        outcome = scene.sync("event_definitions")
    result = of(outcome, "event_definitions")
    assert (outcome.exit_code, result.status, result.complete) == (0, "loaded", False)
    first, *_ = result.detail.split("; ")
    told = f"4 rows left out: 1 {LONG_KEY}, 3 {NO_KEY} (rows 2, 3, 4 … of the list)"
    assert first.startswith(told)
    living = scene.rows("event_definitions", dead=False)
    assert {row["name"] for row in living.values()} == {"five", "one", "three", "two"}


@pytest.mark.fault("values.only_rejected")
def test_a_list_of_nothing_but_rows_that_cannot_be_stored_has_failed(tmp_path: Path) -> None:
    def lists(_project: int, table: str, _query: dict[str, str], _n: int) -> Any:
        return page([{"id": "x"}, {"id": "012"}] if table == "cohorts" else [])

    with little_posthog(1, lists) as server:
        scene = Extractions(server.origin, KEY, tmp_path)
        outcome = scene.sync("cohorts", "event_definitions")
    result = of(outcome, "cohorts")
    assert (outcome.exit_code, outcome.status, result.status) == (1, "partial", "failed")
    assert f"2 rows left out: 2 {NO_KEY} (rows 1, 2 of the list)" in result.detail
    assert of(outcome, "event_definitions").status == "unchanged"
    record = run_table_row("a run", result)
    assert (record["status"], record["detail"]) == ("failed", result.detail)
