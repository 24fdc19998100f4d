"""Takes the load lock: writers of one warehouse take turns, and a turn ends with its process.

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
from pipelines.locking.backends import AdvisoryLoadLock, FileLoadLock, LoadLock
from pipelines.settings import Settings

POLL = 0.2

logger = logging.getLogger(__name__)


@contextmanager
def load_lock(settings: Settings, wait: float, who: str) -> Iterator[LoadLock]:
    """The warehouse's only load lane, for as long as the block runs or the server of a Postgres does not end it.

    `who` is what others read while they wait ("hogsync sync"). WarehouseProblem if the warehouse is out of
    reach, or still held after `wait` seconds (0: no waiting, infinity: as long as it takes).
    """
    warehouse = settings.warehouse
    turn = (
        FileLoadLock(warehouse, who)
        if warehouse.kind == "duckdb"
        else AdvisoryLoadLock(warehouse, settings.dataset, who)
    )
    try:
        _wait_for_lock(turn, warehouse.label, wait)
        yield turn
    finally:
        turn.release()


def _wait_for_lock(turn: LoadLock, label: str, wait: float) -> None:
    """Return with the turn taken; each holder on the way is named once."""
    deadline, named = time.monotonic() + wait, ""
    while not turn.acquire():
        holder = turn.holder()
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
