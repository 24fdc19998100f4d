"""Writes and reads the file of one checkpoint: a header that says whose walk it is, then its pages in reading order.

Rows are saved as they will be stored, after privacy, never as PostHog sent them.
"""

from __future__ import annotations

import io
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, TypeVar

import msgspec
import pyarrow as pa

from sources.posthog.catalogue.fields import Type
from sources.posthog.extract.people import fullest, shaped
from sources.posthog.paging.pages import Page
from sources.posthog.shape.batch import Batch
from sources.posthog.shape.row_shape import RowShape

Frame = TypeVar("Frame", bound=msgspec.Struct)

LENGTH, CHECKSUM = 8, 16
"""Bytes of a frame before its content."""


class CheckpointHeader(msgspec.Struct, frozen=True):
    """Digest of the walk's list, key and settings (`about`), and when the walk began."""

    about: str
    began: datetime


class SavedPage(msgspec.Struct, frozen=True):
    """One page: its rows and the people they name as Arrow, and the page's other facts."""

    next: str
    """The place of the page below it; empty if it is the last one."""
    read: datetime
    """When the run that read it began."""
    sent: int
    count: int | None
    rejected: dict[str, list[int]]
    misfits: dict[str, int]
    named: dict[str, str]
    types: dict[str, Type]
    rows: bytes
    people_types: dict[str, Type]
    people: bytes


class CheckpointFile:
    """A file of pages, open while its walk goes on; a truncated or damaged end counts as never written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file: BinaryIO | None = None

    def open(self) -> CheckpointHeader | None:
        """Open an existing file and return its header; None if there is none."""
        with suppress(OSError):
            self.file = self.path.open("rb+")
        return self._read(CheckpointHeader)

    def pages(self, fits: Callable[[SavedPage], bool]) -> Iterator[SavedPage]:
        """Yield the pages up to the first that does not fit, and cut the file there: new pages follow the last one."""
        if not self.file:
            return
        self.file.seek(0)
        self._read(CheckpointHeader)
        end = self.file.tell()
        while (page := self._read(SavedPage)) and fits(page):
            end = self.file.tell()
            yield page
        # Also if the file ends there already: `truncate` renews its time of change, and no run sweeps a young file.
        self.file.truncate(self.file.seek(end))

    def create(self, header: CheckpointHeader) -> None:
        """Write the header over an existing file, which only its owner may read."""
        self.close()
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        owned = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        self.file = os.fdopen(owned, "wb+")
        self.add(header)

    def add(self, frame: CheckpointHeader | SavedPage) -> None:
        """Write the header, or one more page; raises OSError if the file is not open."""
        if not self.file:
            raise OSError
        content = msgspec.msgpack.encode(frame)
        self.file.write(len(content).to_bytes(LENGTH, "big") + _checksum(content) + content)
        self.file.flush()

    def remove(self) -> None:
        """Close and remove the file, if the system allows it."""
        self.close()
        remove(self.path)

    def close(self) -> None:
        """Close the file."""
        if self.file:
            self.file.close()
        self.file = None

    def _read(self, type_: type[Frame]) -> Frame | None:
        """Return the next frame; None at the end, or where the file is truncated or damaged."""
        if self.file:
            with suppress(OSError, msgspec.DecodeError):
                size, checksum = int.from_bytes(self.file.read(LENGTH), "big"), self.file.read(CHECKSUM)
                content = self.file.read(min(size, os.fstat(self.file.fileno()).st_size))
                if content and checksum == _checksum(content):
                    return msgspec.msgpack.decode(content, type=type_)
        return None


def remove(path: Path) -> None:
    """Remove a file, if the system allows it."""
    with suppress(OSError):
        path.unlink(missing_ok=True)


def to_saved_page(page: Page, batch: Batch, shapes: tuple[RowShape, RowShape], read: datetime) -> SavedPage:
    """Return a page as it is saved; `shapes` are those of its rows and of people."""
    shape, person = shapes
    people = shaped((fullest(batch.mentioned) | fullest(batch.people)).values(), person)
    types = _types(batch, shape)
    return SavedPage(
        next=page.next,
        read=read,
        sent=len(page.rows),
        count=page.count,
        rejected=batch.rejected,
        misfits=dict(batch.misfits),
        named={name: column for name, column in shape.undeclared.named.items() if column in types},
        types=types,
        rows=_packed(batch),
        people_types=_types(people, person),
        people=_packed(people),
    )


def to_batch(saved: SavedPage) -> Batch:
    """Return a saved page's rows, and the people they name, as they will be stored."""
    table = _unpacked(saved.rows)
    batch = Batch([{}] * table.num_rows)
    for name in table.column_names:
        is_list = pa.types.is_list(table[name].type)
        (batch.lists if is_list else batch.arrays)[name] = table[name].combine_chunks()
    batch.people.extend(_unpacked(saved.people).to_pylist())
    batch.misfits = Counter(saved.misfits)
    batch.rejected = saved.rejected
    return batch


def _types(batch: Batch, shape: RowShape) -> dict[str, Type]:
    return {name: shape.columns[name] for name in batch.arrays if name in shape.columns}


def _packed(batch: Batch) -> bytes:
    columns = batch.columns
    table = pa.table(dict(columns))
    out = io.BytesIO()
    with pa.ipc.new_stream(out, table.schema) as writer:
        writer.write_table(table)
    return out.getvalue()


def _unpacked(rows: bytes) -> pa.Table:
    return pa.ipc.open_stream(rows).read_all()


def _checksum(content: bytes) -> bytes:
    return blake2b(content, digest_size=CHECKSUM).digest()
