"""Reads the facts of the run records from the warehouse, or from their copy while a sync holds the DuckDB file.

A missing warehouse is not made, and has no facts.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from pipelines.bookkeeping.kept_facts import kept_facts
from pipelines.bookkeeping.run_facts import NOTHING, Ask, Columns, RunFacts, columns_in, run_facts
from pipelines.errors import WarehouseProblem
from pipelines.from_settings import hasty, open_warehouse
from pipelines.locking.backends import new_lock
from pipelines.query.query import DatasetMissing, asking

if TYPE_CHECKING:
    from pipelines.settings import Settings

T = TypeVar("T")

WAIT = 2.0
"""Seconds to wait for a DuckDB file: a sync without changes holds it for less, and a probe has little time."""


def facts_now(settings: Settings, now: datetime) -> tuple[RunFacts | None, str | None]:
    """Return the facts of a connection's run records, and the process that keeps them from being read, if one does.

    Without a copy the facts are None then. Raises WarehouseProblem if the warehouse cannot be read.
    """
    try:
        return read_facts(settings, now), None
    except WarehouseProblem:
        running = _holder(settings) if settings.warehouse.kind == "duckdb" else None
        if not running:
            raise
        return kept_facts(settings), running


def read_facts(settings: Settings, now: datetime) -> RunFacts:
    """Return the facts of a connection's run records as the warehouse tells them."""
    return from_records(settings, WAIT, partial(run_facts, now=now), NOTHING)


def from_records(settings: Settings, wait: float, read: Callable[[Ask, str, Columns], T], otherwise: T) -> T:
    """Return what `read` finds in the run records of a connection, `otherwise` if it has no dataset yet.

    A DuckDB file that another process holds is waited for as many seconds at most. Raises WarehouseProblem if the
    warehouse cannot be read.
    """
    place = hasty(settings, wait)
    if not open_warehouse(place).exists():
        return otherwise
    try:
        with asking(place) as ask:
            return read(ask, settings.dataset, columns_in(ask, settings.dataset))
    except DatasetMissing:
        return otherwise


def _holder(settings: Settings) -> str | None:
    """Return the process that holds the load lock, None if no sync holds the file."""
    lock = new_lock(settings, "hogsync status")
    try:
        return None if lock.acquire() else lock.holder()
    except WarehouseProblem:  # the lock is another user's
        return None
    finally:
        lock.release()
