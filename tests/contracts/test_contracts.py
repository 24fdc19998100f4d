"""What users rely on is as it was: the command line, the settings, the tables and the objects of `--json`."""

from __future__ import annotations

import difflib
import os
import re
from pathlib import Path

import pytest

from pipelines.cli.commands import read
from sources.sandbox import Sandbox, start
from tests.contracts.answers import answers
from tests.contracts.columns import columns
from tests.contracts.commands import commands
from tests.contracts.settings import settings
from tests.harness.command import hogsync
from tests.harness.scene import Scene

FOLDER = Path(__file__).parent
WRITES = os.environ.get("HOGSYNC_TEST_SNAPSHOTS") == "write"
SYNC = ("sync", "cohorts", "subscriptions", "comments", "--project", "101")


def test_the_command_line_is_as_it_was() -> None:
    compare("commands.txt", commands())


def test_the_help_tells_every_word_of_the_command_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "250")
    for part in commands().split("\n\n"):
        head, *lines = part.splitlines()
        name, _, meaning = head.partition(": ")
        assert read([*name.split()[1:], "--help"]) == 0
        told = capsys.readouterr().out
        for words in (meaning, *(word for line in lines for word in re.findall(r"(?<= )--?[a-z-]+", line))):
            assert words in told, f"{name} --help does not tell {words}"


def test_the_settings_are_as_they_were() -> None:
    compare("settings.txt", settings())


def test_the_tables_are_as_they_were(postgres_url: str, tmp_path: Path) -> None:
    url = f"duckdb:///{tmp_path / 'hogsync.duckdb'}"
    with start() as posthog:
        for one in (url, postgres_url):
            assert Scene(posthog, one, tmp_path / "home").sync().exit_code == 0
    compare("tables.txt", columns(url, postgres_url))


def test_the_objects_of_json_are_as_they_were(tmp_path: Path) -> None:
    with start() as posthog:
        scene = Scene(posthog, f"duckdb:///{tmp_path / 'hogsync.duckdb'}", tmp_path / "home")
        clean = said(scene, 0, *SYNC)
        spoil(posthog)
        with_warnings = said(scene, 0, *SYNC)
        query = said(
            scene,
            0,
            "query",
            "select 1 as one, 1.5::double as half, 'a' as letter, true as so, null as nothing",
        )
        told = {
            "hogsync sync": [clean, with_warnings],
            "hogsync diff": [said(scene, 0, "diff", "--since", "1h", "cohorts", "subscriptions")],
            "hogsync check": [said(scene, 1, "check")],
            "hogsync status": [said(scene, 1, "status")],
            "hogsync tables": [said(scene, 0, "tables")],
            "hogsync query": [query],
            "hogsync backfill --dry-run": [
                said(scene, 0, "backfill", "comments", "--from", "2d", "--dry-run")
            ],
        }
        posthog.change_key("owner", revoked=True)
        told["hogsync sync, which PostHog refuses"] = [said(scene, 3, *SYNC)]
        told["hogsync check, which PostHog refuses"] = [said(scene, 3, "check")]
    compare("answers.txt", answers(told))


def spoil(posthog: Sandbox) -> None:
    """Change a cohort, hold deletes of a list, refuse another one that was readable."""
    cohort = min(row["id"] for row in posthog.rows("cohorts"))
    posthog.edit("cohorts", where={"id": cohort}, set={"name": "Renamed"})
    posthog.clear("subscriptions", 101)
    posthog.gate("comments", 403)


def said(scene: Scene, code: int, *words: str) -> str:
    """What a command printed for a program."""
    ended = hogsync(scene, *words, "--json")
    assert ended.code == code, ended
    return ended.out


def compare(name: str, text: str) -> None:
    """Fail, with what differs, if a contract is not as it was; `make snapshots` writes it anew instead."""
    file = FOLDER / name
    if WRITES:
        file.write_text(text, "utf-8")
    was = file.read_text("utf-8")
    if was != text:
        lines = difflib.unified_diff(
            was.splitlines(), text.splitlines(), "as it was", "as it is", lineterm="", n=1
        )
        told = "\n".join(lines)
        pytest.fail(
            f"What users rely on has changed ({name}). If that is meant: `make snapshots`.\n{told}",
            pytrace=False,
        )
