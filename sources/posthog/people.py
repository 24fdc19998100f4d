"""Everybody met in a run: the richest source wins, then the latest."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping

import pyarrow as pa

from sources.posthog.batch import Batch
from sources.posthog.changes import Changes
from sources.posthog.values import CONVERT, Values

RECALLED = -1
"""The rank of what an earlier run was told: anybody's word of today counts more, and so does what is stored."""


class People:
    """Gathers users out of rows; safe to share between threads."""

    def __init__(self) -> None:
        self._met: dict[int, tuple[int, Values]] = {}
        self._lock = threading.Lock()

    def meet(self, people: Iterable[Values], rank: int) -> None:
        """Take note of people; objects without a 64-bit id are nobody."""
        latest = latest_of(people)
        with self._lock:
            for person in latest:
                identifier = CONVERT["bigint"](person.get("id"))
                if identifier is not None and rank >= self._met.get(identifier, (rank,))[0]:
                    self._met[identifier] = (rank, person)

    def recalled(self) -> set[int]:
        """Who was met in rows of an earlier run only."""
        return {identifier for identifier, (rank, _) in self._met.items() if rank == RECALLED}

    def everybody(self) -> Mapping[int, Values]:
        """All people by their ids, in that order."""
        return {identifier: person for identifier, (_, person) in sorted(self._met.items())}


def latest_of(people: Iterable[Values]) -> Collection[Values]:
    """Of the same people only the latest: a page of a thousand rows speaks of a handful, each time in full."""
    named = ((person.get("id"), person) for person in people)
    return {i if type(i) is int or type(i) is str else None: person for i, person in named}.values()


def gathered(people: People, changes: Changes) -> Batch:
    """A row for everybody met; what a poorer source did not send stays as it is stored."""
    met, recalled, shape = people.everybody(), people.recalled(), changes.shape
    fields = {declared.name for declared in shape.endpoint.fields}
    lacking = [{"id": i} for i, person in met.items() if i in recalled or not person.keys() >= fields]
    keys = pa.Table.from_pylist(lacking)
    stored = changes.known.rows(changes.table, keys).to_pylist() if lacking else []
    before = {row["id"]: row for row in stored}
    met = {i: person for i, person in met.items() if i not in recalled & before.keys()}
    batch = shape.page(
        [{name: person[name] for name in fields & person.keys()} for person in met.values()], {}
    )
    shape.filled(batch, [before.get(identifier, {}) for identifier in met])
    return batch
