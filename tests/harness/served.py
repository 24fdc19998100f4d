"""A Postgres that holds the company already, and what others do in it while hogsync is at work."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from sources.sandbox import Sandbox
from tests.harness.postgres import Server
from tests.harness.scene import Scene

HERE: dict[str, Any] = {"projects": (101,)}
EVENTS = "event_definitions"
PATIENCE = 120.0
_numbers = count(1)
WAITS = "select count(*) from pg_locks where not granted and pid <> pg_backend_pid()"


@pytest.fixture(scope="session")
def original(
    company: Sandbox, postgres_server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    """A database that holds the company's event definitions, made once."""
    company.rewind()
    with postgres_server.database(f"original_{next(_numbers)}") as url:
        scene = Scene(company, url, tmp_path_factory.mktemp("original"))
        right(scene)
        yield scene


@pytest.fixture
def served(original: Scene, posthog: Sandbox, postgres_server: Server, tmp_path: Path) -> Iterator[Scene]:
    """A copy of it."""
    template = original.url.rpartition("/")[2]
    with postgres_server.database(f"served_{next(_numbers)}", template) as url:
        yield Scene(posthog, url, tmp_path / "home", original.known)


def change(scene: Scene, **fields: Any) -> None:
    """Something to write in the next sync."""
    _edit(scene, set=fields)


@contextmanager
def new_field(scene: Scene) -> Iterator[str]:
    """A field, and so a column, that no row has had; gone after the block, which leaves other tests their tables."""
    field = f"late_{next(_numbers)}"
    _edit(scene, set={field: "new"})
    yield field
    _edit(scene, unset=[field])


def _edit(scene: Scene, **change: Any) -> None:
    rows = scene.posthog.rows(EVENTS)
    name = min(row["name"] for row in rows if row["_parents"] == {"project_id": 101})
    scene.posthog.edit(EVENTS, where={"name": name}, parents={"project_id": 101}, **change)


def right(scene: Scene) -> None:
    """One clean sync, after which the warehouse equals PostHog."""
    assert scene.sync(EVENTS, **HERE).exit_code == 0
    scene.learn(scene.truth(EVENTS, **HERE))
    assert scene.wrong() == ""


@contextmanager
def analyst(url: str, sql: str, name: str = "psql") -> Iterator[Any]:
    """A transaction that has run this and stays open; gives its connection."""
    with closing(psycopg2.connect(url, application_name=name)) as connection:
        connection.cursor().execute(sql)
        yield connection


@contextmanager
def meanwhile(act: Callable[[], None]) -> Iterator[None]:
    """Something that happens beside the block, and has happened at its end."""
    failed: list[BaseException] = []

    def tried() -> None:
        try:
            act()
        except BaseException as error:  # noqa: BLE001  told below
            failed.append(error)

    thread = threading.Thread(target=tried)
    thread.start()
    try:
        yield
    finally:
        thread.join(PATIENCE)
    assert not thread.is_alive()
    assert not failed, failed


def until_waiting(scene: Scene) -> None:
    """Return as soon as somebody waits for a lock."""
    deadline = time.monotonic() + PATIENCE
    with closing(psycopg2.connect(scene.url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        while cursor.execute(WAITS) or cursor.fetchone() == (0,):
            assert time.monotonic() < deadline, "nobody waits"
            time.sleep(0.02)
