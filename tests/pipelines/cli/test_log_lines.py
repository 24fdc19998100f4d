"""Log lines of whole commands, as a collector of logs reads them."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from pathlib import Path
from typing import Any

import pytest

from sources.sandbox import Sandbox
from tests.harness.command import command, environment, hogsync, started
from tests.harness.ended import Ended
from tests.harness.scene import Scene

JSON: dict[str, Any] = {"HOGSYNC_LOG__FORMAT": "json"}
SELECTED: dict[str, Any] = {"HOGSYNC_SELECTION__TABLES": "cohorts,comments", "HOGSYNC_PROJECTS__ONLY": "101"}
FIELDS = ["time", "level", "message", "run_id", "connection", "table"]


def lines(ended: Ended) -> list[dict[str, Any]]:
    """The lines of stderr; each is an object with these fields, and none holds what is secret."""
    assert "phx_" not in ended.err
    found = [json.loads(line) for line in ended.err.splitlines()]
    assert all([*line] == FIELDS for line in found), found
    return found


def test_every_line_of_a_sync_says_its_run_and_connection_and_that_of_a_table_its_table(
    file_scene: Scene, posthog: Sandbox
) -> None:
    first = lines(hogsync(file_scene, "sync", **SELECTED, **JSON))
    assert {line["connection"] for line in first} == {"default"}
    assert {line["table"] for line in first} >= {"cohorts", "comments", "people"}

    posthog.clear("cohorts", 101)
    posthog.fault(path="/comments/", kind="status", status=400, times=None)
    done = hogsync(file_scene, "sync", "--json", **SELECTED, **JSON)
    assert done.code == 1
    told = lines(done)
    assert {line["run_id"] for line in told} == {json.loads(done.out)["run_id"]}
    levels = {(line["level"], line["table"]) for line in told if line["level"] != "info"}
    assert levels == {("warning", "cohorts"), ("error", "comments")}

    quiet = lines(hogsync(file_scene, "sync", "--quiet", **SELECTED, **JSON, HOGSYNC_LOG__LEVEL="debug"))
    assert [(line["level"], line["table"]) for line in quiet] == [
        ("error", "comments"),
        ("error", None),  # the sentence that sums up
    ]


def test_the_sentence_that_ends_a_command_is_such_a_line_too(file_scene: Scene, posthog: Sandbox) -> None:
    posthog.change_key("owner", revoked=True)
    (refused,) = lines(hogsync(file_scene, "sync", "cohorts", **JSON))
    assert refused["level"] == "error"
    assert refused["run_id"]
    assert "key" in refused["message"]
    mistaken = hogsync(file_scene, "sync", "cohort", **JSON)
    assert [line["message"] for line in lines(mistaken)] == [
        "There is no table 'cohort'; did you mean cohorts?"
    ]


def test_the_service_and_its_runs_write_such_lines(file_scene: Scene) -> None:
    group: dict[str, Any] = {"HOGSYNC_GROUPS__SOME__TABLES": "cohorts"}
    with started(file_scene, "schedule", **SELECTED, **group, **JSON) as service:
        assert service.stderr
        said = ""
        while "Group some: exit 0" not in said:
            said += service.stderr.readline()
        service.terminate()
        said += service.stderr.read()
    assert service.returncode == 0
    told = lines(Ended(0, "", said))
    done = next(line for line in told if line["message"].startswith("Done: "))
    assert done["run_id"]
    assert [line["connection"] for line in told if "runs as process" in line["message"]] == ["default"]
    assert {line["run_id"] for line in told if line["table"] == "cohorts"} == {done["run_id"]}


def test_text_names_the_connection_only_where_there_are_several(file_scene: Scene, posthog: Sandbox) -> None:
    posthog.gate("comments", 403)
    alone = hogsync(file_scene, "sync", "cohorts", **SELECTED)
    assert "INFO cohorts loaded: " in alone.err
    connections = (
        f"[connections.eu]\nhost = '{posthog.url}'\nkey_env = 'POSTHOG_PERSONAL_API_KEY'\nprojects = [101]\n"
    )
    Path("hogsync.toml").write_text(f"{connections}[connections.us]\n", "utf-8")
    several = hogsync(file_scene, "sync", "cohorts", "--connection", "eu", **SELECTED)
    assert several.code == 0, several
    assert "INFO [eu] cohorts loaded: " in several.err


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_terminal_gets_text(file_scene: Scene, posthog: Sandbox, form: str) -> None:
    posthog.change_key("owner", revoked=True)
    ours, theirs = pty.openpty()
    done = subprocess.run(
        command("check"), env=environment(file_scene, HOGSYNC_LOG__FORMAT=form), stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    assert done.returncode == 3
    assert not os.read(ours, 10_000).startswith(b"{")
    os.close(ours)


def test_a_level_or_format_that_there_is_not_is_refused(file_scene: Scene) -> None:
    assert "HOGSYNC_LOG__LEVEL" in hogsync(file_scene, "check", HOGSYNC_LOG__LEVEL="loud").refusal(2)
