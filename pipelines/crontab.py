"""Tells when a group is due: by its crontab, in its time zone, as APScheduler's triggers read it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from typing import Any

from pipelines.errors import UsageError
from pipelines.settings.sections import GroupSettings

Trigger = Any  # APScheduler has no types


def crontab(name: str, group: GroupSettings) -> Trigger:
    """Return the group's times, in its time zone; raises UsageError if they never come."""
    from apscheduler.triggers.cron import CronTrigger

    where = f"The crontab of group {name} is {group.crontab!r}, which"
    try:
        trigger = CronTrigger.from_crontab(group.crontab, timezone=group.timezone)
    except ValueError:  # the settings have already validated the rest
        raise UsageError(f"{where} has a step wider than its range; name the times instead.") from None
    if next(fires(trigger, datetime.now(UTC)), None) is None:
        raise UsageError(f"{where} never comes; give it a day that exists.")
    return trigger


def late(trigger: Trigger, last: datetime, now: datetime) -> bool:
    """True if a run was due since `last`, and `last` is longer ago than the crontab's period.

    If the period varies, as for weekdays only, the shortest of the next eight times counts.
    """
    due = list(islice(fires(trigger, last), 8))
    period = min((after - before for before, after in pairwise(due)), default=timedelta(0))
    return bool(due) and due[0] <= now and now - last >= period


def fires(trigger: Trigger, after: datetime) -> Iterator[datetime]:
    """Yield when `trigger` fires after a time; in UTC, because differences within a zone ignore summer time."""
    while fire := trigger.get_next_fire_time(None, after + timedelta(microseconds=1)):
        after = fire.astimezone(UTC)
        yield after
