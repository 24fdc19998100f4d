"""Runs a sync and whatever follows every run: `hogsync sync`, a backfill, the schedule and `hogsync.sync` call it.

What follows a run never changes its rows or its status: trouble with it is a warning. The exit code changes only if
the run is strict, and the copy for readers or a watch failed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipelines.alerts.following import followed
from pipelines.signals import after_record
from pipelines.sync import sync as one_sync

if TYPE_CHECKING:
    from pipelines.settings import Settings
    from pipelines.sync.outcome import Outcome
    from pipelines.sync.selection import Selection
    from sources.posthog.extract.walks import Observer


def sync(settings: Settings, selection: Selection, observers: Sequence[Observer] = ()) -> Outcome:
    """Run one sync of one connection and return its outcome; raises HogsyncError if nothing could be done at all.

    `observers` are called with every page that is read.
    """
    recorded: list[Outcome] = []

    def one() -> Outcome:
        recorded.append(outcome := one_sync.sync(settings, selection, observers))
        return outcome

    with after_record(recorded):
        return followed(settings, selection, one)
    return recorded[0]
