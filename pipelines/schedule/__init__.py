"""Runs `hogsync schedule`: each group at its own times, until SIGTERM or Ctrl-C.

APScheduler is only the clock: it reports that a group is due, and the `RunQueue` starts the group after those before
it. In APScheduler's own threads a run that comes due during the group's last run would be skipped; here it waits.
Between runs the service holds only its lock on the warehouse, on Postgres with an idle connection.
"""

from __future__ import annotations

import logging
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any, NoReturn

from pipelines.errors import HogsyncError, UsageError
from pipelines.schedule.queue import RunQueue
from pipelines.settings import Settings
from pipelines.settings.sections import GroupSettings
from pipelines.signals import handle

if TYPE_CHECKING:
    from pipelines.schedule.start import ServiceLock

log = logging.getLogger("hogsync")

TICK = 20.0
"""Seconds between two readings of the clock: a wait alone does not notice that the machine slept."""
NEVER_DROPPED = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
"""A group is due once, however late the clock is; APScheduler's default drops a run after one second."""

Trigger = Any  # APScheduler has no types


def run(settings: Settings) -> int:
    """Sync the groups of the settings at their times until SIGTERM or SIGINT, then return 0.

    Raises UsageError if there is nothing to do (no group, no such table, a crontab that never comes), and the errors of
    `look` and `ServiceLock`. Errors of a run are logged and never end the service.
    """
    return serve(settings, crontab, first_look=True)


def serve(
    settings: Settings, trigger: Callable[[str, GroupSettings], Trigger], *, first_look: bool = False
) -> int:
    """Run the service with each group's times from `trigger`; without `first_look` it starts without checks."""
    from pipelines.schedule.start import ServiceLock, look

    clock, runs, place = _clock(), RunQueue(), ServiceLock()
    _plan(clock, runs, settings, trigger)
    anew = _on_signals(runs)
    try:
        if first_look:
            look(settings)
        place.acquire(settings)
        clock.start()
        for name, group in settings.groups.items():
            _announce(name, group, clock.get_job(name).next_run_time)
            runs.due(name, catch_up=True)
        while True:
            _wait(anew)
            if anew:
                anew.clear()
                settings = _read_anew(clock, runs, place, settings, trigger)
            look_at(clock)
            place.verify(settings)
    except KeyboardInterrupt:
        log.info("The schedule ends.")
    finally:
        if clock.running:
            clock.shutdown(wait=False)
        runs.end()
        place.release()
    return 0


def _wait(anew: list[int]) -> None:
    """Wait for the next reading of the clock or SIGHUP: `time.sleep` goes on after a signal that raises nothing."""
    until = time.monotonic() + TICK
    while not anew and time.monotonic() < until:
        time.sleep(1)


def _plan(
    clock: Any, runs: RunQueue, settings: Settings, trigger: Callable[[str, GroupSettings], Trigger]
) -> None:
    """Set the clock to the groups of these settings and no others; raises UsageError before it changes anything."""
    _check_tables(settings)
    triggers = {name: trigger(name, group) for name, group in settings.groups.items()}
    for job in clock.get_jobs():
        if job.id not in triggers:
            job.remove()
    for name, times in triggers.items():
        clock.add_job(runs.due, times, [name], id=name, name=name, replace_existing=True)


def _read_anew(
    clock: Any,
    runs: RunQueue,
    place: ServiceLock,
    former: Settings,
    trigger: Callable[[str, GroupSettings], Trigger],
) -> Settings:
    """Load the settings again and plan by them; returns the former settings if the new ones are invalid."""
    from pipelines import logs, settings
    from pipelines.schedule.start import look

    try:
        found = settings.load()
        logs.hide(found.secrets)
        _check_tables(found)
        look(found)
        place.acquire(found)
        _plan(clock, runs, found, trigger)
    except HogsyncError as problem:
        log.error("The settings were not taken over, those of before hold on: %s", problem)
        return former
    log.info("The settings were read anew.")
    for name, group in found.groups.items():
        _announce(name, group, clock.get_job(name).next_run_time)
        if name not in former.groups:
            runs.due(name, catch_up=True)
    return found


