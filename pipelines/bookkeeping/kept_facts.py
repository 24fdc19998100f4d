"""Keeps a copy of the facts of a DuckDB file's run records, as they are before a sync.

While a sync writes to a DuckDB file, no other process can read the file. Then `hogsync status` reads the copy that the
sync wrote to `HOGSYNC_HOME/status/` when it began.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from destinations.dataset import Dataset
from destinations.warehouse import WarehouseUnavailable
from pipelines.atomic_file import write_atomically
from pipelines.bookkeeping import local_state
from pipelines.bookkeeping.run_facts import NOTHING, LastRun, RunFacts, TableFacts, run_facts
from pipelines.errors import HogsyncError
from pipelines.settings import Settings
from pipelines.work_dir import folder_below

FOLDER = "status"
TIMES = ("started_at", "last_success_at", "last_read_at", "last_run_at")

log = logging.getLogger("hogsync")


def keep_facts(settings: Settings, dataset: Dataset, now: datetime) -> None:
    """Write the facts of an open DuckDB file's run records to the copy; a failure is logged and changes no run."""
    if settings.warehouse.kind != "duckdb":
        return
    try:
        found = run_facts(dataset.warehouse.rows, settings.dataset, dataset.tables, now)
        if found is not NOTHING:
            folder_below(settings.home, FOLDER)
            write_atomically(_file(settings), json.dumps(asdict(found), default=datetime.isoformat))
    except (HogsyncError, WarehouseUnavailable, OSError) as problem:
        log.warning("The copy for `hogsync status` was not written: %s", problem)


def kept_facts(settings: Settings) -> RunFacts | None:
    """Return the facts of the copy; None if there is none yet, or one of another version."""
    try:
        found = json.loads(_file(settings).read_text("utf-8"))
        last = found["last_run"]
        tables = {table: TableFacts(**_with_times(facts)) for table, facts in found["tables"].items()}
        return RunFacts(
            last_run=last and LastRun(**_with_times(last)), is_scheduled=found["is_scheduled"], tables=tables
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _file(settings: Settings) -> Path:
    return settings.home / FOLDER / f"{local_state.name(settings)}.json"


def _with_times(found: Mapping[str, Any]) -> dict[str, Any]:
    times = {key: datetime.fromisoformat(found[key]) for key in TIMES if found.get(key)}
    return {**found, **times}
