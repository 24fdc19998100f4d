"""Writes and reads the file of one checkpoint.

A header that says whose walk it is, then its pages in reading order -> the same. Rows are saved as they will be stored,
after privacy, never as PostHog sent them.
"""

from __future__ import annotations

import io
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO

import msgspec
import pyarrow as pa

from sources.posthog.catalogue.fields import Type
from sources.posthog.extract.people import fullest, shaped
from sources.posthog.paging.pagers import Page
from sources.posthog.shape.batch import Batch, joined
from sources.posthog.shape.row_shape import RowShape

HEAD, SEAL = 8, 16
"""Bytes of a frame's length, and bytes of its checksum."""


class CheckpointHeader(msgspec.Struct, frozen=True):
    """Digest of the walk's key, settings and list (`about`), and when the walk began."""

    about: str
    began: datetime


class SavedPage(msgspec.Struct, frozen=True):
    """One page: its place in the list, its rows and the people they name as Arrow, and the page's other facts."""

    at: str
    next: str
    """The cursor of the page behind it."""
    read: datetime
    """When the run that read it began."""
    sent: int
    count: int | None
    rejected: dict[str, list[int]]
    misfits: dict[str, int]
    lists: list[str]
    named: dict[str, str]
    types: dict[str, Type]
    rows: bytes
    people_types: dict[str, Type]
    people: bytes


class CheckpointFile:
    """A file of pages; a truncated or damaged end counts as never written."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._end = 0
        """Where the part ends that this run wrote or kept."""

    def header(self) -> CheckpointHeader | None:
        """Return the header; None if the file does not exist or cannot be read."""
        with suppress(OSError, EOFError, msgspec.DecodeError), self.file.open("rb") as file:
            return msgspec.msgpack.decode(_read_frame(file), type=CheckpointHeader)
        return None

    def __iter__(self) -> Iterator[SavedPage]:
        """Yield the pages in order."""
        with suppress(OSError, EOFError, msgspec.DecodeError), self.file.open("rb") as file:
            _read_frame(file)
            while True:
                yield msgspec.msgpack.decode(_read_frame(file), type=SavedPage)

    def create(self, header: CheckpointHeader) -> None:
        """Write the header over an existing file; pages follow with `add`."""
        self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(self.file, "wb", opener=_own) as out:
            out.write(_write_frame(msgspec.msgpack.encode(header)))
            self._end = out.tell()

    def add(self, leaves: Sequence[SavedPage]) -> None:
        """Append pages; raises OSError if the file is missing or is another run's."""
        with self.file.open("rb+") as out:
            if out.seek(0, os.SEEK_END) != self._end:
                raise OSError
            out.writelines(_write_frame(msgspec.msgpack.encode(saved)) for saved in leaves)
            self._end = out.tell()

    def cut(self, leaves: int) -> None:
        """Keep only the first `leaves` pages; raises OSError or EOFError if they are no longer there."""
        with self.file.open("rb+") as file:
            for _ in range(1 + leaves):
                _read_frame(file)
            # Also if it ends there already: `truncate` makes the file young, and a file in use must not be swept.
            self._end = file.truncate(file.tell())


def remove(file: Path) -> bool:
    """Remove a file; False if the system refuses."""
    with suppress(OSError):
        file.unlink(missing_ok=True)
        return True
    return False


def to_saved_page(
    page: Page, batch: Batch, sent: int, shapes: tuple[RowShape, RowShape], read: datetime
) -> SavedPage:
    """Return a page, of which `sent` rows came, as it is saved; `shapes` are those of its rows and of people."""
    shape, person = shapes
    people = shaped((fullest(batch.mentioned) | fullest(batch.people)).values(), person)
    return SavedPage(
        at=page.at,
        next=page.next,
        read=read,
        sent=sent,
        count=page.count,
        rejected=batch.rejected,
        misfits=dict(batch.misfits),
        lists=list(batch.lists),
        named=dict(shape.undeclared.named),
        types=_types(batch, shape),
        rows=_packed(batch),
        people_types=_types(people, person),
        people=_packed(people),
    )


def to_batch(saved: SavedPage) -> Batch:
    """Return a saved page's rows, and the people they name, as they will be stored."""
    table = _unpacked(saved.rows)
    columns = {name: table[name].combine_chunks() for name in table.column_names}
    batch = Batch([{}] * table.num_rows)
    batch.arrays = {name: array for name, array in columns.items() if name not in saved.lists}
    batch.lists = {name: columns[name] for name in saved.lists}
    batch.people.extend(_unpacked(saved.people).to_pylist())
    batch.misfits = Counter(saved.misfits)
    batch.rejected = saved.rejected
    return batch


def _types(batch: Batch, shape: RowShape) -> dict[str, Type]:
    return {name: shape.columns[name] for name in batch.arrays if name in shape.columns}


def _packed(batch: Batch) -> bytes:
    columns = batch.columns
    table = joined([columns], [len(batch)], {name: array.type for name, array in columns.items()})
    out = io.BytesIO()
    with pa.ipc.new_stream(out, table.schema) as writer:
        writer.write_table(table)
    return out.getvalue()


def _unpacked(rows: bytes) -> pa.Table:
    return pa.ipc.open_stream(rows).read_all()


def _own(path: str, flags: int) -> int:
    """Open a file that only its owner may read."""
    return os.open(path, flags, 0o600)


def _read_frame(file: BinaryIO) -> bytes:
    """Return the next frame of a file; raises EOFError at its end, or where it is truncated or damaged."""
    size = int.from_bytes(file.read(HEAD), "big")
    if not 0 < size < os.fstat(file.fileno()).st_size:
        raise EOFError
    seal, piece = file.read(SEAL), file.read(size)
    if seal != blake2b(piece, digest_size=SEAL).digest():
        raise EOFError
    return piece


def _write_frame(piece: bytes) -> bytes:
    """Return a frame: length, checksum, content."""
    return len(piece).to_bytes(HEAD, "big") + blake2b(piece, digest_size=SEAL).digest() + piece
