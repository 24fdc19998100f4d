"""What a sync says and does while PostHog makes it wait: a real process, so that another one can be asked meanwhile."""

from __future__ import annotations

import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from sources.sandbox import Sandbox
from tests.harness.cli import hogsync
from tests.pipelines.cli.test_commands import at, started, until

AN_HOUR = re.compile(r"PostHog asks to wait 37 min, until \d\d:\d\d")
STILL = re.compile(r"PostHog asked for a pause: waiting 37 min, until \d\d:\d\d")


@contextmanager
def waiting(sentence: re.Pattern[str], *words: str, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """A command that has said this sentence on stderr; it ends by Ctrl-C, at once."""
    process = started(*words, **settings)
    heard: list[str] = []
    assert process.stderr
    listener = threading.Thread(target=lambda: heard.extend(process.stderr or ()))
    listener.start()
    try:
        until(lambda: bool(sentence.search("".join(heard))))
        yield process
        assert process.poll() is None, "it waits"
        asked_to_stop = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        assert time.monotonic() - asked_to_stop < 10
    finally:
        process.kill()
        listener.join()
        for pipe in (process.stdout, process.stderr):
            if pipe:
                pipe.close()


@pytest.mark.soak("stories")
@pytest.mark.fault("transport.retry_after_long")
def test_what_posthog_asks_to_wait_is_kept_by_all_threads_other_processes_and_later_runs(
    posthog: Sandbox,
) -> None:
    posthog.fault(path="/cohorts/", kind="status", status=429, headers={"Retry-After": "2202"}, times=1)
    with waiting(AN_HOUR, "sync", **at(posthog)):
        with waiting(STILL, "check", **at(posthog)):
            asked = len(posthog.requests())
        elsewhere = {"WAREHOUSE_URL": "duckdb:///other.duckdb"}
        with waiting(STILL, "sync", "cohorts", **at(posthog), **elsewhere):
            assert len(posthog.requests()) == asked, "nothing leaves, from any thread of any process"
    with waiting(STILL, "sync", "cohorts", **at(posthog)):
        assert len(posthog.requests()) == asked, "nor in a later run"
    other_key = at(posthog, posthog.new_key("of another owner", user="staff"), **elsewhere)
    assert hogsync("sync", "cohorts", "--quiet", **other_key).code == 0, "another key has a budget of its own"
    assert sum(request["status"] == 429 for request in posthog.requests()) == 1


@pytest.mark.fault("transport.retry_after_absurd")
def test_a_wait_of_more_than_a_day_at_the_very_start_is_not_blamed_on_the_host(posthog: Sandbox) -> None:
    posthog.fault(path="@current", kind="status", status=429, headers={"Retry-After": "90000"})
    for words in (("sync", "cohorts"), ("check",)):
        done = hogsync(*words, **at(posthog))
        assert done.code == 1, done
        assert "429" in done.out + done.err
        assert "POSTHOG_HOST" not in done.out + done.err
