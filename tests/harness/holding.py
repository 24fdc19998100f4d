"""A DuckDB file that another process has open."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HOLD = """
import duckdb, sys
file = duckdb.connect(sys.argv[1], read_only="only read" in sys.argv)
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def holding(file: str | Path, *how: str) -> Iterator[int]:
    """The process that holds it, for reading alone if `how` is "only read"."""
    command = [sys.executable, "-c", HOLD, str(file), *how]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdin
        process.stdout.readline()
        yield process.pid
        process.stdin.close()
