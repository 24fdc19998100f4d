"""Checks whether a sync could write: the folder for working files, the database, both schemas, the dataset's owner.

Every check writes for real and rolls back: a DuckDB file that does not exist does not exist afterwards either.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from destinations.permissions import may_write, missing_grants, tables_of_others, try_write
from destinations.staging import staging_of
from destinations.warehouse import Warehouse, WarehouseUnavailable
from pipelines.bookkeeping.state import DatasetState, owner_of
from pipelines.check.findings import Finding, fine, note, refused, wrong
from pipelines.errors import HogsyncError, UsageError, WarehouseProblem
from pipelines.from_settings import open_warehouse
from pipelines.locking.backends import new_lock
from pipelines.readers.publish import refuse_unfit, try_to_replace
from pipelines.settings import Settings
from pipelines.sync.ownership import expected_tables, refuse_others
from pipelines.work_dir import work_dir
from sources.posthog.catalogue import ENDPOINTS, PEOPLE

WAIT = 5.0
"""Seconds to wait for a DuckDB file that another process holds: a check should answer soon."""
VERSION = {
    "duckdb": "select 'DuckDB ' || version()",
    "postgresql": "select 'Postgres ' || current_setting('server_version')",
}
FOLLOWERS = tuple(name for endpoint in ENDPOINTS.values() for name in endpoint.derived_tables)
OURS = tuple(f"{name}_" for name in ("_dlt", "_hogsync", *ENDPOINTS, PEOPLE.table, *FOLLOWERS))


def examine_warehouse(settings: Settings, tables: Sequence[str]) -> Iterator[Finding]:
    """Yield findings about the warehouse of these tables, as far as one check does not depend on another."""
    yield from _home(settings)
    yield from _publishing(settings)
    try:
        yield from _at_work(settings)
        with _place(settings) as warehouse, warehouse.opened():
            yield from _owner(warehouse, settings, tables)
            yield from _writable(warehouse, settings)
    except WarehouseUnavailable as problem:
        yield wrong("warehouse", f"{str(problem).rstrip('.')}.", WarehouseProblem.exit_code)
    except HogsyncError as problem:
        yield refused("warehouse", problem)


def _unusable(what: str, advice: str) -> Finding:
    return wrong("warehouse", f"{what.rstrip('.')}; {advice}.", WarehouseProblem.exit_code)


def _home(settings: Settings) -> Iterator[Finding]:
    try:
        with work_dir(settings.home):
            yield fine("settings", f"HOGSYNC_HOME {settings.home} can be written.")
    except UsageError as problem:
        yield refused("settings", problem)


def _publishing(settings: Settings) -> Iterator[Finding]:
    """Yield whether the copy for readers can be made, if there is to be one."""
    if settings.publish.path is None:
        return
    try:
        refuse_unfit(settings)
        try_to_replace(settings)
        yield fine(
            "settings", f"Readers get the copy {settings.publish.path} after each run that wrote rows."
        )
    except UsageError as problem:
        yield refused("settings", problem)


def _at_work(settings: Settings) -> Iterator[Finding]:
    """Yield who is loading now; raises WarehouseProblem if a sync could not even wait for the lock."""
    from destinations.duckdb import may_exist

    place = settings.warehouse
    if place.kind == "duckdb" and not may_exist(Path(f"{os.path.realpath(place.path)}.lock")):
        return  # nothing was ever loaded, and taking the lock would leave its file behind
    lock = new_lock(settings, "hogsync check")
    try:
        if not lock.acquire():
            text = f"{place.label} is held by {lock.holder()}; a sync waits {settings.wait:g} s for it."
            yield note("warehouse", text)
    finally:
        lock.release()


@contextmanager
def _place(settings: Settings) -> Iterator[Warehouse]:
    """Yield the warehouse; for a DuckDB file that does not exist, a temporary one beside it."""
    from destinations.duckdb import may_exist

    place = settings.warehouse
    if place.kind != "duckdb" or may_exist(place.path):
        yield _patient(settings)
        return
    try:
        folder = tempfile.TemporaryDirectory(prefix=".hogsync-check-", dir=place.path.absolute().parent)
    except OSError as error:
        raise WarehouseProblem(
            f"{place.label} cannot be made ({error.strerror}); WAREHOUSE_URL must lead into a folder that exists "
            "and that hogsync may write."
        ) from error
    with folder as trial:
        there = replace(place, path=Path(trial) / place.path.name)
        warehouse = _patient(settings.model_copy(update={"warehouse": there}))
        warehouse.label = place.label
        yield warehouse


def _patient(settings: Settings) -> Warehouse:
    warehouse = open_warehouse(settings)
    warehouse.wait = min(warehouse.wait, WAIT)
    return warehouse


def _owner(warehouse: Warehouse, settings: Settings, tables: Sequence[str]) -> Iterator[Finding]:
    """Compare the dataset's PostHog and hash key with the settings, and find objects that hogsync did not make."""
    try:
        memory = DatasetState(warehouse)
        refuse_others(memory, expected_tables(tables, settings))
        memory.check_owner(_belonging(settings))
        whose = memory.meta.get("origin")
        content = f"holds the PostHog at {whose}" if whose else "is new"
        yield fine("warehouse", f"The dataset {warehouse.dataset} in {warehouse.label} {content}.")
    except (UsageError, WarehouseProblem) as problem:
        yield refused("warehouse", problem)


