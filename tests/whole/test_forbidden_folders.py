"""Folders that may not be entered, or are not there any more, are one sentence for every command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from destinations.duckdb import may_exist
from tests.harness.ended import Ended

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes are Posix's")

ROOT = Path(__file__).parents[2]
HOGSYNC = str(Path(sys.executable).with_name("hogsync"))
NOBODY_ANSWERS = {"POSTHOG_HOST": "http://127.0.0.1:9", "POSTHOG_PERSONAL_API_KEY": "phx_0123456789abcdef"}


def hogsync(*words: str, **settings: str) -> Ended:
    """The command, run by somebody whom modes bind, as they do not bind root."""
    confined = [
        sys.executable,
        str(ROOT / "tests" / "harness" / "confined.py"),
        json.dumps({"obedient": True}),
    ]
    environment = {**os.environ, **NOBODY_ANSWERS, **settings}
    done = subprocess.run(
        [*confined, HOGSYNC, *words], env=environment, capture_output=True, text=True, timeout=120
    )
    return Ended(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def locked(tmp_path: Path) -> Path:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o000)
    return folder


@pytest.mark.fault("warehouse.forbidden_folder")
@pytest.mark.parametrize(
    "words",
    [["query", "select 1"], ["diff", "--since", "2d"], ["reset", "cohorts", "--yes"], ["sync", "cohorts"]],
)
def test_a_warehouse_in_a_folder_that_may_not_be_entered_is_exit_4(words: list[str], locked: Path) -> None:
    said = hogsync(*words, WAREHOUSE_URL=f"duckdb:///{locked}/a.duckdb").refusal(4)
    assert "locked/a.duckdb" in said
    assert "bug" not in said


@pytest.mark.fault("warehouse.forbidden_folder")
@pytest.mark.parametrize("setting", ["WAREHOUSE_URL", "HOGSYNC_HOME"])
def test_check_names_a_folder_that_may_not_be_entered_among_the_rest(setting: str, locked: Path) -> None:
    place = f"duckdb:///{locked}/a.duckdb" if setting == "WAREHOUSE_URL" else f"{locked}/home"
    report = json.loads(hogsync("check", "--json", **{setting: place}).out)
    said = [one["text"] for one in report["findings"] if not one["ok"] and "locked" in one["text"]]
    assert said
    assert all("Permission denied" in text for text in said)


@pytest.mark.fault("process.lost_folder")
@pytest.mark.parametrize("words", [["check"], ["sync", "cohorts"]])
def test_a_current_folder_that_somebody_has_removed_is_a_sentence(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert "change into another one" in hogsync(*words).refusal(2)


@pytest.mark.parametrize(
    ("name", "there"), [("file", True), ("file/below", True), ("other", False), ("other/x", False)]
)
def test_only_what_is_certainly_not_there_counts_as_missing(
    name: str, *, there: bool, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    assert may_exist(tmp_path / name) is there
