"""What each answer means; all of them come over a socket."""

from __future__ import annotations

import gzip
import socket
import tracemalloc
from typing import Any

import pytest

from sources.posthog.client.client import Client
from sources.posthog.client.response import TOO_DEEP, decode
from sources.posthog.client.retry import RetryPolicy
from sources.posthog.errors import KeyRefused, Misdirected, PageFailed, PostHogError, Unavailable
from tests.sources.posthog.client.broken_responses import BROKEN
from tests.sources.posthog.client.wire_server import Answer, Asked, http, in_turn, serving

KEY = "phx_NotAKeyOfAnyone0123456789"
QUICK = RetryPolicy(tries=3, backoff=0.001, unannounced_429s=3)
GEO_BLOCK = b"<html><h1>Blocked in your country</h1></html>"


def said(status: int, code: str, detail: str, kind: str = "server_error") -> bytes:
    return http(status, {"type": kind, "code": code, "detail": detail, "attr": None})


def failed(answer: Answer, **options: Any) -> tuple[PostHogError, int]:
    """The error that such answers end in, and the requests that it took."""
    with serving(answer) as server, Client(server.origin, KEY, retry=QUICK, **options) as client:
        with pytest.raises(PostHogError) as caught:
            client.get("projects/1/cohorts/")
        assert "/api/projects/1/cohorts/" in str(caught.value)
        assert len(server.asked) == client.traffic().requests
        return caught.value, client.traffic().requests


@pytest.mark.parametrize(
    "body", [said(401, "authentication_failed", "Invalid key."), http(401, b"<b>no</b>")]
)
@pytest.mark.fault("transport.401")
def test_401_is_a_refused_key_whoever_says_it(body: bytes) -> None:
    error, requests = failed(in_turn(body))
    assert (type(error), requests) == (KeyRefused, 1)
    assert "Check the personal API key" in str(error)


@pytest.mark.parametrize(
    ("status", "code"), [(402, "payment_required"), (403, "permission_denied"), (404, "not_found")]
)
@pytest.mark.fault("transport.wording")
def test_a_refusal_in_posthogs_words_is_unavailable(status: int, code: str) -> None:
    error, requests = failed(in_turn(said(status, code, "Missing scope 'cohort:read'. Ask jo@example.com")))
    assert isinstance(error, Unavailable)
    assert (error.status, error.code, requests) == (status, code, 1)
    assert "Missing scope 'cohort:read'" in str(error)
    assert "example.com" not in str(error)


@pytest.mark.parametrize(
    "body",
    [
        http(403, GEO_BLOCK),
        http(404, b""),
        http(404, {"detail": "Not found."}),
        http(403, [1]),
        http(402, {"type": 1, "code": None, "detail": {}}),
    ],
)
@pytest.mark.fault("transport.foreign_refusal")
def test_a_refusal_in_other_words_is_not_believed_to_be_posthogs(body: bytes) -> None:
    error, requests = failed(in_turn(body))
    assert (type(error), requests) == (PageFailed, 1)


@pytest.mark.fault("security.logs")
def test_a_page_of_a_proxy_is_quoted_without_what_it_gives_away() -> None:
    page = f"<p>\x1b[31mDenied</p>\n jo.doe@example.com, key {KEY}, phc_abc, {'x' * 900}".encode()
    error, _ = failed(in_turn(http(403, page)))
    text = str(error)
    assert "403 (text/html)" in text
    assert "Denied" in text
    assert not any(bad in text for bad in ("\x1b", "\n", "example.com", "phx_", "phc_", "x" * 200))


def test_a_key_of_an_old_shape_is_not_quoted_either() -> None:
    old = "x-0123456789-old-and-without-a-prefix"
    echo = http(400, {"type": "a", "code": "b", "detail": f"Key {old}?"})
    with (
        serving(in_turn(echo)) as server,
        Client(server.origin, old) as client,
        pytest.raises(PageFailed, match=r"Key \[key\]\?") as caught,
    ):
        client.get("users/")
    assert old not in str(caught.value)


