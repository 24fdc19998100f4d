"""One sync, the function that every caller uses: read PostHog, load what changed, record what happened."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from uuid import uuid4

from destinations.warehouse import Warehouse, WarehouseUnavailable
from pipelines import signals
from pipelines.bookkeeping import records
from pipelines.bookkeeping.schema import PRIVACY
from pipelines.bookkeeping.state import DatasetState
from pipelines.connections import (
    full_every_of,
    open_client,
    open_warehouse,
    privacy_policy,
    warehouse_problems,
)
from pipelines.errors import (
    HogsyncError,
    Interrupted,
    KeyProblem,
    OutOfMemory,
    UsageError,
    WarehouseProblem,
)
from pipelines.locking.backends import LoadLock
from pipelines.locking.load_lock import load_lock
from pipelines.run import Run, RunStatus
from pipelines.settings import Settings
from pipelines.sync import local_state
from pipelines.sync.derive import Derivation
from pipelines.sync.derived_tables import DerivedTables, with_history
from pipelines.sync.incomplete_rows import mark_incomplete
from pipelines.sync.load import LoadFailed, load, prepare
from pipelines.sync.outcome import Outcome, run_status
from pipelines.sync.ownership import claim_tables, expected_tables
from pipelines.sync.prior_state import (
    OLDER_WAREHOUSE,
    is_restored,
    prior_state,
    privacy_changed,
    privacy_marks,
    read_all_again,
    stored_under,
    to_open,
)
from pipelines.sync.privacy_rewrite import record_rewrites, within
from pipelines.sync.reach import NOWHERE, leads_nowhere, no_such_project, unknown_projects
from pipelines.sync.selection import Selection, chosen_tables
from pipelines.sync.upgrade import upgrade
from pipelines.work_dir import work_dir
from sources.posthog.catalogue import ENDPOINTS, with_parents
from sources.posthog.changes.stored import EmptyWarehouse
from sources.posthog.client.retry import RetryPolicy
from sources.posthog.errors import KeyRefused, Misdirected, NoRoom, PostHogError
from sources.posthog.extract.checkpoints import CheckpointStore
from sources.posthog.extract.extraction import Extraction
from sources.posthog.extract.options import ReadOptions
from sources.posthog.extract.run_warnings import RunWarning
from sources.posthog.extract.walks import Observer
from sources.posthog.shape.types import digest

log = logging.getLogger("hogsync")


def sync(
    settings: Settings,
    selection: Selection,
    observers: Sequence[Observer] = (),
    *,
    patience: RetryPolicy | None = None,
) -> Outcome:
    """Run one sync and return its outcome; raises HogsyncError where nothing could be done at all.

    `observers` are told of every page as it is read; `patience` is how long a page that fails is tried for.
    """
    signals.too_late.clear()  # an earlier run of this process was done
    tables, versioned = chosen_tables(settings, selection), with_history(settings)
    key = settings.require_key().get_secret_value()
    with (
        load_lock(
            settings, settings.wait, "hogsync backfill" if selection.window else "hogsync sync"
        ) as turn,
        work_dir(settings.home) as folder,
        relaxed_gc(),
    ):
        started = datetime.now(UTC)  # inside the lane: runs that take turns are in the order of their times
        warehouse = open_warehouse(settings)
        meta = {"origin": settings.origin_name, "hash_key": digest(settings.hash_key_bytes().hex())}
        privacy = settings.privacy.model_dump_json()
        client = open_client(settings, key, patience=patience)
        walks = None if selection.dry_run else local_state.checkpoint_folder(settings)
        journal = CheckpointStore(walks, started, settings.lists.resume_within)
        journal.sweep()
        with (
            warehouse_problems(),
            warehouse.opened() if to_open(warehouse, dry_run=selection.dry_run) else nullcontext(),
            signals.interruptible(warehouse.interrupt),
        ):
            ours = expected_tables(tables, settings)
            known = prior_state(
                warehouse,
                meta,
                ours,
                settings,
                started=started,
                dry_run=selection.dry_run,
            )
            modes = stored_under(known, privacy, with_parents(tables))
            changed = privacy_changed(modes, privacy)
            old = is_restored(known, local_state.last_run(settings), dry_run=selection.dry_run)
            people_lost = read_all_again(known, ours, dry_run=selection.dry_run)
            full = selection.full or changed or old or people_lost
            reading = Extraction(
                client,
                tables,
                stored=known,
                policy=privacy_policy(settings),
                options=_rules(settings, selection, started, full=full),
                folder=folder,
                projects=selection.projects or settings.projects.only,
                in_flight=settings.lists.in_flight,
                ahead=settings.lists.ahead,
                checkpoints=journal,
            )
        reading.reader.observers.extend(observers)
        meta |= privacy_marks(modes, privacy) | within(settings)
        record_rewrites(reading, known)
        following = (
            Derivation(warehouse, reading, known, DerivedTables(known, versioned), changed)
            if isinstance(known, DatasetState)
            else None
        )
        work = _Work(
            reading, warehouse, turn, meta, privacy, selection, tables, started, folder, known, following
        )
        work.strict = selection.strict or settings.sync.strict
        work.warnings += [OLDER_WAREHOUSE] * old
        try:
            outcome = work.run()
            if not selection.dry_run:
                local_state.remember_run(settings, outcome.run.run_id)
                journal.settle()
            return outcome
        finally:
            reading.close()


def _rules(settings: Settings, selection: Selection, started: datetime, *, full: bool) -> ReadOptions:
    lists = settings.lists
    return ReadOptions(
        started=started,
        page_size=lists.page_size,
        full=full,
        full_every=lists.full_every,
        full_every_of=full_every_of(settings),
        sweep_every=lists.sweep_every,
        accept_deletes=selection.accept_deletes,
        new_columns=lists.new_columns,
        window=selection.window,
    )


@contextmanager
def relaxed_gc() -> Iterator[None]:
    """Python's collector of cycles at work less often: pages are many small objects without any.

    By its default it goes through them time and again, 10 to 15 % of a large first sync's CPU.
    """
    before = gc.get_threshold()
    gc.set_threshold(200_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)


@dataclass(slots=True)
class _Work:
    """The steps of one run and the record that each way out leaves behind."""

    reading: Extraction
    warehouse: Warehouse
    lock: LoadLock
    meta: dict[str, str]
    privacy: str
    selection: Selection
    tables: tuple[str, ...]
    started: datetime
    folder: Path
    known: DatasetState | EmptyWarehouse
    following: Derivation | None
    """Only where there is no warehouse yet, and a dry run makes none, nothing follows."""
    run_id: str = field(default_factory=lambda: uuid4().hex)

    recorded: Run | None = None
    strict: bool = False
    warnings: list[RunWarning] = field(default_factory=list)
    """What concerns no single table."""

    def run(self) -> Outcome:
        try:
            return self._tried()
        except HogsyncError as problem:
            problem.run, problem.requests = self.recorded, self.reading.client.total
            raise

    def _tried(self) -> Outcome:
        try:
            with signals.interruptible(self.warehouse.interrupt, self.reading.scratch.interrupt):
                if not self.selection.dry_run:
                    prepare(self.reading)
                self.reading.run()
                self._known_projects()
                return self._load()
        except (KeyRefused, Misdirected) as refused:
            self._record_or_not("refused", str(refused))
            raise _as_problem(refused) from refused
        except NoRoom as full:
            self._record_or_not("failed", str(full))
            raise WarehouseProblem(str(full)) from full
        except PostHogError as failed:
            self._record_or_not("failed", str(failed))
            raise _Failed(str(failed)) from failed
        except MemoryError as short:
            self.reading.close()  # the record needs some, too
            with suppress(MemoryError):
                self._record_or_not("failed", str(OutOfMemory(short)))
            raise OutOfMemory(short) from short
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt) or signals.stop_requested.is_set():
                self._record_or_not("interrupted", "stopped by the user")
                message = "Stopped. What was loaded before is whole; the next sync goes on from there."
                raise Interrupted(message) from None
            if not isinstance(error, HogsyncError):
                self._record_or_not("failed", f"{type(error).__name__}: a bug in hogsync")
            raise

    def _load(self) -> Outcome:
        if self.selection.dry_run or not self.following:
            return self._outcome()
        try:
            self.lock.verify()  # reading takes long: after another's turn, older rows would go over newer ones
            with warehouse_problems(), self.warehouse.opened():
                self.warehouse.create_dataset()
                self._claim_tables()
                existing = self.warehouse.columns()
                upgraded = upgrade(self.following, existing)
                mark_incomplete(self.warehouse, self.reading, existing)
                records.derive_backlog(self.warehouse, self.following)
                records.mark_before_load(
                    self.warehouse, self.meta | self.following.blanked() | upgraded, self.reading
                )
                load(self.reading, self.warehouse, self.folder, existing)
                read = self.reading.results.values()
                now = {f"{PRIVACY}{one.table}": self.privacy for one in read if one.complete}
                standing = records.standing_warnings(self.warehouse, read)
                run = records.record_run(self.warehouse, self._ended, self.reading, now, self.following)
                return replace(self._outcome(), run=run, standing=standing)
        except (LoadFailed, WarehouseProblem) as failed:
            self._record_or_not("failed", str(failed))
            raise WarehouseProblem(str(failed)) from failed

    def _claim_tables(self) -> None:
        reading = self.reading
        readable = [one.shape for table, one in reading.changes.items() if reading.results[table].readable]
        if isinstance(self.known, DatasetState) and self.following:
            shapes = [*readable, reading.people.shape]
            claim_tables(self.known, shapes, self.following.followers.versioned)

    def _known_projects(self) -> None:
        """A project that was asked for by its id must be there."""
        asked, projects = self.reading.partitions.projects, self.reading.results.get("projects")
        if not asked or not projects or projects.status == "failed":
            return
        own = self.reading.key.projects if self.reading.key else ()
        met = {*own, *(key[-1] for key in self.reading.keys(ENDPOINTS["projects"], projects.lists))}
        unknown = unknown_projects(asked, met, all_listed=projects.complete or bool(own))
        if unknown and (met or not self._leads_nowhere()):
            raise UsageError(no_such_project(unknown, met))

    def _leads_nowhere(self) -> bool:
        return leads_nowhere(tuple(self.reading.results.values()), self.tables)

    def _record_or_not(self, status: RunStatus, error: str) -> None:
        """Record a run that did not load; without a warehouse there is nowhere to record it."""
        if self.selection.dry_run:
            return
        self.warehouse.wait = 0  # it was told to stop, or has waited already
        with suppress(WarehouseUnavailable), self.warehouse.opened():
            self.warehouse.create_dataset()
            run = self._run(status, error)
            self.recorded = records.record_run(self.warehouse, lambda: run, None)

    def _run(self, status: RunStatus, error: str | None) -> Run:
        return Run(
            run_id=self.run_id,
            started_at=self.started,
            finished_at=datetime.now(UTC),
            status=status,
            trigger=self.selection.trigger,
            version=version("hogsync"),
            error=error,
            warnings=(
                *self.warnings,
                *(w for result in self.reading.results.values() for w in result.warnings),
            ),
        )

    def _ended(self) -> Run:
        return self._outcome().run

    def _outcome(self) -> Outcome:
        results = tuple(self.reading.results.values())
        status, exit_code = run_status(results, self.tables, refused=self.reading.refusal is not None)
        troubles = self.following.troubles.values() if self.following else ()
        if troubles and status == "ok":
            status, exit_code = "partial", 1
        refusal = str(self.reading.refusal or (NOWHERE if self._leads_nowhere() else ""))
        said = "; ".join(filter(None, [refusal, *troubles])) or None
        run, requests = self._run(status, said), self.reading.client.total
        exit_code = exit_code or int(self.strict and bool(run.warnings))
        key = self.reading.key
        return Outcome(run=run, requests=requests, tables=results, exit_code=exit_code, key=key)


class _Failed(HogsyncError):
    """PostHog could not be read at all, and the key is not to blame."""

    exit_code = 1


def _as_problem(refused: PostHogError) -> HogsyncError:
    """A bad key is exit 3; an address where no PostHog answers is a wrong setting."""
    return UsageError(str(refused)) if isinstance(refused, Misdirected) else KeyProblem(str(refused))
