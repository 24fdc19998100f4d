"""A stop, and a server that never finishes."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from sources.posthog.client.client import Client
from sources.posthog.client.retry import RetryPolicy
from sources.posthog.errors import PageFailed, Stopped
from tests.sources.posthog.client.wire_server import Answer, Asked, http, in_turn, serving

KEY = "phx_NotAKeyOfAnyone0123456789"
ONCE = RetryPolicy(tries=1)
HURRIED = RetryPolicy(tries=2, backoff=0.001, page_seconds=0.4)


@pytest.fixture(scope="module", autouse=True)
def unanswered() -> Iterator[Future[str]]:
    """What becomes of a request to a host that swallows it; it takes its 10 s while the other tests run."""
    with ExitStack() as opened, ThreadPoolExecutor(1) as thread:
        full = opened.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):  # nobody accepts: once the queue is full, the kernel drops what knocks
            line = opened.enter_context(socket.socket())
            line.settimeout(0)
            line.connect_ex(full.getsockname())
        yield thread.submit(unreachable, f"http://127.0.0.1:{full.getsockname()[1]}")


def unreachable(origin: str) -> str:
    """The sentence about a host to which no request can leave."""
    with Client(origin, KEY, retry=ONCE) as client, pytest.raises(PageFailed) as caught:
        client.get("users/")
    assert client.traffic().requests == 0
    return str(caught.value)


def trickle(head: bytes) -> Answer:
    """One byte after the other, for eight seconds."""

    def answer(conn: socket.socket, asked: Asked, n: int) -> None:
        with suppress(OSError):
            conn.sendall(head)
            for _ in range(160):
                conn.sendall(b"a")
                time.sleep(0.05)

    return answer


TRICKLES = {
    "body": b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n[",
    "headers": b"HTTP/1.1 200 OK\r\nX-Long: ",
    "status": b"HTTP/1.1 200 ",
    "error page": b"HTTP/1.1 500 OK\r\nContent-Length: 9000\r\n\r\n",
    "gzip": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b\x08\x08\0\0\0\0\0\0",
}


@pytest.mark.parametrize("head", TRICKLES.values(), ids=TRICKLES.keys())
@pytest.mark.fault("transport.trickle")
def test_a_trickle_is_bounded(head: bytes) -> None:
    started = time.monotonic()
    with serving(trickle(head)) as server, Client(server.origin, KEY, retry=HURRIED) as client:
        with pytest.raises(PageFailed, match=r"took longer than 0\.4 s"):
            client.get("users/")
        assert client.traffic().requests == 2
    assert time.monotonic() - started < 3


CHUNK = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
ENDLESS = {
    "body": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", CHUNK, "more than 1,000,000 bytes"),
    "error page": (b"HTTP/1.1 500 OK\r\nTransfer-Encoding: chunked\r\n\r\n", CHUNK, "answered 500"),
    "headers": (b"HTTP/1.1 200 OK\r\n", b"X-Header: and so on\r\n" * 99, "the connection broke"),
    "one header": (b"HTTP/1.1 200 OK\r\nX-Long: ", b"a" * 999, "the connection broke"),
    "interim answers": (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 9, r"took longer than 0\.4 s"),
}


@pytest.mark.fault("transport.endless")
@pytest.mark.parametrize(("head", "more", "said"), ENDLESS.values(), ids=ENDLESS.keys())
def test_what_never_ends_at_full_speed_is_bounded(head: bytes, more: bytes, said: str) -> None:
    def answer(conn: socket.socket, asked: Asked, n: int) -> None:
        conn.sendall(head)
        while True:
            conn.sendall(more)

    started = time.monotonic()
    with (
        serving(answer) as server,
        Client(server.origin, KEY, retry=HURRIED, max_bytes=1_000_000) as client,
        pytest.raises(PageFailed, match=said),
    ):
        client.get("users/")
    assert time.monotonic() - started < 5


@pytest.mark.fault("transport.trickle")
def test_a_trickle_does_not_end_the_other_pages() -> None:
    def answer(conn: socket.socket, asked: Asked, n: int) -> None:
        if asked.target.startswith("/api/slow"):
            trickle(TRICKLES["headers"])(conn, asked, n)
        time.sleep(0.02)
        conn.sendall(http(200, [1]))

    with (
        serving(answer) as server,
        Client(server.origin, KEY, retry=HURRIED) as client,
        ThreadPoolExecutor(4) as threads,
    ):
        list(threads.map(client.get, ["users/"] * 8))
        slow = threads.submit(client.get, "slow/")
        assert list(threads.map(client.get, ["users/"] * 60)) == [[1]] * 60
        assert isinstance(slow.exception(), PageFailed)
        assert client.requests_to("users/") == 68


def test_a_page_that_comes_in_time_is_spared_when_another_is_overdue() -> None:
    def answer(conn: socket.socket, asked: Asked, n: int) -> None:
        if asked.target.startswith("/api/slow"):
            trickle(TRICKLES["headers"])(conn, asked, n)
        page = http(200, [1])
        conn.sendall(page[:-1])
        time.sleep(0.8)
        conn.sendall(page[-1:])

    with (
        serving(answer) as server,
        Client(server.origin, KEY, retry=RetryPolicy(page_seconds=1.2)) as client,
        ThreadPoolExecutor(1) as thread,
    ):
        slow = thread.submit(client.get, "slow/")
        time.sleep(0.8)
        assert client.get("users/") == [1]
        assert client.requests_to("users/") == 1
        client.stop()
        assert isinstance(slow.exception(), Stopped)


def test_the_time_of_a_page_does_not_run_while_it_waits_for_a_connection() -> None:
    def slow(conn: socket.socket, asked: Asked, n: int) -> None:
        time.sleep(0.25)
        conn.sendall(http(200, [1]))

    with (
        serving(slow) as server,
        Client(server.origin, KEY, in_flight=1, retry=HURRIED) as client,
        ThreadPoolExecutor(5) as threads,
    ):
        assert list(threads.map(client.get, ["users/"] * 5)) == [[1]] * 5
        assert client.traffic().requests == 5


@pytest.mark.fault("transport.silence")
def test_a_silent_server_is_left_after_the_read_timeout() -> None:
    with (
        serving(lambda *_: time.sleep(2)) as server,
        Client(server.origin, KEY, read_timeout=0.1, retry=HURRIED) as client,
        pytest.raises(PageFailed, match="fell silent"),
    ):
        client.get("users/")


def silent(conn: socket.socket, asked: Asked, n: int) -> None:
    with suppress(OSError):
        conn.recv(1)


def tls(line: socket.socket) -> socket.socket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(Path(__file__).parent / "loopback.pem")
    return context.wrap_socket(line, server_side=True)


@pytest.mark.parametrize("wrap", [None, tls])
@pytest.mark.parametrize(
    "answer",
    [
        silent,
        trickle(TRICKLES["body"]),
        in_turn(http(429, b"", Retry_After="3600")),
        in_turn(http(429)),
        in_turn(http(503, b"", Retry_After="3600")),
    ],
    ids=["silence", "trickle", "429 with its hour", "429 without", "503 with its hour"],
)
@pytest.mark.fault("transport.retry_after_long")
def test_a_stop_wakes_every_thread(
    answer: Answer, wrap: Callable[[socket.socket], socket.socket] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(Path(__file__).parent / "loopback.pem"))
    with serving(answer, wrap) as server, Client(server.origin, KEY, in_flight=3) as client:
        with ThreadPoolExecutor(8) as threads:
            pages = [threads.submit(client.get, "users/") for _ in range(8)]
            time.sleep(0.4)
            stopped = time.monotonic()
            client.stop()
            assert all(isinstance(page.exception(timeout=5), Stopped) for page in pages)
        assert time.monotonic() - stopped < 1
        with pytest.raises(Stopped):
            client.get("users/")


def test_a_closed_client_leaves_no_thread_and_no_connection() -> None:
    with serving(in_turn(http(200, [1]))) as server:
        before = threading.active_count()
        with Client(server.origin, KEY) as client:
            client.get("users/")
            assert threading.active_count() == before + 1  # the server's
        wait_until = time.monotonic() + 5
        while threading.active_count() > before and time.monotonic() < wait_until:
            time.sleep(0.01)
        assert threading.active_count() == before


@pytest.mark.fault("transport.connect_timeout")
def test_an_attempt_to_connect_is_given_up_after_ten_seconds(unanswered: Future[str]) -> None:
    said = unanswered.result(timeout=30)
    assert "no connection came within 10 s" in said
    assert "Check POSTHOG_HOST, firewall and proxy" in said
