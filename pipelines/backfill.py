"""A backfill: a range of time of some tables is read again, beside the schedule and without moving any list's place."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any

from pipelines.connect import open_warehouse, warehouse_problems
from pipelines.errors import UsageError
from pipelines.records import Memory
from pipelines.settings import Settings, notation
from sources.posthog.budget import HALF
from sources.posthog.catalogue import ENDPOINTS, with_parents
from sources.posthog.listing import Position, Window


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a backfill will ask of PostHog, by what is remembered of its lists: less where `--from` cuts them short."""

    tables: tuple[str, ...]
    lists: int
    requests: int
    unknown: tuple[str, ...]
    """Tables of which no list was ever read: nobody can tell how long theirs are."""
    minutes: int

    @property
    def told(self) -> str:
        """One sentence."""
        if not self.lists:
            return "No list of these tables was read before, so nobody can tell how many requests it takes."
        more = f", not counting {', '.join(self.unknown)}, never read before" if self.unknown else ""
        span = f"{self.minutes} minute{'s' * (self.minutes != 1)}" if self.minutes else "less than a minute"
        requests = f"{self.requests:,} request{'s' * (self.requests != 1)}"
        return f"Up to about {requests} to {self.lists:,} lists, {span} within the request budget{more}."

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "tables": list(self.tables),
            "lists": self.lists,
            "requests": self.requests,
            "minutes": self.minutes,
            "unknown": list(self.unknown),
        }


def window(since: str, until: str | None) -> Window:
    """The range of time that was asked for; UsageError for what is no time, or no range."""
    start, end = _time("--from", since), _time("--to", until) if until else None
    if start > datetime.now(UTC):
        raise UsageError(f"--from {since} is in the future; nothing can have happened there yet.")
    if end and end < start:
        raise UsageError(f"--to {until} is before --from {since}.")
    return Window(start, end)


def _time(option: str, given: str) -> datetime:
    """An ISO date or time, in UTC where it names no zone; a date that ends a range includes its day."""
    try:
        found = notation.moment(given)
        whole_day = option == "--to" and not re.search(r"[T ]", given.strip())
        return found + timedelta(days=1) - timedelta(microseconds=1) if whole_day else found
    except (ValueError, OverflowError):
        said = "is no time; write 2026-11-20 or 2026-11-20T08:00:00Z."
        raise UsageError(f"{option} {given!r} {said}") from None


def estimate(settings: Settings, tables: Sequence[str], projects: Collection[int] = ()) -> Estimate:
    """What it will take, before anything is asked."""
    wanted = with_parents(tuple(tables))
    chosen = projects or settings.projects.only
    positions = [
        known for known in _positions(settings) if known.table in wanted and _is_below(known.path, chosen)
    ]
    of_the_key = 1
    requests = of_the_key + sum(_pages(known, settings.lists.page_size) for known in positions)
    met = {known.table for known in positions}
    per_minute = settings.rate.per_minute or HALF.per_minute or 1
    return Estimate(
        tables=wanted,
        lists=len(positions),
        requests=requests,
        unknown=tuple(table for table in wanted if table not in met),
        minutes=requests // per_minute,
    )


def _positions(settings: Settings) -> Iterator[Position]:
    warehouse = open_warehouse(settings)
    if not warehouse.exists():
        return
    with warehouse_problems(), warehouse.opened():
        yield from Memory(warehouse).positions()


def _is_below(path: str, projects: Collection[int]) -> bool:
    """Whether a list hangs on one of these projects, or on none."""
    project = re.match(r"projects/(\d+)/.", path)
    return not projects or not project or int(project[1]) in projects


def _pages(known: Position, page_size: int) -> int:
    """The pages of a list if all of it were read."""
    return max(1, ceil(known.rows / min(page_size, ENDPOINTS[known.table].page_size)))
