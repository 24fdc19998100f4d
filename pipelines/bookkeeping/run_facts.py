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
Warnings = Sequence[Mapping[str, str]]

SUCCESS = (
    "t.status in ('loaded', 'unchanged', 'unavailable') and r.status in ('ok', 'partial') "
    "and coalesce(t.paths_postponed, 0) = 0"
)
SYNCS = "r.trigger <> 'backfill'"
"""A backfill reads a period only: after it a table is as old as before."""
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


def run_facts(ask: Ask, dataset: str, there: Mapping[str, Collection[str]], now: datetime) -> RunFacts:
    """Return what is recorded about the tables of a dataset; `there` has the columns of those that it holds."""
    if not {RUNS, RUN_TABLES} <= there.keys():
        return NOTHING
    tables = (*ENDPOINTS, PEOPLE.table)
    runs = _source(dataset, RUNS, there)
    joined = f"{_source(dataset, RUN_TABLES, there)} t join {runs} r on r.run_id = t.run_id"
    totals = {name: values for name, *values in ask(_totals(joined, now - DAY))}
    latest = {name: values for name, *values in ask(_latest(joined))}
    rows = _living_rows(ask, dataset, [table for table in tables if "_deleted_at" in there.get(table, ())])
    (scheduled,) = ask(f"select count(*) from {runs} r where r.trigger = 'schedule'")[0]
    found = {
        table: _table_facts(table, totals[table], latest.get(table), rows.get(table))
        for table in tables
        if table in totals
    }
    return RunFacts(last_run=_last_run(ask, runs, joined), is_scheduled=bool(scheduled), tables=found)


def columns_in(ask: Ask, dataset: str) -> Mapping[str, Collection[str]]:
    """Return the columns that `run_facts` looks for."""
    sql = (
        "select table_name::text, column_name::text from information_schema.columns "
        f"where table_schema = '{dataset}' "
        f"and (table_name in ('{RUNS}', '{RUN_TABLES}') or column_name = '_deleted_at')"
    )
    found = defaultdict[str, set[str]](set)
    for table, column in ask(sql):
        found[table].add(column)
    return found


def _source(dataset: str, table: str, there: Mapping[str, Collection[str]]) -> str:
    """Return a bookkeeping table with all of its columns: a dataset of an older hogsync lacks newer ones."""
    columns = (name if name in there[table] else f"null as {name}" for name in TABLES[table][1])
    return f"(select {', '.join(columns)} from {quoted(dataset)}.{table})"


def _totals(joined: str, since: datetime) -> str:
    changes = (
        f"sum(case when r.started_at >= timestamptz '{since.isoformat()}' then t.{name} else 0 end)"
        for name in ("inserted", "updated", "deleted")
    )
    success = f"max(case when {SUCCESS} and {SYNCS} then r.started_at end)"
    read = f"max(case when {SUCCESS} and {SYNCS} and t.paths > 0 then r.started_at end)"
    return f"select t.table_name, {success}, {read}, {', '.join(changes)} from {joined} group by t.table_name"


def _latest(joined: str) -> str:
    own = "t.table_name, t.status, t.detail, t.deletes_held, t.paths_spared"
    names = f"{own}, r.status as run_status, r.error, r.warnings, r.started_at"
    place = "row_number() over (partition by t.table_name order by r.started_at desc) as place"
    return (
        "select table_name, started_at, status, run_status, error, detail, deletes_held, paths_spared, warnings "
        f"from (select {names}, {place} from {joined} where {SYNCS}) ranked where place = 1"
    )


def _living_rows(ask: Ask, dataset: str, tables: Sequence[str]) -> dict[str, int]:
    counts = (
        f"select '{table}', count(*) from {quoted(dataset)}.{table} where _deleted_at is null"
        for table in tables
    )
    return dict(ask(" union all ".join(counts))) if tables else {}


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
