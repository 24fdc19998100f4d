"""One writer to a warehouse: turns between real processes, on a real file and a real Postgres."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from pipelines.errors import UsageError, WarehouseProblem
from pipelines.locking.backends import APPLICATION_NAME, holder_text
from pipelines.locking.load_lock import load_lock
from pipelines.settings import Settings, load
from tests.harness.postgres import Server

ROOT = Path(__file__).parents[3]
HOLD = """
import sys
from pipelines.locking.load_lock import load_lock
from pipelines.settings import load
with load_lock(load(), 30, "hogsync " + sys.argv[1]):
    print("in", flush=True)
    sys.stdin.read()
"""
Hold = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def settings(warehouse_url: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("WAREHOUSE_URL", warehouse_url)
    return load()


@pytest.fixture
def hold() -> Iterator[Hold]:
    """Starts a process that takes the lane, says "in" and keeps it until its standard input closes."""
    with ExitStack() as started:

        def start(who: str = "sync", **variables: str) -> subprocess.Popen[str]:
            environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
            process = subprocess.Popen(
                [sys.executable, "-c", HOLD, who],
                env=environment,
                text=True,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            started.enter_context(process)
            started.callback(process.kill)
            return process

        yield start


def is_in(process: subprocess.Popen[str]) -> bool:
    assert process.stdout
    return process.stdout.readline() == "in\n"


def leave(process: subprocess.Popen[str]) -> None:
    assert process.stdin
    process.stdin.close()
    assert process.wait(10) == 0


@contextmanager
def refused() -> Iterator[Callable[[], str]]:
    """Asks for the sentence of the WarehouseProblem that the block ends with."""
    with pytest.raises(WarehouseProblem) as caught:
        yield lambda: str(caught.value)
    assert caught.value.exit_code == 4


def test_a_free_lane_is_taken_at_once_and_again_after_it_is_left(settings: Settings) -> None:
    start = time.monotonic()
    for _ in range(3):
        with load_lock(settings, 0, "hogsync sync"):
            pass
    assert time.monotonic() - start < 1


def test_who_waited_long_enough_is_told_who_holds_the_lane(settings: Settings, hold: Hold) -> None:
    holder = hold("backfill")
    assert is_in(holder)
    start = time.monotonic()
    with refused() as sentence, load_lock(settings, 1, "hogsync sync"):
        pytest.fail("two in one lane")
    assert 1 <= time.monotonic() - start < 3
    place = re.escape(f"is held by hogsync backfill, process {holder.pid} on {socket.gethostname()[:13]}")
    assert re.search(place + r".*, since \d\d:\d\d UTC, still after 1 s of waiting; try again", sentence())


def test_who_waits_says_for_whom_and_gets_the_lane_when_it_is_left(
    settings: Settings, hold: Hold, caplog: pytest.LogCaptureFixture
) -> None:
    holder = hold()
    assert is_in(holder)
    waiter = hold("schedule")
    assert waiter.stderr
    words = waiter.stderr.readline()
    assert f"hogsync sync, process {holder.pid} on " in words
    assert "waiting, 30 s at most" in words
    leave(holder)
    assert is_in(waiter)
    with refused() as sentence, load_lock(settings, 0, "hogsync sync"):
        pytest.fail("two in one lane")
    assert f"hogsync schedule, process {waiter.pid} on " in sentence()


@pytest.mark.fault("process.holder_dies")
def test_kill_9_of_the_holder_frees_the_lane(settings: Settings, hold: Hold) -> None:
    holder = hold()
    assert is_in(holder)
    holder.send_signal(signal.SIGKILL)
    start = time.monotonic()
    with load_lock(settings, 10, "hogsync sync"):
        assert time.monotonic() - start < 2


def test_an_error_inside_the_lane_leaves_it_and_passes_through(settings: Settings) -> None:
    with pytest.raises(ZeroDivisionError), load_lock(settings, 0, "hogsync sync"):
        _ = 1 / 0
    with load_lock(settings, 0, "hogsync sync"):
        pass


def test_one_process_cannot_be_in_the_lane_twice(settings: Settings) -> None:
    with load_lock(settings, 0, "hogsync schedule"):
        with refused() as sentence, load_lock(settings, 0, "hogsync sync"):
            pytest.fail("two in one lane")
        assert f"hogsync schedule, process {os.getpid()}" in sentence()


@pytest.mark.fault("process.two_syncs")
def test_many_at_once_go_one_after_the_other(settings: Settings, tmp_path: Path) -> None:
    program = """
import sys, time
from pathlib import Path
from pipelines.locking.load_lock import load_lock
from pipelines.settings import load
with load_lock(load(), 60, "hogsync sync"):
    flag = Path("inside")
    flag.touch(exist_ok=False)
    time.sleep(0.05)
    flag.unlink()
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    crowd = [subprocess.Popen([sys.executable, "-c", program], env=environment) for _ in range(5)]
    assert [process.wait(60) for process in crowd] == [0] * 5


