"""The last moments of a command: what is done stays done, whoever asks it to stop while it leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sources.sandbox import Sandbox
from tests.harness.cli import hogsync
from tests.pipelines.test_cli import HOGSYNC, at, environment, started, stored

ROOT = Path(__file__).parents[2]
SLOW_TO_LEAVE = """
import atexit, time

def slowly():
    print("leaving", flush=True)
    time.sleep(60)

atexit.register(slowly)
"""
TORN_DOWN = """
import os, sys

class Torn:
    def __del__(self):
        os.write(2, b"torn down")

if "--exit-with-stdin" not in sys.orig_argv:  # the sandbox is a process of its own
    sys.modules["torn"] = Torn()
"""
BOTH = pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])


@contextmanager
def with_startup(
    tmp_path: Path, program: str, *words: str, **settings: str
) -> Iterator[subprocess.Popen[str]]:
    """A command in whose process this runs first."""
    (tmp_path / "sitecustomize.py").write_text(program)
    pipe = subprocess.PIPE
    given = environment({**settings, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"})
    with subprocess.Popen([HOGSYNC, *words], env=given, stdout=pipe, stderr=pipe, text=True) as process:
        yield process
        process.kill()


@BOTH
@pytest.mark.fault("process.interrupted_late")
@pytest.mark.parametrize(("words", "code"), [(["tables"], 0), (["query", "select 1"], 4)])
def test_a_command_that_is_done_and_asked_to_stop_has_its_own_end_at_once(
    posthog: Sandbox, tmp_path: Path, words: list[str], code: int, how: signal.Signals
) -> None:
    """Its libraries' last words are what it is busy with; a query before the first sync is exit 4."""
    with with_startup(tmp_path, SLOW_TO_LEAVE, *words, **at(posthog)) as process:
        assert process.stdout
        while process.stdout.readline() != "leaving\n":
            assert process.poll() is None
        process.send_signal(how)
        assert process.wait(5) == code
        assert process.stderr
        assert "Traceback" not in process.stderr.read()


@BOTH
@pytest.mark.fault("process.interrupted_late")
def test_a_sync_that_has_said_its_last_word_is_done(posthog: Sandbox, how: signal.Signals) -> None:
    for moment in (0, 0.03, 0.1, 0.2, 0.3):
        with started("sync", "cohorts", "--json", **at(posthog)) as process:
            assert process.stdout
            assert process.stderr
            process.stdout.readline()
            time.sleep(moment)
            process.send_signal(how)
            assert process.wait(5) == 0
            assert "Traceback" not in process.stderr.read()
    assert set(stored("select status from posthog._hogsync_runs")) == {("ok",)}


@pytest.mark.parametrize(
    "words", [["sync", "cohorts"], ["sync", "cohorts", "--sandbox"], ["tables"], ["sync", "cohort"]]
)
def test_a_command_leaves_without_tearing_down_what_the_system_frees(
    posthog: Sandbox, tmp_path: Path, words: list[str]
) -> None:
    with with_startup(tmp_path, TORN_DOWN, *words, **at(posthog)) as process:
        assert "torn down" not in process.communicate()[1]
    assert not [path for path in tmp_path.rglob("*") if path.suffix == ".wal" or path.parent.name == "runs"]


def test_what_a_command_says_reaches_a_reader_that_comes_late(posthog: Sandbox) -> None:
    hogsync("sync", "event_definitions", **at(posthog))
    sql = "select repeat('x', 1000) from range(1000)"
    with started("query", sql, "--json", **at(posthog)) as process:
        time.sleep(3)  # the pipe is full, and the command waits
        assert len(process.communicate()[0]) > 1_000_000
