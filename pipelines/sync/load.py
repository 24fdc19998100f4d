"""Loads a run's deltas through dlt, in a working folder that is thrown away afterwards.

`Extraction` -> one load package, and another one without the tables that the warehouse refused.

dlt resumes an interrupted package, and a resumed package loads its staging twice: every later run then fails. So no
package outlives its run; schema and state come back from the warehouse.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from destinations.staging import claim_staging
from destinations.warehouse import DatabaseOutOfMemory, Types, Warehouse, WarehouseUnavailable, first_line
from pipelines import signals
from pipelines.settings.surroundings import set_aside
from sources.posthog.changes.delta import TargetTable
from sources.posthog.extract.extraction import Extraction

log = logging.getLogger("hogsync")

PIPELINE, LOADS = "hogsync", "_dlt_loads"
READ_BY_IMPORTING_DLT = (
    "DLT_DEFAULT_NAMING_MODULE",
    "DLT_DEFAULT_NAMING_NAMESPACE",
    "DLT_DLT_ID_LENGTH_BYTES",
    "DLT_INTERVAL_TIMEZONE",
    "DLT_JSON_TYPED_PUA_START",
    "DLT_USE_JSON",
)
"""Variables that dlt turns into constants while it is imported; an invalid value ends the import."""
_AWAKING = threading.Lock()
"""Held while dlt is imported: two threads must not import modules that import each other."""


class LoadFailed(Exception):
    """dlt could not load the run's package; the next run rewrites the uncommitted rows."""


class TableRefused(LoadFailed):
    """The warehouse refused the rows of one table."""

    def __init__(self, table: str, message: str) -> None:
        super().__init__(message)
        self.table = table


def load(extraction: Extraction, warehouse: Warehouse, folder: Path, existing: Mapping[str, Types]) -> None:
    """Write an extraction's rows; needs the warehouse open. `existing` are its tables and their columns.

    Afterwards every readable list has its table, even if it is empty. hogsync creates the tables itself, because dlt
    cannot create an empty one on Postgres in the format that it loads fastest.
    """
    targets = [target for target in extraction.target_tables() if extraction.results[target.parent].readable]
    _make_what_can_be(extraction, warehouse, targets, existing)
    if all(target.empty for target in targets):
        warehouse.limit_memory_for_inserts()
    if extraction.rows_to_write:
        claim_staging(warehouse)
        _load_what_can_be(extraction, warehouse, folder)
        warehouse.declare_keys()
    extraction.scratch.close()


def _make_what_can_be(
    extraction: Extraction,
    warehouse: Warehouse,
    targets: Sequence[TargetTable],
    existing: Mapping[str, Types],
) -> None:
    """Create these tables, and fail those that the warehouse refuses."""
    for target in targets:
        columns = {**target.columns, "_dlt_load_id": "text"}
        try:
            warehouse.ensure(target.table, columns, target.key, existing.get(target.table, {}))
            warehouse.index_key(target.table, target.key)
        except DatabaseOutOfMemory:
            raise  # this process is short of memory
        except WarehouseUnavailable as refused:
            _fail(extraction, target.parent, refused)


def _fail(extraction: Extraction, table: str, refused: Exception) -> None:
    """Fail a table that the warehouse refuses; raises if nothing else is to be written: the connection may be lost."""
    log.debug("%s", table, exc_info=refused, extra={"table": table})
    extraction.fail(table, str(refused))
    if not extraction.rows_to_write:
        raise refused


def _load_what_can_be(extraction: Extraction, warehouse: Warehouse, folder: Path) -> None:
    """Load all tables that the warehouse accepts; raises LoadFailed if it accepts none.

    A package fails as a whole, so the other tables are loaded again in a new package. That is safe: all writes go by
    key, and rows of an uncommitted load are written again.
    """
    parents = {target.table: target.parent for target in extraction.target_tables()}
    tries = 0
    while True:
        try:
            _run_dlt(extraction, warehouse, folder / f"dlt{tries}", again=tries > 0)
        except TableRefused as refused:
            _fail(extraction, parents.get(refused.table, refused.table), refused)
            tries += 1
        else:
            return


def prepare(extraction: Extraction) -> None:
    """Import dlt (half a second) in a thread while PostHog is read, if no row is stored: a load will follow."""
    if all(changes.stored_index.empty[table] for table, changes in extraction.changes.items()):
        threading.Thread(target=_awake, name="hogsync-dlt", daemon=True).start()


def _awake() -> Any:
    """Import dlt and the modules that it imports at first use; returns dlt."""
    with _AWAKING, set_aside(READ_BY_IMPORTING_DLT):
        import dlt
        import dlt.sources.helpers.requests

        import pipelines.sync.dlt_configuration  # noqa: F401  also from dlt

    return dlt


def _run_dlt(extraction: Extraction, warehouse: Warehouse, folder: Path, *, again: bool) -> None:
    dlt = _awake()
    from dlt.common.exceptions import DltException
    from dlt.load.exceptions import LoadClientJobException, LoadClientJobFailed, LoadClientJobTerminalRetry

    from pipelines.sync.dlt_configuration import configured
    from sources.posthog import changed

    try:
        with configured(folder):
            pipeline = dlt.pipeline(
                PIPELINE,
                destination=warehouse.destination(),
                dataset_name=warehouse.dataset,
                pipelines_dir=str(folder),
            )
            pipeline.sync_destination()
            rows = changed(extraction, warehouse.appendable, again=again)
            pipeline.extract(rows, loader_file_format="parquet")
            with extraction.scratch.shrink():  # only a second package would read these rows again
                pipeline.normalize()
                loaded = pipeline.load()
    except (DltException, LoadClientJobException, OSError) as failed:
        *_, cause = _chain(failed)
        # dlt wraps Ctrl-C like any failure of a step; an interrupted stream raises an error of Arrow's.
        if isinstance(cause, KeyboardInterrupt) or signals.stop_requested.is_set():
            raise KeyboardInterrupt from failed
        if isinstance(cause, warehouse.out_of_memory):
            raise MemoryError(first_line(cause)) from failed  # noqa: TRY004  it is the cause's type that is asked for
        if isinstance(cause, OSError):  # database errors are of other types
            why = cause.strerror or cause
            message = (
                f"The working folder {folder} cannot be written: {why}; make room there, or set HOGSYNC_HOME."
            )
            raise LoadFailed(message) from failed
        refusals = (LoadClientJobFailed, LoadClientJobTerminalRetry)
        job = next((one for one in _chain(failed) if isinstance(one, refusals)), None)
        if job is None:
            raise LoadFailed(f"{warehouse.label} did not take the rows: {first_line(cause)}") from failed
        table = job.job_id.partition(".")[0]
        message = f"{warehouse.label} did not take the rows of {table}: {first_line(cause)}"
        raise TableRefused(table, message) from failed
    _assert_arrived(warehouse, loaded.loads_ids)


def _assert_arrived(warehouse: Warehouse, load_ids: Sequence[str]) -> None:
    """Raise LoadFailed unless this dataset records the loads: otherwise it is unknown where their rows are."""
    sql = (
        f"select count(*) from {warehouse.name(LOADS)} where load_id = {warehouse.placeholder} and status = 0"
    )
    if not load_ids or any(warehouse.rows(sql, [load_id]) != [(1,)] for load_id in load_ids):
        raise LoadFailed(
            f"dlt has loaded the rows of this run, but {LOADS} in the dataset {warehouse.dataset} of "
            f"{warehouse.label} has no record of it; look for what keeps rows out of that table (a trigger, a rule), "
            "and sync again."
        )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and its causes."""
    while error is not None:
        yield error
        error = error.__cause__
