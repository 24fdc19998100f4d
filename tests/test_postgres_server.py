"""The server under the other tests: a real one, restarted without loss, never left behind, never skipped."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2
import pytest

from tests.harness.postgres import Server, serve

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def own_server() -> Iterator[Server]:
    """Not the shared one: these tests end it."""
    with serve() as server:
        yield server


@contextmanager
def pytest_process(folder: Path, body: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A pytest of its own that runs `body` with the fixtures of tests/conftest.py."""
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "test_inner.py").write_text(body)
    command = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "tests.conftest", "test_inner.py"]
    surroundings = os.environ | {"PYTHONPATH": str(ROOT)} | environment
    with subprocess.Popen(
        command, cwd=folder, env=surroundings, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_it_is_a_postgres_with_merge_and_honest_commits(postgres_server: Server) -> None:
    rows = postgres_server.execute(
        "select current_setting('server_version_num')::int, current_setting('synchronous_commit'), "
        "(select datcollate from pg_database where datname = 'postgres'), current_setting('TimeZone')"
    )
    [(version, synchronous_commit, collation, zone)] = rows
    assert version >= 150_000
    assert (synchronous_commit, collation, zone) == ("on", "C", "UTC")


@pytest.mark.parametrize("turn", ["first", "second"])
def test_every_test_has_an_empty_database(postgres_url: str, turn: str) -> None:
    connection = psycopg2.connect(postgres_url)
    with connection, connection.cursor() as cursor:
        cursor.execute("select count(*) from information_schema.tables where table_schema = 'public'")
        assert cursor.fetchone() == (0,)
        cursor.execute("create table left_over (n int)")
    connection.close()


def test_a_warehouse_is_of_either_kind(warehouse_url: str) -> None:
    assert warehouse_url.startswith(("duckdb:////", "postgresql://"))


def test_a_wrong_password_is_refused(postgres_server: Server) -> None:
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(postgres_server.url(password="wrong"))


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT, signal.SIGKILL], ids=lambda how: how.name)
def test_what_was_committed_survives_every_end(own_server: Server, how: signal.Signals) -> None:
    port = own_server.port
    with own_server.database(f"ended_by_{how.name.lower()}") as url:
        name = url.rpartition("/")[2]
        own_server.execute("create table kept as select n from generate_series(1, 50000) n", name)
        own_server.restart(how)
        assert own_server.port == port
        assert own_server.execute("select count(*) from kept", name) == [(50_000,)]


def test_a_stopped_server_refuses_and_a_database_starts_it_again(own_server: Server) -> None:
    own_server.stop(signal.SIGQUIT)
    assert not listens(own_server.port)
    with own_server.database("again"):
        assert listens(own_server.port)


def test_nothing_is_left_when_the_block_ends() -> None:
    with serve() as server:
        folder, port = server.folder, server.port
        assert listens(port)
    assert not folder.exists()
    assert not listens(port)


def test_nothing_is_left_when_pytest_is_killed(tmp_path: Path) -> None:
    body = (
        "import time\n"
        "def test_inner(postgres_server, postgres_url):\n"
        "    print(f'\\n@{postgres_server.port} {postgres_server.folder}', flush=True)\n"
        "    time.sleep(60)\n"
    )
    with pytest_process(tmp_path, body) as process:
        assert process.stdout
        line = next(line for line in process.stdout if line.startswith("@"))
        port, folder = line[1:].strip().split(" ", 1)
        assert listens(int(port))
        process.send_signal(signal.SIGKILL)
        process.wait()
    deadline = time.monotonic() + 10
    while (Path(folder).exists() or listens(int(port))) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(folder).exists()
    assert not listens(int(port))


def test_a_missing_server_is_a_failure_and_not_a_skip(tmp_path: Path) -> None:
    body = "def test_inner(postgres_url): pass\n"
    with pytest_process(tmp_path, body, HOGSYNC_TEST_PG_BIN=str(tmp_path / "nowhere")) as process:
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 1, output
    assert "No Postgres to test with" in output
    assert "1 error" in output
    assert "skipped" not in output
