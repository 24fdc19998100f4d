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
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from destinations.warehouse import Warehouse, WarehouseUnavailable
from pipelines import logs, signals
from pipelines.bookkeeping.schema import RUN_TABLES, RUNS
from pipelines.connections import open_warehouse
from pipelines.errors import HogsyncError, Interrupted, OutOfMemory, UsageError
from pipelines.locking.load_lock import load_lock
from pipelines.schedule import crontab, late
from pipelines.schedule.queue import AS_NEW, GRACE
from pipelines.settings import Settings, load
from pipelines.settings.sections import GroupSettings, WarehouseSettings
from pipelines.sync import progress, summary
from pipelines.sync.selection import Selection, chosen_tables
from pipelines.sync.sync import sync

log = logging.getLogger("hogsync")


def main(words: Sequence[str] | None = None) -> int:
    """Sync a group by the current settings; returns an exit code of `hogsync sync`, or NOTHING_DUE."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.schedule.run", description=__doc__)
    parser.add_argument("group")
    parser.add_argument("--catch-up", action="store_true", help="only if its last success is too long ago")
    asked = parser.parse_args(words)
    logs.set_up()
    _end_when_asked()
    try:
        return _ended(asked.group, catch_up=asked.catch_up)
    except KeyboardInterrupt:
        pass
    except RuntimeError:  # DuckDB turns a KeyboardInterrupt within a query into this
        if not signals.stop_requested.is_set():
            raise
    log.info("Stopped.")
    return Interrupted.exit_code


def _ended(group: str, *, catch_up: bool) -> int:
    """Run the group and log what went wrong; a stop request after that changes nothing."""
    problem: HogsyncError | None = None
    try:
        code = _run(group, catch_up=catch_up)
    except HogsyncError as error:
        problem, code = error, error.exit_code
    except MemoryError as short:
        problem, code = OutOfMemory(short), OutOfMemory.exit_code
    if problem:
        log.error("%s", problem)
    return code


def _run(name: str, *, catch_up: bool) -> int:
    settings = load()
    logs.hide(settings.secrets)
    group = settings.groups.get(name)
    if group is None:
        raise UsageError(f"The settings have no group {name} any more; start hogsync schedule anew.")
    if catch_up and not is_due(settings, name, group, datetime.now(UTC)):
        return AS_NEW
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
        log.warning("Group %s runs now, for its last success cannot be looked up: %s", name, problem)
        return True
    if last is None:
        log.info("Group %s runs now: not all of its tables were ever synced.", name)
        return True
    due = late(crontab(name, group), last, now)
    said = "Group %s runs now: its last success, of %s, is longer ago than its period."
    log.info(said if due else "Group %s has nothing to catch up: its last success is of %s.", name, last)
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
    """Return when each table's latest successful sync began."""
    if not {RUNS, RUN_TABLES} <= warehouse.columns().keys():
        return {}
    sql = (
        "select t.table_name, max(r.started_at) "
        f"from {warehouse.name(RUN_TABLES)} t join {warehouse.name(RUNS)} r on r.run_id = t.run_id "
        "where t.status in ('loaded', 'unchanged', 'unavailable') and r.status in ('ok', 'partial') "
        "group by t.table_name"
    )
    return {table: began for table, began in warehouse.rows(sql)}  # noqa: C416  rows of two, not pairs


def _end_when_asked() -> None:
    """Interrupt this process at the first of either signal, or when the service ends."""
    signals.handle(_interrupt_once)
    signals.note(lambda _: None)
    threading.Thread(target=_watch, name="hogsync-watch", daemon=True).start()


def _interrupt_once(*_: object) -> None:
    # systemd signals every process and the service signals its run; the second must not interrupt the end.
    signals.handle(signal.SIG_IGN)
    signals.interrupt()


def _watch() -> None:
    """Wait for the service's end, then end this process within GRACE seconds."""
    while os.read(0, 64):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE)
    os._exit(Interrupted.exit_code)


if __name__ == "__main__":
    signals.leave(main())
