"""Runs one sync: load_prior_state → extract → load → derive → record.

Settings and selection -> `Outcome`. `record` is the last transaction: a position is written only after its rows and
versions. So a run that is killed before `record` is read again by the next run, which finds the rows unchanged.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from destinations.warehouse import Types, Warehouse
from pipelines import logs, signals
from pipelines.bookkeeping import local_state, records
from pipelines.bookkeeping.schema import META, PRIVACY
from pipelines.bookkeeping.state import DatasetState
from pipelines.from_settings import (
    full_every_of,
    open_client,
    open_warehouse,
    privacy_policy,
    warehouse_problems,
)
from pipelines.locking.load_lock import load_lock
from pipelines.settings import Settings
from pipelines.sync.comments import write_comments
from pipelines.sync.derive import Derivation
from pipelines.sync.derived_tables import DerivedTables, with_history
from pipelines.sync.incomplete_rows import mark_incomplete
from pipelines.sync.load import load, prepare
from pipelines.sync.outcome import Outcome, RunHeader, recorded
from pipelines.sync.ownership import claim_tables
from pipelines.sync.prior_state import PriorState, load_prior_state
from pipelines.sync.privacy_rewrite import record_rewrites
from pipelines.sync.reach import refuse_unknown_projects
from pipelines.sync.selection import Selection, chosen_tables
from pipelines.sync.upgrade import upgrade
from pipelines.work_dir import work_dir
from sources.posthog.client.client import Client
from sources.posthog.client.retry import RetryPolicy
from sources.posthog.extract.checkpoints import CheckpointStore
from sources.posthog.extract.extraction import Extraction
from sources.posthog.extract.options import ReadOptions
from sources.posthog.extract.walks import Observer


def sync(
    settings: Settings,
    selection: Selection,
    observers: Sequence[Observer] = (),
    *,
    retry: RetryPolicy | None = None,
) -> Outcome:
    """Run one sync and return its outcome; raises HogsyncError if nothing could be done at all.

    `_sync` has the phases; a stop signal after the last one does not change the outcome. `observers` are called with
    every page that is read; `retry` limits how long a failing page is retried.
    """
    recorded_outcome: list[Outcome] = []
    with signals.after_record(recorded_outcome):
        return _sync(settings, selection, observers, retry, recorded_outcome)
    return recorded_outcome[0]


def _sync(
    settings: Settings,
    selection: Selection,
    observers: Sequence[Observer],
    retry: RetryPolicy | None,
    recorded_outcome: list[Outcome],
) -> Outcome:
    tables, versioned, dry_run = chosen_tables(settings, selection), with_history(settings), selection.dry_run
    key = settings.require_key().get_secret_value()
    command = "hogsync backfill" if selection.window else "hogsync sync"
    run_id = uuid4().hex
    logs.concern(settings, run_id=run_id)
    with load_lock(settings, settings.wait, command) as lock, work_dir(settings.home) as folder, relaxed_gc():
        started = datetime.now(UTC)  # under the lock, so that runs are in the order of their times
        warehouse = open_warehouse(settings)
        client = open_client(settings, key, retry=retry)
        checkpoints = _checkpoints(settings, selection, started)
        with _to_be_read(warehouse, dry_run=dry_run):
            prior = load_prior_state(warehouse, settings, selection, tables, started)
            extraction = _new_extraction(
                settings, selection, prior, started, client=client, folder=folder, checkpoints=checkpoints
            )
            extraction.load_stored()
        header = RunHeader(
            run_id=run_id,
            tables=tables,
            trigger=selection.trigger,
            started=started,
            strict=selection.strict or settings.sync.strict,
            warnings=prior.warnings,
        )
        with (
            closing(extraction),
            recorded(header, warehouse, extraction, dry_run=dry_run),
            signals.interruptible(warehouse.interrupt, extraction.scratch.interrupt),
        ):
            _extract(extraction, observers, tables, dry_run=dry_run)
            if dry_run or not isinstance(prior.dataset, DatasetState):
                return header.outcome(extraction)
            lock.verify()  # reading takes long: if another process wrote meanwhile, older rows would replace newer ones
            derived = DerivedTables(prior.dataset, versioned)
            derivation = Derivation(warehouse, extraction, prior.dataset, derived, prior.former)
            with warehouse_problems(), warehouse.opened():
                existing = _load(extraction, warehouse, folder, prior, derivation)
                derivation.derive(existing)
                outcome = _record(header, warehouse, extraction, prior, derivation, existing=existing)
        recorded_outcome.append(outcome)
        local_state.remember_run(settings, outcome.run.run_id)
        checkpoints.settle()
        return outcome


def _checkpoints(settings: Settings, selection: Selection, started: datetime) -> CheckpointStore:
    folder = None if selection.dry_run else local_state.checkpoint_folder(settings)
    checkpoints = CheckpointStore(folder, started, settings.lists.resume_within)
    checkpoints.sweep()
    return checkpoints


@contextmanager
def _to_be_read(warehouse: Warehouse, *, dry_run: bool) -> Iterator[None]:
    """Open the warehouse; a dry run must not create a DuckDB file."""
    opened = warehouse.opened() if warehouse.exists() or not dry_run else nullcontext()
    with warehouse_problems(), opened, signals.interruptible(warehouse.interrupt):
        yield


def _new_extraction(
    settings: Settings,
    selection: Selection,
    prior: PriorState,
    started: datetime,
    *,
    client: Client,
    folder: Path,
    checkpoints: CheckpointStore,
) -> Extraction:
    lists = settings.lists
    options = ReadOptions(
        started=started,
        page_size=lists.page_size,
        page_bytes=lists.page_megabytes << 20,
        full=selection.full or prior.read_all,
        anew=prior.anew,
        full_every=lists.full_every,
        full_every_of=full_every_of(settings),
        sweep_every=lists.sweep_every,
        announcements=lists.announcements,
        accept_deletes=selection.accept_deletes,
        new_columns=lists.new_columns,
        window=selection.window,
    )
    return Extraction(
        client,
        chosen_tables(settings, selection),
        stored=prior.dataset,
        policy=privacy_policy(settings),
        options=options,
        folder=folder,
        projects=selection.projects or settings.projects.only,
        in_flight=lists.in_flight,
        ahead=lists.ahead,
        checkpoints=checkpoints,
    )


def _extract(
    extraction: Extraction, observers: Sequence[Observer], tables: tuple[str, ...], *, dry_run: bool
) -> None:
    """Read PostHog: afterwards `extraction` holds the result of each table, and the rows to write."""
    extraction.reader.observers.extend(observers)
    record_rewrites(extraction)
    if not dry_run:
        prepare(extraction)
    extraction.run()
    refuse_unknown_projects(extraction, tables)


def _load(
    extraction: Extraction, warehouse: Warehouse, folder: Path, prior: PriorState, derivation: Derivation
) -> Mapping[str, Types]:
    """Write the rows; returns the tables and columns that exist afterwards, for `derive`."""
    warehouse.create_dataset()
    readable = [one.shape for table, one in extraction.changes.items() if extraction.results[table].readable]
    claim_tables(derivation.state, [*readable, extraction.people.shape], derivation.tables.versioned)
    existing = warehouse.columns()
    records.ensure(warehouse, META, existing)
    upgraded = upgrade(derivation, existing)
    mark_incomplete(warehouse, extraction, existing)
    derivation.derive_backlog()
    records.mark_before_load(warehouse, {**prior.meta, **derivation.blanked(), **upgraded}, extraction)
    load(extraction, warehouse, folder, existing)
    return warehouse.columns()


def _record(
    header: RunHeader,
    warehouse: Warehouse,
    extraction: Extraction,
    prior: PriorState,
    derivation: Derivation,
    *,
    existing: Mapping[str, Types],
) -> Outcome:
    """Record the run and the positions of its lists in one transaction, after all that they describe is stored."""
    results = extraction.results.values()
    standing = records.standing_warnings(warehouse, results)
    facts = {f"{PRIVACY}{one.table}": prior.privacy for one in results if one.is_asked}
    facts |= records.rows_noted(derivation.state, extraction, derivation.sources(existing))
    there = warehouse.columns() if extraction.rows_to_write else existing  # histories may have been made
    facts |= write_comments(warehouse, extraction, there, derivation.state.meta)
    outcome = header.outcome(extraction, derivation.troubles.values(), standing)
    records.record_run(warehouse, outcome.run, extraction, facts)
    return outcome


@contextmanager
def relaxed_gc() -> Iterator[None]:
    """Make Python's garbage collector run less often: pages are many small objects without cycles.

    With its default thresholds it takes 10 to 15 % of the CPU of a large first sync.
    """
    before = gc.get_threshold()
    gc.set_threshold(200_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)
