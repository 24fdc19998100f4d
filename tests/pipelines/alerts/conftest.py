"""A company whose syncs tell, and who is told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from pipelines.attended import sync
from pipelines.settings import load
from pipelines.sync.outcome import Outcome
from pipelines.sync.selection import Selection
from tests.harness.notified import Listener, listening
from tests.harness.scene import Scene


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening() as one:
        yield one


@dataclass
class Watched:
    """A scene whose every run tells; a run is a new process as far as memory goes: nothing is kept between two."""

    scene: Scene
    listener: Listener

    def sync(
        self, *tables: str, quiet: str = "", key: str = "", more: dict[str, Any] | None = None, **asked: Any
    ) -> Outcome:
        given = self.given(key, quiet, **(more or {}))
        return sync(load(given), Selection(tables=tables, **asked))

    def given(self, key: str = "", quiet: str = "", **more: Any) -> dict[str, Any]:
        """The settings of one sync."""
        return self.scene.settings(
            key,
            **{
                "HOGSYNC_ALERTS": {"urls": [self.listener.url], "quiet": quiet},
                "HOGSYNC_LISTS": {"sweep_every": "0m"},
                "HOGSYNC_WAREHOUSE": {"wait": 0},
                **more,
            },
        )

    def told(self, *tables: str, **asked: Any) -> list[str]:
        """The titles of what one sync told."""
        self.sync(*tables, **asked)
        return self.listener.told()

    def states(self) -> list[tuple[Any, ...]]:
        """What the warehouse knows of the states."""
        return self.scene.ask(
            "select table_name, kind, told_at is not null, cleared_at is not null from posthog._hogsync_alerts "
            "order by table_name, kind"
        )


@pytest.fixture
def watched(file_scene: Scene, listener: Listener) -> Watched:
    return Watched(file_scene, listener)
