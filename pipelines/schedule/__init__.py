"""Runs `hogsync schedule`: each group at its own times, until SIGTERM or Ctrl-C.

`pipelines.crontab` tells the times. The service reads the clock each second, so that it notices a machine that slept
and a time that was set back, and hands due groups to the `RunQueue`. Between runs it holds only its lock.
"""

from __future__ import annotations

import logging
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, NoReturn

from pipelines import logs
from pipelines.crontab import Trigger, crontab, fires
from pipelines.errors import HogsyncError, UsageError
from pipelines.schedule.queue import RunQueue
from pipelines.settings import Settings, load
from pipelines.settings.sections import GroupSettings
from pipelines.signals import handle

if TYPE_CHECKING:
    from pipelines.schedule.start import ServiceLock

log = logging.getLogger("hogsync")

LOCK_VERIFIED = 20
"""Seconds between two looks at the service's lock."""

TriggerOf = Callable[[str, GroupSettings], Trigger]


def run(settings: Settings, trigger: TriggerOf = crontab) -> int:
    """Sync the groups of the settings at their times until SIGTERM or SIGINT, then return 0.

    Raises UsageError if there is nothing to do (no group, no such table, a crontab that never comes), and the errors of
    `look` and `ServiceLock`. Errors of a run are logged and never end the service.
    """
    from pipelines.schedule.start import ServiceLock

    runs, lock = RunQueue(), ServiceLock()
    hung_up = _on_signals(runs)
    try:
        times = _begin(settings, trigger, runs, lock)
        for second in count():
            time.sleep(1)
            if hung_up:
                hung_up.clear()
                try:
                    settings_now = load()
                    times = _begin(settings_now, trigger, runs, lock, settings)
                    settings = settings_now
                except HogsyncError as problem:
                    log.error(
                        "The former settings stay in force, because the new ones are wrong: %s", problem
                    )
            for group in times.due(datetime.now(UTC)):
                runs.due(group)
            runs.step()
            if second % LOCK_VERIFIED == 0:
                lock.verify(settings)
    except KeyboardInterrupt:
        log.info("The schedule ends.")
    finally:
        runs.end()
        lock.release()
    return 0


def _begin(
    settings: Settings, trigger: TriggerOf, runs: RunQueue, lock: ServiceLock, former: Settings | None = None
) -> Timetable:
    """Check the settings and take their warehouse's lock; catch up the groups that the former settings had not."""
    from pipelines.schedule.start import look
    from pipelines.sync.selection import Selection, chosen_tables

    logs.hide(settings.secrets)
    if not settings.groups:
        raise UsageError(
            "The schedule has no group: write a [groups.all] into hogsync.toml, or no groups at all."
        )
    for group in settings.groups.values():
        chosen_tables(settings, Selection(tables=group.tables))
    times = Timetable({name: trigger(name, group) for name, group in settings.groups.items()})
    look(settings)
    lock.acquire(settings)
    if former:
        log.info("The settings were read again.")
    for name, group in settings.groups.items():
        tables = ", ".join(group.tables) or "the whole selection"
        when = f"crontab {group.crontab} in {group.timezone}, next at {times.planned[name]}"
        log.info("Group %s (%s): %s.", name, tables, when)
        if not former or name not in former.groups:
            runs.due(name, catch_up=True)
    return times


def _on_signals(runs: RunQueue) -> list[int]:
    """Handle SIGTERM and SIGINT: the first raises KeyboardInterrupt here, the second kills the current run.

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


# -- times


@dataclass(slots=True)
class Timetable:
    """When each group is due next."""

    triggers: dict[str, Trigger]
    planned: dict[str, datetime] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.due(datetime.now(UTC))

    def due(self, now: datetime) -> list[str]:
        """Return the groups that are due, once each however late, and plan their next times.

        A group that was planned while the time was set too far ahead is planned again.
        """
        due = [group for group, planned in self.planned.items() if planned <= now]
        for group, trigger in self.triggers.items():
            following = next(fires(trigger, now))
            planned = self.planned.get(group, following)
            if following < planned:
                log.warning(
                    "The time was set back: group %s is next at %s instead of %s.", group, following, planned
                )
            self.planned[group] = following
        return due
