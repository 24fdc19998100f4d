"""One client, many threads: what leaves this machine, where to, how often."""

from __future__ import annotations

import logging
import socket
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from sources.posthog.client.client import Client
from sources.posthog.client.retry import RetryPolicy
from sources.posthog.errors import Misdirected, PageFailed
from tests.sources.posthog.client.wire_server import Asked, http, in_turn, serving, zipped

KEY = "phx_NotAKeyOfAnyone0123456789"
QUICK = RetryPolicy(tries=3, backoff=0.001)
CERTIFICATE = Path(__file__).parent / "loopback.pem"
ROWS = http(200, {"results": [{"id": 1}]})


@pytest.mark.fault("security.other_host")
def test_a_page_is_asked_for_with_the_key_its_query_and_nothing_else() -> None:
    with serving(in_turn(ROWS)) as server, Client(server.origin, KEY) as client:
        page = client.get("projects/1/cohorts/", {"limit": 1000, "search": "a b&c"})
    assert page == {"results": [{"id": 1}]}
    (asked,) = server.asked
    assert (asked.verb, asked.target) == ("GET", "/api/projects/1/cohorts/?limit=1000&search=a+b%26c")
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.headers["accept-encoding"] == "gzip"
    assert asked.headers["user-agent"].startswith("hogsync/")
    assert set(asked.headers) <= {
        "host",
        "connection",
        "accept",
        "accept-encoding",
        "user-agent",
        "authorization",
    }


@pytest.mark.fault("security.only_get")
def test_a_client_has_no_way_to_send_anything_but_get() -> None:
    public = {name for name in dir(Client) if not name.startswith("_")}
    assert public == {
        "get",
        "stop",
        "close",
        "per_hour",
        "left",
        "traffic",
        "requests_to",
        "repairs_of",
    }


def test_connections_are_kept_and_never_more_than_allowed() -> None:
    busy, most = set[int](), 0
    lock = threading.Lock()

    def slow(conn: socket.socket, asked: Asked, n: int) -> None:
        nonlocal most
        with lock:
            busy.add(n)
            most = max(most, len(busy))
        time.sleep(0.01)
        with lock:
            busy.discard(n)
        conn.sendall(ROWS)

    with serving(slow) as server, Client(server.origin, KEY, in_flight=4) as client:
        with ThreadPoolExecutor(12) as threads:
            pages = list(threads.map(lambda n: client.get(f"projects/{n % 3}/cohorts/"), range(60)))
        assert len(pages) == client.traffic().requests == len(server.asked) == 60
        assert client.requests_to("projects/1/cohorts/") == 20
        assert client.requests_to("projects/9/cohorts/") == 0
    assert most == 4
    assert server.connections <= 4


def test_every_try_is_counted() -> None:
    with (
        serving(in_turn(http(502), http(500), ROWS)) as server,
        Client(server.origin, KEY, retry=QUICK) as client,
    ):
        client.get("users/")
        assert client.requests_to("users/") == client.traffic().requests == len(server.asked) == 3


def test_what_never_left_is_not_counted() -> None:
    with Client(_nobody(), KEY, retry=QUICK) as client:
        with pytest.raises(PageFailed):
            client.get("users/")
        assert client.traffic().requests == 0


@pytest.mark.fault("security.path_escape")
@pytest.mark.parametrize(
    "path",
    [
        "",
        "/users/",
        "//evil.test/",
        "https://evil.test/",
        "users/../../x",
        "..",
        "users/?token=1",
        "users/#x",
        "a//b",
        "users/%2E%2e/x",
        "a%2fb",
        "users\\x",
        "users/\r\nX: y",
        "x" * 5000 + "?",
    ],
)
def test_a_path_cannot_lead_out_of_the_api(path: str) -> None:
    with Client("http://127.0.0.1:9", KEY) as client, pytest.raises(PageFailed, match="no path below /api/"):
        client.get(path)


@pytest.mark.parametrize(
    "path", ["users/", "users/@me/", "personal_api_keys/@current/", "projects/1/x/%C3%BC.a/"]
)
def test_the_paths_that_exist_pass(path: str) -> None:
    with serving(in_turn(ROWS)) as server, Client(server.origin, KEY) as client:
        client.get(path)
    assert server.asked[0].target == f"/api/{path}"


@pytest.mark.fault("values.odd_next", "security.path_escape")
@pytest.mark.parametrize(
    "cursor", ["\r\nX: y\r\n\r\n", "\0\x1b[31m", "a&b=c#d?e=%0a", "ü \ufffd", "", "x" * 60_000]
)
def test_a_cursor_is_sent_as_it_is_and_commands_nothing(cursor: str) -> None:
    with serving(in_turn(ROWS)) as server, Client(server.origin, KEY) as client:
        client.get("users/", {"cursor": cursor})
    assert len(server.asked) == 1
    path, _, query = server.asked[0].target.partition("?")
    assert (path, parse_qsl(query, keep_blank_values=True)) == ("/api/users/", [("cursor", cursor)])
    assert "x" not in server.asked[0].headers


