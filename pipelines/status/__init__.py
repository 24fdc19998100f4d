"""`hogsync status`: says of each connection and table how old it is, whether that is well, and what to do.

facts (`pipelines.status.facts`, the only module that asks the warehouse) and settings -> `ConnectionStatus`, by pure
functions: `due` (is it stale?), `trouble` (did its latest run fail?), `remedies` (what to do?).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from pipelines.bookkeeping.run_facts import NOTHING, LastRun, RunFacts, TableFacts, Warnings
from pipelines.crontab import Trigger
from pipelines.status.due import Times, is_stale, next_run, times
from pipelines.status.remedies import remedy
from pipelines.status.trouble import trouble

if TYPE_CHECKING:
    from pipelines.settings import Settings

State = Literal["ok", "stale", "failing"]
WORST_FIRST: Sequence[State] = ("failing", "stale", "ok")


@dataclass(frozen=True, slots=True, kw_only=True)
class TableStatus:
    """The status of one table of one connection, as `--json` shows it."""

    connection: str
    table: str
    status: State
    """failing: its latest run failed; else stale, or ok."""
    last_success_at: datetime | None
    age_seconds: int | None
    """Seconds since the last success."""
    stale: bool
    rows: int | None
    """Living rows."""
    inserted_24h: int
    updated_24h: int
    deleted_24h: int
    deletes_held: int
    warnings: Warnings
    """Those of its latest run, as in the run's record."""
    next_run_at: datetime | None
    """None if the times are not known, or no group syncs the table."""
    remedy: str | None
    """What to do, in one sentence; None if nothing."""
    last_run_at: datetime | None
    last_run_status: str | None
    """loaded, unchanged, unavailable or failed."""
    detail: str | None
    """What the latest run says about the table."""
    last_read_at: datetime | None
    """Start of the latest success that asked PostHog for the table: others skipped all lists, for none had changed."""
    lists_skipped: int
    """Lists that the latest run skipped, because neither their parent row nor the audit log shows a change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionStatus:
    """The status of one connection."""

    connection: str
    last_run: LastRun | None
    running: str | None
    """The process that holds the warehouse, so that an earlier look at the run records counts; None if none does."""
    tables: Sequence[TableStatus]

    @property
    def status(self) -> State:
        """Return the status of the worst table."""
        return worst(self.tables)


def worst(tables: Sequence[TableStatus]) -> State:
    """Return the status of the worst of some tables."""
    found = {table.status for table in tables}
    return next((state for state in WORST_FIRST if state in found), "ok")


def judge(
    settings: Settings, facts: RunFacts | None, now: datetime, *, running: str | None = None
) -> ConnectionStatus:
    """Return the status of a connection by the facts of its run records; raises UsageError for impossible groups.

    Facts are None while a first sync holds the warehouse: nothing is known yet, and nothing is wrong.
    """
    known = facts or NOTHING
    scheduled = times(settings, is_scheduled=known.is_scheduled)
    others: Times = {table: () for table in known.tables if table not in scheduled}
    tables = [
        _judged(settings, table, known, triggers, now, is_unknown=facts is None)
        for table, triggers in {**scheduled, **others}.items()
        if table in known.tables
        or triggers != []  # one that no group syncs and nobody has synced is not expected
    ]
    return ConnectionStatus(
        connection=settings.connection_name, last_run=known.last_run, running=running, tables=tables
    )


def _judged(
    settings: Settings,
    table: str,
    known: RunFacts,
    triggers: Sequence[Trigger] | None,
    now: datetime,
    *,
    is_unknown: bool,
) -> TableStatus:
    facts, last_run = known.tables.get(table, TableFacts()), known.last_run
    last = facts.last_success_at
    wrong = trouble(facts, last_run)
    stale = not is_unknown and is_stale(last, triggers, now)
    advice = remedy(
        table if last_run else "",
        facts,
        wrong,
        stale=stale,
        options=settings.options,
    )
    concerns_all = last_run if last_run and not last_run.has_tables else None
    return TableStatus(
        connection=settings.connection_name,
        table=table,
        status="failing" if wrong else "stale" if stale else "ok",
        last_success_at=last,
        age_seconds=max(0, int((now - last).total_seconds())) if last else None,
        stale=stale,
        rows=facts.rows,
        inserted_24h=facts.inserted,
        updated_24h=facts.updated,
        deleted_24h=facts.deleted,
        deletes_held=facts.deletes_held,
        warnings=facts.warnings,
        next_run_at=next_run(triggers, now),
        remedy=None if is_unknown else advice,
        last_run_at=concerns_all.started_at if concerns_all else facts.last_run_at,
        last_run_status=facts.status,
        detail=(concerns_all and concerns_all.error) or facts.detail or facts.error,
        last_read_at=facts.last_read_at,
        lists_skipped=facts.lists_skipped,
    )
