"""One cohort beside a warehouse, what happens to it, and the versions that its history tells of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import count
from typing import Any

import pytest

from tests.harness.expected import Row
from tests.harness.scene import Scene
from tests.harness.versions import history, wrong_versions

PROJECT = 101
BELOW = {"project_id": PROJECT}
HERE: dict[str, Any] = {"projects": (PROJECT,)}
NUMBERS = count(700_000)
"""Ids that nobody else has."""


class One:
    """One cohort, what happens to it, and its versions."""

    def __init__(self, scene: Scene) -> None:
        self.scene, self.posthog, self.ident = scene, scene.posthog, next(NUMBERS)
        own = {"name": "one", "description": "born", "experiment_set": [1, 2], "count": 5}
        self.raw = {"id": self.ident, **own}
        self.step = 0
        self.born()

    def born(self) -> None:
        self.posthog.edit("cohorts", insert=[self.raw], parents=BELOW)

    def becomes(self, **change: Any) -> None:
        self.posthog.edit("cohorts", where={"id": self.ident}, parents=BELOW, **change)

    def synced(self, **asked: Any) -> datetime:
        """The start of a sync, after which history is sound."""
        outcome = self.scene.sync("cohorts", **HERE, **asked)
        assert outcome.exit_code == 0
        assert wrong_versions(self.scene.url) == ""
        return outcome.run.started_at

    @property
    def versions(self) -> list[Row]:
        return history(self.scene.url, "cohorts").get((PROJECT, self.ident), [])

    def told(self, *names: str) -> list[tuple[Any, ...]]:
        """What its versions say, each with what made it."""
        return [(row["op"], *(row[name] for name in names)) for row in self.versions]


@pytest.fixture
def one(scene: Scene) -> Iterator[One]:
    """A cohort beside a warehouse of each kind, gone after the test."""
    cohort = One(scene)
    yield cohort
    cohort.becomes(delete=True)
