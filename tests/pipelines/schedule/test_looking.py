"""What the service does with the look at its keys and warehouses, also if the look hangs or is killed."""

from __future__ import annotations

import re
import signal
import subprocess
from pathlib import Path

import httpx
import pytest

from pipelines.schedule.look import problem_of
from pipelines.schedule.looking import UNSEEN, looking, problems_of
from pipelines.settings import load
from pipelines.sync.selection import Selection
from pipelines.sync.sync import sync
from sources.sandbox import Sandbox
from tests.harness.service import PATIENCE, Begin, wait_until

NEVER = 100_000


@pytest.fixture
def throttled(posthog: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """A PostHog that has everybody wait for an hour."""
    monkeypatch.setenv("KEY_WAITS", posthog.key)
    posthog.fault(path=".", kind="status", status=429, headers={"Retry-After": "3600"})
    return posthog


def test_a_look_that_waits_for_posthog_is_ended_and_what_it_found_before_is_kept(
    throttled: Sandbox, other_company: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY_REFUSED", "phx_nobody_has_this")
    Path("hogsync.toml").write_text(
        f"[connections.refused]\nhost = '{other_company.url}'\nkey_env = 'KEY_REFUSED'\n"
        f"[connections.waits]\nhost = '{throttled.url}'\nkey_env = 'KEY_WAITS'\n"
    )
    with looking() as look:
        wait_until(lambda: bool(throttled.requests()), PATIENCE)
        found = problems_of(["refused", "waits"], look, seconds=0.5)
    assert "401" in found.pop("refused")
    assert found == {"waits": UNSEEN}


def test_a_look_that_is_killed_is_logged_and_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    cut_off = """printf '["fine", 0, ""]\\n["broken", 4, "Th'; kill -9 $$"""
    with subprocess.Popen(["sh", "-c", cut_off], stdout=subprocess.PIPE) as look:
        assert problems_of(["fine", "broken", "third"], look) == {"broken": UNSEEN, "third": UNSEEN}
    (line,) = caplog.messages
    assert "Not looked at within 30 s: broken, third." in line


def test_probes_are_answered_while_the_first_look_goes_on(
    throttled: Sandbox, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTHOG_HOST", throttled.url)
    monkeypatch.setenv("POSTHOG_PERSONAL_API_KEY", throttled.key)
    monkeypatch.setenv("HOGSYNC_SERVICE__LISTEN", "127.0.0.1:0")
    service = begin()
    service.until("are served at")
    (port,) = re.findall(r"are served at 127.0.0.1:(\d+)", service.said)
    answers = [httpx.get(f"http://127.0.0.1:{port}/{page}") for page in ("livez", "readyz", "metrics")]
    assert [answer.status_code for answer in answers] == [200, 503, 200]
    wait_until(lambda: bool(throttled.requests()), PATIENCE)
    assert answers[1].text == "default: The first look at this connection goes on.\n"
    assert service.stop(within=5) == 0, service.said


def test_a_connection_that_was_removed_is_no_reason_any_more_not_to_be_ready(
    posthog: Sandbox, other_company: Sandbox, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY_GOOD", other_company.key)
    monkeypatch.setenv("KEY_REFUSED", "phx_nobody_has_this")
    good = (
        "[service]\nlisten = '127.0.0.1:0'\n[groups.all]\ntables = ['cohorts']\n"
        f"[connections.good]\nhost = '{other_company.url}'\nkey_env = 'KEY_GOOD'\n"
    )
    toml = Path("hogsync.toml")
    toml.write_text(f"{good}[connections.refused]\nhost = '{posthog.url}'\nkey_env = 'KEY_REFUSED'\n")
    service = begin(all=NEVER, more=NEVER)
    service.until("connection refused: exit 3")
    address = re.findall(r"are served at (127.0.0.1:\d+)", service.said)[0]
    assert httpx.get(f"http://{address}/readyz").status_code == 503
    toml.write_text(f"{good}[groups.more]\ntables = ['cohorts']\n")
    service.process.send_signal(signal.SIGHUP)
    statuses = set[int]()

    def is_read_again() -> bool:
        statuses.add(httpx.get(f"http://{address}/metrics").status_code)
        return "The settings were read again" in service.said

    wait_until(is_read_again, PATIENCE)
    assert statuses == {200}
    assert httpx.get(f"http://{address}/readyz").status_code == 200
    assert 'connection="refused"' not in httpx.get(f"http://{address}/metrics").text
    assert service.stop() == 0


@pytest.mark.fault("process.watch_wrong")
def test_a_watch_over_a_table_that_is_not_there_is_logged_and_keeps_no_service_from_starting(
    posthog: Sandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("POSTHOG_HOST", posthog.url)
    monkeypatch.setenv("POSTHOG_PERSONAL_API_KEY", posthog.key)
    sync(load(), Selection(tables=("cohorts",)))
    watched = load({"HOGSYNC_WATCH": {"mute": {"sql": "select * from surveys"}}})
    assert problem_of(watched) is None
    assert [line.partition(" sql ")[0] for line in caplog.messages if "[watch." in line] == ["[watch.mute]"]
