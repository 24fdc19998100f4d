"""Reads what the run records tell about a dataset's tables: their last runs, and what changed in the last day.

A function that answers SQL -> `RunFacts`. Only reads; a dataset without run records has no facts.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from destinations.warehouse import quoted
from pipelines.bookkeeping.schema import RUN_TABLES, RUNS, TABLES
from sources.posthog.catalogue import ENDPOINTS, PEOPLE

Ask = Callable[[str], list[tuple[Any, ...]]]
Columns = Mapping[str, Collection[str]]
"""The columns of each table that a dataset holds."""
Warnings = Sequence[Mapping[str, str]]

SYNCS = "r.trigger <> 'backfill'"
"""A backfill reads a period only: after it a table is as old as before."""
SUCCESSES = (
    "t.status in ('loaded', 'unchanged', 'unavailable') and r.status in ('ok', 'partial') "
    f"and coalesce(t.paths_postponed, 0) = 0 and {SYNCS}"
)
DAY = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class LastRun:
    """A dataset's latest run that was neither a backfill nor interrupted."""

    started_at: datetime
    status: str
    error: str | None
    warnings: Warnings
    has_tables: bool
    """False if the run ended before it could record the result of any table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFacts:
    """What the run records tell about one table."""

    last_success_at: datetime | None = None
    """Start of the latest sync in which the table did not fail."""
    last_read_at: datetime | None = None
    """Start of the latest such sync that asked PostHog for the table, instead of skipping all of its lists."""
    last_run_at: datetime | None = None
    status: str | None = None
    """The table's status in its latest sync, and the run's."""
    run_status: str | None = None
    error: str | None = None
    detail: str | None = None
    deletes_held: int = 0
    lists_skipped: int = 0
    """Lists that its latest sync did not ask for, because nothing showed a change."""
    warnings: Warnings = ()
    inserted: int = 0
    """Rows of the last day, with those of backfills."""
    updated: int = 0
    deleted: int = 0
    rows: int | None = None
    """Living rows; None if there is no such table, or this user may not read it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """What the run records of one dataset tell."""

    last_run: LastRun | None = None
    is_scheduled: bool = False
    """Whether `hogsync schedule` has ever synced the dataset."""
    tables: Mapping[str, TableFacts]


NOTHING = RunFacts(tables={})


def run_facts(ask: Ask, dataset: str, there: Columns, now: datetime) -> RunFacts:
    """Return what is recorded about the tables of a dataset."""
    if not has_records(there):
        return NOTHING
    tables = (*ENDPOINTS, PEOPLE.table)
    runs, joined = _source(dataset, RUNS, there), recorded_tables(dataset, there)
    totals = {name: values for name, *values in ask(_totals(joined, now - DAY))}
    latest = {name: values for name, *values in ask(_latest(joined))}
    rows = living_rows(ask, dataset, [table for table in tables if "_deleted_at" in there.get(table, ())])
    found = {
        table: _table_facts(table, totals[table], latest.get(table), rows.get(table))
        for table in tables
        if table in totals
    }
    scheduled = is_scheduled(ask, dataset, there)
    return RunFacts(last_run=_last_run(ask, runs, joined), is_scheduled=scheduled, tables=found)


def last_successes(ask: Ask, dataset: str, there: Columns) -> dict[str, datetime]:
    """Return the start of each table's latest successful sync.

    A table that is not available counts as synced, as it does for the exit code.
    """
    if not has_records(there):
        return {}
    source = f"{recorded_tables(dataset, there)} where {SUCCESSES}"
    return dict(ask(f"select t.table_name, max(r.started_at) from {source} group by t.table_name"))


def is_scheduled(ask: Ask, dataset: str, there: Columns) -> bool:
    """Return whether `hogsync schedule` ever synced the dataset."""
    if not has_records(there):
        return False
    ((scheduled,),) = ask(
        f"select count(*) from {_source(dataset, RUNS, there)} r where r.trigger = 'schedule'"
    )
    return bool(scheduled)


