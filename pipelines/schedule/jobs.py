"""What the schedule runs: a group of one connection; and when such a run is tried again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from pipelines.settings.connections import DEFAULT

RETRIED = frozenset({1, 4})
"""Exit codes that may be another one the next time; wrong settings and a refused key need a person."""
FIRST_RETRY, GROWTH = timedelta(minutes=2), 5


class Job(NamedTuple):
    """A group of one connection; each of its runs is a process."""

    group: str
    connection: str = DEFAULT

    def __str__(self) -> str:
        """Name it as the log does."""
        return f"Group {self.group}" + f" of connection {self.connection}" * (self.connection != DEFAULT)


@dataclass(frozen=True, slots=True)
class Limits:
    """What the settings and the timetable allow a job's runs."""

    timeout: timedelta | None = None
    retries: int = 0
    next_at: datetime | None = None
    """The next time of the group: a retry must come before."""


def retry_delay(code: int, tries: int, now: datetime, limits: Limits) -> timedelta | None:
    """Return how long to wait before a run is tried again, None if it is not; `tries` runs were retries already.

    A killed run, whose code is negative, is tried again as well: after 2, 10 and 50 minutes.
    """
    delay = FIRST_RETRY * GROWTH**tries
    may = (code in RETRIED or code < 0) and tries < limits.retries
    soon_enough = limits.next_at is None or now + delay < limits.next_at
    return delay if may and soon_enough else None
