"""Streams of which a run that broke off had read most: a long list of comments, and syncs of it that die."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from sources.posthog.extract.results import TableResult
from sources.sandbox import Sandbox
from tests.pipelines.long_lists import BEGAN
from tests.truth.changes import PROJECT
from tests.truth.expected import Row
from tests.truth.kills import Doomed, Story, doomed
from tests.truth.scene import Scene, of

COMMENTS, DELIVERIES, LOGS = "comments", "subscription_deliveries", "organization_activity_logs"

HERE: dict[str, Any] = {"projects": (PROJECT,)}

BELOW = {"project_id": PROJECT}

MANY, ON_A_PAGE, PAGES, READ = 1200, 50, 24, 19
"""A list of 24 pages, of which a run dies after 19."""

SECONDS = count()


def later() -> str:
    """A time after all that the list holds yet."""
    return (BEGAN + timedelta(hours=MANY, seconds=next(SECONDS))).isoformat()


@pytest.fixture
def long_list(posthog: Sandbox) -> list[Row]:
    """So many comments, oldest first, an hour apart."""
    posthog.options(cursor_rows=ON_A_PAGE)
    posthog.clear(COMMENTS, PROJECT)
    rows = [{"created_at": (BEGAN + timedelta(hours=n)).isoformat()} for n in range(MANY)]
    posthog.edit(COMMENTS, insert=rows, parents=BELOW)
    return [row for row in posthog.rows(COMMENTS) if row["_parents"] == BELOW]


@pytest.fixture
def dying(scene: Scene, long_list: list[Row]) -> Iterator[Doomed]:
    """Syncs of the comments that die, beside a warehouse of each kind."""
    assert len(long_list) == MANY
    with doomed(scene, Story((COMMENTS,), lambda _: [])) as here:
        yield here


@pytest.fixture
def file_dying(file_scene: Scene, long_list: list[Row]) -> Iterator[Doomed]:
    """The same beside a DuckDB file."""
    assert len(long_list) == MANY
    with doomed(file_scene, Story((COMMENTS,), lambda _: [])) as here:
        yield here


def dies(dying: Doomed, pages: int = READ) -> None:
    """A sync is killed after so many pages of the comments."""
    assert dying.die("request", pages + 1, of="/comments/") == -signal.SIGKILL


def read(scene: Scene, **asked: Any) -> TableResult:
    """What came of the comments in a sync that lives."""
    return of(scene.sync(COMMENTS, **HERE, **asked), COMMENTS)


def edit(posthog: Sandbox, row: Row, **values: Any) -> None:
    posthog.edit(COMMENTS, where={"id": row["id"]}, set=values)


def write(posthog: Sandbox, *contents: str) -> None:
    """New comments, each the newest of the list when it is written."""
    rows = [{"content": content, "created_at": later()} for content in contents]
    posthog.edit(COMMENTS, insert=rows, parents=BELOW)


def is_right(scene: Scene) -> bool:
    """Whether the warehouse equals PostHog."""
    scene.known = {}
    scene.learn(scene.truth(COMMENTS, **HERE))
    return scene.wrong() == ""


def kept(scene: Scene) -> list[Path]:
    """The files in which half-read lists are kept."""
    return [path for path in (scene.home / "walks").rglob("*") if path.is_file()]