def _check_tables(settings: Settings) -> None:
    from pipelines.sync.selection import Selection, chosen_tables

    if not settings.groups:
        raise UsageError(
            "The schedule has no group: write a [groups.all] into hogsync.toml, or no groups at all."
        )
    for group in settings.groups.values():
        chosen_tables(settings, Selection(tables=group.tables))


def _announce(name: str, group: GroupSettings, first: datetime) -> None:
    tables = ", ".join(group.tables) or "the whole selection"
    log.info(
        "Group %s (%s): crontab %s in %s, next at %s.", name, tables, group.crontab, group.timezone, first
    )


def _on_signals(runs: RunQueue) -> list[int]:
    """Handle SIGTERM and SIGINT: the first raises KeyboardInterrupt here, the second kills the current run.

    Returns a list to which SIGHUP is added; on a terminal SIGHUP keeps its meaning, that the terminal was closed.
    """
    noted: list[int] = []

    def kill(*_: object) -> None:
        runs.kill()

    def interrupt(*_: object) -> NoReturn:
        handle(kill)
        raise KeyboardInterrupt

    handle(interrupt)
    hang_up = getattr(signal, "SIGHUP", None)
    if hang_up and signal.getsignal(hang_up) is not signal.SIG_IGN and not sys.stdin.isatty():
        signal.signal(hang_up, lambda number, _: noted.append(number))
    return noted


# -- times


def crontab(name: str, group: GroupSettings) -> Trigger:
    """Return the group's times, in its time zone; raises UsageError if they never come."""
    from apscheduler.triggers.cron import CronTrigger

    said = f"The crontab of group {name} is {group.crontab!r}, which"
    try:
        trigger = CronTrigger.from_crontab(group.crontab, timezone=group.timezone)
    except ValueError:  # the settings have already validated the rest
        raise UsageError(f"{said} has a step wider than its range; name the times instead.") from None
    if next(_fires(trigger, datetime.now(UTC)), None) is None:
        raise UsageError(f"{said} never comes; give it a day that exists.")
    return trigger


def late(trigger: Trigger, last: datetime, now: datetime) -> bool:
    """True if a run was due since `last`, and `last` is longer ago than the crontab's period.

    If the period varies, as for weekdays only, the shortest of the next eight times counts.
    """
    fires = list(islice(_fires(trigger, last), 8))
    period = min((after - before for before, after in pairwise(fires)), default=timedelta(0))
    return bool(fires) and fires[0] <= now and now - last >= period


def _fires(trigger: Trigger, after: datetime) -> Iterator[datetime]:
    """Yield when `trigger` fires after a time; in UTC, because differences within a zone ignore summer time."""
    while fire := trigger.get_next_fire_time(None, after):
        moment: datetime = fire.astimezone(UTC)
        yield moment
        after = moment + timedelta(microseconds=1)


# -- the clock


def _clock() -> Any:
    """Return a scheduler without jobs that logs its events."""
    from apscheduler import events
    from apscheduler.executors.pool import ThreadPoolExecutor
    from apscheduler.schedulers.background import BackgroundScheduler

    clock = BackgroundScheduler(
        executors={"default": ThreadPoolExecutor(1)}, job_defaults=NEVER_DROPPED, timezone=UTC
    )
    names = ("EXECUTED", "ERROR", "MISSED", "MAX_INSTANCES")
    codes: Mapping[int, str] = {getattr(events, f"EVENT_JOB_{name}"): name for name in names}

    def tell(event: Any) -> None:
        """Log an event; any event but EXECUTED should be impossible, so it is logged as an error."""
        level = logging.DEBUG if event.code == events.EVENT_JOB_EXECUTED else logging.ERROR
        log.log(level, "The clock says %s for group %s.", codes[event.code], event.job_id)

    clock.add_listener(tell, sum(codes))
    return clock


def look_at(clock: Any, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
    """Wake the clock; a group that was planned while the time was set too far ahead is planned anew."""
    for job in clock.get_jobs():
        planned = job.next_run_time  # before `now`: a run that starts in between must not be planned twice
        due = job.trigger.get_next_fire_time(None, now())
        if planned and due and due < planned:
            log.warning("The time was set back: group %s is next at %s instead of %s.", job.id, due, planned)
            job.modify(next_run_time=due)
    clock.wakeup()
