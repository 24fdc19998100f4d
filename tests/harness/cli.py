"""The command line without its start: a command in a fork of a process that has imported all already."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

from tests.harness.ended import Ended

ROOT = Path(__file__).resolve().parents[2]
ONE_AT_A_TIME = Lock()


def hogsync(*words: str, stdin: str | None = "", **variables: str | None) -> Ended:
    """Run a command to its end, here and in this environment with these variables; None takes one away.

    Its standard input holds this text; without one nothing comes there, and no end either.
    """
    return _run("hogsync", words, stdin, variables)


def dying_sync(order: Any, **variables: str) -> Ended:
    """Run a sync that dies by this order, see `tests.harness.doomed`."""
    return _run("tests.harness.doomed", [json.dumps(order)], "", variables)


def _run(program: str, words: Sequence[str], stdin: str | None, variables: Mapping[str, str | None]) -> Ended:
    environment = {**os.environ, **variables}
    with tempfile.TemporaryDirectory(prefix="hogsync-command-") as folder:
        files = [Path(folder) / name for name in ("stdin", "stdout", "stderr")]
        os.mkfifo(files[0]) if stdin is None else files[0].write_text(stdin, "utf-8")
        order = {
            "program": program,
            "words": words,
            "environment": {name: value for name, value in environment.items() if value is not None},
            "folder": os.getcwd(),  # noqa: PTH109  as a text
            "files": list(map(str, files)),
            "imported": f"{folder}/imported",
        }
        code = _ordered(json.dumps(order))
        return Ended(code, *(file.read_text("utf-8", "replace") for file in files[1:]))


def _ordered(order: str) -> int:
    process = _forking()
    assert process.stdin
    assert process.stdout
    with ONE_AT_A_TIME:
        process.stdin.write(f"{order}\n")
        process.stdin.flush()
        return int(process.stdout.readline())


@cache
def _forking() -> subprocess.Popen[str]:
    """The process that forks, which ends with this one: then its stdin closes."""
    command = [sys.executable, "-m", "tests.harness.forked"]
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    atexit.register(process.kill)
    return process
