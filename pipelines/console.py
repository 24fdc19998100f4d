"""Writes to a person's terminal: printable text only, and no traceback when the reader has closed the pipe."""

from __future__ import annotations

import json
import os
import re
import sys
from contextlib import suppress
from datetime import UTC, datetime
from io import StringIO
from typing import TYPE_CHECKING, Any, TextIO

from pipelines.errors import UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Column, Table

UNFOLDED = 10_000
"""The longest line in a pipe or a file, where nothing is folded: a row stays one line for grep."""


def write_line(text: str, stream: TextIO | None = None) -> bool:
    """Write a line (by default to stdout) and flush it; returns False if the reader closed the pipe (`| head`).

    Raises UsageError if stdout cannot be written, for instance on a full disk.
    """
    stream = stream or sys.stdout
    try:
        stream.write(f"{text}\n")
        stream.flush()
    except BrokenPipeError:
        _forget(stream)
        return False
    except OSError as error:
        _forget(stream)
        if stream is not sys.stderr:
            message = (
                f"The answer could not be written to standard output ({error.strerror}); send it elsewhere."
            )
            raise UsageError(message) from error
    return True


def write_json(found: object) -> None:
    """Write one JSON value to stdout."""
    write_line(as_json(found))


def as_json(found: object) -> str:
    """Return JSON in one line, without the control characters that JSON allows and some terminals execute."""
    text = json.dumps(found, ensure_ascii=False, allow_nan=False)
    return re.sub("[\x7f-\x9f]", lambda letter: f"\\u{ord(letter[0]):04x}", text)


def time_as_text(value: Any) -> Any:
    """Return a time as JSON has it, in UTC with Z; any other value as it is."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value


def _forget(stream: TextIO) -> None:
    """Send further output to /dev/null; otherwise Python reports an error about it at its end."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def visible(text: str) -> str:
    """Return `text` with a blank for each control character: names come from PostHog, and a terminal executes them."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def printable(text: str) -> str:
    """Return `text` as one line without control characters and without blanks in a row."""
    return " ".join(visible(text).split())


def sentence(text: str) -> str:
    """Return `text` as one printable line that ends like a sentence."""
    line = printable(text)
    return line if line.endswith((".", "!", "?")) else f"{line}."


def plain_table(*headings: str | Column) -> Table:
    """Return a table without lines between its columns."""
    from rich.table import Table

    return Table(*headings, box=None, pad_edge=False, header_style="bold")


def rendered(*parts: RenderableType, terminal: bool | None = None) -> str:
    """Return rich renderables as text: in colour and folded for a terminal, otherwise plain and unfolded."""
    from rich.console import Console

    terminal = sys.stdout.isatty() if terminal is None else terminal
    width = None if terminal else UNFOLDED
    paper = StringIO()
    console = Console(file=paper, force_terminal=terminal, width=width, highlight=False, markup=False)
    for part in parts:
        console.print(part)
    return "\n".join(line.rstrip() for line in paper.getvalue().rstrip().splitlines())


def is_wider(part: RenderableType) -> bool:
    """True if a renderable needs longer lines than the terminal has."""
    from rich.console import Console
    from rich.measure import Measurement

    console = Console()
    unfolded = console.options.update_width(UNFOLDED)
    return Measurement.get(console, unfolded, part).maximum > console.width
