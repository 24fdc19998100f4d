"""Runs `hogsync schedule`: each group of each connection at its own times, until SIGTERM or Ctrl-C.

`pipelines.crontab` tells the times. The service reads the clock every few seconds, so that it notices a machine that
slept and a time that was set back, and hands due jobs to the `RunQueue`. Between runs it holds only its lock.
"""

from __future__ import annotations

import logging
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NoReturn

from pipelines import logs
from pipelines.crontab import Trigger, crontab
from pipelines.errors import HogsyncError, Interrupted, UsageError
from pipelines.schedule.jobs import Job, Limits
from pipelines.schedule.looking import looking, problems_of
from pipelines.schedule.queue import Report, RunQueue
from pipelines.schedule.timetable import Timetable
from pipelines.settings import Settings, load
from pipelines.settings.sections import GroupSettings
from pipelines.signals import handle

if TYPE_CHECKING:
    from pipelines.schedule.listener import Health
    from pipelines.schedule.metrics import Metrics
    from pipelines.schedule.service_lock import ServiceLock

log = logging.getLogger("hogsync")

LOCK_VERIFIED = 20.0
"""Seconds between two looks at the service's lock."""
BUSY, IDLE = 0.5, 5.0
"""Seconds between two looks at the clock: while a run goes on or waits, and while none does."""
UNLOOKED = "The first look at this connection goes on."

TriggerOf = Callable[[str, GroupSettings], Trigger]


def run(settings: Settings, trigger: TriggerOf = crontab) -> int:
    """Sync the groups of the settings at their times until SIGTERM or SIGINT, then return 0.

    Raises UsageError if there is nothing to do (no group, no such table, a crontab that never comes), and the errors of
    `problems_of`, `ServiceLock` and `Listener`. Errors of a run are logged and never end the service.
    """
    with ExitStack() as ends:
        service = Service(settings, trigger)
        hung_up = _on_signals(service.runs)
        ends.callback(service.end)
        try:
            service.lock.acquire(settings)  # first: two services of one warehouse have the same address, too
            service.listen()
            service.begin()
            for _ in service.ticks():
                if hung_up:
                    hung_up.clear()
                    service.read_settings()
        except KeyboardInterrupt:
            log.info("The schedule ends.")
    return 0


