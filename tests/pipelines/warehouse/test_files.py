"""What can have happened to a DuckDB file between two syncs, and that the next one says so or mends it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipelines.errors import WarehouseProblem
from sources.sandbox import Sandbox
from tests.harness.holding import holding
from tests.harness.scene import Scene

HERE: dict[str, Any] = {"projects": (101,)}
TABLES = ("cohorts",)
CRASH = """
import duckdb, os, sys
file = duckdb.connect(sys.argv[1])
file.execute("set wal_autocheckpoint = '1TB'")
for statement in sys.argv[2:]:
    file.execute(statement)
os._exit(9)
"""


@pytest.fixture(scope="module")
def copy(company: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """A file that holds the company, made once."""
    company.rewind()
    folder = tmp_path_factory.mktemp("filled")
    scene = Scene(company, f"duckdb:///{folder / 'hogsync.duckdb'}", folder / "home")
    right(scene)
    return scene


@pytest.fixture
def filled(file_scene: Scene, copy: Scene) -> Scene:
    """A file of the test's own that holds the company."""
    shutil.copyfile(path(copy), path(file_scene))
    file_scene.known = copy.known
    return file_scene


def right(scene: Scene) -> None:
    """One clean sync, after which the warehouse equals PostHog."""
    assert scene.sync(*TABLES, **HERE).exit_code == 0
    scene.learn(scene.truth(*TABLES, **HERE))
    assert scene.wrong() == ""


def path(scene: Scene) -> Path:
    return Path(scene.url.removeprefix("duckdb:///"))


def log_of(scene: Scene) -> Path:
    """The write-ahead log beside the file."""
    return path(scene).with_name(f"{path(scene).name}.wal")


def crash(scene: Scene, *statements: str) -> None:
    """Another program writes into the file and dies before it has tidied up."""
    command = [sys.executable, "-c", CRASH, str(path(scene)), *statements]
    assert subprocess.run(command, check=False).returncode == 9
    assert log_of(scene).stat().st_size > 0


def of_version(number: int, content: bytes) -> bytes:
    """The file as a DuckDB of another time would have written it.

    It begins with a checksum, the letters DUCK and the version. The checksum is over words of 64 bits, each for itself.
    """
    checksum, word = (int.from_bytes(content[at : at + 8], "little") for at in (0, 8))
    other = int.from_bytes(b"DUCK" + number.to_bytes(4, "little"), "little")
    for one in (word, other):
        checksum ^= one * 0xBF58476D1CE4E5B9 % 2**64
    return checksum.to_bytes(8, "little") + other.to_bytes(8, "little") + content[16:]


@pytest.mark.fault("warehouse.file_held_by_reader")
def test_a_file_that_is_only_read_by_another_process_is_held_too(filled: Scene) -> None:
    with (
        holding(path(filled), "only read") as pid,
        pytest.raises(WarehouseProblem, match=str(pid)) as caught,
    ):
        filled.sync(*TABLES, wait=0.5, **HERE)
    assert caught.value.exit_code == 4
    right(filled)


@pytest.mark.fault("warehouse.newer_file")
def test_a_file_of_a_version_to_come_is_told_and_left_as_it_is(filled: Scene) -> None:
    content = path(filled).read_bytes()
    newer = of_version(9999, content)
    path(filled).write_bytes(newer)
    with pytest.raises(WarehouseProblem, match=r"hogsync\.duckdb.*9999") as caught:
        filled.sync(*TABLES, **HERE)
    assert "\n" not in str(caught.value)
    assert path(filled).read_bytes() == newer
    path(filled).write_bytes(content)
    right(filled)


@pytest.mark.fault("warehouse.file_deleted")
def test_a_file_that_was_deleted_is_made_again_with_everything_in_it(filled: Scene) -> None:
    path(filled).unlink()
    filled.known = {}
    right(filled)


@pytest.mark.fault("warehouse.wal_left")
def test_what_a_crash_left_in_the_write_ahead_log_is_taken_over(filled: Scene) -> None:
    crash(
        filled,
        "create table posthog.notes as select 'mine' as note",
        "update posthog.cohorts set name = 'torn', _dlt_load_id = 'never finished'",
    )
    right(filled)
    assert filled.ask("select note from posthog.notes") == [("mine",)]
    assert not log_of(filled).exists()


@pytest.mark.fault("warehouse.wal_orphaned")
def test_the_write_ahead_log_of_a_file_that_was_deleted_does_no_harm(filled: Scene) -> None:
    crash(filled, "update posthog.cohorts set name = 'torn'")
    path(filled).unlink()
    filled.known = {}
    right(filled)


@pytest.mark.fault("warehouse.wal_damaged")
def test_a_write_ahead_log_that_is_garbage_is_told_and_left_to_its_owner(filled: Scene) -> None:
    crash(filled, "update posthog.cohorts set name = 'torn'")
    log = log_of(filled).read_bytes()
    damaged = log[: len(log) // 2] + b"x" * (len(log) // 2)
    log_of(filled).write_bytes(damaged)
    with pytest.raises(WarehouseProblem, match=r"hogsync\.duckdb\.wal") as caught:
        filled.sync(*TABLES, **HERE)
    assert "\n" not in str(caught.value)
    assert log_of(filled).read_bytes() == damaged
    log_of(filled).unlink()
    right(filled)
