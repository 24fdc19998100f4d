"""How a value of the warehouse is written: in a cell for a person, in CSV, and in JSON."""

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
"""What stands for no value where a person reads; an empty text is an empty cell."""
QUOTED = re.compile('[,"\\n\\r]')
"""What a cell of CSV holds only between quotation marks."""
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a text begins that a spreadsheet takes for a formula."""


def plain(value: Any) -> Any:
    """A value as JSON has it: times in ISO with Z, what else JSON lacks as text."""
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
    """A value in a cell for a person, empty for none: one line without control characters."""
    if value is None:
        return ""
    if isinstance(value, datetime | timedelta):
        return str(value).removesuffix("+00:00")
    return visible(as_text(value))


def as_text(value: Any) -> str:
    """A value as text: a text as it is, JSON for objects and lists, else as databases write it."""
    if isinstance(value, Decimal | float):
        return str(value)
    value = value if isinstance(value, str) else plain(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def csv_line(values: Sequence[Any]) -> str:
    """A line of CSV; nothing between the commas is no value, `""` is an empty text."""
    return ",".join(map(_csv_cell, values))


def _csv_cell(value: Any) -> str:
    """A cell that no spreadsheet takes for a formula, without control characters but ends of lines and tabs."""
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
    """A row of a Markdown table, whose text is text and no markup."""
    return f"| {' | '.join(NULL if value is None else _markdown_cell(value) for value in values)} |"


def _markdown_cell(value: Any) -> str:
    text = written(value)
    for sign, harmless in {"\\": "\\\\", "|": "\\|", "&": "&amp;", "<": "&lt;"}.items():
        text = text.replace(sign, harmless)
    return text


def apart(names: Sequence[str]) -> list[str]:
    """The names of columns, those that come again as `name__2`, `name__3`: an object holds each name once."""
    found: list[str] = []
    for name in names:
        free = (f"{name}__{number}" if number > 1 else name for number in range(1, len(names) + 2))
        found.append(next(one for one in free if one not in found))
    return found
