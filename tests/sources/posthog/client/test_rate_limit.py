"""One pace for all threads, runs and processes of one key."""

from __future__ import annotations

import logging
import socket
import sqlite3
import ssl
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import count
from pathlib import Path

import pytest

from sources.posthog.client.client import Client
from sources.posthog.client.rate_limit import CLOUD_RATE, Rate, RateLimiter
from sources.posthog.client.retry import RetryPolicy
from sources.posthog.errors import PageFailed, Stopped
from tests.sources.posthog.client.wire_server import Server, http, in_turn, serving

ORIGIN, KEY = "https://us.posthog.com", "phx_NotAKeyOfAnyone0123456789"
QUICK = RetryPolicy(tries=3, backoff=0.01, unannounced_429s=3)
ROWS = http(200, [1])


def gaps(server: Server) -> list[float]:
    return [later.at - server.asked[0].at for later in server.asked[1:]]


def read(client: Client, pages: int, threads: int = 8) -> None:
    with ThreadPoolExecutor(threads) as pool:
        assert list(pool.map(client.get, ["users/"] * pages)) == [[1]] * pages


@pytest.mark.parametrize("header", ["2", " 2 ", "date"])
@pytest.mark.fault("transport.retry_after")
def test_a_429_makes_every_thread_wait_to_the_second(header: str, caplog: pytest.LogCaptureFixture) -> None:
    server_time = datetime(2031, 1, 1, tzinfo=UTC)  # the server's clock is not ours
    headers = {"Retry_After": header, "Date": format_datetime(server_time, usegmt=True)}
    if header == "date":
        headers["Retry_After"] = format_datetime(server_time + timedelta(seconds=2), usegmt=True)
    with serving(in_turn(http(429, b"", **headers), ROWS)) as server, Client(server.origin, KEY) as client:
        refused = threading.Thread(target=client.get, args=("users/",))
        refused.start()
        while not client._limiter.paused() > 0:  # noqa: SLF001  the moment at which the refusal is known
            time.sleep(0.005)
        read(client, 16)
        refused.join()
        assert client.traffic().requests == 18
        assert len([gap for gap in gaps(server) if gap < 2]) == 0
        assert min(gaps(server)) < 3
    told = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert len(told) == 1
    assert told[0].startswith("PostHog asks to wait 2 s, until ")


@pytest.mark.fault("transport.retry_after")
def test_a_request_that_still_connects_when_the_pause_begins_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = Path(__file__).parent / "loopback.pem"
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    handshakes = count()

    def slow_after_the_first(line: socket.socket) -> socket.socket:
        time.sleep(0.3 if next(handshakes) else 0)
        return context.wrap_socket(line, server_side=True)

    refusal = http(429, b"", Retry_After="1")
    with (
        serving(in_turn(refusal, ROWS), slow_after_the_first) as server,
        Client(server.origin, KEY) as client,
    ):
        read(client, 2)
        assert client.traffic().requests == len(server.asked) == 3
        assert min(gaps(server)) >= 1


