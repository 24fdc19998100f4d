"""Shows the status of all connections: one sentence and a table for a person, or one object for a program."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pipelines.console import is_wider, plain_table, printable, rendered, time_as_text
from pipelines.status import ConnectionStatus, State, TableStatus, worst
from sources.posthog.extract.run_warnings import first_few

if TYPE_CHECKING:
    from rich.table import Table

COLOURS = {
    "ok": "green",
    "stale": "yellow",
    "never synced": "yellow",
    "not available": "yellow",
    "failing": "red",
}
WORDS: dict[State, str] = {"ok": "Good", "stale": "Stale", "failing": "Failing"}
SPANS = ((86_400, "d"), (3_600, "h"), (60, "min"))


def as_json(found: Sequence[ConnectionStatus], now: datetime) -> dict[str, Any]:
    """Return the status in the shape that scripts rely on."""
    tables = [table for connection in found for table in connection.tables]
    return {
        "status": worst(tables),
        "checked_at": time_as_text(now),
        "connections": list(map(_connection_as_json, found)),
        "tables": [{name: time_as_text(value) for name, value in asdict(table).items()} for table in tables],
    }


def _connection_as_json(found: ConnectionStatus) -> dict[str, Any]:
    last = found.last_run
    return {
        "connection": found.connection,
        "status": found.status,
        "running": found.running,
        "last_run_at": time_as_text(last and last.started_at),
        "last_run_status": last and last.status,
        "error": last and last.error,
        "warnings": last.warnings if last else [],
    }


# -- for people


def render(found: Sequence[ConnectionStatus], now: datetime) -> str:
    """Return one sentence about everything, then a table of each connection, and what to do."""
    parts: list[Table | str] = [sentence(found)]
    for one in found:
        parts += ["", *_heading(one, alone=len(found) == 1), _table(one.tables, now)]
        notes = list(_notes(one))
        parts += [""] * bool(notes) + notes
    return rendered(*parts)


def sentence(found: Sequence[ConnectionStatus]) -> str:
    """Return one sentence about all tables: how many are well, and which are not."""
    tables = [table for connection in found for table in connection.tables]
    where = f" of {len(found)} connections" if len(found) > 1 else ""
    total = f"{len(tables)} {'table' if len(tables) == 1 else 'tables'}{where}"
    named: dict[str, list[str]] = {}
    for table in tables:
        named.setdefault(_word(table), []).append(
            f"{table.connection}.{table.table}" if where else table.table
        )
    wrong = [
        f"{len(named[word])} {word}{f' ({first_few(named[word], 5)})' if len(named[word]) < len(tables) else ''}"
        for word in ("failing", "never synced", "stale")
        if word in named
    ]
    start = WORDS[worst(tables)]
    if wrong:
        return f"{start}: of {total}, {', '.join(wrong)}."
    ages = [table.age_seconds for table in tables if table.age_seconds is not None]
    oldest = f", the oldest synced {_span(max(ages))} ago" if ages else ""
    return f"{start}: {total}{oldest}."


def _word(table: TableStatus) -> str:
    if table.status == "stale" and table.last_success_at is None:
        return "never synced"
    return (
        "not available" if table.status == "ok" and table.last_run_status == "unavailable" else table.status
    )


def _heading(found: ConnectionStatus, *, alone: bool) -> Iterator[str]:
    if not alone:
        yield f"Connection {found.connection}:"
    if found.running:
        yield printable(
            f"A sync is at work ({found.running}) and nobody else can read the file; this is the status before it."
        )


def _table(tables: Sequence[TableStatus], now: datetime) -> Table:
    """Return the tables with the changes of 24 hours, or without them if the terminal is too narrow."""
    shown = _as_table(tables, now, ("new/24 h", "changed/24 h", "gone/24 h"))
    return _as_table(tables, now, ()) if sys.stdout.isatty() and is_wider(shown) else shown


def _as_table(tables: Sequence[TableStatus], now: datetime, changes: Sequence[str]) -> Table:
    from rich.table import Column
    from rich.text import Text

    shown = plain_table(Column("table", no_wrap=True), "status")
    for heading in ("last success", "rows", *changes, "held", "next run"):
        shown.add_column(heading, justify="right")
    for table in tables:
        word = _word(table)
        changed = (table.inserted_24h, table.updated_24h, table.deleted_24h)
        counts = (*changed[: len(changes)], table.deletes_held)
        age, due = table.age_seconds, table.next_run_at
        shown.add_row(
            table.table,
            Text(word, style=COLOURS[word]),
            "·" if age is None else f"{_span(age)} ago",
            "·" if table.rows is None else f"{table.rows:,}",
            *(f"{count:,}" if count else "·" for count in counts),
            f"in {_span((due - now).total_seconds())}" if due else "·",
        )
    return shown


def _span(seconds: float) -> str:
    return next(
        (f"{seconds / size:.0f} {unit}" for size, unit in SPANS if seconds >= size), f"{seconds:.0f} s"
    )


def _notes(found: ConnectionStatus) -> Iterator[str]:
    """Yield what happened and what to do, once for all tables of which the same is to be said."""
    if found.last_run:
        yield from (f"Warning: {printable(one['text'])}." for one in found.last_run.warnings)
    skipped = [one for one in found.tables if one.lists_skipped]
    if skipped:
        lists = sum(one.lists_skipped for one in skipped)
        yield (
            f"The last run skipped {lists:,} lists of {first_few([one.table for one in skipped], 5)}: nothing shows a "
            "change in them. Each is read once in [lists] sweep_every."
        )
    said: dict[tuple[str, str, str], list[str]] = {}
    for table in found.tables:
        why = "; ".join(one["text"] for one in table.warnings) or table.detail or ""
        if table.remedy:
            said.setdefault((_word(table), printable(why), table.remedy), []).append(table.table)
    for (word, why, remedy), names in said.items():
        yield f"{first_few(names, 5)} ({word}){f': {why}' if why else ''}"
        yield f"  → {remedy}"
