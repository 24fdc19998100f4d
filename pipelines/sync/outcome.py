"""Records every end of a sync: its run, its tables, its exit code.

Results -> `Outcome`. An error -> a record of the run (`recorded`), and the HogsyncError that explains the error.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from destinations.warehouse import Warehouse, WarehouseUnavailable
from pipelines import signals
from pipelines.bookkeeping.records import record_run
from pipelines.errors import HogsyncError, Interrupted, KeyProblem, OutOfMemory, UsageError, WarehouseProblem
from pipelines.run import Run, RunStatus, Trigger
from pipelines.sync.load import LoadFailed
from pipelines.sync.reach import NOWHERE, leads_nowhere
from sources.posthog.catalogue import PEOPLE
from sources.posthog.client.client import Traffic
from sources.posthog.errors import KeyRefused, Misdirected, NoRoom, PostHogError
from sources.posthog.extract.api_key import Key
from sources.posthog.extract.extraction import Extraction
from sources.posthog.extract.results import TableResult
from sources.posthog.extract.run_warnings import RunWarning

UNREADABLE = "Nothing that was selected is readable with this key; `hogsync check` says why"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The outcome of a run, as the run records hold it."""

    run: Run
    traffic: Traffic = field(default_factory=Traffic)
    tables: Sequence[TableResult] = field(default_factory=tuple)
    exit_code: int = 0
    key: Key | None = None
    """What PostHog reports about the key."""
    standing: frozenset[str] = frozenset()
    """Tables whose refusals were already reported by their last run."""

    @property
    def requests(self) -> int:
        """Return the number of requests sent to PostHog."""
        return self.traffic.requests


class ExtractionFailed(HogsyncError):
    """PostHog could not be read at all, for another reason than the key."""

    exit_code = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RunHeader:
    """The facts that are known at the start of a run."""

    run_id: str
    tables: tuple[str, ...]
    """The selected tables."""
    trigger: Trigger
    started: datetime
    strict: bool
    """True if warnings make the exit code 1."""
    warnings: tuple[RunWarning, ...] = ()
    """Warnings that concern no single table."""

    def run(self, status: RunStatus, error: str | None, extraction: Extraction) -> Run:
        """Return the run as it is recorded, with now as its end."""
        of_tables = (warning for result in extraction.results.values() for warning in result.warnings)
        return Run(
            run_id=self.run_id,
            started_at=self.started,
            finished_at=datetime.now(UTC),
            status=status,
            trigger=self.trigger,
            version=version("hogsync"),
            error=error,
            warnings=(*self.warnings, *extraction.warnings, *of_tables),
        )

    def outcome(
        self, extraction: Extraction, problems: Collection[str] = (), standing: frozenset[str] = frozenset()
    ) -> Outcome:
        """Return the outcome of a run that read PostHog; `problems` are sentences about tables not derived."""
        results = tuple(extraction.results.values())
        status, exit_code = run_status(results, self.tables, refused=extraction.refusal is not None)
        if problems and status == "ok":
            status, exit_code = "partial", 1
        errors = [*problems]
        if status == "refused":
            unreadable = NOWHERE if leads_nowhere(results, self.tables) else UNREADABLE
            errors.insert(0, str(extraction.refusal or unreadable))
        run = self.run(status, "; ".join(errors) or None, extraction)
        return Outcome(
            run=run,
            traffic=extraction.client.traffic(),
            tables=results,
            exit_code=exit_code or int(self.strict and bool(run.warnings)),
            key=extraction.key,
            standing=standing,
        )


def run_status(
    results: Sequence[TableResult], chosen: Sequence[str], *, refused: bool
) -> tuple[RunStatus, int]:
    """Return a run's status and exit code, from the results of its tables and of the selected ones."""
    listed = [result for result in results if result.table != PEOPLE.table]
    unreadable = all(result.status == "unavailable" for result in listed if result.table in chosen)
    if refused or unreadable or leads_nowhere(results, chosen):
        return "refused", KeyProblem.exit_code
    if any(result.status == "failed" for result in results):
        return ("failed" if all(result.status == "failed" for result in listed) else "partial"), 1
    return "ok", 0


@contextmanager
def recorded(
    header: RunHeader, warehouse: Warehouse, extraction: Extraction, *, dry_run: bool
) -> Iterator[None]:
    """Record a run that an error ends, and raise the HogsyncError that explains the error."""
    try:
        yield
    except BaseException as error:
        if isinstance(error, MemoryError):
            extraction.close()  # the record needs some memory, too
        status, text, problem = failure(error, stopped=signals.stop_requested.is_set())
        run = None
        if status and not dry_run:
            with suppress(WarehouseUnavailable, *[MemoryError] * isinstance(error, MemoryError)):
                run = _record_failure(warehouse, header.run(status, text, extraction))
        if isinstance(problem, HogsyncError):
            problem.run, problem.traffic = run, extraction.client.traffic()
        if problem is error:
            raise
        raise problem from None if isinstance(problem, Interrupted) else error


FAILURES: tuple[tuple[type[BaseException], RunStatus, Callable[[Any], HogsyncError]], ...] = (
    (Misdirected, "refused", UsageError),  # an address where no PostHog answers is a wrong setting
    (KeyRefused, "refused", KeyProblem),
    (NoRoom, "failed", WarehouseProblem),
    (PostHogError, "failed", ExtractionFailed),
    (MemoryError, "failed", OutOfMemory),
)
"""Errors that are reported whether or not a stop was requested: each with the run's status and the error to raise."""


def failure(error: BaseException, *, stopped: bool) -> tuple[RunStatus | None, str, BaseException]:
    """Return the status and text to record for a run that this error ends, and the error to raise instead.

    The status is None if the error was found before anything was read: then nothing is recorded.
    """
    for kind, status, explain in FAILURES:
        if isinstance(error, kind):
            problem = explain(error)
            return status, str(problem), problem
    if stopped or isinstance(error, KeyboardInterrupt):
        message = "Stopped. What was loaded before is whole; the next sync goes on from there."
        return "interrupted", "stopped by the user", Interrupted(message)
    if isinstance(error, LoadFailed | WarehouseProblem):
        return "failed", str(error), WarehouseProblem(str(error))
    if isinstance(error, HogsyncError):
        return None, "", error
    return "failed", f"{type(error).__name__}: a bug in hogsync", error


def _record_failure(warehouse: Warehouse, run: Run) -> Run:
    warehouse.wait = 0  # a stop was requested, or the run has waited already
    with warehouse.opened():
        warehouse.create_dataset()
        record_run(warehouse, run)
    return run