def _belonging(settings: Settings) -> Mapping[str, str]:
    """Return the expected owner of the dataset; does not create a hash key."""
    from destinations.duckdb import may_exist

    exists = settings.hash_key is not None or may_exist(settings.home / "hash.key")
    return owner_of(settings) if exists else {"origin": settings.origin_name, "hash_key": "no key yet"}


def _writable(warehouse: Warehouse, settings: Settings) -> Iterator[Finding]:
    on_server = settings.warehouse.kind == "postgresql"
    problems: list[Finding] = []
    for schema in (warehouse.dataset, staging_of(warehouse.dataset)):
        try:
            try_write(warehouse, schema)
        except WarehouseUnavailable as refusal:
            problems.append(_unusable(str(refusal), _remedy(warehouse, schema, on_server=on_server)))
        problems += _of_others(warehouse, schema) if on_server else ()
    yield from problems
    if not problems:
        version = warehouse.rows(VERSION[settings.warehouse.kind])[0][0]
        yield fine(
            "warehouse", f"{warehouse.label} can be written ({version}): a table was made and dropped."
        )
        yield from _readers(warehouse, settings)


def _readers(warehouse: Warehouse, settings: Settings) -> Iterator[Finding]:
    """Yield which DuckDB opens the file, and a note if `storage_version`, for new files only, differs."""
    since, wanted = warehouse.readable_since(), settings.warehouse_options.storage_version
    if since:
        older = (
            "" if since == wanted else f"; [warehouse] storage_version = {wanted} holds for new files only"
        )
        yield note("warehouse", f"{warehouse.label} can be read by DuckDB {since} or newer{older}.")


def _remedy(warehouse: Warehouse, schema: str, *, on_server: bool) -> str:
    if not on_server or may_write(warehouse, schema):
        return "free what stands in the way there (disk space, a read-only file or server)"
    return f"let the owner of the database run: {'; '.join(missing_grants(warehouse))}"


def _of_others(warehouse: Warehouse, schema: str) -> Iterator[Finding]:
    """Yield a finding for tables of an earlier sync under another role: this role could not add a column to them."""
    tables = [one for one in tables_of_others(warehouse, schema) if f"{one[0]}_".startswith(OURS)]
    for name, owner in tables[:1]:
        yield _unusable(
            f"{len(tables)} tables in {schema}, such as {name}, belong to the role {owner}",
            f"sync as {owner}, or make the role in WAREHOUSE_URL their owner (alter table … owner to …)",
        )
