"""Hundreds of syncs in one process: nothing grows but the records."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import pytest

from sources.sandbox import Sandbox
from tests.harness.books import books
from tests.harness.changes import BELOW, COHORTS, EVENTS, PROJECT, own, shrink
from tests.harness.postgres import Server
from tests.harness.scene import Scene, written

TABLES = (EVENTS, COHORTS)
HERE: dict[str, Any] = {"projects": (PROJECT,)}
SYNCS = 300
SETTLED = 100
"""Syncs after which caches are warm and files have their free room."""


@dataclass(frozen=True, slots=True)
class Size:
    """What a process and its syncs take."""

    memory: int
    threads: int
    handles: int
    files: int
    warehouse: int


@pytest.fixture
def measure(scene: Scene, request: pytest.FixtureRequest) -> Callable[[], Size]:
    """Tells the sizes of now."""

    def size() -> Size:
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
        return Size(
            pages * os.sysconf("SC_PAGESIZE"),
            threading.active_count(),
            len(os.listdir("/proc/self/fd")),  # noqa: PTH208  a directory of the kernel
            sum(1 for _ in scene.home.rglob("*")),
            warehouse(),
        )

    def warehouse() -> int:
        if scene.url.startswith("duckdb:///"):
            return Path(scene.url.removeprefix("duckdb:///")).stat().st_size
        server: Server = request.getfixturevalue("postgres_server")
        name = scene.url.rpartition("/")[2]
        server.execute("vacuum", name)
        return int(server.execute(f"select pg_database_size('{name}')")[0][0])

    return size


def toggle(posthog: Sandbox, step: int) -> None:
    """Rows change, a list in one grows and shrinks; as many rows as before."""
    events, cohorts = own(posthog, EVENTS), own(posthog, COHORTS)
    for row in events[:10]:
        posthog.edit(EVENTS, where={"name": row["name"]}, parents=BELOW, set={"description": f"step {step}"})
    tags = ["a", "b", "c"][: step % 4]
    posthog.edit(EVENTS, where={"name": events[0]["name"]}, parents=BELOW, set={"tags": tags})
    posthog.edit(COHORTS, where={"id": cohorts[0]["id"]}, set={"description": f"step {step}"})


@pytest.mark.soak("memory")
@pytest.mark.fault("process.long_run")
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="what a process takes is told by Linux")
def test_hundreds_of_syncs_in_one_process_take_no_more_than_the_first(
    scene: Scene, company: Sandbox, measure: Callable[[], Size]
) -> None:
    shrink(company)
    settled = None
    for step in range(SYNCS):
        toggle(company, step)
        assert written(scene.sync(*TABLES, **HERE)) >= 11
        scene.learn(scene.truth(*TABLES, **HERE))
        if step % 3 == 0:
            assert written(scene.sync(*TABLES, **HERE)) == 0
        if step == SETTLED:
            settled = measure()
    assert settled is not None
    assert scene.wrong() == ""
    assert books(scene.url).unsound() == []
    now = measure()
    shown = {name: (getattr(settled, name), getattr(now, name)) for name in Size.__slots__}
    assert (now.threads, now.handles, now.files) <= (settled.threads, settled.handles, settled.files), shown
    for before, after in zip(astuple(settled), astuple(now), strict=True):
        assert after <= before * 1.3, shown