@pytest.mark.fault("transport.storm")
def test_after_the_first_429_half_of_the_published_limits_are_kept() -> None:
    refusal = http(429, b"", Retry_After="1")
    with (
        serving(in_turn(refusal, ROWS)) as server,
        Client(server.origin, KEY) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        read(client, 239, threads=1)
        one_more = pool.submit(client.get, "users/")
        time.sleep(0.3)
        assert client.traffic().requests == len(server.asked) == 240
        client.stop()
        assert isinstance(one_more.exception(), Stopped)


@pytest.mark.fault("transport.retry_after_long")
def test_an_hour_is_waited_for_and_said(caplog: pytest.LogCaptureFixture) -> None:
    budget = RateLimiter(CLOUD_RATE, ORIGIN, KEY)
    for seconds in (2202, 2201.5, 5):
        budget.pause(seconds)
    assert 2201 < budget.acquire() <= 2202
    assert budget.acquire() > 2201
    until = time.strftime("%H:%M", time.localtime(time.time() + 2202))
    assert [r.getMessage() for r in caplog.records] == [f"PostHog asks to wait 37 min, until {until}"]
    budget.close()


def test_told_waits_do_not_use_up_the_tries() -> None:
    refusals = [http(429, b"", Retry_After="1"), http(502), http(429, b"", Retry_After="1"), http(502)]
    with serving(in_turn(*refusals, ROWS)) as server, Client(server.origin, KEY, retry=QUICK) as client:
        assert client.get("users/") == [1]
        assert client.traffic().requests == 5


@pytest.mark.fault("transport.429_without_word")
def test_429_without_a_word_backs_off_more_each_time_and_ends() -> None:
    with serving(in_turn(http(429))) as server, Client(server.origin, KEY, retry=QUICK) as client:
        with pytest.raises(PageFailed, match="429") as caught:
            client.get("users/")
        first, both = gaps(server)
    assert caught.value.status == 429
    assert first >= 0.08
    assert both - first >= 0.16


@pytest.mark.fault("transport.retry_after_absurd")
def test_what_asks_for_more_than_a_day_is_not_waited_for() -> None:
    refusal = http(429, b"", Retry_After="9" * 30)
    with serving(in_turn(refusal, ROWS)) as server, Client(server.origin, KEY) as client:
        with pytest.raises(PageFailed):
            client.get("users/")
        assert client.get("users/") == [1]


def test_no_limit_is_kept_until_the_first_429() -> None:
    budget = RateLimiter(Rate(), "https://posthog.internal", KEY)
    assert not any(budget.acquire() for _ in range(1000))
    budget.apply_published_limits()
    assert budget.acquire() > 50
    budget.close()


def test_the_cloud_has_half_of_its_published_limits_from_the_start() -> None:
    with Client(ORIGIN, KEY) as client, Client("https://posthog.internal", KEY) as own:
        assert [client._limiter.acquire() > 0 for _ in range(241)] == [False] * 240 + [True]  # noqa: SLF001
        assert not any(own._limiter.acquire() for _ in range(500))  # noqa: SLF001


def test_a_limit_that_is_set_leaves_the_other_one_of_the_cloud_as_it_is() -> None:
    with Client(ORIGIN, KEY, rate=Rate(per_minute=100)) as client:
        assert client.per_hour == 2400
    with Client("https://posthog.internal", KEY, rate=Rate(per_minute=100)) as own:
        assert own.per_hour is None


@pytest.mark.parametrize(
    ("rate", "minutes"),
    [
        (Rate(), 2),
        (CLOUD_RATE, 10),
        (Rate(per_minute=100), 24),
        (Rate(per_hour=1000), 120),
        (Rate(per_minute=100, per_hour=1000), 124),
    ],
)
def test_only_a_limit_makes_requests_take_longer_than_their_answers(rate: Rate, minutes: int) -> None:
    assert rate.minutes(2400) == minutes


@pytest.mark.parametrize("rate", [Rate(per_minute=5), Rate(per_hour=5), Rate(per_minute=90, per_hour=5)])
def test_each_window_is_kept_by_all_threads_together(rate: Rate) -> None:
    budget = RateLimiter(rate, ORIGIN, KEY)
    with ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(lambda _: budget.acquire(), range(40)))
    assert sum(wait == 0 for wait in waits) == 5
    budget.close()


def test_the_window_slides(tmp_path: Path) -> None:
    file = tmp_path / "budget"
    budget = RateLimiter(Rate(per_minute=3), ORIGIN, KEY, file)
    assert [budget.acquire() for _ in range(3)] == [0, 0, 0]
    with sqlite3.connect(file) as db:
        db.execute("UPDATE sent SET at = at - 59.5 WHERE rowid = 1")
    db.close()
    wait = budget.acquire()
    assert 0 < wait <= 0.5
    time.sleep(wait + 0.01)
    assert budget.acquire() == 0
    assert budget.acquire() > 58
    budget.close()


def test_the_used_part_is_known_after_the_file_is_closed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    budget = RateLimiter(Rate(per_minute=4, per_hour=100), ORIGIN, KEY, tmp_path / "budget")
    budget.acquire()
    budget.close()
    budget.close()
    assert budget.used() == 0.25
    assert caplog.messages == []


