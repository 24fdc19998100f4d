"""Backfills a range of time: reads it again, beside the schedule, and moves no position.

Two times -> a `Window` for `sync`, and an estimate of its requests.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pipelines.bookkeeping.state import DatasetState
from pipelines.errors import UsageError
from pipelines.from_settings import open_warehouse, request_rate, warehouse_problems
from pipelines.settings import Settings
from pipelines.settings.since import parse_since, past
from sources.posthog.catalogue import ENDPOINTS, with_parents
from sources.posthog.extract.options import Window
from sources.posthog.extract.plan.budget import pages
from sources.posthog.extract.walks import Position


@dataclass(frozen=True, slots=True)
class Estimate:
    """The requests that a backfill may need, from its lists' positions; fewer if `--from` shortens the lists."""

    tables: tuple[str, ...]
    lists: int
    requests: int
    minutes: int
    unknown: tuple[str, ...]
    """Tables of which no list was ever read: their length is unknown."""

    def __str__(self) -> str:
        """Return the estimate as one sentence."""
        if not self.lists:
            return "No list of these tables was read before, so the number of requests is unknown."
        more = f", not counting {', '.join(self.unknown)}, never read before" if self.unknown else ""
        minutes = f"{self.minutes} minute{'s' * (self.minutes != 1)}"
        requests = f"{self.requests:,} request{'s' * (self.requests != 1)}"
        return f"Up to about {requests} to {self.lists:,} lists, about {minutes}{more}."


def window(since: str, until: str | None) -> Window:
    """Return the requested range of time; raises UsageError for an invalid time or range.

    A date that ends a range includes its day.
    """
    now = datetime.now(UTC)
    start = past("--from", since, now)
    end = parse_since("--to", until, now, whole_day=True) if until else None
    if end and end < start:
        raise UsageError(f"--to {until} is before --from {since}; give a later --to or an earlier --from.")
    return Window(start, end)


def refuse_snapshots(tables: Sequence[str]) -> None:
    """Raise UsageError for a table that PostHog lists only in full: a range of time has no meaning for it."""
    whole = [table for table in tables if ENDPOINTS[table].plan == "snapshot"]
    if whole:
        parts = ", ".join(name for name, one in ENDPOINTS.items() if one.plan != "snapshot")
        raise UsageError(
            f"A range of time means nothing for {whole[0]}, which every sync reads in full: "
            f"`hogsync sync {whole[0]}` is all it takes. Ranges are for {parts}."
        )


def estimate(settings: Settings, tables: Sequence[str], projects: Collection[int] = ()) -> Estimate:
    """Estimate a backfill before anything is requested."""
    wanted = with_parents(tuple(tables))
    chosen = projects or settings.projects.only
    positions = [one for one in _positions(settings) if one.table in wanted and _is_below(one.path, chosen)]
    of_the_key = 1
    requests = of_the_key + sum(pages(one, settings.lists.page_size) for one in positions)
    met = {one.table for one in positions}
    return Estimate(
        tables=wanted,
        lists=len(positions),
        requests=requests,
        unknown=tuple(table for table in wanted if table not in met),
        minutes=request_rate(settings).minutes(requests),
    )


def _positions(settings: Settings) -> Iterator[Position]:
    warehouse = open_warehouse(settings)
    if not warehouse.exists():
        return
    with warehouse_problems(), warehouse.opened():
        yield from DatasetState(warehouse).positions()


def _is_below(path: str, projects: Collection[int]) -> bool:
    """True if a list is below one of these projects, or below none."""
    project = re.match(r"projects/(\d+)/.", path)
    return not projects or not project or int(project[1]) in projects