@pytest.mark.parametrize("status", [400, 405, 406, 409, 413, 451])
def test_a_wrong_question_is_asked_once(status: int) -> None:
    error, requests = failed(in_turn(said(status, "invalid_input", "Nope.", "validation_error")))
    assert isinstance(error, PageFailed)
    assert (error.status, error.code, requests) == (status, "invalid_input", 1)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.fault("transport.redirect")
def test_a_redirect_is_a_wrong_host(status: int) -> None:
    error, requests = failed(in_turn(http(status, Location="https://us.posthog.com/x")))
    assert (type(error), requests) == (Misdirected, 1)
    assert "POSTHOG_HOST should be https://us.posthog.com" in str(error)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524])
@pytest.mark.fault("transport.passing_status")
def test_a_passing_trouble_is_asked_again_and_then_named(status: int) -> None:
    error, requests = failed(in_turn(http(status, b"<h1>Bad gateway</h1>")))
    assert isinstance(error, PageFailed)
    assert (error.status, requests) == (status, 3)
    assert "failed 3 times" in str(error)
    assert f"{status} (text/html)" in str(error)


@pytest.mark.parametrize("code", ["event_definitions_timeout", "property_definitions_timeout"])
def test_a_page_too_heavy_for_the_server_comes_back_soon_with_its_code(code: str) -> None:
    error, requests = failed(in_turn(said(503, code, "Too slow.")))
    assert isinstance(error, PageFailed)
    assert (error.code, error.status, requests) == (code, 503, 2)


def test_an_unavailable_database_is_not_mistaken_for_a_heavy_page() -> None:
    assert failed(in_turn(said(503, "database_unavailable", "Wait.")))[1] == 3


BREAKS = pytest.mark.fault(
    "values.no_utf8",
    "transport.cut",
    "transport.length_too_long",
    "transport.chunks_without_end",
    "transport.truncated_json",
    "transport.bad_gzip",
    "transport.html",
    "transport.empty_200",
)


@BREAKS
@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_answer_is_asked_for_again_and_nothing_of_it_is_used(broken: bytes) -> None:
    def once(conn: socket.socket, asked: Asked, n: int) -> None:
        conn.sendall(broken if n == 0 else http(200, {"results": [1]}))
        if n == 0:
            conn.shutdown(socket.SHUT_RDWR)

    with serving(once) as server, Client(server.origin, KEY, retry=QUICK) as client:
        assert client.get("users/") == {"results": [1]}
        assert client.traffic().requests == 2


@BREAKS
@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
def test_an_answer_that_stays_broken_is_a_failed_page(broken: bytes) -> None:
    def each(conn: socket.socket, asked: Asked, n: int) -> None:
        conn.sendall(broken)
        conn.shutdown(socket.SHUT_RDWR)

    error, requests = failed(each)
    assert (type(error), requests) == (PageFailed, 3)


