"""Everybody met in a run: the richest source wins, then the latest."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping

from sources.posthog.values import CONVERT, Values


class People:
    """Gathers users out of rows; safe to share between threads."""

    def __init__(self) -> None:
        self._met: dict[int, tuple[int, Values]] = {}
        self._lock = threading.Lock()

    def meet(self, people: Iterable[Values], rank: int) -> None:
        """Take note of people; objects without a 64-bit id are nobody."""
        with self._lock:
            for person in people:
                identifier = CONVERT["bigint"](person.get("id"))
                if identifier is not None and rank >= self._met.get(identifier, (rank,))[0]:
                    self._met[identifier] = (rank, person)

    def everybody(self) -> Mapping[int, Values]:
        """All people by their ids, in that order."""
        return {identifier: person for identifier, (_, person) in sorted(self._met.items())}
