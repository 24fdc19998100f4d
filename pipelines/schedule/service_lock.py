"""Makes a schedule service the only one of its warehouse and datasets."""

from __future__ import annotations

import logging

from pipelines.errors import HogsyncError, WarehouseProblem
from pipelines.locking.backends import LoadLock, new_lock
from pipelines.settings import Settings

log = logging.getLogger("hogsync")

SERVICE = "schedule"
"""The purpose that separates a service's lock from the load lock."""


class ServiceLock:
    """The lock of a warehouse's only service, held until this process ends."""

    def __init__(self) -> None:
        self._where: tuple[str, ...] = ()
        self._lock: LoadLock | None = None

    def acquire(self, settings: Settings) -> None:
        """Take the lock; keeps a lock that is held already if the warehouse is the same.

        Raises WarehouseProblem if another service holds it; if the warehouse cannot be reached, the lock is not taken.
        """
        datasets = [place.dataset for place in settings.each_connection()]
        where = (settings.warehouse.label, *datasets * (settings.warehouse.kind == "postgresql"))
        if self._lock and self._where == where:
            return
        try:
            lock = new_lock(settings, "hogsync schedule", SERVICE, datasets)
            taken = lock.acquire()
        except HogsyncError:  # `look` has logged it
            return
        if not taken:
            holder = lock.holder()
            lock.release()
            raise WarehouseProblem(
                f"The warehouse {settings.warehouse.label} has a service already: {holder}. End that one first, or "
                "give this one another warehouse or dataset."
            )
        self.release()
        self._where, self._lock = where, lock

    def verify(self, settings: Settings) -> None:
        """Take the lock again if the server ended its connection, or if it could not be reached before."""
        try:
            if self._lock:
                self._lock.verify()
        except HogsyncError:
            self.release()
        try:
            self.acquire(settings)
        except WarehouseProblem as problem:
            log.error("%s", problem)

    def release(self) -> None:
        """Release the lock, so that another service can take it."""
        if self._lock:
            self._lock.release()
        self._lock = None
