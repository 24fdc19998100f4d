"""Decides when a table is due, and whether it is stale. Pure functions of the settings, the last success and now.

A table's times are the crontabs of the groups that sync it. They are known if the settings have groups, or if
`hogsync schedule` has synced the dataset without any; else another program, such as cron, starts the syncs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice

from pipelines.crontab import Trigger, crontab, fires
from pipelines.settings import Settings
from pipelines.settings.sections import GroupSettings
from pipelines.sync.selection import Selection, chosen_tables
from sources.posthog.catalogue import PEOPLE

UNKNOWN_TIMES = timedelta(hours=25)
"""The age from which a table is stale if its times are not known: those of a daily cron job, and an hour of grace."""


Times = Mapping[str, Sequence[Trigger] | None]
"""By table, the times of its groups: none if it is synced by hand only, None if its times are not known."""


def times(settings: Settings, *, is_scheduled: bool) -> Times:
    """Return when each table of this connection is due, in the order of the selection; `people` are due with any.

    Raises UsageError for an unknown table, or a crontab that never comes.
    """
    tables = chosen_tables(settings, Selection())
    if not (is_scheduled or "groups" in settings.model_fields_set):
        return dict.fromkeys((*tables, PEOPLE.table))
    found: dict[str, list[Trigger]] = {table: [] for table in tables}
    everybody: list[Trigger] = []
    for name, group in settings.groups.items():
        if not _concerns(group, settings.connection_name):
            continue
        trigger = crontab(name, group)
        everybody.append(trigger)
        for table in chosen_tables(settings, Selection(tables=group.tables)):
            found.setdefault(table, []).append(trigger)
    return {**found, PEOPLE.table: everybody}


def _concerns(group: GroupSettings, connection: str) -> bool:
    return not group.connections or connection in group.connections


def is_stale(last_success: datetime | None, triggers: Sequence[Trigger] | None, now: datetime) -> bool:
    """True if a run was due after the last success, a whole period has passed since, and no success followed.

    Of several crontabs the one that comes most often decides. A table without a success is stale, but none is that is
    synced by hand only.
    """
    if triggers is not None and not triggers:
        return False
    if last_success is None:
        return True
    if triggers is None:
        return now - last_success >= UNKNOWN_TIMES
    return any(_was_due_twice(trigger, last_success, now) for trigger in triggers)


def _was_due_twice(trigger: Trigger, last_success: datetime, now: datetime) -> bool:
    second = next(islice(fires(trigger, last_success), 1, None), None)
    return second is not None and second <= now


def next_run(triggers: Sequence[Trigger] | None, now: datetime) -> datetime | None:
    """Return when a table is due next, None if that is not known or never."""
    firsts = (next(fires(trigger, now), None) for trigger in triggers or ())
    return min((first for first in firsts if first), default=None)
