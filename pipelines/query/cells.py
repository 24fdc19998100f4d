"""Formats a value of the warehouse: as a cell for a person, as CSV, as JSON."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from pipelines.console import visible

NULL = "NULL"
"""Shown for a null to a person; an empty text is an empty cell."""
QUOTED = re.compile('[,"\\n\\r]')
"""Characters that a CSV cell holds only between quotation marks."""
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Beginnings of a text that a spreadsheet takes for a formula."""


def plain(value: Any) -> Any:
    """Return a value as JSON has it: times in ISO with Z, other types that JSON lacks as text."""
    if isinstance(value, dict):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, datetime | date | time):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, Decimal | float) and not math.isfinite(value):
        return None
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, bytes | memoryview):
        value = f"\\x{bytes(value).hex()}"
    return value if isinstance(value, str | int | float | None) else str(value)


def written(value: Any) -> str:
    """Return a value as a cell for a person, empty for null: one line without control characters."""
    if value is None:
        return ""
    if isinstance(value, datetime | timedelta):
        return str(value).removesuffix("+00:00")
    return visible(as_text(value))


def as_text(value: Any) -> str:
    """Return a value as text: text unchanged, objects and lists as JSON, else as databases write it."""
    if isinstance(value, Decimal | float):
        return str(value)
    value = value if isinstance(value, str) else plain(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def csv_line(values: Sequence[Any]) -> str:
    """Return a line of CSV; null is nothing between the commas, an empty text is `""`."""
    return ",".join(map(_csv_cell, values))


def _csv_cell(value: Any) -> str:
    """Return a cell that no spreadsheet takes for a formula, without control characters except tabs and line ends."""
    if value is None:
        return ""
    text = as_text(value)
    if not text.isprintable():
        text = "".join(letter for letter in text if letter.isprintable() or letter in "\n\r\t")
    if isinstance(value, str) and text.startswith(FORMULA):
        text = f"'{text}"
    if text and not QUOTED.search(text):
        return text
    return '"' + text.replace('"', '""') + '"'


def markdown_line(values: Sequence[Any]) -> str:
    """Return a row of a Markdown table, with markup in values escaped."""
    return f"| {' | '.join(NULL if value is None else _markdown_cell(value) for value in values)} |"


def _markdown_cell(value: Any) -> str:
    text = written(value)
    for sign, harmless in {"\\": "\\\\", "|": "\\|", "&": "&amp;", "<": "&lt;"}.items():
        text = text.replace(sign, harmless)
    return text


def apart(names: Sequence[str]) -> list[str]:
    """Return the column names, repeated ones as `name__2`, `name__3`: an object holds each name once."""
    found: list[str] = []
    for name in names:
        free = (f"{name}__{number}" if number > 1 else name for number in range(1, len(names) + 2))
        found.append(next(one for one in free if one not in found))
    return found
