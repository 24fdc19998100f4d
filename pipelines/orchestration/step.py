"""Runs the one step of a Dagster run: a sync of some tables of one connection.

Tables and a connection -> what `pipelines.attended.sync` returns, as materialisations and check results. There is no
other way of loading, so a run that Dagster kills is a sync that was killed: the next one repairs what it left.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import dagster as dg

from pipelines import attended, backfill, logs, signals
from pipelines.console import sentence
from pipelines.errors import EXIT_CODES, HogsyncError, Interrupted, KeyProblem, UsageError
from pipelines.orchestration.checks import verdicts
from pipelines.settings import Settings
from pipelines.sync.outcome import Outcome
from pipelines.sync.selection import Selection
from pipelines.sync.summary import as_json, log_tables, summary

FINAL = {UsageError.exit_code, KeyProblem.exit_code}
"""Exit codes that another attempt cannot change: a person has to."""
BUG = 1
OPTIONS = {
    "from": dg.Field(str, "", is_required=False, description="Read this period again: 2026-11-01 or 30d."),
    "to": dg.Field(str, "", is_required=False, description="The end of the period; empty: now."),
    "full": dg.Field(bool, default_value=False, is_required=False, description="Walk every list to its end."),
    "accept_deletes": dg.Field(
        bool, default_value=False, is_required=False, description="Apply deletes that are held."
    ),
}
"""The options of `hogsync sync` and `hogsync backfill` that a run's configuration can set."""


def key_of(table: str) -> Any:
    """Return the key of a table's asset, apart from assets of the same name that hogsync did not make."""
    return dg.AssetKey(["posthog", table])


def step(context: Any, settings: Settings) -> Iterator[Any]:
    """Sync the selected tables of the partition's connection, and yield what came of each table and check."""
    tables = [key.path[-1] for key in context.selected_asset_keys]
    outcome = _outcome(context, settings, tables)
    log_tables(outcome)
    yield from _results(outcome, tables, context.selected_asset_check_keys)
    if outcome.exit_code:
        text = outcome.run.error or summary(outcome)
        raise _failure(text, outcome.exit_code, outcome.run.run_id) from None


def selection(tables: Sequence[str], options: Mapping[str, Any]) -> Selection:
    """Return the selection of a run; raises UsageError for a period of a table that is always read in full."""
    if not options["from"]:
        full, accept = options["full"], options["accept_deletes"]
        return Selection(tables=tuple(tables), full=full, accept_deletes=accept, trigger="schedule")
    backfill.refuse_snapshots(tables)
    window = backfill.window(options["from"], options["to"] or None)
    return Selection(tables=tuple(tables), window=window, trigger="backfill")


def _outcome(context: Any, settings: Settings, tables: Sequence[str]) -> Outcome:
    """Run the sync; raises dagster.Failure with one sentence for every error, so that no row's value is shown."""
    logs.hide(settings.secrets)
    logs.set_up()
    try:
        connection = settings.connection(context.partition_key)
        with _stoppable():
            return attended.sync(connection, selection(tables, context.op_execution_context.op_config))
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  a bug is told without its values, too
        problem = signals.known_end(error)
        if isinstance(problem, Interrupted):
            raise dg.DagsterExecutionInterruptedError from None
        if problem is None:
            context.log.error(logs.redacted_traceback(error))
        raise _failed(problem or error) from None


def _failed(error: BaseException) -> Any:
    if not isinstance(error, HogsyncError):
        return _failure(f"{type(error).__name__}: a bug in hogsync; the log shows where.", BUG, "")
    return _failure(str(error), error.exit_code, error.run.run_id if error.run else "")


def _failure(text: str, code: int, run_id: str) -> Any:
    """Return the failure of a step: one sentence, and the exit code that `hogsync sync` would have ended with."""
    metadata = {"exit_code": code, "exit_code_means": EXIT_CODES[code], "run_id": run_id}
    return dg.Failure(logs.redacted(sentence(text)), metadata, allow_retries=code not in FINAL)


def _results(outcome: Outcome, tables: Sequence[str], checks: Sequence[Any]) -> Iterator[Any]:
    """Yield the tables that were read, with their run record, and each selected check's result."""
    whole = as_json(outcome.run, outcome.requests, outcome.tables)
    records = {record.pop("table"): record for record in whole["tables"]}
    run = {"run_id": outcome.run.run_id, "run_requests": outcome.requests}
    for result in outcome.tables:
        if result.table not in tables:
            continue
        if result.status in {"loaded", "unchanged"}:
            record = {name: value for name, value in records[result.table].items() if value is not None}
            yield dg.MaterializeResult(key_of(result.table), metadata={**run, **record})
        for name, verdict in verdicts(result).items():
            if dg.AssetCheckKey(key_of(result.table), name) in checks:
                yield dg.AssetCheckResult(
                    passed=verdict.passed,
                    asset_key=key_of(result.table),
                    check_name=name,
                    severity=dg.AssetCheckSeverity.WARN,
                    description=None if verdict.passed else verdict.text,
                )


@contextmanager
def _stoppable() -> Iterator[None]:
    """Let SIGTERM and SIGINT stop the sync as they stop a command; afterwards Dagster's handlers are back."""
    if threading.current_thread() is not threading.main_thread():  # only the main thread may set handlers
        yield
        return
    former = {number: signal.getsignal(number) for number in signals.SIGNALS}
    signals.listen()  # which from now on also ends this process within seconds of a signal
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
