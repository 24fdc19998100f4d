"""What `make test-fast` leaves out is what takes long: processes, sandboxes, Postgres, whole syncs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from pipelines.sync.sync import sync
from sources.sandbox import start
from tests.fast import is_slow
from tests.harness.postgres import serve
from tests.harness.scene import Scene


class Kept:
    """Reaches a sandbox in one of its methods."""

    def starts(self) -> None:
        start()


def runs_python() -> None:
    subprocess.run([sys.executable, "-c", ""])


def runs_python_in_a_function_of_its_own() -> None:
    def inner() -> None:
        runs_python()

    inner()


def syncs(**given: Any) -> None:
    sync(**given)


def only_adds() -> int:
    return sum([1, 2])


@pytest.mark.parametrize("reaches", [Kept, runs_python_in_a_function_of_its_own, syncs, serve, Scene])
def test_what_reaches_something_slow_is_slow(reaches: Callable[..., Any]) -> None:
    assert is_slow(reaches)


def test_what_reaches_nothing_slow_is_fast() -> None:
    assert not is_slow(only_adds)
