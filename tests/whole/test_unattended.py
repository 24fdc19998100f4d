"""A service that nobody looks at: a month of kills, and hundreds of runs, leave the truth and nothing that grows."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import pytest

from pipelines.schedule.jobs import Job
from pipelines.schedule.queue import RunQueue
from pipelines.settings import load
from sources.sandbox import Sandbox, start
from tests.harness.cli import hogsync
from tests.harness.expected import Tables, expected, part, read_for
from tests.harness.notified import listening
from tests.harness.scene import HASH_KEY
from tests.harness.service import Begin, Service, wait_until
from tests.harness.stored import ask, stored

REFUSED, ACCEPTED = 10, 16
"""The days from which on the key of the connection two is refused, and accepted again."""
DAYS, TABLES = 30, ("cohorts", "subscriptions", "comments", "event_definitions")
NAMES = ("one", "two", "three")
EVERY = 8.0
"""Seconds between two runs of a connection."""
RUNS, SETTLED = 500, 50


@pytest.fixture
def companies(warehouse_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Sandbox]]:
    """Three companies, and the settings of a connection to each."""
    monkeypatch.setenv("WAREHOUSE_URL", warehouse_url)
    monkeypatch.setenv("HOGSYNC_HASH_KEY", HASH_KEY)
    monkeypatch.setenv("HOGSYNC_SELECTION__TABLES", ",".join(TABLES))
    monkeypatch.setenv("HOGSYNC_WAREHOUSE__PARALLEL", "3")
    monkeypatch.setenv("HOGSYNC_LISTS__SWEEP_EVERY", "0m")
    with ExitStack() as running:
        found = {name: running.enter_context(start(seed=seed)) for seed, name in enumerate(NAMES, 1)}
        for name, posthog in found.items():
            monkeypatch.setenv(f"KEY_{name.upper()}", posthog.key)
        sections = (
            f"[connections.{name}]\nhost = '{posthog.url}'\nkey_env = 'KEY_{name.upper()}'\n"
            for name, posthog in found.items()
        )
        Path("hogsync.toml").write_text("".join(sections))
        yield found


def living(tables: Tables) -> Tables:
    """The rows that are not dead, of the tables that are read."""
    return {
        table: {key: row for key, row in rows.items() if not row["dead"]}
        for table, rows in tables.items()
        if table.partition("__")[0] in TABLES
    }


def disturb(service: Service, chance: random.Random, begin: Begin) -> Service:
    """Let some time pass, and perhaps kill the service or ask it to end; then another one begins."""
    time.sleep(chance.uniform(0, EVERY))
    how = chance.choice([None, signal.SIGKILL, signal.SIGTERM])
    if how is None:
        return service
    service.stop(how)
    return begin(all=EVERY)


@pytest.mark.soak("unattended")
@pytest.mark.fault("process.killed")
def test_a_month_of_kills_ends_in_the_truth_and_tells_each_change_of_state_once(
    companies: dict[str, Sandbox], warehouse_url: str, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(7)
    with listening() as listener:
        monkeypatch.setenv("HOGSYNC_ALERTS__URLS", listener.url)
        service = begin(all=EVERY)
        for day in range(DAYS):
            for posthog in companies.values():
                posthog.advance()
            if day == REFUSED:
                companies["two"].change_key("owner", revoked=True)
            if day == ACCEPTED:
                service.until("connection two: exit 3")
                companies["two"].change_key("owner", revoked=False)
            service = disturb(service, chance, begin)
        settle(service)
        titles = [str(message["title"]) for message in listener.posted]
    assert [title for title in titles if " the key" in title] == [
        "hogsync: two, sync: PostHog refuses the key",
        "hogsync: two, sync: PostHog takes the key again",
    ]
    assert hogsync("sync", "--accept-deletes", "--quiet").code == 0
    for name, posthog in companies.items():
        truth = expected(part(posthog.truth(None, read_for(TABLES)), TABLES), HASH_KEY)
        assert living(stored(warehouse_url, f"posthog_{name}")) == living(truth), name
        times = f"select started_at, finished_at from posthog_{name}._hogsync_runs order by started_at"
        assert all(before[1] <= after[0] for before, after in pairwise(ask(warehouse_url, times)))


def settle(service: Service) -> None:
    """Let each connection run twice more, and end the service."""
    met = service.said.count("exit 0")
    wait_until(lambda: service.said.count("exit 0") >= met + 2 * len(NAMES), 300)
    assert service.stop() == 0


@pytest.mark.soak("unattended")
@pytest.mark.fault("process.long_run")
@pytest.mark.parametrize("warehouse_url", ["duckdb"], indirect=True)
@pytest.mark.usefixtures("companies")
def test_hundreds_of_runs_leave_a_service_as_large_as_it_was() -> None:
    runs, settled = RunQueue(at_once=3), (0, 0, 0, 0)
    for number in range(RUNS):
        for name in NAMES:
            runs.due(Job("all", name), catch_up=number > 0)
        while runs.running or runs.waiting:
            runs.step()
            time.sleep(0.05)
        if number == SETTLED:
            settled = size()
    now = size()
    assert now[1:] <= settled[1:], (settled, now)
    assert now[0] <= settled[0] * 1.1, (settled, now)


def size() -> tuple[int, int, int, int]:
    """The memory in pages, threads and handles of this process, and the files of its working folder."""
    memory = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    files = sum(1 for _ in load().home.rglob("*"))
    return memory, threading.active_count(), len(os.listdir("/proc/self/fd")), files  # noqa: PTH208  of the kernel
