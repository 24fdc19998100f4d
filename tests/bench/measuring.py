"""A contender is a fresh process: its seconds, its processor's seconds, its peak memory, what it printed."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.serving import ROOT

FOREIGN = ("HOGSYNC_", "POSTHOG_", "WAREHOUSE_URL", "DLT_", "EXTRACT__", "NORMALIZE__", "LOAD__", "SOURCES__")


@dataclass(frozen=True, slots=True)
class Run:
    """One process from start to end. `began` is on the clock that all processes share.

    `peak` is in bytes, and never below the bench's own 30 MB, of which a child begins as a copy. `cpu` holds what the
    process's own children used.
    """

    began: float
    seconds: float
    cpu: float
    peak: int
    code: int
    said: str
    complaint: str


def run(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> Run:
    """Run a command in a folder and wait for it."""
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as complaint:
        began = time.monotonic()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=_clean(environment),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=complaint,
        )
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        texts = []
        for stream in (said, complaint):
            stream.seek(0)
            texts.append(stream.read().decode(errors="replace"))
    cpu = used.ru_utime + used.ru_stime
    return Run(began, seconds, cpu, used.ru_maxrss * 1024, process.returncode, *texts)


def _clean(environment: Mapping[str, str]) -> dict[str, str]:
    """Nobody's settings but the contender's own."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(FOREIGN)}
    return {**kept, "PYTHONPATH": str(ROOT), "RUNTIME__DLTHUB_TELEMETRY": "false", **environment}
