"""Several syncs at once, what they leave to each other in the working folder, and too little memory for one."""

from __future__ import annotations

import subprocess
import threading
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from sources.sandbox import Sandbox
from tests.harness.books import books
from tests.harness.changes import COHORTS, EVENTS, PROJECT, definitions, kept_small
from tests.harness.command import hogsync, started
from tests.harness.scene import Scene

TABLES, COMMENTS = (EVENTS, COHORTS), "comments"
HERE: dict[str, Any] = {"projects": (PROJECT,)}
SYNC = ("sync", *TABLES, "--project", str(PROJECT))


@pytest.fixture(scope="module")
def beginning(company: Sandbox) -> str:
    """A small company."""
    return kept_small(company)


@pytest.mark.fault("process.two_syncs")
def test_syncs_at_once_from_several_machines_take_turns_and_all_end_well(
    scene: Scene, tmp_path: Path
) -> None:
    homes = [str(tmp_path / f"machine {number}") for number in range(3)]
    running = [started(scene, *SYNC, HOGSYNC_HOME=home) for home in homes]
    ended = [process.communicate(timeout=120) for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], ended
    waited = [err for _, err in ended if "is held by hogsync sync, process " in err]
    assert waited, "who comes later says for whom it waits"
    scene.right(*TABLES, **HERE)
    found = books(scene.url)
    assert found.unsound() == []
    turns = sorted((begun, done) for begun, done, *_ in found.runs.values())
    assert all(done <= begun for (_, done), (begun, _) in pairwise(turns))
    assert scene.ask("select count(*) from posthog._dlt_loads") == [(1,)], "the others found nothing to do"


@pytest.mark.fault("process.backfill")
def test_a_backfill_that_begins_while_a_sync_is_at_work_waits_for_its_turn(
    scene: Scene, posthog: Sandbox
) -> None:
    scene.settle(COMMENTS, **HERE)
    posthog.edit(COMMENTS, insert=[{"content": "while you read"}], parents={"project_id": PROJECT})
    backfill = ("backfill", COMMENTS, "--from", "2020-01-01", "--project", str(PROJECT))
    begun: list[subprocess.Popen[str]] = []

    def meanwhile(*_: object) -> None:
        """Begin it in the middle of the sync, and read on only when it has said that it waits."""
        if not begun:
            begun.append(started(scene, *backfill))
            told = begun[0].stderr or ()
            assert any("is held by hogsync sync" in line for line in told)

    assert scene.sync(COMMENTS, observers=[meanwhile], **HERE).exit_code == 0
    _, said = begun[0].communicate(timeout=120)
    assert begun[0].returncode == 0, said
    scene.right(COMMENTS, **HERE)
    found = books(scene.url)
    assert found.unsound() == []
    turns = sorted((begun, done) for begun, done, *_ in found.runs.values())
    assert all(done <= begun for (_, done), (begun, _) in pairwise(turns))
    assert len(turns) == 3


@pytest.mark.fault("loads.folder_alive")
def test_the_folder_of_a_run_that_lives_is_left_alone(
    file_scene: Scene, posthog: Sandbox, tmp_path: Path
) -> None:
    other = Scene(posthog, f"duckdb:///{tmp_path}/other.duckdb", file_scene.home)
    seen: list[int] = []
    met = threading.Event()

    def meanwhile(*_: object) -> None:
        """In the middle of one sync another begins and ends, with the same home."""
        if not met.is_set():
            met.set()
            done = hogsync(other, *SYNC, "--quiet")
            seen.extend([done.code, len(list((file_scene.home / "runs").iterdir()))])

    outcome = file_scene.sync(*TABLES, observers=[meanwhile], **HERE)
    assert (outcome.exit_code, seen) == (0, [0, 1])
    file_scene.right(*TABLES, **HERE)
    other.right(*TABLES, **HERE)


@pytest.mark.fault("loads.folder_strange")
def test_strange_things_among_the_working_folders_are_no_trouble(file_scene: Scene, tmp_path: Path) -> None:
    runs = file_scene.home / "runs"
    (runs / "a folder of somebody else" / "deep").mkdir(parents=True)
    (runs / "a file").write_text("not a folder", "utf-8")
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("kept", "utf-8")
    (runs / "a link").symlink_to(precious)
    (runs / "a link to nowhere").symlink_to("nowhere")
    file_scene.settle(*TABLES, **HERE)
    assert (precious / "file").read_text("utf-8") == "kept"


@pytest.mark.fault("process.memory_short")
@pytest.mark.parametrize("megabytes", [300, pytest.param(900, marks=pytest.mark.soak("stories"))])
def test_too_little_memory_is_no_traceback_and_tears_nothing(
    file_scene: Scene, posthog: Sandbox, megabytes: int
) -> None:
    file_scene.settle(*TABLES, **HERE)
    definitions(posthog)
    done = hogsync(file_scene, *SYNC, "--quiet", limits={"as": megabytes << 20})
    assert "Traceback" not in done.err
    if done.code:
        assert file_scene.wrong() == ""
    file_scene.settle(*TABLES, **HERE)
    assert books(file_scene.url).unsound() == []


@pytest.mark.fault("loads.idle")
def test_a_sync_that_finds_nothing_new_loads_nothing_and_is_recorded(scene: Scene) -> None:
    scene.settle(*TABLES, **HERE)
    of_dlt = (
        "select (select count(*) from posthog._dlt_loads), (select count(*) from posthog._dlt_pipeline_state)"
    )
    before = scene.ask(of_dlt)
    scene.settle(*TABLES, **HERE)
    assert scene.ask(of_dlt) == before
    assert [status for _, _, status, _ in books(scene.url).runs.values()] == ["ok", "ok"]
