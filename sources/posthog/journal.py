"""Half-read lists: the pages of a long walk are kept, so that after a run that broke off they need not be read again.

Kept are rows as they will be stored, after privacy, never what PostHog sent. Only lists in the order of names are gone
on with (what is new in others stands above what was kept), only by the same key under the same settings, only for so
long, and only if the last page that was kept is still the page that stands there. A row that came and one that went
before it are not seen that way, so such a walk proves nothing about deletions.
"""

from __future__ import annotations

import io
import logging
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import pyarrow as pa

from sources.posthog.batch import Batch, joined
from sources.posthog.catalogue import PEOPLE
from sources.posthog.endpoint import Type, query
from sources.posthog.errors import PageFailed, Unavailable
from sources.posthog.listing import Listing
from sources.posthog.paging import Page
from sources.posthog.people import latest_of
from sources.posthog.privacy import Policy
from sources.posthog.shape import Shape
from sources.posthog.values import digest

log = logging.getLogger("hogsync")

BUFFERED = 10
"""Up to so many pages nothing is written: reading them again costs less."""
HEAD, SEAL = 8, 16
"""Bytes that say how long a piece is, and those that tell whether it is whole."""


class Head(msgspec.Struct, frozen=True):
    """Whose walk this is, and when it began."""

    about: str
    began: datetime


class Leaf(msgspec.Struct, frozen=True):
    """One page: where it stands in its list, its rows as Arrow, and what else came with them."""

    at: str
    sent: int
    count: int | None
    rejected: int
    misfits: dict[str, int]
    people: list[dict[str, Any]]
    lists: list[str]
    named: dict[str, str]
    types: dict[str, Type]
    rows: bytes


class Journal:
    """The half-read lists of one warehouse, each in a file of its own; None as folder keeps nothing."""

    def __init__(self, folder: Path | None, now: datetime, trust: timedelta) -> None:
        self.folder = folder
        self.now = now
        self.trust = trust
        self._ended: list[Path] = []

    def half(
        self,
        listing: Listing,
        shape: Shape,
        asked: Mapping[str, Any],
        sees: str | None,
        since: datetime | None,
    ) -> Half | None:
        """The list's half-read walk, an empty one if there is none that holds; None for lists without a fixed order.

        What was kept before the list's last walk, as the warehouse knows it, holds no more.
        """
        ordered = query(listing.path).get("ordering") == "name"
        if self.folder is None or not self.trust or not ordered or sees is None:
            return None
        about = digest([listing.path, {k: str(v) for k, v in asked.items()}, sees, shape.fingerprint])
        return Half(self.folder / digest(listing.path), Head(about, self.now), shape, self, since)

    def ended(self, file: Path) -> None:
        """A walk came to its end; what was kept of it is needed until its rows are loaded."""
        self._ended.append(file)

    def settle(self) -> None:
        """Forget the walks whose rows are loaded, and those that nobody went on with in time."""
        for file in self._ended:
            forget(file)
        with suppress(OSError):
            for file in self.folder.parent.rglob("*") if self.folder else ():
                if file.is_file() and file.stat().st_mtime < (self.now - self.trust).timestamp():
                    forget(file)


