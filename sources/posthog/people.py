"""Everybody met in a run: the richest source wins, then the latest."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence

import pyarrow as pa

from sources.posthog.batch import Batch
from sources.posthog.changes import Changes
from sources.posthog.shape import Shape
from sources.posthog.values import ARROW, CONVERT, Values


class People:
    """Gathers users out of rows; safe to share between threads."""

    def __init__(self) -> None:
        self._met: dict[int, tuple[int, Values]] = {}
        self._recalled: dict[int, Values] = {}
        self._lock = threading.Lock()

    def meet(self, people: Iterable[Values], rank: int) -> None:
        """Take note of people."""
        latest = latest_of(people)
        with self._lock:
            for identifier, person in latest.items():
                if rank >= self._met.get(identifier, (rank,))[0]:
                    self._met[identifier] = (rank, person)

    def recall(self, rows: Iterable[Values]) -> None:
        """Take note of people as an earlier run would have stored them: anybody's word of today counts more."""
        with self._lock:
            self._recalled |= {row["id"]: row for row in rows}

    def recalled(self) -> Mapping[int, Values]:
        """The rows of those of whom only an earlier run was told, by their ids."""
        return {i: row for i, row in sorted(self._recalled.items()) if i not in self._met}

    def everybody(self) -> Mapping[int, Values]:
        """All people by their ids, in that order."""
        return {identifier: person for identifier, (_, person) in sorted(self._met.items())}


def latest_of(people: Iterable[Values]) -> Mapping[int, Values]:
    """Of the same people only the latest, by their ids; objects without a 64-bit id are nobody.

    A page of a thousand rows speaks of a handful, each time in full.
    """
    named = ((person.get("id"), person) for person in people)
    latest = {i if type(i) is int or type(i) is str else None: person for i, person in named}
    told = ((CONVERT["bigint"](i), person) for i, person in latest.items())
    return {i: person for i, person in told if i is not None}


def shaped(people: Iterable[Values], shape: Shape) -> Batch:
    """People as rows; what is not declared of them is kept by nobody."""
    fields = {declared.name for declared in shape.endpoint.fields}
    return shape.page([{name: person[name] for name in fields & person.keys()} for person in people], {})


def gathered(people: People, changes: Changes) -> tuple[Batch, Batch]:
    """Rows for everybody met, then for those of whom only an earlier run was told and who are not stored.

    What a poorer source did not send stays as it is stored.
    """
    met, recalled, shape = people.everybody(), people.recalled(), changes.shape
    fields = {declared.name for declared in shape.endpoint.fields}
    lacking = [i for i, person in met.items() if not person.keys() >= fields] + list(recalled)
    keys = pa.Table.from_pylist([{"id": i} for i in lacking])
    stored = changes.known.rows(changes.table, keys).to_pylist() if lacking else []
    before = {row["id"]: row for row in stored}
    batch = shaped(met.values(), shape)
    shape.filled(batch, [before.get(identifier, {}) for identifier in met])
    return batch, _again([row for i, row in recalled.items() if i not in before], shape)


def _again(rows: Sequence[Values], shape: Shape) -> Batch:
    """Rows that were shaped by an earlier run."""
    batch = Batch([{}] * len(rows))
    for name, type_ in shape.columns.items():
        batch.arrays[name] = pa.array([row.get(name) for row in rows], ARROW[type_])
    return batch
