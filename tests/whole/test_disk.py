"""Disks that are full, folders that cannot be written, odd paths: one sentence and old data, or simply a right sync."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sources.sandbox import Sandbox
from tests.harness.changes import BELOW, COHORTS, EVENTS, kept_small
from tests.harness.command import hogsync, run_process
from tests.harness.postgres import Server
from tests.harness.scene import Scene

TABLES = (EVENTS, COHORTS)
HERE: dict[str, Any] = {"projects": (101,)}
SYNC = ("sync", *TABLES, "--project", "101", "--quiet")


def settle(scene: Scene) -> Scene:
    """A warehouse that is known to be right."""
    assert scene.sync(*TABLES, **HERE).exit_code == 0
    scene.learn(scene.truth(*TABLES, **HERE))
    return scene


def widen(posthog: Sandbox, mark: str) -> None:
    """Every event definition gets a long text."""
    noise = "".join(f"{mark} {at} {'wide' * 20}" for at in range(300))
    posthog.edit(EVENTS, parents=BELOW, set={"description": noise})


def right_again(scene: Scene) -> None:
    """The next sync brings what there is."""
    done = hogsync(scene, *SYNC)
    assert (done.code, done.err) == (0, "")
    scene.learn(scene.truth(*TABLES, **HERE))
    assert scene.wrong() == ""


@pytest.fixture(scope="module")
def beginning(company: Sandbox) -> str:
    """A small company."""
    return kept_small(company)


@contextmanager
def mounted(disk: Path) -> Iterator[Path]:
    """A file system of a few megabytes."""
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=12m,mode=777", "tmpfs", str(disk)]
    if sys.platform != "linux" or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a small file system can only be mounted by root on Linux")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "small disk") as disk:
        yield disk


@pytest.fixture
def small_tablespace(postgres_server: Server, postgres_url: str) -> Iterator[Path]:
    """A small disk on which the database's new tables stand."""
    name = postgres_url.rpartition("/")[2]
    with mounted(postgres_server.folder / "small disk") as disk:
        place = disk / "tables"
        place.mkdir()
        if postgres_server.user:
            shutil.chown(place, postgres_server.user)
        postgres_server.execute(f"create tablespace small location '{place}'")
        postgres_server.execute(f"alter database {name} set default_tablespace = 'small'")
        yield disk
        postgres_server.execute(f"drop database {name} with (force)")
        postgres_server.execute("drop tablespace small")
        postgres_server.execute(f"create database {name}")  # for the fixture that drops it


