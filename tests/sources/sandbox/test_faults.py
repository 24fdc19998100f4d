"""Faults as they arrive at the other end of the socket."""

from __future__ import annotations

import gzip
import http.client
import json
import time
import zlib

import pytest

from sources.sandbox import Sandbox
from tests.sources.sandbox.conftest import Asker

COHORTS = "/api/projects/101/cohorts/?limit=3"


def test_a_rule_applies_so_many_times_after_so_many_that_pass(ask: Asker, sandbox: Sandbox) -> None:
    sandbox.fault(path="cohorts", kind="status", status=503, skip=1, times=2)
    assert [ask(COHORTS).status for _ in range(4)] == [200, 503, 503, 200]
    assert ask("/api/projects/101/comments/").status == 200


def test_a_rule_looks_at_path_and_query(ask: Asker, sandbox: Sandbox) -> None:
    sandbox.fault(path=r"101/cohorts/\?.*offset=3", kind="status", status=500)
    assert ask(COHORTS).status == 200
    assert ask(f"{COHORTS}&offset=3").status == 500
    sandbox.clear_faults()
    assert ask(f"{COHORTS}&offset=3").status == 200


def test_a_refusal_can_be_given_its_words_and_headers(ask: Asker, sandbox: Sandbox) -> None:
    body = {"type": "server_error", "code": "event_definitions_timeout", "detail": "Too slow", "attr": None}
    sandbox.fault(path="cohorts", kind="status", status=503, body=body, headers={"Retry-After": "7"})
    answer = ask(COHORTS)
    assert (answer.status, answer.headers["Retry-After"], answer.body) == (503, "7", body)


def test_pages_that_are_no_pages(ask: Asker, sandbox: Sandbox) -> None:
    whole = ask(COHORTS).body
    for kind, expected in (
        ("no_envelope", {"detail": "nothing to see here"}),
        ("array", whole["results"]),
        ("empty", b""),
    ):
        sandbox.fault(path="cohorts", kind=kind, times=1)
        assert ask(COHORTS).body == expected
    sandbox.fault(path="cohorts", kind="html", status=502, times=1)
    answer = ask(COHORTS)
    assert answer.status == 502
    assert answer.headers.get_content_type() == "text/html"
    sandbox.fault(path="cohorts", kind="not_json", times=1)
    with pytest.raises(json.JSONDecodeError):
        ask(COHORTS)


def test_links_that_must_not_be_followed(ask: Asker, sandbox: Sandbox) -> None:
    sandbox.fault(path="cohorts", kind="next_foreign", times=1)
    assert ask(COHORTS).body["next"].startswith("https://elsewhere.example/api/projects/101/cohorts/")
    sandbox.fault(path="cohorts", kind="next_same", times=1)
    assert ask(COHORTS).body["next"] == f"{sandbox.url}{COHORTS}"
    sandbox.fault(path="cohorts", kind="redirect", times=1)
    answer = ask(COHORTS)
    assert (answer.status, answer.headers["Location"]) == (302, f"https://elsewhere.example{COHORTS}")


def test_a_row_can_be_dropped_from_a_page(ask: Asker, sandbox: Sandbox) -> None:
    ids = ask(COHORTS).ids
    sandbox.fault(path="cohorts", kind="drop_row", row=1)
    assert ask(COHORTS).ids == [ids[0], ids[2]]


def test_a_truncated_answer_ends_before_its_promised_length(ask: Asker, sandbox: Sandbox) -> None:
    sandbox.fault(path="cohorts", kind="truncated")
    with pytest.raises(http.client.IncompleteRead) as caught:
        ask(COHORTS)
    assert caught.value.partial
    assert caught.value.expected


def test_a_reset_tears_the_connection_down(ask: Asker, sandbox: Sandbox) -> None:
    sandbox.fault(path="cohorts", kind="reset", times=1)
    with pytest.raises(ConnectionResetError):
        ask(COHORTS)
    assert ask(COHORTS).status == 200
    assert [request["status"] for request in sandbox.requests()] == [0, 200]


def test_broken_packing_cannot_be_unpacked(ask: Asker, sandbox: Sandbox) -> None:
    sandbox.fault(path="cohorts", kind="gzip_broken")
    answer = ask(COHORTS, **{"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    with pytest.raises((zlib.error, gzip.BadGzipFile, EOFError)):
        gzip.decompress(answer.body)


@pytest.mark.parametrize("kind", ["slow", "latency"])
def test_slow_answers_arrive_whole_but_late(ask: Asker, sandbox: Sandbox, kind: str) -> None:
    whole = ask(COHORTS).body
    sandbox.fault(path="cohorts", kind=kind, seconds=0.3)
    begun = time.monotonic()
    assert ask(COHORTS).body == whole
    assert time.monotonic() - begun >= 0.3


def test_a_hanging_answer_never_comes(ask: Asker, sandbox: Sandbox) -> None:
    sandbox.fault(path="cohorts", kind="hang", seconds=0.2)
    with pytest.raises((ConnectionResetError, http.client.RemoteDisconnected)):
        ask(COHORTS)


def test_every_answer_can_be_given_latency(ask: Asker, sandbox: Sandbox) -> None:
    sandbox.options(latency=0.2)
    begun = time.monotonic()
    ask(COHORTS)
    assert time.monotonic() - begun >= 0.2


def test_a_misspelt_fault_or_option_is_told_at_once(sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="no fault explode"):
        sandbox.fault(path="x", kind="explode")
    with pytest.raises(ValueError, match="no option speed"):
        sandbox.options(speed=3)
