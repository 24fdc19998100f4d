"""Asks the warehouse for the facts of its run records, and keeps a copy beside a DuckDB file's other working files.

While a sync writes to a DuckDB file, no other process can read it: then the copy counts, which each run leaves in
`HOGSYNC_HOME/status/`. A missing warehouse is not made, and has no facts.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.atomic_file import write_atomically
from pipelines.bookkeeping.local_state import name
from pipelines.bookkeeping.run_facts import NOTHING, LastRun, RunFacts, TableFacts, run_facts
from pipelines.errors import HogsyncError, WarehouseProblem
from pipelines.from_settings import hasty, open_warehouse
from pipelines.locking.backends import new_lock
from pipelines.query.query import DatasetMissing, asking
from pipelines.work_dir import folder_below
from sources.posthog.catalogue import ENDPOINTS, PEOPLE

if TYPE_CHECKING:
    from pipelines.settings import Settings

DAY = timedelta(hours=24)
WAIT = 2.0
"""Seconds to wait for a DuckDB file: a sync without changes holds it for less, and a probe has little time."""
FOLDER = "status"
TIMES = ("started_at", "last_success_at", "last_read_at", "last_run_at")

log = logging.getLogger("hogsync")


def facts_now(settings: Settings, now: datetime) -> tuple[RunFacts | None, str | None]:
    """Return the facts of a connection's run records, and the process that keeps them from being read, if one does.

    Without a copy the facts are None then. Raises WarehouseProblem if the warehouse cannot be read.
    """
    try:
        return read_facts(settings, now), None
    except WarehouseProblem:
        running = _holder(settings) if settings.warehouse.kind == "duckdb" else None
        if not running:
            raise
        return _kept(settings), running


def read_facts(settings: Settings, now: datetime) -> RunFacts:
    """Return the facts of a connection's run records as the warehouse tells them."""
    place = hasty(settings, WAIT)
    if not open_warehouse(place).exists():
        return NOTHING
    try:
        with asking(place) as ask:
            return run_facts(ask, settings.dataset, (*ENDPOINTS, PEOPLE.table), now - DAY)
    except DatasetMissing:
        return NOTHING


def _holder(settings: Settings) -> str | None:
    """Return the process that holds the load lock, None if no sync holds the file."""
    lock = new_lock(settings, "hogsync status")
    try:
        return None if lock.acquire() else lock.holder()
    except WarehouseProblem:  # the lock is another user's
        return None
    finally:
        lock.release()


# -- the copy


def keep_facts(settings: Settings) -> None:
    """Keep a copy of the facts after a run into a DuckDB file; trouble with it is logged and changes no run."""
    if settings.warehouse.kind != "duckdb":
        return
    try:
        found = read_facts(settings, datetime.now(UTC))
        if found is not NOTHING:
            folder_below(settings.home, FOLDER)
            write_atomically(_file(settings), json.dumps(asdict(found), default=datetime.isoformat))
    except (HogsyncError, OSError) as problem:
        log.warning("The copy for `hogsync status` was not written: %s", problem)


def _file(settings: Settings) -> Path:
    return settings.home / FOLDER / f"{name(settings)}.json"


def _kept(settings: Settings) -> RunFacts | None:
    try:
        found = json.loads(_file(settings).read_text("utf-8"))
        last = found["last_run"]
        tables = {table: TableFacts(**_with_times(facts)) for table, facts in found["tables"].items()}
        return RunFacts(
            last_run=last and LastRun(**_with_times(last)), is_scheduled=found["is_scheduled"], tables=tables
        )
    except (OSError, ValueError, KeyError, TypeError):  # none yet, or of another version
        return None


def _with_times(found: Mapping[str, Any]) -> dict[str, Any]:
    times = {key: datetime.fromisoformat(found[key]) for key in TIMES if found.get(key)}
    return {**found, **times}
