"""One run of the schedule, in a process of its own: `python -m pipelines.schedule.run GROUP [--catch-up]`.

Only `pipelines.schedule.queue` starts it, and holds the other end of its standard input: when that closes, the service
has ended, and the run stops as after a signal.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import threading
from collections.abc import Sequence
from datetime import UTC, datetime

from destinations.warehouse import Warehouse, WarehouseUnavailable
from pipelines import logs, signals
from pipelines.attended import sync
from pipelines.bookkeeping.schema import RUN_TABLES, RUNS
from pipelines.crontab import crontab, late
from pipelines.errors import NOTHING_DUE, HogsyncError, Interrupted, UsageError
from pipelines.from_settings import open_warehouse
from pipelines.locking.load_lock import load_lock
from pipelines.settings import Settings, load
from pipelines.settings.sections import GroupSettings, WarehouseSettings
from pipelines.sync import progress, summary
from pipelines.sync.selection import Selection, chosen_tables

log = logging.getLogger("hogsync")


def main(words: Sequence[str] | None = None) -> int:
    """Sync a group by the current settings; returns an exit code of `hogsync sync`, or NOTHING_DUE."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.schedule.run", description=__doc__)
    parser.add_argument("group")
    parser.add_argument("--catch-up", action="store_true", help="only if its last success is too long ago")
    asked = parser.parse_args(words)
    logs.set_up()
    signals.listen()
    threading.Thread(target=_watch, name="hogsync-watch", daemon=True).start()
    try:
        return _run(asked.group, catch_up=asked.catch_up)
    except (Exception, KeyboardInterrupt) as error:
        problem = signals.known_end(error)
        if not problem:
            raise
        log.log(logging.INFO if isinstance(problem, Interrupted) else logging.ERROR, "%s", problem)
        return problem.exit_code


def _watch() -> None:
    """Request a stop when the service ends, but not twice: systemd, too, signals every process, about now."""
    while os.read(0, 64):
        pass
    if not signals.stop_requested.wait(0.5):
        os.kill(os.getpid(), signal.SIGTERM)


def _run(name: str, *, catch_up: bool) -> int:
    settings = load()
    logs.hide(settings.secrets)
    group = settings.groups.get(name)
    if group is None:
        raise UsageError(f"The settings have no group {name} any more; start hogsync schedule anew.")
    if catch_up and not is_due(settings, name, group, datetime.now(UTC)):
        return NOTHING_DUE
    with progress.progress(display=False) as observer:
        outcome = sync(settings, Selection(tables=group.tables, trigger="schedule"), [observer])
    summary.log_tables(outcome)
    log.info("%s", summary.summary(outcome))
    return outcome.exit_code


def is_due(settings: Settings, name: str, group: GroupSettings, now: datetime) -> bool:
    """True if the group's last success is longer ago than its period, or unknown; logs the reason."""
    try:
        last = last_success(settings, group)
    except (HogsyncError, WarehouseUnavailable) as problem:
        log.warning("Group %s runs now, because its last success is not known: %s", name, problem)
        return True
    due = last is None or late(crontab(name, group), last, now)
    what = "runs now" if due else "has nothing to catch up"
    when = f"its last success was at {last}" if last else "not all of its tables were ever synced"
    log.info("Group %s %s: %s.", name, what, when)
    return due


def last_success(settings: Settings, group: GroupSettings) -> datetime | None:
    """Return the earliest start of its tables' latest successful syncs, None if a table was never synced.

    A table that is not available counts as synced, as it does for the exit code. The load lock is not waited for, and a
    missing warehouse is not created.
    """
    tables = chosen_tables(settings, Selection(tables=group.tables))
    warehouse = open_warehouse(settings.model_copy(update={"warehouse_options": WarehouseSettings(wait=0)}))
    if not warehouse.exists():
        return None
    with load_lock(settings, 0, "hogsync schedule"), warehouse.opened():
        found = _successes(warehouse)
    return min(found[table] for table in tables) if found.keys() >= set(tables) else None


def _successes(warehouse: Warehouse) -> dict[str, datetime]:
    if not {RUNS, RUN_TABLES} <= warehouse.columns().keys():
        return {}
    sql = (
        "select t.table_name, max(r.started_at) "
        f"from {warehouse.name(RUN_TABLES)} t join {warehouse.name(RUNS)} r on r.run_id = t.run_id "
        "where t.status in ('loaded', 'unchanged', 'unavailable') and r.status in ('ok', 'partial') "
        "group by t.table_name"
    )
    return {table: began for table, began in warehouse.rows(sql)}  # noqa: C416  rows of two, not pairs


if __name__ == "__main__":
    signals.leave(main())
