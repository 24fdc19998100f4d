"""Holds the load lock: one process writes to a warehouse at a time, and the lock ends with its process.

with load_lock(settings, settings.wait, "hogsync sync"):
    ...  # no other process loads
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

from pipelines.errors import WarehouseProblem
from pipelines.locking.backends import LoadLock, new_lock
from pipelines.settings import Settings

POLL = 0.2

logger = logging.getLogger(__name__)


@contextmanager
def load_lock(settings: Settings, wait: float, who: str) -> Iterator[LoadLock]:
    """Hold the load lock while the block runs; the server of a Postgres may end it earlier.

    `who` names this process to those that wait ("hogsync sync"). Raises WarehouseProblem if the warehouse cannot be
    reached, or the lock is still held after `wait` seconds (0: do not wait, infinity: wait without limit).
    """
    lock = new_lock(settings, who)
    try:
        _wait_for_lock(lock, settings.warehouse.label, wait)
        yield lock
    finally:
        lock.release()


def _wait_for_lock(lock: LoadLock, label: str, wait: float) -> None:
    deadline, named = time.monotonic() + wait, ""
    while not lock.acquire():
        holder = lock.holder()
        if time.monotonic() >= deadline:
            raise WarehouseProblem(
                f"The warehouse {label} is held by {holder}, still after {wait:g} s of waiting; "
                "try again when that is done, or wait longer by HOGSYNC_WAREHOUSE__WAIT."
            )
        if holder != named:
            limit = "" if math.isinf(wait) else f", {deadline - time.monotonic():.0f} s at most"
            logger.warning("The warehouse %s is held by %s: waiting%s.", label, holder, limit)
            named = holder
        time.sleep(POLL)
