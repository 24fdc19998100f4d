"""Finds what is wrong with the settings of alerts before a run meets it: for `hogsync check` and `hogsync schedule`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import TYPE_CHECKING

from destinations.warehouse import WarehouseUnavailable
from pipelines.alerts.messages import is_quiet
from pipelines.alerts.notifier import notifiers
from pipelines.alerts.watches import ask
from pipelines.crontab import Trigger, fires
from pipelines.errors import HogsyncError, UsageError
from pipelines.from_settings import hasty
from pipelines.status.due import times
from sources.posthog.catalogue import PEOPLE

if TYPE_CHECKING:
    from pipelines.settings import Settings

WAIT = 5.0
"""Seconds to wait for a DuckDB file that another process holds: a check should answer soon."""

WEEK = timedelta(days=7)
NONE, LONG_RUN = timedelta(0), timedelta(hours=1)
"""How long runs take: one that begins up to an hour before the end of the quiet hours may tell after them."""
NEVER_TOLD = (
    "[alerts] quiet is {quiet}, and every time of every group lies in these hours, so nobody is ever told; "
    "shorten them, or give a group a time after them."
)


def notifier_problems(settings: Settings) -> Iterator[str]:
    """Yield a sentence for each notifier that Apprise does not know, and for quiet hours in which every run lies."""
    for notifier in notifiers(settings.alerts.urls):
        if notifier.service() is None:
            yield f"Apprise does not know the service of {notifier}; correct its URL, or leave it out."
    with suppress(UsageError):  # a wrong group is found and said elsewhere
        if settings.alerts.urls and settings.alerts.quiet and _is_always_quiet(settings, datetime.now(UTC)):
            yield NEVER_TOLD.format(quiet=settings.alerts.quiet)


def watch_problems(settings: Settings) -> Iterator[str]:
    """Yield a sentence for each watch that cannot be asked now; it may be later, when a table is there."""
    try:
        answers = ask(hasty(settings, WAIT))
    except (HogsyncError, WarehouseUnavailable):  # that is found and said elsewhere
        return
    for name, answer in answers.items():
        if answer.problem:
            yield f"[watch.{name}] sql cannot be asked: {answer.problem}."


def _is_always_quiet(settings: Settings, now: datetime) -> bool:
    """Return whether every run of the groups of this connection begins and ends in the quiet hours."""
    quiet, timezone = settings.alerts.quiet, settings.alerts.timezone
    triggers = times(settings, is_scheduled=True)[PEOPLE.table] or ()
    starts = [at for trigger in triggers for at in _week(trigger, now)]
    return bool(starts) and all(
        is_quiet(quiet, timezone, at + span) for at in starts for span in (NONE, LONG_RUN)
    )


def _week(trigger: Trigger, now: datetime) -> Iterator[datetime]:
    """Return the first time of a crontab after now, and those of the week after it."""
    first = next(fires(trigger, now))
    return takewhile(lambda at: at <= first + WEEK, fires(trigger, now))
