"""Gathers everybody whom the rows of a run name into the rows of `people`.

Users in rows -> one row per id. The richest source of a run wins, whatever the order of reading.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence

import pyarrow as pa

from sources.posthog.changes.table_changes import TableChanges
from sources.posthog.shape.batch import Batch
from sources.posthog.shape.row_shape import RowShape
from sources.posthog.shape.types import ARROW, Values, canonical
from sources.posthog.whole_numbers import whole

Weight = tuple[int, int, str]
"""Weight of one source's values of a person: the source's rank, the number of values, and as tie-break the values."""


class People:
    """Collects users out of rows; safe to share between threads."""

    def __init__(self) -> None:
        self._met: dict[int, tuple[Weight, Values]] = {}
        self._mentioned: dict[int, tuple[Weight, Values]] = {}
        self._recalled: dict[int, Values] = {}
        self._lock = threading.Lock()

    def meet(self, people: Iterable[Values], rank: int) -> None:
        """Add people whom declared fields name."""
        self._note(self._met, people, rank)

    def mention(self, people: Iterable[Values]) -> None:
        """Add people whom free JSON names: every other source outranks it."""
        self._note(self._mentioned, people, 0)

    def _note(self, noted: dict[int, tuple[Weight, Values]], people: Iterable[Values], rank: int) -> None:
        found = {i: ((rank, *_weight(person)), person) for i, person in fullest(people).items()}
        with self._lock:
            for identifier, weighted in found.items():
                if identifier not in noted or noted[identifier][0] < weighted[0]:
                    noted[identifier] = weighted

    def recall(self, rows: Iterable[Values]) -> None:
        """Add people from a checkpoint, as they would have been stored: any person met in this run replaces them."""
        with self._lock:
            self._recalled |= {row["id"]: row for row in rows}

    def recalled(self) -> Mapping[int, Values]:
        """Return the rows of people whom only a checkpoint names, by their ids."""
        return {i: row for i, row in sorted(self._recalled.items()) if i not in self._met}

    def mentioned(self) -> Mapping[int, Values]:
        """Return the people whom only free JSON names, by their ids."""
        named = self._met.keys() | self._recalled.keys()
        return {i: person for i, (_, person) in sorted(self._mentioned.items()) if i not in named}

    def everybody(self) -> Mapping[int, Values]:
        """Return all people whom declared fields name, by their ids, in that order."""
        return {identifier: person for identifier, (_, person) in sorted(self._met.items())}


def fullest(people: Iterable[Values]) -> dict[int, Values]:
    """Return each person's fullest object by id, whatever the order; objects without a 64-bit id are ignored."""
    found: dict[int, Values] = {}
    for person in people:
        identifier = whole(person.get("id"))
        if identifier is None:
            continue
        before = found.setdefault(identifier, person)
        # A page names a handful of people, each a hundred times in the same words.
        if before != person and _weight(before) < _weight(person):
            found[identifier] = person
    return found


def _weight(person: Values) -> tuple[int, str]:
    try:
        return sum(value is not None for value in person.values()), canonical(person)
    except RecursionError:  # an object too deep to compare has the least weight
        return 0, ""


def shaped(people: Iterable[Values], shape: RowShape) -> Batch:
    """Return people as rows; undeclared fields are dropped."""
    fields = {declared.name for declared in shape.endpoint.fields}
    return shape.to_batch([{name: person[name] for name in fields & person.keys()} for person in people], {})


def gathered(people: People, changes: TableChanges) -> tuple[Batch, Batch, Batch]:
    """Return rows for everybody met, then for unstored people whom only a checkpoint or only free JSON names.

    A value that a poorer source did not send stays as it is stored.
    """
    met, recalled, mentioned = people.everybody(), people.recalled(), people.mentioned()
    shape = changes.shape
    fields = {declared.name for declared in shape.endpoint.fields}
    lacking = [i for i, person in met.items() if not person.keys() >= fields] + [*recalled, *mentioned]
    keys = pa.Table.from_pylist([{"id": i} for i in lacking])
    stored = changes.stored.rows(changes.table, keys).to_pylist() if lacking else []
    before = {row["id"]: row for row in stored}
    batch = shaped(met.values(), shape)
    shape.fill_from_stored(batch, [before.get(identifier, {}) for identifier in met])
    again = _again([row for i, row in recalled.items() if i not in before], shape)
    return batch, again, shaped([person for i, person in mentioned.items() if i not in before], shape)


def _again(rows: Sequence[Values], shape: RowShape) -> Batch:
    batch = Batch([{}] * len(rows))
    for name, type_ in shape.columns.items():
        batch.arrays[name] = pa.array([row.get(name) for row in rows], ARROW[type_])
    return batch