@dataclass(slots=True)
class Service:
    """A running schedule."""

    settings: Settings
    trigger: TriggerOf
    runs: RunQueue = field(default_factory=RunQueue)
    times: Timetable = field(default_factory=lambda: Timetable({}))
    lock: ServiceLock = field(init=False)
    health: Health = field(init=False)
    metrics: Metrics | None = None

    def __post_init__(self) -> None:
        from pipelines.schedule.listener import Health
        from pipelines.schedule.service_lock import ServiceLock

        self.lock, self.health = ServiceLock(), Health(dict.fromkeys(connections_of(self.settings), UNLOOKED))
        self.runs.limits, self.runs.ended = self._limits, self._learn

    def begin(self, again: Settings | None = None) -> None:
        """Check the settings, take their warehouse's lock and catch up the jobs of groups and connections.

        `again` are settings that were read again: they replace the former ones if they are right, and only jobs that
        the former ones had not are caught up.
        """
        settings = again or self.settings
        logs.follow(settings)
        with looking() as look:
            _refuse_nothing_to_do(settings)
            times = Timetable({name: self.trigger(name, group) for name, group in settings.groups.items()})
            problems = problems_of(connections_of(settings), look)
        self.lock.acquire(settings)
        known = {*jobs_of(self.settings)} if again else set()
        self.settings, self.times, self.runs.at_once = settings, times, settings.parallel
        self.health.problems = problems
        if self.metrics:
            self.metrics.keep(connections_of(settings))
        if again:
            log.info("The settings were read again.")
        for name, group in settings.groups.items():
            tables = ", ".join(group.tables) or "the whole selection"
            when = f"crontab {group.crontab} in {group.timezone}, next at {times.planned[name]}"
            log.info("Group %s (%s): %s.", name, tables, when)
        for job in jobs_of(settings):
            if job not in known:
                self.runs.due(job, catch_up=True)

    def listen(self) -> None:
        """Serve probes and metrics, if the settings say where."""
        place = self.settings.service.listen
        if not place:
            return
        from pipelines.schedule.listener import Listener
        from pipelines.schedule.metrics import Metrics

        self.metrics = Metrics(self._planned)
        port = Listener(place, self.metrics, self.health).port
        log.info("/livez, /readyz and /metrics are served at %s.", place.rpartition(":")[0] + f":{port}")

    def ticks(self) -> Iterator[None]:
        """Hand over what is due and step the runs, again and again; yields after each time."""
        verified = time.monotonic()
        while True:
            time.sleep(self._pause())
            for group in self.times.due(datetime.now(UTC)):
                for job in jobs_of(self.settings, group):
                    jitter = self.settings.groups[group].jitter.total_seconds()
                    self.runs.due(job, delay=random.uniform(0, jitter))  # noqa: S311  no secret
            self.runs.step()
            if time.monotonic() - verified >= LOCK_VERIFIED:
                verified = time.monotonic()
                self.lock.verify(self.settings)
            yield

    def _pause(self) -> float:
        if self.runs.running or self.runs.waiting:
            return BUSY
        nearest = min(self.times.planned.values()) - datetime.now(UTC)
        return min(max(nearest.total_seconds(), 0.0), IDLE)

    def read_settings(self) -> None:
        """Read the settings again; wrong ones change nothing."""
        try:
            self.begin(load())
        except HogsyncError as problem:
            log.error("The former settings stay in force, because the new ones are wrong: %s", problem)

    def end(self) -> None:
        """End the current runs, and let another service take the warehouse."""
        self.runs.end()
        self.lock.release()

    def _limits(self, job: Job) -> Limits:
        group = self.settings.groups.get(job.group) or GroupSettings()
        return Limits(group.timeout, group.retries, self.times.planned.get(job.group))

    def _learn(self, job: Job, code: int, report: Report) -> None:
        """Take in the end of a run, unless its group or connection was removed meanwhile."""
        if job not in jobs_of(self.settings):
            return
        has_looked = "run" in report and code != Interrupted.exit_code
        if has_looked:
            self.health.learn(job.connection, report.get("problem"))
        if self.metrics:
            self.metrics.learn(job, code, report)

    def _planned(self) -> dict[str, datetime]:
        """Return the next time of each connection, none before the first look has ended.

        A group of settings that are being read again may have no time yet.
        """
        found = dict[str, datetime]()
        for job in jobs_of(self.settings):
            if at := self.times.planned.get(job.group):
                found[job.connection] = min(at, found.get(job.connection, at))
        return found


def connections_of(settings: Settings) -> list[str]:
    """Return the names of all connections."""
    return [place.connection_name for place in settings.each_connection()]


def jobs_of(settings: Settings, group: str = "") -> Iterator[Job]:
    """Yield the jobs of a group, or of all groups: one for each of its connections."""
    for name in [group] if group else settings.groups:
        for place in settings.each_connection(settings.groups[name].connections):
            yield Job(name, place.connection_name)


def _refuse_nothing_to_do(settings: Settings) -> None:
    from pipelines.sync.selection import Selection, chosen_tables

    if not settings.groups:
        raise UsageError(
            "The schedule has no group: write a [groups.all] into hogsync.toml, or no groups at all."
        )
    for group in settings.groups.values():
        chosen_tables(settings, Selection(tables=group.tables))


def _on_signals(runs: RunQueue) -> list[int]:
    """Handle SIGTERM and SIGINT: the first raises KeyboardInterrupt here, the second kills the current runs.

    Returns a list to which SIGHUP is added; on a terminal SIGHUP keeps its meaning, that the terminal was closed.
    """
    noted: list[int] = []

    def interrupt(*_: object) -> NoReturn:
        handle(lambda *_: runs.kill())
        raise KeyboardInterrupt

    handle(interrupt)
    hang_up = getattr(signal, "SIGHUP", None)
    if hang_up and signal.getsignal(hang_up) is not signal.SIG_IGN and not sys.stdin.isatty():
        signal.signal(hang_up, lambda number, _: noted.append(number))
    return noted
