"""Rows that cannot be stored are warnings, and `[sync] strict` makes warnings count."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.harness.command import HOGSYNC, ROOT
from tests.harness.little_posthog import little_posthog, page, settings
from tests.harness.stored import ask


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
