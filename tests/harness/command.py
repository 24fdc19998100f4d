"""The command line in a scene: a process of its own, with limits if need be, and how it ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.harness.cli import hogsync as forked
from tests.harness.ended import Ended
from tests.harness.scene import Scene

ROOT = Path(__file__).resolve().parents[2]
HOGSYNC = Path(sys.executable).with_name("hogsync")


def environment(scene: Scene, **variables: str | None) -> dict[str, str]:
    """This process's, the scene's settings and these; None takes one away."""
    given = {**os.environ, "PYTHONPATH": str(ROOT), **scene.settings(), **variables}
    return {name: str(value) for name, value in given.items() if value is not None}


def command(*words: str, limits: dict[str, Any] | None = None) -> list[str]:
    """A command line, confined if there are limits."""
    plain = [str(HOGSYNC), *words]
    return [sys.executable, "-m", "tests.harness.confined", json.dumps(limits), *plain] if limits else plain


def hogsync(
    scene: Scene, *words: str, limits: dict[str, Any] | None = None, **variables: str | None
) -> Ended:
    """Run a command to its end: in a fork (see `tests.harness`), or where there are limits as a process of its own."""
    if limits:
        return run_process(scene, *words, limits=limits, **variables)
    return forked(*words, **{**scene.settings(), **variables})


def run_process(
    scene: Scene, *words: str, limits: dict[str, Any] | None = None, **variables: str | None
) -> Ended:
    """Run a command to its end as a process that starts like any other."""
    done = subprocess.run(
        command(*words, limits=limits),
        env=environment(scene, **variables),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def started(scene: Scene, *words: str, **variables: str | None) -> subprocess.Popen[str]:
    """Start a command."""
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command(*words), env=environment(scene, **variables), stdout=pipe, stderr=pipe, text=True
    )
