"""Summarises a sync for a person or a program: log lines, a table, or one JSON object."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pipelines.console import plain_table, printable, rendered, time_as_text
from pipelines.remedies import advice
from sources.posthog.catalogue import ENDPOINTS
from sources.posthog.errors import Unavailable
from sources.posthog.extract.run_warnings import first_few

if TYPE_CHECKING:
    from pipelines.run import Run
    from pipelines.settings import Settings
    from pipelines.sync.outcome import Outcome
    from sources.posthog.extract.api_key import Key
    from sources.posthog.extract.results import TableResult
    from sources.posthog.extract.run_warnings import RunWarning

log = logging.getLogger("hogsync")
warned = logging.getLogger("hogsync.warnings")
"""Its level is WARNING even when the others' is ERROR (`--quiet`)."""

WORDS = {
    "loaded": ("loaded", "green"),
    "unchanged": ("unchanged", "dim"),
    "unavailable": ("not available", "yellow"),
    "failed": ("failed", "red"),
}


def log_tables(outcome: Outcome) -> None:
    """Log one line for each table and each warning; the reason why a table was never available is logged once."""
    for result in outcome.tables:
        level = logging.ERROR if result.status == "failed" else logging.INFO
        log.log(
            level,
            "%s %s: %s%s",
            result.table,
            WORDS[result.status][0],
            _counted([result]),
            _tail("" if result.table in outcome.standing and not result.warnings else result.detail),
            extra={"table": result.table},
        )
    for warning in outcome.run.warnings:
        warned.warning("%s.", warning_line(warning), extra={"table": warning.table})


def warning_line(warning: RunWarning) -> str:
    """Return a warning as one printable line without a full stop."""
    about = f"{warning.table}: " if warning.table else ""
    return printable(f"{about}{warning.text}")


def _tail(detail: str) -> str:
    return f" ({detail})" if detail else ""


# -- for programs


def as_json(
    run: Run, requests: int, tables: Sequence[TableResult] = (), *, dry_run: bool = False
) -> dict[str, Any]:
    """Return the run as its records hold it, in the shape that scripts rely on; `error` only if there is one.

    The id of a run without a record is empty, and null in JSON.
    """
    found = {
        "run_id": run.run_id or None,
        "status": run.status,
        "started_at": time_as_text(run.started_at),
        "finished_at": time_as_text(run.finished_at),
        "requests": requests,
        "warnings": [asdict(warning) for warning in run.warnings],
        "tables": list(map(_table_as_json, tables)),
        "trigger": run.trigger,
        "version": run.version,
        "dry_run": dry_run,
    }
    return found | ({"error": run.error} if run.error else {})


def _table_as_json(result: TableResult) -> dict[str, Any]:
    from pipelines.bookkeeping.records import run_table_row

    row = run_table_row("", result)
    found = {name: time_as_text(value) for name, value in row.items()}
    return {"table": found["table_name"], **{n: found[n] for n in found if n not in {"run_id", "table_name"}}}


# -- for people


def summary_table(outcome: Outcome, settings: Settings, *, dry_run: bool = False) -> str:
    """Return the results by table, the reasons and remedies for what is not available, and a last line that sums up."""
    from rich.text import Text

    place = f"{settings.origin} → {settings.warehouse.label}, dataset {settings.dataset}"
    table = plain_table("table", "result")
    for heading in ("read", "new", "changed", "gone"):
        table.add_column(heading, justify="right")
    for result in outcome.tables:
        word, colour = WORDS[result.status]
        counts = result.counts
        numbers = (result.rows_read, counts.inserted, counts.updated, counts.deleted)
        cells = (f"{number:,}" if number else "·" for number in numbers)
        table.add_row(result.table, Text(word, style=colour), *cells)
    notes = [f"Warning: {warning_line(warning)}" for warning in outcome.run.warnings if not warning.table]
    quiet = [result for result in outcome.tables if result.skipped and result.detail == result.skip_detail]
    if quiet:
        lists, tables = sum(result.skipped for result in quiet), [result.table for result in quiet]
        notes.append(
            f"{lists:,} lists of {first_few(tables, 5)} were not asked: nothing shows a change in them."
        )
    for result in (one for one in outcome.tables if one not in quiet):
        notes += _notes(result, outcome.key, advised=result.table in outcome.standing)
    return rendered(
        printable(place), "", table, "", *notes, *[""] * bool(notes), summary(outcome, dry_run=dry_run)
    )


def _notes(result: TableResult, key: Key | None, *, advised: bool) -> list[str]:
    """Return notes about a table: what happened and what to do about it."""
    if not result.detail and result.status in {"loaded", "unchanged"}:
        return []
    reason = printable(result.detail) or "no reason was given"
    warning = "Warning: " if result.warnings else ""
    note = f"{warning}{result.table} ({WORDS[result.status][0]}): {reason}"
    return [note, *(f"  → {remedy}" for remedy in _remedies(result, key) if not advised or result.warnings)]


def _remedies(result: TableResult, key: Key | None) -> Iterator[str]:
    refused = [
        (one.list_path, one.last.failure)
        for one in result.lists
        if one.status == "unavailable" and one.walks and isinstance(one.last.failure, Unavailable)
    ]
    yield from dict.fromkeys(advice(why, path.endpoint, path.parent_ids, key) for path, why in refused)
    if result.count("failed"):
        yield "What came is in; the next sync reads the rest again."
    if result.deletes_held:
        yield "`hogsync sync --accept-deletes` applies the deletes now."


def summary(outcome: Outcome, *, dry_run: bool = False) -> str:
    """Return one sentence about the whole run."""
    listed = [result for result in outcome.tables if result.table in ENDPOINTS]
    by_status = {word: [r.table for r in listed if r.status == word] for word in WORDS}
    failed, missing = by_status["failed"], by_status["unavailable"]
    what = f"{_counted(outcome.tables)}, {_cost(outcome)}"
    if count := len(outcome.run.warnings):
        what += f", {_number(count, 'warning')}"
    what = f"nothing was written; a sync would bring {what}" if dry_run else what
    if outcome.run.status == "refused":
        reason = printable(outcome.run.error or "")
        return f"Refused: {reason.rstrip('.')}; {what}."
    if failed:
        how = "Failed" if outcome.run.status == "failed" else "Partly done"
        return f"{how}: {len(failed)} of {len(listed)} tables failed ({', '.join(failed)}); {what}."
    if outcome.run.status == "partial":
        return f"Partly done: not all that is derived from these tables could be written; {what}."
    if missing:
        return f"Done, {len(missing)} of {len(listed)} tables not available ({', '.join(missing)}); {what}."
    return f"Done: {_number(len(listed), 'table')} and people; {what}."


def _counted(results: Sequence[TableResult]) -> str:
    counts = [result.counts for result in results]
    read = sum(result.rows_read for result in results)
    new, changed, gone = (
        sum(getattr(c, name) for c in counts) for name in ("inserted", "updated", "deleted")
    )
    return f"{_number(read, 'row')} read, {new:,} new, {changed:,} changed, {gone:,} gone"


def _cost(outcome: Outcome) -> str:
    seconds = (outcome.run.finished_at - outcome.run.started_at).total_seconds()
    return f"in {seconds:,.1f} s with {_number(outcome.requests, 'request')}"


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
