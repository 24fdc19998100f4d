"""Checkpoints: save the pages of a long walk, and decide whether a later run may resume from them.

List path, key and settings -> a `Checkpoint`: the saved pages, and the pages that follow them.

It holds for the same key and settings, for `resume_within`, while no run has stored rows of the list. A list in the
order of names or of time resumes at its last saved page, if the same rows are still there. A stream, newest first, is
read from its top down to a saved row, then on from below the deepest saved page. Rows that changed among the saved ones
are not seen, so a resumed walk proves nothing about deletions.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from sources.posthog.catalogue.endpoint import query
from sources.posthog.catalogue.fields import Type
from sources.posthog.changes.table_changes import TableChanges
from sources.posthog.errors import PageFailed, Unavailable
from sources.posthog.extract.checkpoint_file import (
    CheckpointFile,
    CheckpointHeader,
    SavedPage,
    remove,
    to_batch,
    to_saved_page,
)
from sources.posthog.extract.walks import ListPath
from sources.posthog.paging.pagers import Page
from sources.posthog.shape.batch import Batch
from sources.posthog.shape.row_shape import RowShape
from sources.posthog.shape.types import digest

log = logging.getLogger("hogsync")

BUFFERED = 10
"""Up to this many pages nothing is written: reading them again costs less."""
SPARED = timedelta(hours=1)
"""Younger files are not swept: a run for another warehouse, with a longer trust, may be resuming them."""
REFUSALS = (400, 404)
"""PostHog's answers to a cursor that it no longer knows."""

Shaped = Callable[[list[Any]], Batch]
Start = Callable[[str], Iterator[Page]]
"""Returns the list's pages from an offset or cursor on, from its beginning if that is empty."""
Pages = tuple[Sequence[Page], Iterator[Page]]
"""Pages that are read already, and those that follow."""


class CheckpointStore:
    """The checkpoints of one warehouse, each in its own file; with None as folder nothing is saved."""

    def __init__(self, folder: Path | None, now: datetime, trust: timedelta) -> None:
        self.folder = folder
        self.now = now
        self.trust = trust
        self._ended: list[Path] = []

    def checkpoint(
        self,
        list_path: ListPath,
        changes: TableChanges,
        person: RowShape,
        asked: Mapping[str, Any],
        *,
        sees: str | None,
        since: datetime | None,
        anew: bool,
    ) -> Checkpoint | None:
        """Return the list's checkpoint, empty if none is valid; None for lists without a fixed order.

        A checkpoint is invalid if it began before the list's last walk that the warehouse remembers (`since`), or if
        the list is read `anew`: from its start, saving nothing.
        """
        ordered = query(list_path.path).get("ordering") == "name" or list_path.endpoint.plan != "snapshot"
        if self.folder is None or not ordered:
            return None
        file = self.folder / digest(list_path.path)
        if anew or not self.trust or sees is None:
            remove(file)
            return None
        about = digest(
            [list_path.path, {k: str(v) for k, v in asked.items()}, sees, changes.shape.fingerprint]
        )
        checkpoint = Checkpoint(
            list_path,
            CheckpointFile(file),
            CheckpointHeader(about, self.now),
            changes,
            person=person,
            journal=self,
        )
        header = checkpoint.file.header()
        if header and header.about == about and self._holds(header, since):
            checkpoint.header = header
        else:
            remove(file)
        return checkpoint

    def _holds(self, header: CheckpointHeader, since: datetime | None) -> bool:
        """Return whether a checkpoint is young, and no other walk has followed it."""
        young = timedelta() <= self.now - header.began < self.trust
        return young and (since is None or since < header.began)

    def holds(self) -> bool:
        """Return whether an earlier run left a checkpoint."""
        try:
            return self.folder is not None and any(self.folder.iterdir())
        except OSError:
            return False

    def ended(self, file: Path) -> None:
        """Note a walk that reached its end; its file is needed until its rows are loaded."""
        self._ended.append(file)

    def settle(self) -> None:
        """Remove the files of walks whose rows are loaded."""
        for file in self._ended:
            remove(file)

    def sweep(self) -> None:
        """Remove files that no run resumed in time, of all warehouses: some may have no run any more."""
        before = (self.now - max(self.trust, SPARED)).timestamp()
        for folder, _, files in os.walk(self.folder.parent) if self.folder else ():
            for file in (Path(folder, name) for name in files):
                with suppress(OSError):  # another run may be sweeping too
                    if file.stat().st_mtime < before:
                        remove(file)


