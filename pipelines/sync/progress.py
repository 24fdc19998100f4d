"""Shows progress while a sync runs: a live line on a terminal, a log line every half minute elsewhere."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Sized
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sources.posthog.catalogue.endpoint import Endpoint
    from sources.posthog.extract.walks import Observer
from pipelines.sync.summary import log

HEARTBEAT = 30.0
"""Seconds between two log lines."""


@contextmanager
def progress(*, display: bool) -> Iterator[Observer]:
    """Yield an observer of a sync's pages that shows the rows so far: on a terminal's stderr, else in log lines."""
    if display:
        with _displayed() as observe:
            yield observe
    else:
        yield _logged()


@contextmanager
def _displayed() -> Iterator[Observer]:
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    rows_read = TextColumn("{task.completed:>9,.0f} rows")
    lock = threading.Lock()
    screen = Progress(
        SpinnerColumn(),
        TextColumn("{task.description:<24}"),
        rows_read,
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with screen:
        total = screen.add_task("Syncing", total=None)
        tasks: dict[str, Any] = {}

        def observe(endpoint: Endpoint, batch: Sized) -> None:
            with lock:
                if endpoint.table not in tasks:
                    tasks[endpoint.table] = screen.add_task(endpoint.table, total=None)
                for task in (total, tasks[endpoint.table]):
                    screen.advance(task, len(batch))

        yield observe


def _logged() -> Observer:
    rows_read: Counter[str] = Counter()
    lock = threading.Lock()
    last = time.monotonic()

    def observe(endpoint: Endpoint, batch: Sized) -> None:
        nonlocal last
        with lock:
            rows_read[endpoint.table] += len(batch)
            if time.monotonic() >= last + HEARTBEAT:
                last = time.monotonic()
                so_far = ", ".join(f"{table} {count:,}" for table, count in rows_read.items())
                log.info("Rows read so far: %s.", so_far)

    return observe
