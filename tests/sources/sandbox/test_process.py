"""The sandbox as a process: how it starts, says where it is, and ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from sources.sandbox import Sandbox, start

ROOT = Path(__file__).resolve().parents[3]


def run(*words: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "sources.sandbox", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT)


def test_importing_it_brings_no_web_framework_into_the_process() -> None:
    code = "import sys, sources.sandbox; sys.exit('django' in sys.modules or 'rest_framework' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_it_is_ready_soon() -> None:
    begun = time.monotonic()
    with start():
        assert time.monotonic() - begun < 5  # 0.6 s on two idle cores; tests run beside others


def test_it_says_where_it_is_in_one_line_of_json() -> None:
    with run("--port", "0") as process:
        assert process.stdout
        ready = json.loads(process.stdout.readline())
        assert sorted(ready) == ["key", "url"]
        assert ready["url"].startswith("http://127.0.0.1:")
        assert ready["key"].startswith("phx_sandbox_")
        process.terminate()


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_exit_code_0_and_no_words(sign: signal.Signals) -> None:
    with run("--port", "0") as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.send_signal(sign)
        assert process.wait(10) == 0
        assert process.stderr.read() == b""


def test_stopping_it_gives_exit_code_0() -> None:
    sandbox = start()
    assert sandbox.stop() == 0


def test_it_ends_by_itself_when_its_starter_is_killed() -> None:
    code = "import time, sources.sandbox as s; b = s.start(); print(b.process.pid, flush=True); time.sleep(9)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=ROOT) as starter:
        assert starter.stdout
        child = int(starter.stdout.readline())
        assert is_alive(child)
        starter.kill()
    deadline = time.monotonic() + 10
    while is_alive(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_alive(child)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout
    return not state.startswith("Z")


def test_a_taken_port_is_one_sentence_and_exit_code_2(sandbox: Sandbox) -> None:
    with run("--port", str(urlsplit(sandbox.url).port)) as process:
        _, words = process.communicate(timeout=10)
    assert process.returncode == 2
    assert b"cannot listen on port" in words
    assert b"Traceback" not in words


@pytest.mark.parametrize("size", ["0", "-1", "huge", "1.5"])
def test_a_size_that_is_none_is_refused(size: str) -> None:
    with run("--size", size) as process:
        _, words = process.communicate(timeout=10)
    assert process.returncode == 2
    assert b"small, medium" in words


def test_two_starts_with_the_same_seed_are_the_same_company_and_stay_so() -> None:
    with start(seed=3) as one, start(seed=3) as other:
        assert one.key == other.key
        one.advance(4)
        other.advance(2)
        other.advance(2)
        assert steady(one) == steady(other)


def test_another_seed_is_another_company() -> None:
    with start(seed=3) as one, start(seed=4) as other:
        assert one.rows("comments") != other.rows("comments")


def test_a_larger_size_has_more_of_everything_that_grows() -> None:
    with start() as small, start(size=3) as large:
        few, many = small.truth()["rows"], large.truth()["rows"]
    for table in ("event_definitions", "property_definitions", "comments", "cohorts", "subscriptions"):
        assert len(many[table]) > 1.5 * len(few[table]), table
    assert len({row["name"] for row in many["event_definitions"]}) > 400


def steady(sandbox: Sandbox) -> object:
    truth = sandbox.truth()
    for row in truth["rows"]["users"]:
        for field in ("sensitive_session_expires_at", "fresh_reauth_expires_at"):
            row.pop(field)
    return truth