@pytest.mark.fault("transport.reset")
@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n[1"])
def test_a_reset_before_an_answer_or_in_its_middle_is_asked_for_again(begun: bytes) -> None:
    def once(conn: socket.socket, asked: Asked, n: int) -> None:
        if n == 0:
            conn.sendall(begun)
            conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            conn.shutdown(socket.SHUT_RD)
            conn.close()
        else:
            conn.sendall(http(200, [1]))

    with serving(once) as server, Client(server.origin, KEY, retry=QUICK) as client:
        assert client.get("users/") == [1]


@pytest.mark.fault("transport.dns")
def test_a_wrong_host_name_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    with (
        Client("https://posthog.invalid", KEY, retry=QUICK) as client,
        pytest.raises(PageFailed, match=r"posthog\.invalid.*not known.*DNS") as caught,
    ):
        client.get("users/")
    assert caught.value.status == 0


@pytest.mark.fault("transport.huge")
def test_a_page_beyond_the_limit_is_refused_at_once() -> None:
    error, requests = failed(in_turn(http(200, [0] * 5000)), max_bytes=10_000)
    assert (type(error), requests) == (PageFailed, 1)
    assert "10,000 bytes" in str(error)


BOMB = gzip.compress(b"[" + b" " * (64 << 20) + b"]")


@pytest.mark.fault("transport.bomb")
def test_a_small_answer_that_unpacks_beyond_the_limit_is_refused() -> None:
    tracemalloc.start()
    try:
        error, requests = failed(in_turn(http(200, BOMB, Content_Encoding="gzip")), max_bytes=1 << 20)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (type(error), requests) == (PageFailed, 1)
    assert "more than 1,048,576 bytes" in str(error)
    assert peak < 6 << 20


@pytest.mark.fault("transport.bomb")
@pytest.mark.parametrize("status", [200, 403])
@pytest.mark.parametrize(
    "encodings", ["gzip, gzip", "gzip,identity,x-gzip", "gzip\r\nContent-Encoding: gzip", "gzip, br"]
)
def test_more_than_one_encoding_is_refused_before_anything_is_unpacked(encodings: str, status: int) -> None:
    tracemalloc.start()
    try:
        error, _ = failed(in_turn(http(status, gzip.compress(BOMB), Content_Encoding=encodings)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert "Content-Encoding that hogsync does not read" in str(error)
    assert peak < 6 << 20


VALUES = [
    (rb'["\ud83d", "\ud83dx\ude00", "\ud83d\ude00", {"\udc00": 1}]', ["�", "�x�", "😀", {"�": 1}]),
    (b'["\xed\xa0\xbd"]', ["�"]),
    (b"[NaN, Infinity, -Infinity, 1e999, 1.5]", [None, None, None, None, 1.5]),
    (b"[123456789012345678901234567890, NaN]", [123456789012345678901234567890, None]),
    (b"[" + b"9" * 5000 + b"]", ["9" * 5000]),
    (rb'[18446744073709551616, "\ud83d"]', [18446744073709551616, "�"]),
    (rb'["a\u0000b", {"\u0000k\u0000": "\u0000"}]', ["ab", {"k": ""}]),
    (rb'{"a": 1, "a\u0000": 2}', {"a": 2}),
    (rb'["\\u0000", "\\\u0000", "\\\\u0000", "\\\u0000u0000"]', [r"\u0000", "\\", r"\\u0000", r"\u0000"]),
    (rb'["a\u0000b", NaN, "\ud8\u0000"]'.replace(rb"\ud8", rb"\ud83d"), ["ab", None, "�"]),
    (b"\xef\xbb\xbf[1]", [1]),
]


@pytest.mark.fault("values.half_character", "values.no_number", "values.huge_integer", "values.nul")
@pytest.mark.parametrize(("raw", "value"), VALUES)
def test_strange_values_lose_nothing_else_of_their_page(raw: bytes, value: Any) -> None:
    with serving(in_turn(http(200, raw))) as server, Client(server.origin, KEY, retry=QUICK) as client:
        assert client.get("users/") == value


@pytest.mark.fault("values.deep")
@pytest.mark.parametrize("poison", [b"1", b"NaN", rb'"\ud83d"', b'"]}"'])
@pytest.mark.parametrize("levels", [999, 5000, 100_000])
def test_what_is_nested_beyond_reason_is_cut_and_costs_nothing_else_of_its_page(
    poison: bytes, levels: int
) -> None:
    raw = (
        b'[{"id": 1, "odd": '
        + b'{"a[\\"{": [' * levels
        + poison
        + b"]}" * levels
        + b', "name": "x"}, {"id": 2}]'
    )
    mended: set[str] = set()
    first, second = decode(raw, mended)
    assert (first["id"], first["name"], second) == (1, "x", {"id": 2})
    assert mended == {TOO_DEEP}


@pytest.mark.fault("values.deep")
@pytest.mark.parametrize("poison", [b"1", b"NaN", rb'"\ud83d"'])
def test_four_hundred_levels_are_read(poison: bytes) -> None:
    raw = b'{"a":[' * 200 + poison + b"]}" * 200
    with serving(in_turn(http(200, raw))) as server, Client(server.origin, KEY, retry=QUICK) as client:
        value = client.get("users/")
    for _ in range(200):
        (value,) = value["a"]
    assert value in (1, None, "�")
