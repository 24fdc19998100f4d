"""Opens a DuckDB file that another process may hold, and asks the operating system which process that is."""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb

from destinations.warehouse import WarehouseUnavailable, retry_while_locked

# The layout of `struct flock` for fcntl: on Linux, and on macOS and the BSDs.
LOCK, LAYOUT = (
    (("type", "whence", "start", "length", "pid"), "hhqqi4x")
    if sys.platform == "linux"
    else (("start", "length", "pid", "type", "whence"), "qqihh4x")
)
ANYONE = "another process"


class FileHeld(WarehouseUnavailable):
    """Another process has the file open; the message says which."""


def open_file(path: Path, label: str, wait: float, tell: Callable[[str], None], **how: Any) -> Any:
    """Return a connection to a file after waiting for it; raises FileHeld if another process still holds the file.

    Other errors of DuckDB are raised unchanged.
    """

    def attempt() -> Any:
        try:
            return duckdb.connect(str(path), **how)
        except duckdb.IOException as error:
            holder = holder_of(path)
            if not holder:
                raise
            message = f"{label} is held by {holder}; close it there, or set [warehouse] wait to wait longer for that"
            raise FileHeld(message) from error

    return retry_while_locked(attempt, lambda error: isinstance(error, FileHeld), wait, tell)


def holder_of(path: Path) -> str:
    """Return the process that holds a file, such as `duckdb, process 4711`; empty if none does."""
    try:
        import fcntl
    except ImportError:  # unknown on Windows, where only a holder keeps an existing file from being opened
        return ANYONE if path.exists() else ""
    wanted = dict.fromkeys(LOCK, 0) | {"type": fcntl.F_WRLCK}
    with suppress(OSError), path.open("rb") as file:
        answer = fcntl.fcntl(file, fcntl.F_GETLK, struct.pack(LAYOUT, *wanted.values()))
        found = dict(zip(LOCK, struct.unpack(LAYOUT, answer), strict=True))
        return "" if found["type"] == fcntl.F_UNLCK else _named(found["pid"])
    return ""


def _named(pid: int) -> str:
    """Return a process by its name and number; one of another container has no number here."""
    if pid <= 0:
        return ANYONE
    name = ""
    with suppress(OSError):
        name = Path(f"/proc/{pid}/comm").read_text("utf-8", errors="replace")
    shown = "".join(letter for letter in name if letter.isprintable())
    return f"{shown or 'a program'}, process {pid}"
