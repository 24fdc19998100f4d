"""Runs a sync, and does what follows it: the copy for readers, the states that begin and end, watches and pings.

Before a run, hogsync tells which tables are stale: a run that is killed or times out tells nothing, so the next run
must tell that the runs before it failed.

States are written before they are sent, and marked as told after that. A run that is killed between the two is told
twice: at least once, because an alarm that nobody hears is worse than one that is heard twice.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from destinations.warehouse import Warehouse, WarehouseUnavailable
from pipelines import signals
from pipelines.alerts import watches
from pipelines.alerts.local import forget_alerts, keep_alerts, kept_alerts
from pipelines.alerts.messages import is_quiet, messages
from pipelines.alerts.notifier import notifiers, send
from pipelines.alerts.observed import (
    OF_BACKFILL,
    OF_RUN,
    observed_ages,
    observed_error,
    observed_left,
    observed_outcome,
    suspects,
)
from pipelines.alerts.ping import ping
from pipelines.alerts.states import Observation, decide, told
from pipelines.bookkeeping.alerts import (
    Alert,
    add_warnings,
    stored_alerts,
    stored_answers,
    write_alerts,
)
from pipelines.bookkeeping.run_facts import is_scheduled, last_successes, living_rows
from pipelines.errors import HogsyncError, Interrupted
from pipelines.from_settings import hasty, open_warehouse
from pipelines.locking.load_lock import load_lock
from pipelines.readers.publish import publish
from pipelines.run import Run
from pipelines.settings import Settings
from pipelines.status.due import Times, times
from pipelines.sync.outcome import Outcome
from pipelines.sync.selection import Selection, chosen_tables
from sources.posthog.extract.run_warnings import RunWarning

WAIT = 10.0
"""The most seconds to wait for a warehouse that another process holds, before the next run has to tell."""

COUNTED = {"not published", "watch failed"}
"""Kinds of warnings that make the exit code of a strict run 1: readers get an old copy, or a question has no answer.
Alerts and pings that could not be sent do not: a notifier that is down never fails a sync."""

log = logging.getLogger("hogsync")
warned = logging.getLogger("hogsync.warnings")


def followed(settings: Settings, selection: Selection, sync: Callable[[], Outcome]) -> Outcome:
    """Run a sync and tell what it shows; its outcome has a warning for each trouble with that."""
    chosen_tables(settings, selection)  # raises for a misspelt table, before any ping or alert is sent
    if selection.dry_run:
        return sync()
    url, connection = settings.service.ping, settings.connection_name
    warnings = ping(url, connection, "/start")
    _tell(settings, selection, None)  # its trouble is left to the run's end, which tries the same again
    try:
        outcome = sync()
    except Exception as error:
        problem = signals.known_end(error) or error
        if not isinstance(problem, Interrupted):
            warnings += [*ping(url, connection, "/fail"), *_tell(settings, selection, problem)]
            _note(settings, getattr(problem, "run", None), warnings)
        for warning in warnings:
            warned.warning("%s.", warning.text)
        raise
    warnings += publish(settings)
    warnings += _tell(settings, selection, outcome)
    is_strict = selection.strict or settings.sync.strict
    unserved = is_strict and any(warning.kind in COUNTED for warning in warnings)
    exit_code = outcome.exit_code or int(unserved)
    warnings += ping(url, connection, "/fail" if exit_code else "")
    _note(settings, outcome.run, warnings)
    run = replace(outcome.run, warnings=(*outcome.run.warnings, *warnings))
    return replace(outcome, run=run, exit_code=exit_code)


def _note(settings: Settings, run: Run | None, warnings: Sequence[RunWarning]) -> None:
    """Add the warnings of what follows a run to the run's record."""
    if run is None or not warnings:
        return
    place = hasty(settings, WAIT)
    try:
        with load_lock(place, place.wait, "hogsync sync"), open_warehouse(place).opened() as warehouse:
            add_warnings(warehouse, run.run_id, warnings)
    except (HogsyncError, WarehouseUnavailable) as problem:
        log.warning("The record of the run lacks its last warnings: %s", problem)


def _tell(settings: Settings, selection: Selection, ended: Outcome | Exception | None) -> list[RunWarning]:
    """Tell the states that a run found, and return a warning for each error; an error here does not change the run.

    Before a run `ended` is None, and the alerts name stale tables, because a run that is killed sends no alert.
    """
    if not (settings.alerts.urls or settings.watch):
        return []
    try:
        match ended:
            case None:
                return _tell_before(hasty(settings, 0), selection)
            case Outcome(run=Run() as run) | HogsyncError(run=Run() as run):
                place = hasty(settings, WAIT)
                with load_lock(place, place.wait, "hogsync alerts"):
                    return _tell_from_warehouse(place, selection, ended, run.finished_at)
            case Exception():  # nothing was recorded: the dataset is out of reach, or not ours
                return _tell_from_here(settings, ended)
    except (HogsyncError, WarehouseUnavailable) as problem:
        _keep(settings, selection, ended)
        why = str(problem).rstrip(".")
    except Exception as error:  # noqa: BLE001  no bug in telling may fail a sync that went well
        why = f"{type(error).__name__}: a bug in hogsync"
    return [_unsent(f"the states that this run shows were not noted, so the next run tells them: {why}")]


def _tell_before(settings: Settings, selection: Selection) -> list[RunWarning]:
    """Tell what waits and which tables are late; a DuckDB file that does not exist yet is not made."""
    if not open_warehouse(settings).exists():
        return []
    with load_lock(settings, settings.wait, "hogsync alerts"):
        return _tell_from_warehouse(settings, selection, None, datetime.now(UTC))


