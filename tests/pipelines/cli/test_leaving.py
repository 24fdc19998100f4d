"""The last moments of a command: a stop shows no traceback, and all that was written reaches its reader."""

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
from tests.pipelines.cli.test_commands import HOGSYNC, at, environment, started

ROOT = Path(__file__).parents[3]
SLOW_TO_LEAVE = """
import atexit, time

def slowly():
    print("leaving", flush=True)
    time.sleep(60)

atexit.register(slowly)
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
@pytest.mark.parametrize("words", [["tables"], ["query", "select 1"]])
def test_a_command_that_is_asked_to_stop_while_it_leaves_shows_no_traceback(
    posthog: Sandbox, tmp_path: Path, words: list[str], how: signal.Signals
) -> None:
    """At that moment a library's last words are still to come; a query before the first sync is exit 4."""
    with with_startup(tmp_path, SLOW_TO_LEAVE, *words, **at(posthog)) as process:
        assert process.stdout
        while process.stdout.readline() != "leaving\n":
            assert process.poll() is None
        process.send_signal(how)
        assert process.wait(5) == -how
        assert process.stderr
        assert "Traceback" not in process.stderr.read()


def test_what_a_command_says_reaches_a_reader_that_comes_late(posthog: Sandbox) -> None:
    hogsync("sync", "event_definitions", **at(posthog))
    sql = "select repeat('x', 1000) from range(1000)"
    with started("query", sql, "--json", **at(posthog)) as process:
        time.sleep(3)  # the pipe is full, and the command waits
        assert len(process.communicate()[0]) > 1_000_000
