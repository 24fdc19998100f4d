"""What came with a table that was not as declared, as its run record tells it: numbers and columns, never values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence

SHOWN = 10


def data_warnings(
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


def left_out(rejected: Counter[str], places: Sequence[int] = ()) -> str:
    """How many rows could not be stored, why, and, of one list, where in it the first of them stood."""
    why = ", ".join(f"{number:,} {reason}" for reason, number in sorted(rejected.items()))
    said = f"{_many(rejected.total(), 'row')} left out: {why}"
    if not places:
        return said
    first = f"{'row' if len(places) == 1 else 'rows'} {', '.join(f'{place:,}' for place in places)}"
    more = " …" * (rejected.total() > len(places))
    return f"{said} ({first}{more} of the list)"


def _many(count: int, thing: str) -> str:
    return f"{count:,} {thing}{'s' * (count != 1)}"


def _names(columns: Iterable[str]) -> str:
    """The first of the names, in order."""
    return first_few(sorted(columns), SHOWN)


def first_few(things: Iterable[object], most: int = 20) -> str:
    """The first of some things, `most` at most, and how many more there are."""
    words = list(map(str, things))
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(words[:most]) + more