def _unsent(text: str) -> RunWarning:
    return RunWarning("", "", "alert not sent", text)


def _tell_from_here(settings: Settings, error: Exception) -> list[RunWarning]:
    """Tell of a run that could not be recorded; its state is kept here until the next one can be."""
    before = kept_alerts(settings)
    begun = decide(settings.connection_name, before, observed_error(error), datetime.now(UTC))
    keep_alerts(settings, begun)
    sent, warnings = _send(settings, _merged(before, begun))
    keep_alerts(settings, sent)
    return warnings


def _keep(settings: Settings, selection: Selection, ended: Outcome | Exception | None) -> None:
    """Keep here what a run shows while its warehouse cannot be asked; a later run tells what is not told already."""
    if ended is None:
        return
    if isinstance(ended, Exception):
        seen = observed_error(ended)
    else:  # the rows that were read are the living ones, unless lists were skipped
        seen = _observed_tables(selection, ended, {result.table: result.rows_read for result in ended.tables})
    keep_alerts(settings, decide(settings.connection_name, kept_alerts(settings), seen, datetime.now(UTC)))


def _tell_from_warehouse(
    settings: Settings, selection: Selection, ended: Outcome | Exception | None, now: datetime
) -> list[RunWarning]:
    """Tell what the warehouse and a recorded run show; needs the load lock, so that no two processes tell the same."""
    warehouse, kept = open_warehouse(settings), kept_alerts(settings)
    answers = watches.ask(settings) if isinstance(ended, Outcome) else {}
    with warehouse.opened():
        stored = stored_alerts(warehouse, settings.connection_name)
        news = _news(stored, kept)
        before = _merged(stored, news)
        if ended is None:
            seen = _observed_before(warehouse, settings, before, now)
        else:
            seen = _observed(warehouse, settings, selection, ended, before)
        seen |= watches.observed_answers(settings.watch, answers, stored_answers(warehouse))
        changed = decide(settings.connection_name, before, seen, now)
        write_alerts(warehouse, _merged(news, changed), watches.digests(settings.watch, answers))
    if kept:
        forget_alerts(settings, kept)
    sent, warnings = _send(settings, _merged(before, changed))  # meanwhile the file is free for its readers
    warnings += watches.warnings(answers)
    if sent:
        with warehouse.opened():
            write_alerts(warehouse, sent, {})
    return warnings


def _observed_before(
    warehouse: Warehouse, settings: Settings, before: Sequence[Alert], now: datetime
) -> Observation:
    """Return the tables that are stale by the crontabs of their groups, except those with a standing failure alert."""
    standing = {alert.key for alert in before if alert.stands}
    if standing & OF_RUN:
        return Observation()
    last, planned = _last_and_due(warehouse, settings)
    known = {table: triggers for table, triggers in planned.items() if triggers is not None}
    failed = {table for table, kind in standing if kind == "failure"}
    return observed_ages(failed, last, known, now)


def _observed(
    warehouse: Warehouse,
    settings: Settings,
    selection: Selection,
    ended: Outcome | Exception,
    before: Sequence[Alert],
) -> Observation:
    if isinstance(ended, Exception):
        return observed_error(ended)
    seen = _observed_tables(selection, ended, living_rows(warehouse.rows, warehouse.dataset, suspects(ended)))
    if selection.window or ended.run.status == "refused":
        return seen
    last, planned = _last_and_due(warehouse, settings)
    failed = {result.table for result in ended.tables if result.status == "failed"}
    seen |= observed_ages(failed, last, planned, ended.run.finished_at)
    return seen | observed_left(settings, before, ended.tables)


def _last_and_due(warehouse: Warehouse, settings: Settings) -> tuple[Mapping[str, datetime], Times]:
    """Return when each table was last synced, and when it is due."""
    records = warehouse.rows, warehouse.dataset, warehouse.columns()
    return last_successes(*records), times(settings, is_scheduled=is_scheduled(*records))


def _observed_tables(selection: Selection, ended: Outcome, living: Mapping[str, int]) -> Observation:
    if selection.window:
        return observed_outcome(ended, living, kinds=OF_BACKFILL)
    return observed_outcome(ended, living, whole=not selection.projects)


def _merged(before: Iterable[Alert], after: Iterable[Alert]) -> list[Alert]:
    """Return the states of both, the later one of each key."""
    return list({alert.key: alert for alert in (*before, *after)}.values())


def _news(stored: Iterable[Alert], kept: Iterable[Alert]) -> list[Alert]:
    """Return the kept states without those that nobody heard of and that stand in the warehouse already."""
    standing = {alert.key for alert in stored if alert.stands}
    return [alert for alert in kept if alert.told_at or alert.key not in standing]


def _send(settings: Settings, states: Sequence[Alert]) -> tuple[list[Alert], list[RunWarning]]:
    """Send what waits to be told; returns the states that are told now, and a warning for each notifier in trouble."""
    now, alerts = datetime.now(UTC), settings.alerts
    waiting = messages([state for state in states if state.untold])
    if not waiting or not alerts.urls or is_quiet(alerts.quiet, alerts.timezone, now):
        return [], []
    taken = send(waiting, notifiers(alerts.urls))
    sent = [told(alert, now) for message in waiting[: max(taken.values())] for alert in message.alerts]
    text = "{} took {} of {} messages; `hogsync alerts test` tries it, and the next run sends what none took"
    troubles = [
        text.format(who, number, len(waiting)) for who, number in taken.items() if number < len(waiting)
    ]
    return sent, [_unsent(trouble) for trouble in troubles]