@pytest.mark.fault("values.odd_next")
def test_a_cursor_that_no_address_has_room_for_fails_its_list_alone() -> None:
    with serving(in_turn(ROWS)) as server, Client(server.origin, KEY) as client:
        with pytest.raises(PageFailed, match=r"too long for an address: http://127\.0\.0\.1:\d+/api/users/$"):
            client.get("users/", {"cursor": "x" * 100_000})
        assert client.traffic().requests == 0
        assert client.get("users/") == {"results": [{"id": 1}]}


@pytest.mark.parametrize("key", ["", " ", "phx_a b", "phx_a\n", "phx_ä"])
def test_a_key_that_cannot_be_one_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(ValueError, match="POSTHOG_PERSONAL_API_KEY") as caught:
        Client("https://us.posthog.com", key)
    assert "phx_" not in str(caught.value)


@pytest.mark.fault("transport.redirect")
@pytest.mark.fault("security.other_host")
def test_a_redirect_is_not_followed_and_names_the_right_host() -> None:
    with serving(in_turn(ROWS)) as other:
        moved = http(307, Location=f"{other.origin}/api/users/?token=x")
        with serving(in_turn(moved)) as server, Client(server.origin, KEY) as client:
            with pytest.raises(Misdirected, match=f"POSTHOG_HOST should be {other.origin}"):
                client.get("users/")
            assert client.traffic().requests == 1
        assert other.asked == []


def test_a_redirect_to_a_login_page_says_that_this_is_no_posthog() -> None:
    moved = http(302, Location="/login?next=/api/users/")
    with (
        serving(in_turn(moved)) as server,
        Client(server.origin, KEY) as client,
        pytest.raises(Misdirected, match="/login") as caught,
    ):
        client.get("users/")
    assert "should be" not in str(caught.value)
    assert "next=" not in str(caught.value)


@pytest.mark.fault("security.cookie")
def test_cookies_of_the_server_are_not_sent_back() -> None:
    page = http(200, [1], Set_Cookie="sessionid=someone; Path=/")
    with serving(in_turn(page)) as server, Client(server.origin, KEY) as client:
        client.get("users/")
        client.get("users/")
    assert "cookie" not in server.asked[1].headers


@pytest.mark.fault("transport.certificate")
@pytest.mark.fault("security.certificate")
def test_an_untrusted_certificate_is_refused_and_a_named_authority_believed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(CERTIFICATE)
    with serving(in_turn(zipped([1])), wrap=lambda line: tls.wrap_socket(line, server_side=True)) as server:
        with (
            Client(server.origin, KEY, retry=QUICK) as client,
            pytest.raises(PageFailed, match="not trusted"),
        ):
            client.get("users/")
        assert server.asked == []
        monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
        with Client(server.origin, KEY, retry=QUICK) as client:
            assert client.get("users/") == [1]


@pytest.mark.fault("security.proxy")
def test_the_usual_proxy_variable_is_honoured_but_loopback_needs_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with serving(in_turn(ROWS)) as proxy, serving(in_turn(ROWS)) as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.origin)
        monkeypatch.setenv("http_proxy", proxy.origin)
        with Client(server.origin, KEY) as client:
            client.get("users/")
        assert (len(proxy.asked), len(server.asked)) == (0, 1)
        with Client("http://posthog.invalid", KEY, allow_http=True) as client:
            client.get("users/")
        assert proxy.asked[0].target == "http://posthog.invalid/api/users/"
        assert client.traffic().requests == 1


@pytest.mark.fault("security.proxy")
@pytest.mark.parametrize("name", ["ALL_PROXY", "SSL_CERT_FILE"])
def test_broken_variables_of_the_environment_are_one_sentence(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "gopher://someone:secret@nowhere")
    with pytest.raises(ValueError, match="environment cannot be used") as caught:
        Client("https://us.posthog.com", KEY)
    assert "secret" not in str(caught.value).replace("[secret]", "")


@pytest.mark.fault("security.proxy")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NO_PROXY", "[::1], 10.0.0.0/8, fe80::/10, *.example, [::1"),
        ("ALL_PROXY", "socks://unused.example:1080"),
        ("HTTPS_PROXY", "gopher://unused.example"),
        ("HTTP_PROXY", "http://unused.example:port"),
    ],
)
def test_variables_that_do_not_concern_posthog_cost_nothing(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with serving(in_turn(ROWS)) as server, Client(server.origin, KEY) as client:
        client.get("users/")
    assert len(server.asked) == 1


@pytest.mark.fault("security.printed_settings")
def test_the_key_is_in_no_log_message_or_repr(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    echo = http(500, f"<p>Bearer {KEY} of jo@example.com</p>".encode())
    with serving(in_turn(echo)) as server, Client(server.origin, KEY, retry=QUICK) as client:
        with pytest.raises(PageFailed) as caught:
            client.get("users/")
        assert KEY not in caplog.text + str(caught.value) + repr(caught.value) + repr(client)
        assert "example.com" not in caplog.text + str(caught.value)


def _nobody() -> str:
    """An origin at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as gone:
        return f"http://127.0.0.1:{gone.getsockname()[1]}"
