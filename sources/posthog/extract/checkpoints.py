"""Checkpoints: saves the pages of a long walk, so that a later run resumes an interrupted one below its deepest page.

A list's pager -> its pages, shaped, the saved ones first. Rows that changed above the place are not seen, so a resumed
walk proves nothing about deletions, and its watermark is its beginning's.
"""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from sources.posthog.errors import PageFailed, Unavailable
from sources.posthog.extract.checkpoint_file import (
    CheckpointFile,
    CheckpointHeader,
    SavedPage,
    remove,
    to_batch,
    to_saved_page,
)
from sources.posthog.paging.pages import Page
from sources.posthog.shape.batch import Batch
from sources.posthog.shape.row_shape import RowShape
from sources.posthog.shape.types import digest

log = logging.getLogger("hogsync")

BUFFERED = 10
"""Up to this many pages nothing is written: reading them again costs less."""
MIN_SWEEP_AGE = timedelta(hours=1)
"""Younger files are not swept: a run for another warehouse, with a longer `resume_within`, may be resuming them."""
REFUSALS = (400, 404)
"""PostHog's answers to a cursor that it no longer knows."""

Pages = Callable[[str], Iterator[Page]]
"""Returns a list's pages from an offset or cursor on, from its beginning if that is empty."""


@dataclass(frozen=True, slots=True)
class ReadPage:
    """One page of a walk: its rows as they will be stored, and the number of rows that PostHog sent."""

    batch: Batch
    sent: int
    count: int | None
    last: bool
    resumed: bool = False
    """Whether an earlier run read it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListState:
    """What decides whether the saved pages of a list hold, and how they are shaped."""

    path: str
    about: str
    """Digest of list path, query, fingerprint and columns; empty if the list is read from its start and not saved."""
    walked: datetime | None
    """When the last walk began that the warehouse remembers."""
    written: datetime | None
    """When the run began that last wrote a row of the table: saved rows must not replace newer ones."""
    shapes: tuple[RowShape, RowShape]
    """Of the rows, and of the people whom they name."""


class CheckpointStore:
    """The checkpoints of one warehouse, each in its own file; with None as folder nothing is saved."""

    def __init__(self, folder: Path | None, now: datetime, trust: timedelta) -> None:
        self.folder = folder
        self.now = now
        self.trust = trust
        self._ended: list[Path] = []

    def resumable(
        self, state: ListState, pages: Pages, shaped: Callable[[list[Any]], Batch], enough: Callable[[], bool]
    ) -> Iterator[ReadPage]:
        """Yield a list's pages until there are `enough`: those of a valid checkpoint, then those below them."""
        with closing(CheckpointFile((self.folder or Path()) / digest(state.path))) as file:
            last = self._last_saved(file, state)
            place = last.next if last else None
            met: str | None = None
            below = _below(pages, place)  # if it is refused, the saved pages do not count as read
            for saved in file.pages(partial(_adopt_columns, state.shapes)) if last else ():
                met = saved.next
                yield ReadPage(to_batch(saved), saved.sent, saved.count, not met, resumed=True)
            if met != place:  # some columns conflict, or the file was changed from outside
                below = _below(pages, met)
            save = self._saver(file, state)
            for page in below:
                batch = shaped(page.rows)
                save(page, batch)
                yield ReadPage(batch, len(page.rows), page.count, page.last)
                if enough():
                    break
            if file.file:
                self._ended.append(file.path)

    def _last_saved(self, file: CheckpointFile, state: ListState) -> SavedPage | None:
        """Return the deepest page of a valid checkpoint; remove any other."""
        header = file.open() if self._is_used(state) else None
        (last,) = deque(file.pages(lambda _: True), 1) or (None,)
        if (
            header
            and last
            and header.about == state.about
            and timedelta() <= self.now - header.began < self.trust
            and (state.walked is None or state.walked < header.began)
            and (state.written is None or state.written <= last.read)
        ):
            return last
        if self.folder:
            file.remove()
        return None

    def _is_used(self, state: ListState) -> bool:
        return bool(self.folder and self.trust and state.about)

    def _saver(self, file: CheckpointFile, state: ListState) -> Callable[[Page, Batch], None]:
        """Return what saves one more page; if the disk refuses it, the walk only loses its checkpoint."""
        waiting: list[tuple[Page, Batch]] = []
        is_saving = self._is_used(state)

        def save(page: Page, batch: Batch) -> None:
            nonlocal is_saving
            if not is_saving or not (page.last or page.next):  # below a page that leads nowhere may be more
                return
            # Without the raw rows, and not encoded yet: most lists end before any of it is needed.
            bare = replace(page, rows=[{}] * len(page.rows)), replace(batch, raws=[{}] * len(batch))
            waiting.append(bare)
            if len(waiting) <= BUFFERED and not file.file:
                return
            try:
                if not file.file:
                    file.create(CheckpointHeader(state.about, self.now))
                for one in waiting:
                    file.add(to_saved_page(*one, state.shapes, self.now))
                waiting.clear()
            except (OSError, ValueError, OverflowError, TypeError) as error:
                log.debug("%s is not kept: %s", file.path, type(error).__name__)
                file.remove()
                is_saving = False

        return save

    def holds(self) -> bool:
        """Return whether an earlier run left a checkpoint."""
        try:
            return self.folder is not None and any(self.folder.iterdir())
        except OSError:
            return False

    def settle(self) -> None:
        """Remove the files of walks that reached their end and whose rows are loaded."""
        for path in self._ended:
            remove(path)

    def sweep(self) -> None:
        """Remove files that no run resumed in time, of all warehouses: some may have no run any more."""
        before = (self.now - max(self.trust, MIN_SWEEP_AGE)).timestamp()
        for folder, _, files in os.walk(self.folder.parent) if self.folder else ():
            for file in (Path(folder, name) for name in files):
                with suppress(OSError):  # another run may be sweeping too
                    if file.stat().st_mtime < before:
                        remove(file)


def _adopt_columns(shapes: tuple[RowShape, RowShape], saved: SavedPage) -> bool:
    """Take over the columns of a saved page; False if they conflict with those that this run has by now."""
    shape, person = shapes
    return shape.adopt_columns(saved.named, saved.types) and person.adopt_columns({}, saved.people_types)


def _below(pages: Pages, place: str | None) -> Iterator[Page]:
    """Ask for the page at a place, and return it and those below it.

    They are all pages if there is no place, or if PostHog no longer knows it, and none below the last page.
    """
    if place == "":
        return iter(())
    below = pages(place or "")
    try:
        return chain([next(below)], below)
    except (Unavailable, PageFailed) as failed:
        if not place or (isinstance(failed, PageFailed) and failed.status not in REFUSALS):
            raise
    return pages("")


NO_CHECKPOINTS = CheckpointStore(None, datetime.min.replace(tzinfo=UTC), timedelta())
"""Saves nothing."""
