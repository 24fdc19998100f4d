"""Streams of which a run that broke off had read most: a long list of comments, and extractions of it that die."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from sources.posthog.extract.results import TableResult
from sources.sandbox import Sandbox
from tests.component.scene import Scene
from tests.harness.changes import PROJECT
from tests.harness.expected import Row
from tests.harness.long_lists import BEGAN
from tests.harness.scene import Compared, of

COMMENTS, DELIVERIES, LOGS = "comments", "subscription_deliveries", "organization_activity_logs"

HERE: dict[str, Any] = {"projects": (PROJECT,)}

BELOW = {"project_id": PROJECT}

MANY, ON_A_PAGE, PAGES, READ = 480, 20, 24, 19
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


def dies(scene: Scene, pages: int = READ, **asked: Any) -> None:
    """A sync is killed after so many pages of the comments."""
    assert scene.dies(COMMENTS, pages=pages, of="/comments/", **HERE, **asked)


def read(scene: Scene, **asked: Any) -> TableResult:
    """What came of the comments in a sync that lives."""
    return of(scene.sync(COMMENTS, **HERE, **asked), COMMENTS)


def edit(posthog: Sandbox, row: Row, **values: Any) -> None:
    posthog.edit(COMMENTS, where={"id": row["id"]}, set=values)


def write(posthog: Sandbox, *contents: str) -> None:
    """New comments, each the newest of the list when it is written."""
    rows = [{"content": content, "created_at": later()} for content in contents]
    posthog.edit(COMMENTS, insert=rows, parents=BELOW)


def is_right(scene: Compared) -> bool:
    """Whether the warehouse equals PostHog."""
    scene.known = {}
    scene.learn(scene.truth(COMMENTS, **HERE))
    return scene.wrong() == ""


def kept(home: Path) -> list[Path]:
    """The files in which half-read lists are kept."""
    return [path for path in (home / "walks").rglob("*") if path.is_file()]