@dataclass(slots=True)
class _Summary:
    """Summary of the saved pages: how many, the last, the rows' keys, their columns."""

    count: int = 0
    last: SavedPage | None = None
    keys: set[tuple[Any, ...]] = field(default_factory=set)
    named: dict[str, str] = field(default_factory=dict)
    types: dict[str, Type] = field(default_factory=dict)
    people_types: dict[str, Type] = field(default_factory=dict)


class Checkpoint:
    """One walk over one list, of which an earlier run may have read the beginning."""

    def __init__(
        self,
        list_path: ListPath,
        file: CheckpointFile,
        header: CheckpointHeader,
        changes: TableChanges,
        *,
        person: RowShape,
        journal: CheckpointStore,
    ) -> None:
        self.file = file
        self.header = header
        self._list_path = list_path
        self._shape = changes.shape
        self._person = person
        self._stock = changes.stored_index
        self._store = journal
        self._waiting: list[Callable[[], SavedPage]] = []
        self._begun = False
        self._given_up = False
        self._held = 0
        """The number of saved pages that this walk resumes."""

    # -- resuming

    def resume(self, shaped: Shaped, start: Start) -> Pages:
        """Return what the walk reads: the pages that join a valid checkpoint, else the list from its start."""
        met = self._summary()
        if met.last and self._newest(met.last):
            join = self._resume_stream if self._stream else self._resume_after
            return join(met, met.last, shaped, start)
        return self._from_top(start)

    @property
    def _stream(self) -> bool:
        return self._list_path.endpoint.plan == "stream"

    def _newest(self, last: SavedPage) -> bool:
        """Return whether no later run stored rows of the list: saved rows would replace newer ones."""
        return self._stock.unchanged_since(self._list_path.parent_ids, last.read)

    def kept(self) -> Iterator[SavedPage]:
        """Yield the saved pages that are resumed, in the order in which they were read: a row's last occurrence counts.

        Raises PageFailed if some are missing: the walk resumes below them, so their rows would be lost without a
        notice.
        """
        came = 0
        for page in islice(self.file, self._held):
            came += 1
            yield page
        if came < self._held:
            raise PageFailed(
                f"{self._list_path.url_path}: the file of what an earlier run had read of it was changed from outside; "
                "the next sync reads it again."
            )

    def _summary(self) -> _Summary:
        met = _Summary()
        for page in self.file:
            met.count, met.last = met.count + 1, page
            met.types |= page.types
            met.named |= {name: column for name, column in page.named.items() if column in page.types}
            met.people_types |= page.people_types
            if self._stream:
                met.keys.update(self._keys(to_batch(page)))
        return met

    def _from_top(self, start: Start) -> Pages:
        self._drop_kept()
        return (), start("")

    def _resume_after(self, met: _Summary, last: SavedPage, shaped: Shaped, start: Start) -> Pages:
        """Resume from the last saved page, if it still has the same rows."""
        if again := self._from(last.at, start):
            (page,), _ = again
            then, now = self._keys(to_batch(last)), self._keys(shaped(self._declared(page.rows)))
            same = bool(now) and all(a == b for a, b in zip(then, now, strict=False))
            if same and self._go_on(met, met.count - 1):
                return again
        return self._from_top(start)

    def _resume_stream(self, met: _Summary, last: SavedPage, shaped: Shaped, start: Start) -> Pages:
        """Read from the top down to a saved row, then from below the deepest page.

        The pages from the top are saved lowest first, each as if below the deepest: wherever a run breaks off, its
        checkpoint is one piece.
        """
        tops: list[Page] = []
        met_again = False
        for page in (pages := start("")):
            tops.append(page)
            keys = self._keys(shaped(self._declared(page.rows)))
            met_again = bool(keys) and keys[-1] in met.keys
            if met_again or len(tops) == BUFFERED:
                break
        at_end: Pages = (), iter(())
        deeper = (self._from(last.next, start) if last.next else at_end) if met_again else None
        if deeper is None or not self._go_on(met, met.count):
            self._drop_kept()
            return tops, pages
        joined = [replace(top, next=last.next, last=not last.next) for top in reversed(tops)]
        return [*joined, *deeper[0]], deeper[1]

    def _from(self, at: str, start: Start) -> Pages | None:
        """Return one page and those behind it; None if PostHog no longer knows the place."""
        pages = start(at)
        try:
            return [next(pages)], pages
        except Unavailable:
            return None
        except PageFailed as failed:
            if failed.status in REFUSALS:
                return None
            raise

    def _keys(self, batch: Batch) -> list[tuple[Any, ...]]:
        return list(zip(*map(batch.values, self._shape.key), strict=True))

    def _declared(self, rows: Sequence[Any]) -> list[Any]:
        """Return rows without undeclared fields: comparing keys must not add columns."""
        position = {declared.name for declared in self._list_path.endpoint.fields}
        return [
            {name: value for name, value in row.items() if name in position} if isinstance(row, dict) else row
            for row in rows
        ]

    def _go_on(self, met: _Summary, file: int) -> bool:
        """Keep the first `file` saved pages, with their columns, and append to them.

        False if the pages are no longer there, or their columns conflict with those that this run has by now.
        """
        try:
            self.file.cut(file)
        except (OSError, EOFError):
            return False
        if not (
            self._shape.adopt_columns(met.named, met.types)
            and self._person.adopt_columns({}, met.people_types)
        ):
            return False
        self._begun, self._held = True, file
        return True

    # -- saving

    def _drop_kept(self) -> None:
        """Remove the saved pages, of any run: from here on this walk is a new one."""
        self._given_up = not remove(self.file.file)
        self.header = CheckpointHeader(self.header.about, self._store.now)
        self._waiting.clear()
        self._begun, self._held = False, 0

    def append(self, page: Page, batch: Batch) -> None:
        """Save one more page; if the disk refuses it, the walk only loses its checkpoint."""
        # Without a next cursor, a run that resumed below this page would take it for the end of the list.
        nowhere = self._stream and not page.last and not page.next
        if self._given_up or nowhere:
            return
        # Without the raw rows, and not encoded yet: most lists end before any of it is needed.
        light, bare = replace(batch, raws=[{}] * len(batch)), replace(page, rows=[])
        sent, shapes = len(page.rows), (self._shape, self._person)
        self._waiting.append(partial(to_saved_page, bare, light, sent, shapes, self._store.now))
        if len(self._waiting) <= BUFFERED and not self._begun:
            return
        try:
            self._write([page() for page in self._waiting])
        except (OSError, ValueError, OverflowError, TypeError) as error:
            log.debug("%s is not kept: %s", self.file.file, type(error).__name__)
            self._drop_kept()
            self._given_up = True

    def _write(self, file: Sequence[SavedPage]) -> None:
        if not self._begun:
            self.file.create(self.header)
            self._begun = True
        self.file.add(file)
        self._waiting.clear()

    def complete(self) -> None:
        """Note that the walk reached its end."""
        self._store.ended(self.file.file)


NO_CHECKPOINTS = CheckpointStore(None, datetime.min.replace(tzinfo=UTC), timedelta())
"""Saves nothing."""
