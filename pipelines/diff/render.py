"""Renders a difference for a person: a line for each row and column."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from pipelines.console import plain_table, printable, rendered
from pipelines.diff.found import Diff, Row, TableDiff
from pipelines.query.cells import written

NAMES = ("name", "title")
"""Columns that name a row for a person, beside its key."""
COLOURS = {"added": "green", "changed": "yellow", "removed": "red"}
SHOWN = 80
"""Characters of a value in the table; `--json` has all."""


def render(diff: Diff) -> str:
    """Return all changes as a table, and a last line that sums up."""
    lines = [line for one in diff.tables for line in _lines(one)]
    counts = {
        "added": sum(len(one.added) for one in diff.tables),
        "changed": sum(len(one.changed) for one in diff.tables),
        "removed": sum(len(one.removed) for one in diff.tables),
    }
    sums = ", ".join(f"{number:,} {what}" for what, number in counts.items())
    return rendered(*([_table(lines)] if lines else []), f"({sums} since {written(diff.since)} UTC)")


def remarks(diff: Diff) -> Iterator[str]:
    """Yield sentences about changes that the difference cannot report."""
    for begin in sorted(set(diff.younger.values())):
        tables = ", ".join(table for table, its in diff.younger.items() if its == begin)
        yield f"The history of {tables} begins at {written(begin)} UTC; earlier changes are not known."
    if late := [one.endpoint.table for one in diff.tables if one.late]:
        yield (
            f"Some lists of {', '.join(late)} were first read to their end later than that; rows that they held by "
            "then are not reported as added."
        )
    if behind := [one.endpoint.table for one in diff.tables if one.behind]:
        yield (
            f"The history of {', '.join(behind)} lacks the newest changes; the next `hogsync sync` with [history] on "
            "adds them."
        )


def _lines(one: TableDiff) -> Iterator[tuple[str, ...]]:
    table = one.endpoint.table
    for row in one.added:
        yield ("added", table, _row_name(one, row), "", "")
    for changed in one.changed:
        for name, (old, new) in changed.columns.items():
            yield ("changed", table, _row_name(one, changed.row), name, f"{_short(old)} → {_short(new)}")
    for row in one.removed:
        yield ("removed", table, _row_name(one, row), "", "")


def _row_name(one: TableDiff, row: Row) -> str:
    names = [str(row[n]) for n in NAMES if row.get(n) and n not in one.endpoint.key]
    key = ", ".join(str(value) for value in one.key(row).values())
    return printable(f"{key} ({names[0]})" if names else key)


def _short(value: Any) -> str:
    text = written(value) if value is not None else "–"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _table(lines: Sequence[tuple[str, ...]]) -> Table:
    table = plain_table("", "table", "row", "column", "old → new")
    for line in lines:
        table.add_row(Text(line[0], style=COLOURS[line[0]]), *(Text(printable(cell)) for cell in line[1:]))
    return table
