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
from pipelines.sync.outcome import ExtractionFailed
from pipelines.sync.selection import known_tables
from sources.posthog.catalogue import ENDPOINTS
from sources.posthog.errors import KeyRefused, Misdirected, PageFailed
from sources.posthog.extract.api_key import current_key

log = logging.getLogger("hogsync")

SERVICE = "schedule"
"""The purpose that separates a service's lock from the load lock."""


def look(settings: Settings) -> dict[str, HogsyncError]:
    """Return the problems of each connection; raises the first that needs a person if no connection is without one.

    Other problems are logged: a PostHog or a warehouse may be back when a group is due.
    """
    problems = dict[str, HogsyncError]()
    places = settings.each_connection()
    for place in places:
        try:
            if problem := _problem_of(place):
                problems[place.connection_name] = problem
        except (UsageError, KeyProblem) as problem:
            problems[place.connection_name] = problem
            if len(places) > 1:
                log.error("Connection %s: %s", place.connection_name, problem)
    lasting = [problem for problem in problems.values() if isinstance(problem, UsageError | KeyProblem)]
    if len(lasting) == len(places):
        raise lasting[0]
    return problems


def _problem_of(settings: Settings) -> HogsyncError | None:
    """Raise UsageError or KeyProblem for errors that need a person; another problem is logged and returned."""
    problem = _look_at_posthog(settings)
    chosen = (group.tables or settings.selection.tables or ENDPOINTS for group in settings.groups.values())
    for finding in examine_warehouse(settings, known_tables(table for tables in chosen for table in tables)):
        if finding.exit_code == UsageError.exit_code:
            raise UsageError(finding.text)
        if finding.exit_code:
            log.error("%s The service goes on and tries when a group is due.", finding.text)
            problem = WarehouseProblem(finding.text)
    return problem


def _look_at_posthog(settings: Settings) -> HogsyncError | None:
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
        return ExtractionFailed(str(failed))
    return None


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
