"""Lists that are too long to be read in full every run, and runs that die while they read them."""

from __future__ import annotations

import signal
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

from sources.sandbox import Sandbox
from tests.harness.command import started
from tests.harness.expected import Row
from tests.harness.scene import Scene

LONG = 1100
"""Comments that make a list longer than ten pages."""
PROJECT = 103
BEGAN = datetime(2025, 1, 1, tzinfo=UTC)


def many_comments(posthog: Sandbox, *more: Row) -> list[Row]:
    """So many more comments in the project, an hour apart, and these; gives all that there are, oldest first."""
    rows = [{"created_at": (BEGAN + timedelta(hours=n)).isoformat()} for n in range(LONG)]
    posthog.edit("comments", insert=[*rows, *more], parents={"project_id": PROJECT})
    there = posthog.rows("comments")
    return [row for row in there if row["_parents"]["project_id"] == PROJECT]


def asked(posthog: Sandbox, path: str) -> list[dict[str, list[str]]]:
    """The queries of a list's requests."""
    return [parse_qs(r["query"]) for r in posthog.requests() if r["path"].endswith(f"/{path}/")]


def kill_in_mid_walk(
    scene: Scene, posthog: Sandbox, table: str, pages: int, *, path: str = "", **more: str
) -> None:
    """A sync of one list, killed after so many of its pages."""
    path = path or table
    posthog.clear_requests()
    posthog.fault(kind="latency", path=f"{path}/", seconds=30, skip=pages)
    settings = {"HOGSYNC_LISTS__PAGE_SIZE": "50", "HOGSYNC_LISTS__AHEAD": "1", **more}
    process = started(scene, "sync", table, "--project", str(PROJECT), **settings)
    deadline = time.monotonic() + 60
    while len(asked(posthog, path)) < pages and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)  # the last page is kept once it has come
    process.send_signal(signal.SIGKILL)
    process.communicate()
    posthog.clear_faults()
    posthog.clear_requests()
