"""Syncs of a long list of comments that are killed, beside a DuckDB file."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from sources.posthog.extract.results import TableResult
from tests.component.half_read import COMMENTS, HERE, MANY, READ, long_list
from tests.harness.expected import Row
from tests.harness.kills import Doomed, Story
from tests.harness.scene import Scene, of

__all__ = ["dies", "file_dying", "long_list", "read"]


@pytest.fixture
def file_dying(file_scene: Scene, long_list: list[Row]) -> Doomed:
    """Syncs of the comments that die, beside a DuckDB file."""
    assert len(long_list) == MANY
    return Doomed(file_scene, Story((COMMENTS,), lambda _: []))


def dies(dying: Doomed, pages: int = READ) -> None:
    """A sync is killed after so many pages of the comments."""
    assert dying.die("request", pages + 1, of="/comments/") == -signal.SIGKILL


def read(scene: Scene, **asked: Any) -> TableResult:
    """What came of the comments in a sync that lives."""
    return of(scene.sync(COMMENTS, **HERE, **asked), COMMENTS)
