"""`Retry-After` with every status that may carry one; connections that never come about."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from sources.posthog.client.client import Client
from sources.posthog.client.retry import RetryPolicy
from sources.posthog.errors import PageFailed
from tests.sources.posthog.client.wire_server import http, in_turn, serving

KEY = "phx_NotAKeyOfAnyone0123456789"
ONCE = RetryPolicy(tries=1)


def _ask(origin: str) -> str:
    with Client(origin, KEY, retry=ONCE) as client, pytest.raises(PageFailed) as caught:
        client.get("users/")
    assert client.traffic().requests == 0
    return str(caught.value)


@pytest.mark.fault("transport.retry_after")
def test_whatever_the_status_nothing_leaves_before_the_second_that_it_names() -> None:
    statuses = (408, 425, 429, 500, 502, 503, 504, 520, 524)
    with ExitStack() as opened, ThreadPoolExecutor(2 * len(statuses)) as threads:
        servers = [
            opened.enter_context(serving(in_turn(http(status, b"busy", Retry_After="1"), http(200, [1]))))
            for status in statuses
        ]
        clients = [opened.enter_context(Client(server.origin, KEY)) for server in servers]
        first = [threads.submit(client.get, "users/") for client in clients]
        for client in clients:
            while not client._limiter.paused() > 0 and client.traffic().requests < 2:  # noqa: SLF001  the refusal is known, or was
                time.sleep(0.005)
        later = [threads.submit(client.get, "cohorts/") for client in clients]
        assert [page.result() for page in (*first, *later)] == [[1]] * 2 * len(clients)
        for server in servers:
            refused, *others = (asked.at for asked in server.asked)
            assert len(others) == 2
            assert min(others) - refused >= 1


NOW = datetime(2031, 1, 1, tzinfo=UTC)
PAST = format_datetime(NOW - timedelta(seconds=5), usegmt=True)


@pytest.mark.fault("transport.retry_after_past")
@pytest.mark.parametrize("word", ["0", "-5", PAST, "soon", "1e9", ""])
@pytest.mark.parametrize("status", [429, 503])
def test_a_retry_after_of_nothing_is_none_and_tries_stay_few_and_apart(status: int, word: str) -> None:
    refusal = http(status, b"", Retry_After=word, Date=format_datetime(NOW, usegmt=True))
    quick = RetryPolicy(tries=3, backoff=0.01, unannounced_429s=3)
    with serving(in_turn(refusal)) as server, Client(server.origin, KEY, retry=quick) as client:
        with pytest.raises(PageFailed, match=f"failed 3 times: answered {status}"):
            client.get("users/")
        assert len(server.asked) == 3
        assert status == 503 or server.asked[-1].at - server.asked[0].at >= 0.08 + 0.16


@pytest.mark.fault("transport.no_tls")
def test_a_port_that_does_not_speak_https_is_named() -> None:
    with serving(in_turn(http(200, [1]))) as server:
        said = _ask(server.origin.replace("http:", "https:"))
        assert server.asked == []
    assert "no secure connection came about" in said
    assert "speaks https on that port" in said


@pytest.mark.fault("transport.proxy")
def test_a_proxy_that_refuses_is_named_with_its_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with serving(in_turn(http(407, b"<h1>Who are you?</h1>"))) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.origin)
        said = _ask("https://posthog.invalid")
    assert "the proxy refused" in said
    assert "HTTPS_PROXY" in said
    assert all("authorization" not in asked.headers for asked in proxy.asked)
