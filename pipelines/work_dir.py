"""Creates a private folder per run for temporary files, and removes the folders of ended runs."""

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
    """Yield a new folder below `home`, removed at the end; a lock inside shows that its run has not ended."""
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
    """Create a private folder below `home`, and `home` itself; raises UsageError if that fails."""
    folder = home / name
    try:
        for one in (home, folder):  # each explicitly: a parent that mkdir creates gets the umask's mode
            one.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise _unwritable(home, error) from error
    return folder


def _unwritable(home: Path, error: OSError) -> UsageError:
    return UsageError(
        f"HOGSYNC_HOME {home} cannot be written: {error.strerror or error}. "
        "Let this user write there, or name another folder."
    )


def _sweep(rooms: Path) -> None:
    """Remove the folders whose lock no process holds: their runs have ended."""
    for room in rooms.iterdir():
        with suppress(Timeout, OSError), FileLock(room / "lock", timeout=0):
            shutil.rmtree(room, ignore_errors=True)
