"""Lists the next runs of the schedule, with what the last run of the same tables cost: `hogsync schedule --list`."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from pipelines.bookkeeping.run_facts import SUCCESSES, Ask, Columns, has_records, recorded_tables
from pipelines.crontab import crontab, fires
from pipelines.errors import HogsyncError
from pipelines.schedule import jobs_of
from pipelines.schedule.jobs import Job
from pipelines.settings import Settings
from pipelines.status.facts import from_records
from pipelines.sync.selection import Selection, chosen_tables

SHOWN = 10


@dataclass(frozen=True, slots=True)
class Cost:
    """What a table's last read took."""

    requests: int
    seconds: float
    """Its share of the run, by its requests."""


@dataclass(frozen=True, slots=True)
class Upcoming:
    """A planned run; requests and minutes are those of the last reads of its tables, None if one was never read."""

    at: datetime
    connection: str
    group: str
    requests: int | None
    minutes: float | None

    def as_json(self) -> dict[str, Any]:
        """Return the run, ready for `json.dumps`."""
        return {**asdict(self), "at": self.at.isoformat()}


def upcoming(settings: Settings, now: datetime) -> list[Upcoming]:
    """Return the next runs of all connections, in their order."""
    costs = {place.connection_name: _costs(place) for place in settings.each_connection()}
    planned = heapq.merge(*(_fires_of(settings, job, now) for job in jobs_of(settings)))
    return [_run(settings, at, job, costs[job.connection]) for at, job in islice(planned, SHOWN)]


def _fires_of(settings: Settings, job: Job, now: datetime) -> Iterator[tuple[datetime, Job]]:
    trigger = crontab(job.group, settings.groups[job.group])
    return ((at, job) for at in islice(fires(trigger, now), SHOWN))


def _run(settings: Settings, at: datetime, job: Job, costs: Mapping[str, Cost]) -> Upcoming:
    tables = chosen_tables(settings, Selection(tables=settings.groups[job.group].tables))
    estimate = estimated(tables, costs)
    requests, minutes = (estimate.requests, round(estimate.seconds / 60, 1)) if estimate else (None, None)
    return Upcoming(at, job.connection, job.group, requests, minutes)


def estimated(tables: Sequence[str], costs: Mapping[str, Cost]) -> Cost | None:
    """Return what these tables cost together, None if one of them was never read."""
    if not costs.keys() >= {*tables}:
        return None
    own = [costs[table] for table in tables]
    return Cost(sum(cost.requests for cost in own), sum(cost.seconds for cost in own))


def _costs(settings: Settings) -> dict[str, Cost]:
    """Ask the warehouse; none are known if it cannot be read now, for instance while a sync holds a DuckDB file."""
    try:
        return from_records(settings, 0, _last_costs, {})
    except HogsyncError:
        return {}


def _last_costs(ask: Ask, dataset: str, there: Columns) -> dict[str, Cost]:
    """Return the cost of each table in its latest successful sync."""
    if not has_records(there):
        return {}
    sql = f"""
        select t.table_name, t.requests, r.started_at, r.finished_at,
               sum(t.requests) over (partition by t.run_id) as of_all,
               row_number() over (partition by t.table_name order by r.started_at desc) as nth
        from {recorded_tables(dataset, there)} where {SUCCESSES}
    """
    return {
        table: Cost(int(requests), (ended - began).total_seconds() * int(requests) / max(int(of_all), 1))
        for table, requests, began, ended, of_all, nth in ask(sql)
        if nth == 1
    }
