"""A private folder per run for everything that may be thrown away; those of dead runs are swept."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout

from pipelines.errors import UsageError


@contextmanager
def work_dir(home: Path) -> Iterator[Path]:
    """A fresh folder below `home`, removed at the end; a lock inside tells the living from the dead."""
    rooms = folder_below(home, "runs")
    try:
        _sweep(rooms)
        room = rooms / uuid4().hex
        room.mkdir(mode=0o700)
        lock = FileLock(room / "lock")
        lock.acquire()
    except OSError as error:
        raise _unwritable(home, error) from error
    try:
        yield room
    finally:
        lock.release()
        shutil.rmtree(room, ignore_errors=True)


def folder_below(home: Path, name: str) -> Path:
    """Make a private folder below `home`, and `home` itself; UsageError where that fails."""
    folder = home / name
    try:
        for one in (home, folder):  # each with its mode: that of a parent made on the way is the umask's
            one.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise _unwritable(home, error) from error
    return folder


def _unwritable(home: Path, error: OSError) -> UsageError:
    return UsageError(f"HOGSYNC_HOME {home} cannot be written: {error.strerror or error}.")


def _sweep(rooms: Path) -> None:
    """Remove the folders whose owner is dead: nobody holds their lock any more."""
    for room in rooms.iterdir():
        with suppress(Timeout, OSError), FileLock(room / "lock", timeout=0):
            shutil.rmtree(room, ignore_errors=True)
