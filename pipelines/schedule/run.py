"""One run of the schedule, in a process of its own: `python -m pipelines.schedule.run GROUP …`.

Only `pipelines.schedule.queue` starts it, and holds the other end of its standard input: when that closes, the service
has ended, and the run stops as after a signal.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from pipelines import logs, signals
from pipelines.attended import sync
from pipelines.bookkeeping.run_facts import last_successes
from pipelines.console import write_json
from pipelines.crontab import crontab, late
from pipelines.errors import NOTHING_DUE, HogsyncError, Interrupted, KeyProblem, UsageError
from pipelines.run import Run
from pipelines.schedule.jobs import Job
from pipelines.settings import Settings, load
from pipelines.settings.connections import DEFAULT
from pipelines.settings.sections import GroupSettings
from pipelines.status.facts import from_records
from pipelines.sync import progress, summary
from pipelines.sync.selection import Selection, chosen_tables
from sources.posthog.client.client import Traffic
from sources.posthog.extract.results import TableResult

log = logging.getLogger("hogsync")


def main(words: Sequence[str] | None = None) -> int:
    """Sync a group by the current settings, and print what came of it as JSON.

    Returns an exit code of `hogsync sync`, or NOTHING_DUE.
    """
    parser = argparse.ArgumentParser(prog="python -m pipelines.schedule.run", description=__doc__)
    parser.add_argument("group")
    parser.add_argument("--connection", default=DEFAULT)
    parser.add_argument("--catch-up", action="store_true", help="only if its last success is too long ago")
    asked = parser.parse_args(words)
    logs.set_up()
    signals.listen()
    signals.end_with_parent()
    report: dict[str, Any] = {}
    try:
        return _run(Job(asked.group, asked.connection), report, catch_up=asked.catch_up)
    except (Exception, KeyboardInterrupt) as error:
        problem = signals.known_end(error)
        if not problem:
            raise
        report |= reported(problem.run, problem.traffic) | {"problem": logs.redacted(str(problem))}
        log.log(logging.INFO if isinstance(problem, Interrupted) else logging.ERROR, "%s", problem)
        return problem.exit_code
    finally:
        write_json(report)


def _run(job: Job, report: dict[str, Any], *, catch_up: bool) -> int:
    with logs.held():
        settings = load().connection(job.connection)
        logs.follow(settings)
    logs.concern(settings)
    group = settings.groups.get(job.group)
    if group is None:
        raise UsageError(f"The settings have no group {job.group} any more; start hogsync schedule anew.")
    if catch_up and not is_due(settings, job, group, datetime.now(UTC)):
        report |= {"nothing_due": True, "last_success": reported_successes(settings)}
        return NOTHING_DUE
    with progress.progress(display=False) as observer:
        outcome = sync(settings, Selection(tables=group.tables, trigger="schedule"), [observer])
    summary.log_tables(outcome)
    log.info("%s", summary.summary(outcome))
    report |= reported(outcome.run, outcome.traffic, outcome.tables)
    report["last_success"] = reported_successes(settings)
    if outcome.exit_code == KeyProblem.exit_code:
        report["problem"] = outcome.run.error
    return outcome.exit_code


def reported(run: Run | None, traffic: Traffic | None, tables: Sequence[TableResult] = ()) -> dict[str, Any]:
    """Return what the service wants to know of a run."""
    seen = traffic or Traffic()
    return {
        "run": summary.as_json(run, seen.requests, tables) if run else {},
        "requests": seen.statuses,
        "throttled_seconds": seen.throttled,
        "budget_used": seen.budget_used,
    }


def is_due(settings: Settings, job: Job, group: GroupSettings, now: datetime) -> bool:
    """True if the group's last success is longer ago than its period, or unknown; logs the reason."""
    try:
        last = last_success(settings, group)
    except HogsyncError as problem:
        log.warning("%s runs now, because its last success is not known: %s", job, problem)
        return True
    due = last is None or late(crontab(job.group, group), last, now)
    what = "runs now" if due else "has nothing to catch up"
    when = f"its last success was at {last}" if last else "not all of its tables were ever synced"
    log.info("%s %s: %s.", job, what, when)
    return due


def last_success(settings: Settings, group: GroupSettings) -> datetime | None:
    """Return the earliest start of its tables' latest successful syncs, None if a table was never synced."""
    tables = chosen_tables(settings, Selection(tables=group.tables))
    found = _successes(settings)
    return min(found[table] for table in tables) if found.keys() >= set(tables) else None


def _successes(settings: Settings) -> dict[str, datetime]:
    return from_records(settings, 0, last_successes, {})


def reported_successes(settings: Settings) -> dict[str, str]:
    """Return the start of each table's latest successful sync; empty if the warehouse cannot be asked now."""
    try:
        return {table: began.isoformat() for table, began in _successes(settings).items()}
    except HogsyncError:
        return {}


if __name__ == "__main__":
    signals.leave(main())