class Half:
    """The pages of one walk."""

    def __init__(
        self, file: Path, head: Head, shape: Shape, journal: Journal, since: datetime | None
    ) -> None:
        self.file = file
        self._shape = shape
        self._journal = journal
        self._waiting: list[Callable[[], Leaf]] = []
        self._begun = False
        self._given_up = False
        self.head = self._found(head, since)

    def _found(self, own: Head, since: datetime | None) -> Head:
        """The head of what was kept, if it holds; else what was kept is thrown away."""
        try:
            with self.file.open("rb") as file:
                head = msgspec.msgpack.decode(_piece(file), type=Head)
        except FileNotFoundError:
            return own
        except (OSError, EOFError, msgspec.DecodeError):
            head = None
        age = own.began - head.began if head else self._journal.trust
        late = head is None or (since is not None and head.began < since)
        if head and head.about == own.about and not late and timedelta() <= age < self._journal.trust:
            return head
        forget(self.file)
        return own

    def leaves(self) -> Iterator[Leaf]:
        """The pages that were kept, in order; what was cut off at the end counts as never written."""
        if not self.file.exists():
            return
        with self.file.open("rb") as file, suppress(EOFError, msgspec.DecodeError):
            _piece(file)
            while True:
                yield msgspec.msgpack.decode(_piece(file), type=Leaf)

    def batch(self, leaf: Leaf) -> Batch:
        """A page's rows again; their shape learns of the columns that nobody declared."""
        self._shape.undeclared.named.update(leaf.named)
        for column, type_ in leaf.types.items():
            self._shape.columns.setdefault(column, type_)
        table = pa.ipc.open_stream(leaf.rows).read_all()
        columns = {name: table[name].combine_chunks() for name in table.column_names}
        batch = Batch([{}] * table.num_rows)
        batch.arrays = {name: array for name, array in columns.items() if name not in leaf.lists}
        batch.lists = {name: columns[name] for name in leaf.lists}
        batch.people.extend(leaf.people)
        batch.misfits = Counter(leaf.misfits)
        batch.rejected = leaf.rejected
        return batch

    def begin(
        self, shaped: Callable[[list[Any]], Batch], start: Callable[[str], Iterator[Page]]
    ) -> Iterator[Page] | None:
        """The pages from the last one on that was kept, None if there is none, or if another stands there now."""
        count, last, fit = 0, None, True
        for leaf in self.leaves():
            count, last, fit = count + 1, leaf, fit and self._fits(leaf)
        if last is None:
            return None
        with suppress(Unavailable, PageFailed, OSError, EOFError, pa.ArrowException):
            if fit:
                pages = start(last.at)
                page = next(pages)
                then, now = (_keys(batch, self._shape.key) for batch in (self.batch(last), shaped(page.rows)))
                if now and all(a == b for a, b in zip(then, now, strict=False)):
                    self.go_on(count - 1)
                    return chain([page], pages)
        self.begin_anew()
        return None

    def _fits(self, leaf: Leaf) -> bool:
        """Whether a page's columns are what they are called by now: another run may have met other values first."""
        columns, named = self._shape.columns, self._shape.undeclared.named
        taken = {column: name for name, column in named.items()}
        return all(columns.get(column, type_) == type_ for column, type_ in leaf.types.items()) and all(
            named.get(name, column) == column and taken.get(column, name) == name
            for name, column in leaf.named.items()
        )

    def go_on(self, leaves: int) -> None:
        """Keep the first so many pages; what follows is written behind them."""
        with self.file.open("rb+") as file:
            for _ in range(1 + leaves):
                _piece(file)
            file.truncate(file.tell())
        self._begun = True

    def begin_anew(self) -> None:
        """Forget what was kept: the list has moved."""
        forget(self.file)
        self._given_up = self.file.exists()  # somebody else's, who lets nobody remove it
        self.head = Head(self.head.about, self._journal.now)
        self._waiting.clear()
        self._begun = False

    def keep(self, page: Page, batch: Batch) -> None:
        """One more page; a disk that takes none only costs the chance to go on from here."""
        if self._given_up:
            return
        # Without the raw rows, and not encoded yet: most lists end before any of it is wanted.
        light = replace(batch, raws=())
        self._waiting.append(partial(self._leaf, replace(page, rows=[]), len(page.rows), len(batch), light))
        if len(self._waiting) <= BUFFERED and not self._begun:
            return
        try:
            self._write([msgspec.msgpack.encode(leaf()) for leaf in self._waiting])
        except (OSError, ValueError, OverflowError, TypeError) as error:
            log.debug("%s is not kept: %s", self.file, type(error).__name__)
            self.begin_anew()
            self._given_up = True

    def end(self) -> None:
        """The walk came to its end."""
        self._journal.ended(self.file)

    def _leaf(self, page: Page, sent: int, rows: int, batch: Batch) -> Leaf:
        shape, columns = self._shape, batch.columns
        table = joined([columns], [rows], {name: array.type for name, array in columns.items()})
        out = io.BytesIO()
        with pa.ipc.new_stream(out, table.schema) as writer:
            writer.write_table(table)
        return Leaf(
            at=page.at,
            sent=sent,
            count=page.count,
            rejected=batch.rejected,
            misfits=dict(batch.misfits),
            people=[_person(shape.policy, one) for one in latest_of(batch.people)],
            lists=list(batch.lists),
            named=dict(shape.undeclared.named),
            types={name: shape.columns[name] for name in batch.arrays if name in shape.columns},
            rows=out.getvalue(),
        )

    def _write(self, pieces: Sequence[bytes]) -> None:
        """Write pieces behind what is there, behind the head if nothing is."""
        head = [] if self.file.exists() else [msgspec.msgpack.encode(self.head)]
        self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(self.file, "ab", opener=_own) as out:
            out.writelines(_sealed(piece) for piece in (*head, *pieces))
        self._begun = True
        self._waiting.clear()


def forget(file: Path) -> None:
    """Remove a file, if it lets itself be removed."""
    with suppress(OSError):
        file.unlink(missing_ok=True)


NO_JOURNAL = Journal(None, datetime.min.replace(tzinfo=UTC), timedelta())
"""Keeps nothing."""


def _keys(batch: Batch, key: Sequence[str]) -> list[tuple[Any, ...]]:
    return list(zip(*map(batch.values, key), strict=True))


def _own(path: str, flags: int) -> int:
    """A file that belongs to its owner alone."""
    return os.open(path, flags, 0o600)


def _person(policy: Policy, user: Mapping[str, Any]) -> dict[str, Any]:
    """Of an embedded user what the settings keep as it is; the rest comes when somebody meets the user again."""
    return {
        field.name: user[field.name]
        for field in PEOPLE.fields
        if field.name in user
        and field.type != "json"
        and policy.mode(PEOPLE.table, field.name, field.privacy) == "keep"
    }


def _piece(file: BinaryIO) -> bytes:
    """The next piece of a file; EOFError at its end, or where it was cut off or damaged."""
    size = int.from_bytes(file.read(HEAD), "big")
    seal, piece = file.read(SEAL), file.read(size)
    if not size or seal != blake2b(piece, digest_size=SEAL).digest():
        raise EOFError
    return piece


def _sealed(piece: bytes) -> bytes:
    """A piece with its length and its seal before it."""
    return len(piece).to_bytes(HEAD, "big") + blake2b(piece, digest_size=SEAL).digest() + piece
