"""Rows that cannot be stored: each is counted and told, and costs no other row; a list of nothing else has failed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sources.posthog.shape.row_shape import LONG_KEY, NO_KEY
from tests.pipelines.little_posthog import little_posthog, page, settings, synced
from tests.truth.command import HOGSYNC, ROOT
from tests.truth.scene import of
from tests.truth.stored import ask


@pytest.mark.fault("values.null_in_key", "values.long_key")
def test_rows_that_cannot_be_stored_cost_no_other_and_prove_nothing(tmp_path: Path) -> None:
    rows: list[Any] = [{"name": "one"}, {"name": "two"}, {"name": "three"}]

    def lists(_project: int, _table: str, _query: dict[str, str], _n: int) -> Any:
        return page(rows)

    with little_posthog(1, lists) as posthog:
        assert synced(posthog, tmp_path, "event_definitions").exit_code == 0
        rows[1:] = [{"name": None}, {"name": "é" * 2000}, "no row", {"name": ["x"]}, {"name": "five"}]
        outcome = synced(posthog, tmp_path, "event_definitions")
    result = of(outcome, "event_definitions")
    assert (outcome.exit_code, result.status, result.complete) == (0, "loaded", False)
    first, *_ = result.detail.split("; ")
    told = f"4 rows left out: 1 {LONG_KEY}, 3 {NO_KEY} (rows 2, 3, 4 … of the list)"
    assert first.startswith(told)
    sql = "select name from posthog.event_definitions where _deleted_at is null order by name"
    assert ask(f"duckdb:///{tmp_path / 'hogsync.duckdb'}", sql) == [("five",), ("one",), ("three",), ("two",)]


@pytest.mark.parametrize(
    "command",
    [
        [str(HOGSYNC), "backfill", "comments", "--from", "30d", "--quiet"],
        [sys.executable, "-m", "pipelines.schedule.run", "nightly"],
    ],
    ids=["backfill", "schedule"],
)
def test_the_setting_of_strict_makes_warnings_count_whoever_starts_the_run(
    tmp_path: Path, command: list[str]
) -> None:
    def lists(_project: int, _table: str, _query: dict[str, str], _n: int) -> Any:
        return page([{"id": "c", "created_at": "2026-11-01T08:00:00Z"}, "no row"])

    trigger = command[1] if command[0] == str(HOGSYNC) else "schedule"
    group = {"HOGSYNC_GROUPS__NIGHTLY__CRONTAB": "0 3 * * *", "HOGSYNC_GROUPS__NIGHTLY__TABLES": "comments"}
    with (
        little_posthog(1, lists) as posthog,
        subprocess.Popen(
            command,
            env={**os.environ, **settings(posthog, tmp_path), **group, "HOGSYNC_SYNC__STRICT": "true"},
            cwd=ROOT,
            stdin=subprocess.PIPE,  # its end would be the service's
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        assert process.stderr
        said = process.stderr.read()
    assert process.returncode == 1, said
    assert "WARNING" in said
    assert "1 row left out" in said
    sql = "select trigger, status, warnings is not null from posthog._hogsync_runs"
    assert ask(f"duckdb:///{tmp_path / 'hogsync.duckdb'}", sql) == [(trigger, "ok", True)]


@pytest.mark.fault("values.only_rejected")
def test_a_list_of_nothing_but_rows_that_cannot_be_stored_has_failed(tmp_path: Path) -> None:
    def lists(_project: int, table: str, _query: dict[str, str], _n: int) -> Any:
        return page([{"id": "x"}, {"id": "012"}] if table == "cohorts" else [])

    with little_posthog(1, lists) as posthog:
        outcome = synced(posthog, tmp_path, "cohorts", "event_definitions")
    result = of(outcome, "cohorts")
    assert (outcome.exit_code, outcome.run.status, result.status) == (1, "partial", "failed")
    assert f"2 rows left out: 2 {NO_KEY} (rows 1, 2 of the list)" in result.detail
    assert of(outcome, "event_definitions").status == "unchanged"
    sql = "select status, detail from posthog._hogsync_run_tables where table_name = 'cohorts'"
    assert ask(f"duckdb:///{tmp_path / 'hogsync.duckdb'}", sql) == [("failed", result.detail)]
