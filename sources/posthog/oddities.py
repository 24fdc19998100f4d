"""What came with a table that was not as declared, as its run record tells it: numbers and columns, never values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

SHOWN = 10


def oddities(
    misfits: Counter[str], apart: Iterable[str], beyond: Collection[str], mended: Iterable[str]
) -> list[str]:
    """A sentence for each kind of oddity that a run met.

    `misfits` are values kept as text, by column; `apart` columns whose fields' names fall together; `beyond` fields
    that have no column of their own; `mended` what was no JSON.
    """
    said = []
    if count := misfits.total():
        said.append(f"{_many(count, 'value')} did not fit: {_names(misfits)}")
    if names := _names(apart):
        said.append(f"kept apart, because names fall together: {names}")
    if beyond:
        said.append(f"{_many(len(beyond), 'field')} beyond [lists] new_columns kept in _other_fields")
    return [*said, *sorted(mended)]


def _many(count: int, thing: str) -> str:
    return f"{count:,} {thing}{'s' * (count != 1)}"


def _names(columns: Iterable[str]) -> str:
    """The first of the names, in order."""
    names = sorted(columns)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