@pytest.mark.fault("transport.retry_after_long")
def test_a_later_run_remembers_what_was_sent_and_asked(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "budget"
    first = RateLimiter(Rate(per_minute=3), ORIGIN, KEY, file)
    assert not any(first.acquire() for _ in range(3))
    first.pause(600)
    first.close()
    later = RateLimiter(Rate(per_minute=3), ORIGIN, KEY, file)
    assert 598 < later.acquire() <= 600
    for origin, key in ((ORIGIN, "phx_other"), ("https://eu.posthog.com", KEY)):
        other = RateLimiter(Rate(per_minute=3), origin, key, file)
        assert other.acquire() == 0
        other.close()
    later.close()
    assert KEY.encode() not in file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


PROCESS = """
import sys
from pathlib import Path
from sources.posthog.client.rate_limit import Rate, RateLimiter
budget = RateLimiter(Rate(per_minute=1000), "https://us.posthog.com", "k", Path(sys.argv[1]))
print("ready", flush=True)
input()
print(sum(budget.acquire() == 0 for _ in range(500)))
"""


def test_processes_share_one_budget(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROCESS, str(tmp_path / "budget")]
    runs = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    for run in runs:
        assert run.stdout
        assert run.stdout.readline() == "ready\n"
    for run in runs:
        assert run.stdin
        run.stdin.write("go\n")
        run.stdin.flush()
    assert sum(int(run.communicate()[0]) for run in runs) == 1000


@pytest.mark.fault("loads.budget_damaged")
@pytest.mark.parametrize(
    "left", [b"not a database, but long enough to look at" * 99, b"SQLite format 3\0" + b"\1" * 999]
)
def test_a_damaged_file_starts_afresh_with_a_word(
    left: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "budget"
    file.write_bytes(left)
    budget = RateLimiter(Rate(per_minute=1), ORIGIN, KEY, file)
    assert (budget.acquire(), budget.acquire() > 50) == (0, True)
    budget.close()
    assert "starts afresh" in caplog.records[0].getMessage()
    again = RateLimiter(Rate(per_minute=1), ORIGIN, KEY, file)
    assert again.acquire() > 50
    again.close()


@pytest.mark.fault("loads.budget_damaged")
def test_a_file_of_another_layout_starts_afresh(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "budget") as db:
        db.execute("CREATE TABLE sent (something INTEGER)")
    db.close()
    budget = RateLimiter(Rate(), ORIGIN, KEY, tmp_path / "budget")
    assert budget.acquire() == 0
    budget.close()


def test_where_no_file_can_be_the_run_counts_for_itself(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    for place in (tmp_path / "file" / "budget", tmp_path):
        budget = RateLimiter(Rate(per_minute=1), ORIGIN, KEY, place)
        assert (budget.acquire(), budget.acquire() > 50) == (0, True)
        budget.close()
    assert sum("counts for itself" in r.getMessage() for r in caplog.records) == 2


def test_a_file_damaged_in_mid_run_does_not_end_the_run(tmp_path: Path) -> None:
    file = tmp_path / "budget"
    budget = RateLimiter(Rate(per_minute=2), ORIGIN, KEY, file)
    assert budget.acquire() == 0
    file.write_bytes(b"\0" * 8192)
    assert [budget.acquire() > 0 for _ in range(3)][-1]
    budget.close()


@pytest.mark.fault("process.clock_back")
def test_a_clock_that_was_moved_back_does_not_hold_a_run_up(tmp_path: Path) -> None:
    file = tmp_path / "budget"
    budget = RateLimiter(Rate(per_minute=2), ORIGIN, KEY, file)
    assert [budget.acquire(), budget.acquire()] == [0, 0]
    budget.pause(0.01)
    with sqlite3.connect(file) as db:
        db.execute("UPDATE sent SET at = at + 86400")
        db.execute("UPDATE pauses SET asked = asked + 86400, until = until + 86400")
    db.close()
    time.sleep(0.02)
    assert budget.acquire() == 0
    budget.close()
    later = RateLimiter(Rate(per_minute=2), ORIGIN, KEY, file)
    assert later.acquire() == 0
    assert later.acquire() > 50
    later.close()


def test_the_log_holds_the_requests_of_an_hour(tmp_path: Path) -> None:
    file = tmp_path / "budget"
    budget = RateLimiter(Rate(), ORIGIN, KEY, file)
    budget.acquire()
    with sqlite3.connect(file) as db:
        db.execute("UPDATE sent SET at = at - 3601")
    db.close()
    budget.acquire()
    budget.close()
    with sqlite3.connect(file) as db:
        assert db.execute("SELECT count(*) FROM sent").fetchone()[0] == 1
    db.close()


@pytest.mark.parametrize("wrong", [0, -1])
def test_a_rate_allows_something(wrong: int) -> None:
    with pytest.raises(ValueError, match="at least one"):
        Rate(per_minute=wrong)
