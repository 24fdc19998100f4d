"""Writes files that exist completely or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


def write_atomically(path: Path, text: str) -> None:
    """Write `text` to `path`, private to its owner, completely or not at all, even after a power cut."""
    with atomic_file(path) as file:
        file.write(text.encode("ascii") + b"\n")


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """Yield a file to write; it replaces `path` at the end of the block and is removed after an error."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # with mode 0600
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
        put_in_place(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def put_in_place(written: Path, path: Path) -> None:
    """Replace `path` by a closed file in the same folder; a power cut leaves the one or the other."""
    with written.open("rb" if os.name == "posix" else "rb+") as file:  # which may be read-only
        os.fsync(file.fileno())
    written.replace(path)
    if os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