def fill(disk: Path) -> Path:
    """A file that takes all the room that is left."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return filler


# -- no room


@pytest.mark.fault("process.disk_full_warehouse")
def test_a_full_disk_below_the_file_is_exit_4_and_old_rows_can_still_be_read(
    posthog: Sandbox, small_disk: Path, tmp_path: Path
) -> None:
    scene = settle(Scene(posthog, f"duckdb:///{small_disk}/hogsync.duckdb", tmp_path / "home"))
    widen(posthog, "full disk")
    filler = fill(small_disk)
    done = hogsync(scene, *SYNC)
    assert (done.code, "hogsync.duckdb" in done.said) == (4, True)
    assert scene.wrong() == ""
    assert hogsync(scene, "query", "select count(*) from cohorts").code == 0
    filler.unlink()
    right_again(scene)


@pytest.mark.fault("process.disk_full_warehouse")
def test_a_full_disk_below_postgres_is_exit_4_and_old_rows_can_still_be_read(
    posthog: Sandbox, small_tablespace: Path, tmp_path: Path, postgres_url: str
) -> None:
    scene = settle(Scene(posthog, postgres_url, tmp_path / "home"))
    widen(posthog, "full server")
    filler = fill(small_tablespace)
    done = hogsync(scene, *SYNC)
    assert (done.code, "No space left" in done.said) == (4, True)
    assert scene.wrong() == ""
    filler.unlink()
    right_again(scene)


@pytest.mark.fault("process.disk_full_home")
def test_a_full_disk_below_home_is_a_sentence_and_old_rows_stay(
    posthog: Sandbox, small_disk: Path, tmp_path: Path
) -> None:
    scene = settle(Scene(posthog, f"duckdb:///{tmp_path}/hogsync.duckdb", small_disk / "home"))
    widen(posthog, "full home")
    filler = fill(small_disk)
    for free in (0, 16_384):  # dlt fails before its first step, and in one
        os.truncate(filler, filler.stat().st_size - free)
        done = hogsync(scene, *SYNC)
        assert done.code == 4
        assert re.search(f"^The working folder {scene.home}/runs/.* cannot be written: No space", done.said)
        assert scene.wrong() == ""
    filler.unlink()
    right_again(scene)


@pytest.mark.fault("process.file_limit")
def test_a_limit_on_the_size_of_files_is_like_a_full_disk(file_scene: Scene, posthog: Sandbox) -> None:
    settle(file_scene)
    widen(posthog, "limited")
    done = hogsync(file_scene, *SYNC, limits={"fsize": 200_000})
    assert done.code == 4
    assert done.said
    assert file_scene.wrong() == ""
    right_again(file_scene)


@pytest.mark.fault("process.handles_short")
@pytest.mark.parametrize(
    "number", [10, *(pytest.param(one, marks=pytest.mark.soak("stories")) for one in (7, 9))]
)
def test_too_few_open_files_are_no_traceback_and_tear_nothing(
    file_scene: Scene, posthog: Sandbox, number: int
) -> None:
    settle(file_scene)
    widen(posthog, f"few {number}")
    done = hogsync(file_scene, *SYNC, limits={"nofile": number})
    assert "Traceback" not in done.err
    if done.code:
        assert file_scene.wrong() == ""
    right_again(file_scene)


# -- no right to write


def closed(folder: Path) -> None:
    """Nobody may write here or below, root neither if it obeys."""
    for path in (*folder.rglob("*"), folder):
        path.chmod(stat.S_IMODE(path.stat().st_mode) & 0o555)


def opened(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        path.chmod(stat.S_IMODE(path.stat().st_mode) | 0o700)


@pytest.mark.fault("process.read_only")
@pytest.mark.parametrize(("place", "code"), [("home", 2), ("warehouse", 4)])
def test_a_place_that_cannot_be_written_is_named_and_old_rows_stay(
    posthog: Sandbox, tmp_path: Path, place: str, code: int
) -> None:
    (tmp_path / "warehouse").mkdir()
    scene = settle(Scene(posthog, f"duckdb:///{tmp_path}/warehouse/hogsync.duckdb", tmp_path / "home"))
    closed(tmp_path / place)
    try:
        done = hogsync(scene, *SYNC, limits={"obedient": True})
        assert (done.code, str(tmp_path / place) in done.said) == (code, True), done
        assert scene.wrong() == ""
        asked = hogsync(scene, "query", "select count(*) from cohorts", limits={"obedient": True})
        assert asked.code == 0, "reading needs no right to write"
    finally:
        opened(tmp_path / place)
    right_again(scene)


@pytest.mark.fault("process.others_file")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_warehouse_of_another_user_is_exit_4(file_scene: Scene) -> None:
    settle(file_scene)
    file = Path(file_scene.url.removeprefix("duckdb:///"))
    os.chown(file, 65534, 65534)
    done = hogsync(file_scene, *SYNC, limits={"obedient": True})
    assert (done.code, "hogsync.duckdb" in done.said) == (4, True)
    os.chown(file, 0, 0)
    right_again(file_scene)


# -- odd places


@pytest.mark.fault("process.no_home")
def test_without_a_home_folder_everything_stays_in_the_current_one(
    file_scene: Scene, posthog: Sandbox
) -> None:
    nowhere: dict[str, Any] = {
        "HOME": "/nonexistent",
        "HOGSYNC_HOME": None,
        "DLT_DATA_DIR": None,
        "XDG_CONFIG_HOME": None,
        "WAREHOUSE_URL": None,
        "USER": None,
        "LOGNAME": None,
    }
    done = run_process(file_scene, *SYNC, **nowhere)
    assert (done.code, done.err) == (0, "")
    file_scene.learn(file_scene.truth(*TABLES, **HERE))
    assert file_scene.wrong() == ""
    assert {path.name for path in Path.cwd().iterdir()} == {
        ".hogsync",
        "hogsync.duckdb",
        "hogsync.duckdb.lock",
    }


@pytest.mark.fault("process.umask")
@pytest.mark.parametrize("mask", [0o077, 0o000], ids=oct)
def test_whatever_the_umask_files_are_their_owners_alone(file_scene: Scene, mask: int) -> None:
    assert hogsync(file_scene, *SYNC, limits={"umask": mask}, HOGSYNC_HASH_KEY=None).code == 0
    file_scene.learn(file_scene.truth(*TABLES, **HERE))
    assert file_scene.wrong() == ""
    home = file_scene.home
    made = [home, *home.rglob("*"), *home.parent.glob("hogsync.duckdb*")]
    assert {path.name: oct(path.stat().st_mode & 0o077) for path in made} == {
        path.name: "0o0" for path in made
    }


@pytest.mark.fault("process.odd_path")
def test_blanks_umlauts_and_quotes_in_every_path_are_no_trouble(posthog: Sandbox, tmp_path: Path) -> None:
    odd = tmp_path / 'große  daten; drop "x" 📦 $HOME'
    odd.mkdir()
    scene = Scene(posthog, f"duckdb:///{odd}/häuser.duckdb", odd / "zu hause")
    settle(scene)
    assert scene.wrong() == ""
    widen(posthog, "odd")
    right_again(scene)


@pytest.mark.fault("process.symlinked")
def test_a_symlink_to_the_warehouse_and_one_to_home_stay_links(posthog: Sandbox, tmp_path: Path) -> None:
    for name in ("volume", "state"):
        (tmp_path / name).mkdir()
    (tmp_path / "link.duckdb").symlink_to("volume/real.duckdb")
    (tmp_path / "home link").symlink_to("state")
    scene = settle(Scene(posthog, f"duckdb:///{tmp_path}/link.duckdb", tmp_path / "home link"))
    widen(posthog, "linked")
    right_again(scene)
    assert (tmp_path / "link.duckdb").is_symlink()
    assert (tmp_path / "home link").is_symlink()
    assert Scene(posthog, f"duckdb:///{tmp_path}/volume/real.duckdb", tmp_path, scene.known).wrong() == ""
