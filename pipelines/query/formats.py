"""Writes a result as a table for a person or as CSV, JSON, Markdown or Parquet; to standard output or a file.

CSV, JSON lines and Parquet are written while the rows arrive, so that a result may be larger than the memory.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from destinations.reader import Reader, Result
from pipelines.atomic_file import atomic_file
from pipelines.console import as_json, is_wider, plain_table, rendered, write_line
from pipelines.errors import UsageError
from pipelines.query.cells import NULL, apart, csv_line, markdown_line, plain, written

if TYPE_CHECKING:
    import pyarrow as pa
    from rich.console import RenderableType

ENDINGS = {
    ".csv": "csv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".md": "markdown",
    ".parquet": "parquet",
}
"""The format by a file's suffix, if no format is given."""


def write_answer(reader: Reader, sql: str, form: str | None, out: Path | None) -> None:
    """Run the query, and write the result to standard output or, completely or not at all, to a file."""
    form = form or (ENDINGS.get(out.suffix.lower()) if out else None) or "table"
    if form == "parquet" and not out:
        raise UsageError("Parquet is no text: name a file, as in --out answer.parquet.")
    if not out:
        for text in _texts(reader.rows(sql), form, terminal=sys.stdout.isatty()):
            if not write_line(text):
                return
        return
    with _replaced(out) as file:
        if form == "parquet":
            _write_parquet(reader.arrow(sql), file)
            return
        for text in _texts(reader.rows(sql), form, terminal=False):
            file.write(f"{text}\n".encode(errors="replace"))


@contextmanager
def _replaced(out: Path) -> Iterator[BinaryIO]:
    """Yield a file to write; raises UsageError if that fails, and then the old file stays."""
    if out.exists() and not out.is_file():
        raise UsageError(f"--out {out} is no file that could be replaced; name another one.")
    try:
        with atomic_file(out.resolve()) as file:
            yield file
    except OSError as error:
        raise UsageError(
            f"--out {out} could not be written: {error.strerror or error}. Name another file, or make room."
        ) from None


def _write_parquet(found: pa.RecordBatchReader, file: BinaryIO) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    schema = pa.schema(
        [field.with_name(name) for field, name in zip(found.schema, apart(found.schema.names), strict=True)]
    )
    try:
        with parquet.ParquetWriter(file, schema) as writer:
            for batch in found:
                writer.write_batch(pa.record_batch(batch.columns, schema))
    except pa.ArrowException as error:
        raise UsageError(
            f"The answer does not fit into Parquet ({str(error).splitlines()[0]}); cast the column to text."
        ) from None


def _texts(found: Result, form: str, *, terminal: bool) -> Iterable[str]:
    """Return the result in texts that end where a line ends.

    JSON is `{"columns": [...], "rows": [[...], ...]}`, because two columns may have the same name.
    """
    if form == "table":
        return [_table(found.columns, [*chain.from_iterable(found.batches)], terminal=terminal)]
    if form == "json":
        rows = [[plain(value) for value in row] for row in chain.from_iterable(found.batches)]
        return [as_json({"columns": list(found.columns), "rows": rows})]
    if form == "csv":
        return chain([csv_line(found.columns)], _lines(found, csv_line))
    if form == "markdown":
        heads = [markdown_line(found.columns), f"|{' --- |' * len(found.columns)}"]
        return chain(heads, _lines(found, markdown_line))
    names = apart(found.columns)
    return _lines(found, lambda row: as_json(dict(zip(names, map(plain, row), strict=True))))


def _lines(found: Result, line: Callable[[tuple[Any, ...]], str]) -> Iterator[str]:
    return ("\n".join(map(line, batch)) for batch in found.batches if batch)


def _table(columns: tuple[str, ...], rows: list[tuple[Any, ...]], *, terminal: bool) -> str:
    """Return a table and its number of rows; record by record if the terminal is too narrow for the table."""
    count = f"({len(rows):,} row{'' if len(rows) == 1 else 's'})"
    table = _as_table(columns, rows)
    if terminal and len(columns) > 1 and is_wider(table):
        return rendered(*_records(columns, rows), count)
    return rendered(table, count, terminal=terminal)


def _as_table(columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> RenderableType:
    table = plain_table()
    for number, name in enumerate(columns):
        numeric = all(isinstance(row[number], int | float | Decimal | None) for row in rows)
        table.add_column(_cell(name), justify="right" if numeric else "left")
    for row in rows:
        table.add_row(*map(_cell, row))
    return table


def _records(columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> Iterator[RenderableType]:
    from rich.table import Table

    for number, row in enumerate(rows, 1):
        yield f"─[ row {number:,} ]─"
        lines = Table.grid("", "", padding=(0, 2))
        lines.columns[0].no_wrap, lines.columns[1].overflow = True, "fold"
        for name, value in zip(columns, row, strict=True):
            lines.add_row(_cell(name), _cell(value))
        yield lines


def _cell(value: Any) -> RenderableType:
    """Return a value as a cell; null as a dimmed word that no text has."""
    from rich.text import Text

    return Text(NULL, style="dim") if value is None else Text(written(value))