def living_rows(ask: Ask, dataset: str, tables: Sequence[str]) -> dict[str, int]:
    """Return how many rows of each table PostHog has today."""
    counts = (
        f"select '{table}', count(*) from {quoted(dataset)}.{table} where _deleted_at is null"
        for table in tables
    )
    return dict(ask(" union all ".join(counts))) if tables else {}


def has_records(there: Columns) -> bool:
    """Return whether a dataset has run records."""
    return {RUNS, RUN_TABLES} <= there.keys()


def recorded_tables(dataset: str, there: Columns) -> str:
    """Return the source of a query: the results of tables `t` with their runs `r`."""
    runs, tables = _source(dataset, RUNS, there), _source(dataset, RUN_TABLES, there)
    return f"{tables} t join {runs} r on r.run_id = t.run_id"


def columns_in(ask: Ask, dataset: str) -> Columns:
    """Return the columns that the functions above look for."""
    sql = (
        "select table_name::text, column_name::text from information_schema.columns "
        f"where table_schema = '{dataset}' "
        f"and (table_name in ('{RUNS}', '{RUN_TABLES}') or column_name = '_deleted_at')"
    )
    found = defaultdict[str, set[str]](set)
    for table, column in ask(sql):
        found[table].add(column)
    return found


def _source(dataset: str, table: str, there: Columns) -> str:
    """Return a bookkeeping table with all of its columns: a dataset of an older hogsync lacks newer ones."""
    columns = (name if name in there[table] else f"null as {name}" for name in TABLES[table][1])
    return f"(select {', '.join(columns)} from {quoted(dataset)}.{table})"


def _totals(joined: str, since: datetime) -> str:
    changes = (
        f"sum(case when r.started_at >= timestamptz '{since.isoformat()}' then t.{name} else 0 end)"
        for name in ("inserted", "updated", "deleted")
    )
    success = f"max(case when {SUCCESSES} then r.started_at end)"
    read = f"max(case when {SUCCESSES} and t.paths > 0 then r.started_at end)"
    return f"select t.table_name, {success}, {read}, {', '.join(changes)} from {joined} group by t.table_name"


def _latest(joined: str) -> str:
    own = "t.table_name, t.status, t.detail, t.deletes_held, t.paths_spared"
    names = f"{own}, r.status as run_status, r.error, r.warnings, r.started_at"
    place = "row_number() over (partition by t.table_name order by r.started_at desc) as place"
    return (
        "select table_name, started_at, status, run_status, error, detail, deletes_held, paths_spared, warnings "
        f"from (select {names}, {place} from {joined} where {SYNCS}) ranked where place = 1"
    )


def _last_run(ask: Ask, runs: str, joined: str) -> LastRun | None:
    has_tables = f"exists (select 1 from {joined} where r.run_id = l.run_id)"
    ended = f"{SYNCS} and r.status <> 'interrupted'"
    latest = f"select * from {runs} r where {ended} order by r.started_at desc limit 1"
    found = ask(f"select l.started_at, l.status, l.error, l.warnings, {has_tables} from ({latest}) l")
    for started_at, status, error, warnings, has in found:
        own = _about(warnings, "")
        return LastRun(started_at=started_at, status=status, error=error, warnings=own, has_tables=has)
    return None


def _table_facts(
    table: str, totals: Sequence[Any], latest: Sequence[Any] | None, rows: int | None
) -> TableFacts:
    last_success_at, last_read_at, *changes = totals
    inserted, updated, deleted = (int(change or 0) for change in changes)
    started_at, status, run_status, error, detail, held, skipped, warnings = latest or [None] * 8
    return TableFacts(
        last_success_at=last_success_at,
        last_read_at=last_read_at,
        last_run_at=started_at,
        status=status,
        run_status=run_status,
        error=error,
        detail=detail,
        deletes_held=held or 0,
        lists_skipped=skipped or 0,
        warnings=_about(warnings, table),
        inserted=inserted,
        updated=updated,
        deleted=deleted,
        rows=rows,
    )


def _about(warnings: Warnings | str | None, table: str) -> Warnings:
    # DuckDB returns JSON as text.
    found: Warnings = json.loads(warnings) if isinstance(warnings, str) else warnings or ()
    return [warning for warning in found if warning["table"] == table]
