"""Checks a schedule service when it starts, and makes it the only one of its warehouse.

Wrong settings, a refused key or another PostHog's dataset end the service with the exit code of a sync. A PostHog or a
warehouse that cannot be reached is only logged: it may be back when a group is due.
"""

from __future__ import annotations

import logging

from pipelines.check.posthog import PATIENCE
from pipelines.check.warehouse import examine_warehouse
from pipelines.errors import HogsyncError, KeyProblem, UsageError, WarehouseProblem
from pipelines.from_settings import open_client
from pipelines.locking.backends import LoadLock, new_lock
from pipelines.settings import Settings
from pipelines.sync.selection import known_tables
from sources.posthog.catalogue import ENDPOINTS
from sources.posthog.errors import KeyRefused, Misdirected, PageFailed
from sources.posthog.extract.api_key import current_key

log = logging.getLogger("hogsync")

SERVICE = "schedule"
"""The purpose that separates a service's lock from the load lock."""


def look(settings: Settings) -> None:
    """Raise UsageError or KeyProblem for errors that need a person; other errors are logged."""
    _look_at_posthog(settings)
    chosen = (group.tables or settings.selection.tables or ENDPOINTS for group in settings.groups.values())
    for finding in examine_warehouse(settings, known_tables(table for tables in chosen for table in tables)):
        if finding.exit_code == UsageError.exit_code:
            raise UsageError(finding.text)
        if finding.exit_code:
            log.error("%s The service goes on and tries when a group is due.", finding.text)


def _look_at_posthog(settings: Settings) -> None:
    key = settings.require_key().get_secret_value()
    try:
        with open_client(settings, key, retry=PATIENCE) as client:
            current_key(client.get)
    except KeyRefused as refused:
        raise KeyProblem(str(refused)) from None
    except Misdirected as problem:
        raise UsageError(str(problem)) from None
    except PageFailed as failed:
        log.error("%s The service goes on and tries when a group is due.", failed)


class ServiceLock:
    """The lock of a warehouse's only service, held until this process ends."""

    def __init__(self) -> None:
        self._where = ("", "")
        self._lock: LoadLock | None = None

    def acquire(self, settings: Settings) -> None:
        """Take the lock; keeps a lock that is held already if the warehouse is the same.

        Raises WarehouseProblem if another service holds it; if the warehouse cannot be reached, the lock is not taken.
        """
        where = (settings.warehouse.label, settings.dataset)
        if self._lock and self._where == where:
            return
        try:
            lock = new_lock(settings, "hogsync schedule", SERVICE)
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
