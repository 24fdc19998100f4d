"""What every test stands on: a clean environment, a real Postgres, a real PostHog to practise on."""

from __future__ import annotations

import json
import logging
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest

from pipelines.log_lines import concerned
from pipelines.logs import OURS
from sources.sandbox import Sandbox, start
from tests.harness.expected import CORE
from tests.harness.postgres import Server, serve

# Whose settings must not reach a test: ours, dlt's, libpq's, and proxies (all is on this machine).
FOREIGN = ("POSTHOG_", "HOGSYNC_", "WAREHOUSE_URL", "DLT_", "PG")
DLT_SECTIONS = ("RUNTIME", "SOURCES", "DESTINATION", "EXTRACT", "NORMALIZE", "LOAD", "SCHEMA", "DATA_WRITER")
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
KEPT = ("HOGSYNC_TEST_",)

pytest_plugins = [
    f"tests.harness.{name}" for name in ("scene", "served", "one_cohort", "half_read", "service")
]

_numbers = count(1)


def pytest_configure() -> None:
    """Signals reach the processes that tests start: `&` of a shell has Ctrl-C ignored, and nohup the hang-up."""
    for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first, so that no process of tests is at work long after the others."""
    rooms = ("whole", "pipelines")
    items.sort(key=lambda item: next((at for at, room in enumerate(rooms) if room in item.path.parts), 2))


@pytest.fixture(autouse=True)
def isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The test's own folder, in which it runs; nothing of the person's settings or of `~/.dlt` reaches it."""
    strangers = FOREIGN + PROXIES + tuple(f"{section}__" for section in DLT_SECTIONS)
    for name in list(os.environ):
        if name.upper().startswith(strangers) and not name.startswith(KEPT):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOGSYNC_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOGSYNC_SELECTION__TABLES", json.dumps(CORE))
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def pytest_itemcollected(item: pytest.Item) -> None:
    """Leave the second database of a test that is `duckdb_first` to `make soak`."""
    case = getattr(item, "callspec", None)
    on_postgres = case is not None and case.params.get("warehouse_url") == "postgres"
    if on_postgres and item.get_closest_marker("duckdb_first"):
        item.add_marker(pytest.mark.soak("postgres"))


@pytest.fixture(autouse=True)
def as_loud_as_before() -> Iterator[None]:
    """What a test silences by setting logging up is heard again, and lines are about no connection of another test."""
    loggers = [logging.getLogger(name) for name in ("root", "dlt", *OURS, "hogsync.warnings")]
    before = [(one.level, one.propagate, one.disabled) for one in loggers]
    about = dict(concerned)
    yield
    concerned.clear()
    concerned.update(about)
    for one, (level, propagate, disabled) in zip(loggers, before, strict=True):
        one.setLevel(level)
        one.propagate, one.disabled = propagate, disabled


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """One Postgres for the run; that none can be started is a failure, never a skip."""
    with serve() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: Server) -> Iterator[str]:
    """The URL of a new, empty database; dropped after the test, and a server left dead is started again."""
    with postgres_server.database(f"test_{next(_numbers)}") as url:
        yield url


@pytest.fixture(params=["duckdb", "postgres"])
def warehouse_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new, empty warehouse of each kind: a test that asks for it runs on both."""
    if request.param == "duckdb":
        return f"duckdb:///{tmp_path / 'hogsync.duckdb'}"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Callable[..., Sandbox]]:
    """Starts sandboxes, with the arguments of `sources.sandbox.start`; all end with the run at the latest.

    A test that changes its company starts one of its own: `with sandbox(seed=7) as posthog: ...`.
    """
    with ExitStack() as running:
        yield lambda *args, **options: running.enter_context(start(*args, **options))