@pytest.mark.fault("process.two_syncs")
def test_another_home_makes_no_other_lane(settings: Settings, hold: Hold) -> None:
    assert is_in(hold(HOGSYNC_HOME="elsewhere"))
    with refused(), load_lock(settings, 0, "hogsync sync"):
        pytest.fail("two in one lane")


def test_a_long_host_name_is_cut_and_not_the_time() -> None:
    words = holder_text("hogsync " + "backfill", APPLICATION_NAME)
    assert len(words) <= APPLICATION_NAME
    assert re.search(r", since \d\d:\d\d UTC$", words)


# --- DuckDB


def duckdb(monkeypatch: pytest.MonkeyPatch, path: str) -> Settings:
    monkeypatch.setenv("WAREHOUSE_URL", f"duckdb:///{path}")
    return load()


@pytest.mark.fault("process.symlinked")
def test_a_symlink_to_the_file_leads_to_the_same_lane(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("data").mkdir()
    Path("link.duckdb").symlink_to("data/a.duckdb")
    with load_lock(duckdb(monkeypatch, "link.duckdb"), 0, "hogsync sync"):
        assert Path("data/a.duckdb.lock").exists()
        with refused(), load_lock(duckdb(monkeypatch, "data/a.duckdb"), 0, "hogsync sync"):
            pytest.fail("two in one lane")


def test_a_path_with_blanks_and_umlauts_has_a_lane(monkeypatch: pytest.MonkeyPatch) -> None:
    with load_lock(duckdb(monkeypatch, "große daten.duckdb"), 0, "hogsync sync"):
        assert Path("große daten.duckdb.lock").stat().st_mode & 0o777 == 0o600


@pytest.mark.fault("process.holder_dies")
def test_a_lock_file_left_behind_needs_no_removal(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("a.duckdb.lock").write_bytes(b"hogsync sync, process 1 on elsewhere\x1b[2J\xff")
    with load_lock(duckdb(monkeypatch, "a.duckdb"), 0, "hogsync sync"):
        pass
    assert Path("a.duckdb.lock").read_bytes() == b""


@pytest.mark.fault("security.terminal")
def test_what_a_stranger_wrote_into_the_lock_file_cannot_steer_the_terminal(
    monkeypatch: pytest.MonkeyPatch, hold: Hold
) -> None:
    settings = duckdb(monkeypatch, "a.duckdb")
    assert is_in(hold())
    Path("a.duckdb.lock").write_bytes(b"me\x1b[2J\n" + b"x" * 1000)
    with refused() as sentence, load_lock(settings, 0, "hogsync sync"):
        pytest.fail("two in one lane")
    assert sentence().isprintable()
    assert len(sentence()) < 500


@pytest.mark.parametrize("path", ["nowhere/a.duckdb", "file/a.duckdb", "taken.duckdb"])
def test_where_no_lock_file_can_be_is_told(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    Path("file").touch()
    Path("taken.duckdb.lock").mkdir()
    with refused() as sentence, load_lock(duckdb(monkeypatch, path), 0, "hogsync sync"):
        pytest.fail("a lane without a lock")
    assert sentence().startswith(f"The warehouse {path} cannot be locked by ")
    assert "its folder must exist" in sentence()
    assert not Path("nowhere").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is unwritable for root")
def test_a_folder_that_cannot_be_written_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("data").mkdir(mode=0o500)
    with refused() as sentence, load_lock(duckdb(monkeypatch, "data/a.duckdb"), 0, "hogsync sync"):
        pytest.fail("a lane in an unwritable folder")
    assert "must be allowed to write there" in sentence()


@pytest.mark.fault("security.symlink")
def test_a_lock_file_that_leads_elsewhere_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("precious").write_text("kept", "utf-8")
    Path("a.duckdb.lock").symlink_to("precious")
    with refused(), load_lock(duckdb(monkeypatch, "a.duckdb"), 0, "hogsync sync"):
        pytest.fail("a lane through a symlink")
    assert Path("precious").read_text("utf-8") == "kept"


# --- Postgres


def postgres(monkeypatch: pytest.MonkeyPatch, url: str) -> Settings:
    monkeypatch.setenv("WAREHOUSE_URL", url)
    return load()


def test_two_datasets_of_one_database_are_two_lanes(
    monkeypatch: pytest.MonkeyPatch, postgres_url: str
) -> None:
    first = postgres(monkeypatch, postgres_url)
    monkeypatch.setenv("HOGSYNC_DATASET", "other")
    with load_lock(first, 0, "hogsync sync"), load_lock(load(), 0, "hogsync sync"):
        pass


def test_two_databases_of_one_server_are_two_lanes(
    monkeypatch: pytest.MonkeyPatch, postgres_url: str, postgres_server: Server
) -> None:
    with (
        postgres_server.database("another") as other,
        load_lock(postgres(monkeypatch, postgres_url), 0, "hogsync sync"),
        load_lock(postgres(monkeypatch, other), 0, "hogsync sync"),
    ):
        pass


def test_a_role_that_sees_nothing_of_others_still_learns_who_holds_the_lane(
    monkeypatch: pytest.MonkeyPatch, postgres_url: str, postgres_server: Server
) -> None:
    name = postgres_url.rpartition("/")[2]
    postgres_server.execute("CREATE ROLE nobody_special LOGIN PASSWORD 'x'")
    try:
        low = postgres(monkeypatch, postgres_server.url(name, user="nobody_special", password="x"))
        with load_lock(postgres(monkeypatch, postgres_url), 0, "hogsync backfill"):
            with refused() as sentence, load_lock(low, 0, "hogsync sync"):
                pytest.fail("two in one lane")
            assert f"hogsync backfill, process {os.getpid()} on " in sentence()
    finally:
        postgres_server.execute("DROP ROLE nobody_special")


def test_the_lane_neither_times_out_nor_keeps_vacuum_from_its_work(
    monkeypatch: pytest.MonkeyPatch, postgres_url: str, postgres_server: Server
) -> None:
    name = postgres_url.rpartition("/")[2]
    postgres_server.execute(f"ALTER DATABASE {name} SET idle_in_transaction_session_timeout = 300")
    settings = postgres(monkeypatch, postgres_url)
    with load_lock(settings, 0, "hogsync sync"):
        time.sleep(0.8)
        (holder,) = postgres_server.execute(
            "SELECT backend_xid, backend_xmin FROM pg_stat_activity WHERE application_name ~ '^hogsync sync'"
        )
        assert holder == (None, None)
        with refused(), load_lock(settings, 0, "hogsync sync"):
            pytest.fail("two in one lane")


@pytest.mark.fault("process.holder_dies")
def test_a_server_that_died_frees_the_lane(
    monkeypatch: pytest.MonkeyPatch, postgres_url: str, postgres_server: Server
) -> None:
    settings = postgres(monkeypatch, postgres_url)
    with load_lock(settings, 0, "hogsync sync"):
        postgres_server.restart(signal.SIGQUIT)
    with load_lock(settings, 0, "hogsync sync"):
        pass


@pytest.mark.fault("security.wrong_password")
@pytest.mark.fault("warehouse.refused", "warehouse.wrong_password", "warehouse.no_such_database")
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ((r":[^:@/]+@", ":hunter2@"), "password authentication failed"),
        ((r"/test_\d+$", "/no_such_database"), 'database "no_such_database" does not exist'),
        ((r"@127.0.0.1:\d+", "@127.0.0.1:1"), "Connection refused"),
        ((r"@127.0.0.1:\d+", "@host.invalid"), "could not translate host name"),
    ],
)
def test_a_server_that_lets_nobody_in_is_told_without_the_password(
    monkeypatch: pytest.MonkeyPatch, postgres_url: str, change: tuple[str, str], words: str
) -> None:
    settings = postgres(monkeypatch, re.sub(*change, postgres_url))
    with refused() as sentence, load_lock(settings, 0, "hogsync sync"):
        pytest.fail("a lane without a server")
    assert words in sentence()
    assert sentence().startswith(f"The warehouse {settings.warehouse.label} cannot be used: ")
    assert "\n" not in sentence()
    assert not [secret for secret in settings.warehouse.secrets if secret in sentence()]


@pytest.mark.parametrize(
    "url", ["postgresql://u:hunter2@h/d?sslmod=require", "postgresql://u:hunter2%zz@h/d"]
)
def test_what_postgres_cannot_read_is_a_matter_of_settings(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    with pytest.raises(UsageError) as caught, load_lock(postgres(monkeypatch, url), 0, "hogsync sync"):
        pytest.fail("a lane without a server")
    assert "WAREHOUSE_URL is not what Postgres understands" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_the_options_of_the_url_are_honoured(
    monkeypatch: pytest.MonkeyPatch, postgres_url: str, postgres_server: Server
) -> None:
    settings = postgres(monkeypatch, f"{postgres_url}?options=-c%20work_mem%3D77kB&connect_timeout=3")
    with load_lock(settings, 0, "hogsync sync"):
        pass
    with (
        refused() as sentence,
        load_lock(postgres(monkeypatch, f"{postgres_url}?sslmode=require"), 0, "hogsync sync"),
    ):
        pytest.fail("a lane without the encryption that was asked for")
    assert "SSL" in sentence()


def test_the_lane_of_a_file_imports_no_database() -> None:
    program = """
import sys
from pipelines.locking.load_lock import load_lock
from pipelines.settings import load
with load_lock(load(), 0, "hogsync sync"):
    print(*sys.modules)
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", program]
    modules = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"psycopg2", "duckdb", "dlt"} & set(modules)
