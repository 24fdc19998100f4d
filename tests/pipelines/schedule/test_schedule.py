"""The schedule: its times, its runs in processes of their own, and whole services as their users meet them."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipelines.bookkeeping.schema import RUN_TABLES, RUNS
from pipelines.crontab import crontab, late
from pipelines.errors import NOTHING_DUE, UsageError
from pipelines.from_settings import open_warehouse
from pipelines.locking.load_lock import load_lock
from pipelines.schedule.jobs import Job, Limits
from pipelines.schedule.queue import RunQueue
from pipelines.schedule.run import last_success
from pipelines.schedule.service_lock import ServiceLock
from pipelines.schedule.timetable import Timetable
from pipelines.settings import load
from pipelines.settings.sections import GroupSettings
from pipelines.sync.selection import Selection
from pipelines.sync.sync import sync
from sources.sandbox import Sandbox
from tests.harness.cli import hogsync
from tests.harness.ended import Ended
from tests.harness.service import PATIENCE, Begin, Service, wait_until
from tests.harness.stored import ask

ROOT = Path(__file__).parents[3]
NEVER = 100_000


# -- what a crontab means


@pytest.mark.parametrize(
    ("written", "zone", "after", "expected"),
    [
        ("0 * * * *", "UTC", "2026-03-01T10:00:30Z", ["03-01 11:00", "03-01 12:00"]),
        ("*/20 9-10 * * *", "UTC", "2026-03-01T09:30:00Z", ["03-01 09:40", "03-01 10:00", "03-01 10:20"]),
        ("0 6 * * 0", "UTC", "2026-03-02T00:00:00Z", ["03-08 06:00", "03-15 06:00"]),  # a Sunday, as in cron
        ("0 6 * * 7", "UTC", "2026-03-02T00:00:00Z", ["03-08 06:00", "03-15 06:00"]),
        ("0 6 * * sun", "UTC", "2026-03-02T00:00:00Z", ["03-08 06:00", "03-15 06:00"]),
        ("0 6 * * 1", "UTC", "2026-03-01T00:00:00Z", ["03-02 06:00", "03-09 06:00"]),  # a Monday
        ("0 6 * * 5-7", "UTC", "2026-03-02T00:00:00Z", ["03-06 06:00", "03-07 06:00", "03-08 06:00"]),
        ("0 6 * * 1-5", "UTC", "2026-03-06T07:00:00Z", ["03-09 06:00", "03-10 06:00"]),
        ("0 6 * * 6,0", "UTC", "2026-03-02T00:00:00Z", ["03-07 06:00", "03-08 06:00", "03-14 06:00"]),
        ("0 6 31 * *", "UTC", "2026-03-31T07:00:00Z", ["05-31 06:00", "07-31 06:00"]),
        ("0 0 1 jan,jul *", "UTC", "2026-03-01T00:00:00Z", ["07-01 00:00", "01-01 00:00"]),
        ("0 9 * * *", "Asia/Kolkata", "2026-03-01T00:00:00Z", ["03-01 03:30", "03-02 03:30"]),
    ],
)
def test_a_crontab_means_what_cron_means(written: str, zone: str, after: str, expected: list[str]) -> None:
    assert fires(written, zone, after, len(expected)) == expected


@pytest.mark.fault("process.daylight_saving")
@pytest.mark.parametrize(
    ("written", "after", "expected"),
    [  # summer time begins on 2026-03-29 at 02:00 and ends on 2026-10-25 at 03:00
        ("0 9 * * *", "2026-03-27T12:00:00Z", ["03-28 08:00", "03-29 07:00"]),
        ("0 9 * * *", "2026-10-23T12:00:00Z", ["10-24 07:00", "10-25 08:00"]),
        ("0 * * * *", "2026-03-29T00:30:00Z", ["03-29 01:00", "03-29 02:00"]),
        ("0 * * * *", "2026-10-24T23:30:00Z", ["10-25 00:00", "10-25 01:00", "10-25 02:00"]),
        ("30 2 * * *", "2026-03-28T12:00:00Z", ["03-29 01:30", "03-30 00:30"]),  # no 02:30: an hour later
    ],
)
def test_a_crontab_goes_by_the_wall_clock(written: str, after: str, expected: list[str]) -> None:
    assert fires(written, "Europe/Berlin", after, len(expected)) == expected


def test_a_day_of_the_month_together_with_a_weekday_is_refused(refusal: Callable[..., str]) -> None:
    said = refusal(HOGSYNC_GROUPS__ALL__CRONTAB="0 0 13 * 5")
    assert "either the day of the month or the weekday must be *" in said


@pytest.mark.parametrize(("written", "words"), [("0 0 30 2 *", "never comes"), ("*/60 * * * *", "wider")])
def test_a_crontab_that_cannot_be_kept_is_refused(written: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        crontab("nightly", GroupSettings(crontab=written))


@pytest.mark.parametrize(
    ("written", "last", "now", "expected"),
    [
        ("0 * * * *", "2026-03-02T09:00:01Z", "2026-03-02T09:40:00Z", False),
        ("0 * * * *", "2026-03-02T09:30:00Z", "2026-03-02T10:20:00Z", False),  # by hand, younger than an hour
        ("0 * * * *", "2026-03-02T09:30:00Z", "2026-03-02T10:31:00Z", True),
        ("0 * * * *", "2026-02-02T09:30:00Z", "2026-03-02T10:31:00Z", True),
        ("0 9 * * 1-5", "2026-03-06T09:00:01Z", "2026-03-08T12:00:00Z", False),  # Friday's, on a Sunday
        ("0 9 * * 1-5", "2026-03-06T09:00:01Z", "2026-03-09T09:30:00Z", True),
        ("0 9 1 * *", "2026-03-01T09:00:01Z", "2026-03-30T09:30:00Z", False),
        ("0 9 1 * *", "2026-03-01T09:00:01Z", "2026-04-01T09:30:00Z", True),
    ],
)
def test_a_success_longer_ago_than_the_period_is_late(
    written: str,
    last: str,
    now: str,
    expected: bool,  # noqa: FBT001
) -> None:
    trigger = crontab("all", GroupSettings(crontab=written))
    assert late(trigger, datetime.fromisoformat(last), datetime.fromisoformat(now)) is expected


@pytest.mark.fault("process.clock_back")
def test_a_clock_that_is_set_back_plans_anew() -> None:
    times = Timetable({"all": crontab("all", GroupSettings())})
    planned = times.planned["all"]
    assert times.due(planned - timedelta(seconds=1)) == []
    assert times.planned["all"] == planned
    assert times.due(planned - timedelta(hours=5, minutes=30)) == []
    assert times.planned["all"] == planned - timedelta(hours=5)


def test_a_group_is_due_once_however_late_the_clock_is_read() -> None:
    times = Timetable({"all": crontab("all", GroupSettings())})
    planned = times.planned["all"]
    assert times.due(planned) == ["all"]
    assert times.due(planned) == []
    assert times.due(planned + timedelta(hours=7, minutes=30)) == ["all"]
    assert times.planned["all"] == planned + timedelta(hours=8)


def fires(written: str, zone: str, after: str, number: int) -> list[str]:
    """The first times of a crontab, in UTC, as the clock asks for them: each by the one before."""
    trigger = crontab("all", GroupSettings(crontab=written, timezone=zone))
    now, before, found = datetime.fromisoformat(after), None, []
    for _ in range(number):
        before = now = trigger.get_next_fire_time(before, now)
        found.append(f"{now.astimezone(UTC):%m-%d %H:%M}")
    return found


# -- services


@pytest.fixture
def posthog(posthog: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """The company's PostHog, whose cohorts the settings select."""
    monkeypatch.setenv("POSTHOG_HOST", posthog.url)
    monkeypatch.setenv("POSTHOG_PERSONAL_API_KEY", posthog.key)
    monkeypatch.setenv("HOGSYNC_SELECTION__TABLES", "cohorts")
    return posthog


@pytest.fixture
def place(posthog: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    url = f"duckdb:///{tmp_path / 'hogsync.duckdb'}"
    monkeypatch.setenv("WAREHOUSE_URL", url)
    return url


@pytest.fixture
def each_place(posthog: Sandbox, warehouse_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A warehouse of each kind, for what the service asks it."""
    monkeypatch.setenv("WAREHOUSE_URL", warehouse_url)
    return warehouse_url


@pytest.fixture
def runs(caplog: pytest.LogCaptureFixture) -> Iterator[RunQueue]:
    """The runs of a service without the service: each is a process, in its turn."""
    caplog.set_level(logging.INFO, "hogsync")
    queue = RunQueue()
    yield queue
    queue.end()


@pytest.fixture
def until(caplog: pytest.LogCaptureFixture, runs: RunQueue) -> Callable[..., None]:
    """Waits until the log of this process has a pattern so often; the runs go on meanwhile."""

    def wait(pattern: str, times: int = 1) -> None:
        def found() -> bool:
            runs.step()
            return len(re.findall(pattern, caplog.text)) >= times

        wait_until(found, PATIENCE)

    return wait


def run_of(group: str, *words: str) -> Ended:
    """One run, as the service starts it, to its end."""
    return hogsync("-m", "pipelines.schedule.run", group, *words, stdin=None)


def by_hand() -> None:
    sync(load(), Selection())


def recorded(columns: str = "trigger, status") -> list[tuple[Any, ...]]:
    """What the warehouse remembers of its runs, in their order."""
    with load_lock(load(), PATIENCE, "hogsync test"), open_warehouse(load()).opened() as warehouse:
        return warehouse.rows(f"select {columns} from {warehouse.name(RUNS)} order by started_at")


def gone(process: int) -> bool:
    """Whether a process has ended; one that nobody has asked about since is a zombie."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(process)], capture_output=True, text=True)
    return state.stdout.strip()[:1] in {"", "Z"}


def slowly(posthog: Sandbox, seconds: float) -> None:
    """Make every request wait, so that a run takes some time."""
    posthog.fault(path=".", kind="latency", seconds=seconds)


def hanging(posthog: Sandbox) -> Callable[[], bool]:
    """Let cohorts not come; gives whether somebody waits for them."""
    posthog.fault(path="/cohorts/", kind="hang", seconds=PATIENCE)
    return lambda: any("/cohorts/" in request["path"] for request in posthog.requests())


def in_mid_run(posthog: Sandbox, begin: Begin) -> Service:
    """A service whose run waits for cohorts."""
    somebody_waits = hanging(posthog)
    service = begin(all=NEVER)
    wait_until(somebody_waits, PATIENCE)
    return service


# -- runs come when they are due


def test_runs_come_in_time_and_are_recorded(place: str, begin: Begin) -> None:
    service = begin(all=3)
    service.until("Group all: exit 0", 3)
    assert service.stop(within=10) == 0
    (planned,) = re.findall(r"next at ([\d-]+ [\d:.]+\+00:00)", service.said)
    found = recorded("trigger, status, started_at")
    assert [run[:2] for run in found[:3]] == [("schedule", "ok")] * 3  # the stop may meet a fourth
    first = datetime.fromisoformat(planned)
    for number, (*_, began) in enumerate(found[1:3]):  # the very first is to catch up
        assert began >= first + number * timedelta(seconds=3)


@pytest.mark.soak("stories")
def test_each_group_takes_its_own_tables(posthog: Sandbox, place: str, tmp_path: Path) -> None:
    (tmp_path / "hogsync.toml").write_text(
        '[groups.people]\ntables = ["users"]\n[groups.things]\ntables = ["cohorts"]\n'
    )
    met: list[set[str]] = []
    for group in ("people", "things"):
        assert run_of(group).code == 0
        with open_warehouse(load()).opened() as warehouse:
            rows = warehouse.rows(f"select run_id, table_name from {warehouse.name(RUN_TABLES)}")
        met.append({name for _, name in rows} - set().union(*met))
    assert ("users" in met[0], "cohorts" in met[0], "cohorts" in met[1]) == (True, False, True)
    assert recorded() == [("schedule", "ok")] * 2


def test_a_connection_is_not_ready_after_a_run_that_could_read_nothing_it_was_to_read(
    posthog: Sandbox, place: str
) -> None:
    posthog.gate("cohorts", 402)
    done = run_of("all")
    problem = "Nothing that was selected is readable with this key; `hogsync check` says why"
    assert (done.code, f"Refused: {problem}; " in done.err) == (3, True)
    assert recorded("status, error") == [("refused", problem)]
    report = json.loads(done.out)
    assert (report["run"]["error"], report["problem"]) == (problem, problem)


# -- catching up


@pytest.mark.soak("stories")
def test_what_was_never_synced_is_caught_up_at_the_start(place: str, begin: Begin) -> None:
    service = begin(all=NEVER)
    service.until("Group all: exit 0")
    assert "not all of its tables were ever synced" in service.said
    assert service.stop() == 0
    assert recorded() == [("schedule", "ok")]


def test_a_fresh_success_leaves_nothing_to_catch_up(place: str) -> None:
    by_hand()
    done = run_of("all", "--catch-up")
    assert (done.code, "nothing to catch up" in done.err) == (NOTHING_DUE, True)
    assert recorded() == [("manual", "ok")]


@pytest.mark.soak("stories")
def test_the_oldest_latest_success_of_the_tables_decides(each_place: str) -> None:
    group = GroupSettings(tables=("cohorts", "projects"))
    assert last_success(load(), group) is None
    by_hand()
    began = recorded("started_at")[0][0]
    assert last_success(load(), group) == began
    for change, expected in {
        "update {tables} set status = 'failed' where table_name = 'people'": began,
        "update {tables} set status = 'unavailable' where table_name = 'cohorts'": began,
        "update {runs} set status = 'partial'": began,
        "update {runs} set trigger = 'backfill'": None,
        "update {runs} set trigger = 'manual'": began,
        "update {tables} set status = 'failed' where table_name = 'cohorts'": None,
    }.items():
        change_books(change)
        assert last_success(load(), group) == expected, change
    by_hand()
    later = recorded("started_at")[1][0]
    assert last_success(load(), group) == later
    change_books("update {tables} set status = 'failed' where table_name = 'projects'")
    assert last_success(load(), group) is None
    assert last_success(load(), GroupSettings(tables=("cohorts",))) == later


def change_books(sql: str) -> None:
    with open_warehouse(load()).opened() as warehouse:
        warehouse.execute(sql.format(runs=warehouse.name(RUNS), tables=warehouse.name(RUN_TABLES)))


def test_a_success_of_long_ago_is_caught_up(place: str) -> None:
    by_hand()
    change_books("update {runs} set started_at = started_at - interval '61 minutes'")
    done = run_of("all", "--catch-up")
    assert (done.code, "Group all runs now: its last success was at" in done.err) == (0, True)
    assert recorded() == [("manual", "ok"), ("schedule", "ok")]


def test_looking_for_the_last_success_makes_no_warehouse(posthog: Sandbox, tmp_path: Path) -> None:
    assert last_success(load(), GroupSettings()) is None
    assert not (tmp_path / "hogsync.duckdb").exists()


@pytest.mark.soak("stories")
def test_a_held_warehouse_is_caught_up_as_soon_as_it_is_free(place: str, begin: Begin) -> None:
    by_hand()
    with load_lock(load(), 0, "hogsync test"), open_warehouse(load()).opened():
        service = begin(all=NEVER)
        service.until("its last success is not known: .* is held by")
        service.until("is held by hogsync test.*: waiting")
    service.until("Group all: exit 0")
    assert service.stop() == 0
    assert recorded() == [("manual", "ok"), ("schedule", "ok")]


# -- nothing overlaps, nothing is dropped


@pytest.mark.fault("process.service_and_hand")
def test_a_run_that_comes_due_while_the_last_one_goes_on_follows_it(
    posthog: Sandbox, place: str, runs: RunQueue, until: Callable[..., None]
) -> None:
    somebody_waits = hanging(posthog)
    runs.due(Job("all"))
    wait_until(somebody_waits, PATIENCE)
    for said in (
        "due while its last run goes on: it runs once more after it",
        "due again while it waits: it runs once for both",
    ):
        runs.due(Job("all"))
        until(said)
    posthog.clear_faults()
    runs.kill()
    until("Group all: exit 0")
    assert (runs.waiting, runs.running) == ({}, {})
    assert len(recorded()) == 1, "the one that was killed recorded nothing"


@pytest.mark.soak("stories")
@pytest.mark.fault("process.service_and_hand")
def test_groups_take_turns(
    posthog: Sandbox, place: str, runs: RunQueue, until: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    Path("hogsync.toml").write_text("[groups.one]\n[groups.two]\n")
    slowly(posthog, 0.2)
    runs.due(Job("one"))
    until("Group one runs")
    runs.due(Job("two"))
    runs.due(Job("one"))
    until("Group one: exit 0", 2)
    order = re.findall(r"Group (\w+) (?:runs as process|: exit)", caplog.text.replace(":", " :"))
    assert order == ["one", "one", "two", "two", "one", "one"]
    times = recorded("started_at, finished_at")
    assert all(before[1] <= after[0] for before, after in pairwise(times))


@pytest.mark.soak("stories")
@pytest.mark.fault("process.service_and_hand")
def test_a_sync_by_hand_and_the_service_take_turns(
    posthog: Sandbox, place: str, runs: RunQueue, until: Callable[..., None]
) -> None:
    slowly(posthog, 0.3)
    runs.due(Job("all"))
    wait_until(lambda: bool(posthog.requests()), PATIENCE)
    runs.due(Job("all"))
    for _ in range(2):
        by_hand()
    until("Group all: exit 0", 2)
    found = recorded("started_at, finished_at, trigger, status")
    assert sorted(run[2] for run in found) == ["manual"] * 2 + ["schedule"] * 2
    assert all(before[1] <= after[0] for before, after in pairwise(found))
    assert {run[3] for run in found} == {"ok"}


# -- trouble does not end it


@pytest.mark.soak("stories")
@pytest.mark.usefixtures("place")
def test_however_a_run_ends_the_next_one_runs(
    posthog: Sandbox,
    runs: RunQueue,
    until: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    dot_env = Path(".env")
    key = posthog.new_key("passing", revoked=True)
    nowhere = "postgresql://u:hunter2@127.0.0.1:1/nowhere"
    monkeypatch.delenv("POSTHOG_PERSONAL_API_KEY")
    monkeypatch.delenv("WAREHOUSE_URL")
    right = f"POSTHOG_PERSONAL_API_KEY={posthog.key}\n"
    posthog.fault(path="/cohorts/", kind="status", status=400, times=4)
    for settings, ended in (  # each run reads the settings anew
        (f"{right}HOGSYNC_LISTS__PAGE_SIZE=many\n", "exit 2, a command, an option, a setting"),
        (f"POSTHOG_PERSONAL_API_KEY={key}\n", "exit 3, PostHog refused the key"),
        (f"{right}WAREHOUSE_URL={nowhere}\n", "exit 4, the warehouse cannot be reached"),
        (right, "exit 1, a table failed"),
        (right, "exit 0"),
    ):
        dot_env.write_text(settings)
        runs.due(Job("all"))
        until(f"Group all: {ended}")
    assert key not in caplog.text
    assert "hunter2" not in caplog.text


@pytest.mark.fault("process.killed")
def test_a_run_that_is_killed_is_followed_by_the_next(
    posthog: Sandbox, place: str, runs: RunQueue, until: Callable[..., None]
) -> None:
    somebody_waits = hanging(posthog)
    runs.due(Job("all"))
    wait_until(somebody_waits, PATIENCE)
    os.kill(runs.running[Job("all")].process.pid, signal.SIGKILL)
    until("Group all: killed by SIGKILL")
    posthog.clear_faults()
    runs.due(Job("all"))
    until("Group all: exit 0")


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ('[groups.all]\ncrontab = "0 0 30 2 *"\n', "never comes"),
        ('[groups.all]\ncrontab = "*/60 * * * *"\n', "wider than its range"),
        ('[groups.all]\ntables = ["cohort"]\n', "There is no table 'cohort'; did you mean cohorts?"),
        ("[groups]\n", "The schedule has no group"),
    ],
)
def test_a_schedule_that_cannot_be_kept_does_not_begin(tmp_path: Path, toml: str, words: str) -> None:
    (tmp_path / "hogsync.toml").write_text(toml)
    assert words in hogsync("schedule").refusal(2)


def test_a_run_that_takes_longer_than_its_timeout_is_ended_and_tried_again(
    posthog: Sandbox, place: str, runs: RunQueue, until: Callable[..., None]
) -> None:
    hanging(posthog)
    runs.limits = lambda _: Limits(timeout=timedelta(seconds=3), retries=1)
    runs.due(Job("all"))
    until("Group all takes longer than its timeout and is asked to end")
    until("Group all: exit 130")
    until("Group all is tried again in 2 minutes")
    assert recorded() == [("schedule", "interrupted")]


# -- several connections


def test_a_service_runs_each_connection_and_a_refused_key_stops_only_its_own(
    posthog: Sandbox, other_company: Sandbox, place: str, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("hogsync.toml").write_text(
        f"[connections.one]\nhost = '{posthog.url}'\nkey_env = 'KEY_ONE'\n"
        f"[connections.two]\nhost = '{other_company.url}'\nkey_env = 'KEY_TWO'\n"
        f"[connections.three]\nhost = '{posthog.url}'\nkey_env = 'KEY_THREE'\n"
        "[service]\nlisten = '127.0.0.1:0'\n"
    )
    for name, key in (("ONE", posthog.key), ("TWO", other_company.key), ("THREE", "phx_nobody_has_this")):
        monkeypatch.setenv(f"KEY_{name}", key)
    service = begin(all=NEVER)
    service.until("Connection three: .*was answered 401")
    service.until("Group all of connection one: exit 0")
    service.until("Group all of connection two: exit 0")
    service.until("Group all of connection three: exit 3")
    (port,) = re.findall(r"are served at 127.0.0.1:(\d+)", service.said)
    metrics = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    assert 'hogsync_runs_total{connection="one",outcome="ok"} 1.0' in metrics
    assert 'hogsync_runs_total{connection="three",outcome="refused"} 1.0' in metrics
    assert 'hogsync_requests_total{connection="two",status="200"}' in metrics
    assert 'hogsync_freshness_seconds{connection="two",table="cohorts"}' in metrics
    ready = httpx.get(f"http://127.0.0.1:{port}/readyz")
    assert (ready.status_code, ready.text.partition(":")[0]) == (503, "three")
    assert service.stop() == 0
    for dataset in ("posthog_one", "posthog_two"):
        assert ask(place, f"select count(*) > 0 from {dataset}.cohorts") == [(True,)]


# -- its start, and settings that change


def test_a_refused_key_is_told_when_the_service_starts(posthog: Sandbox) -> None:
    done = hogsync("schedule", POSTHOG_PERSONAL_API_KEY="phx_nobodys")
    assert done.code == 3
    assert "phx_" not in done.err
    assert "runs as process" not in done.err


def test_a_warehouse_that_is_not_to_be_had_is_told_and_does_not_end_the_service(
    posthog: Sandbox, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAREHOUSE_URL", "postgresql://u:hunter2@127.0.0.1:1/nowhere")
    service = begin()
    service.until("The service goes on and tries when a group is due")
    service.until("Group all: exit 4")
    assert service.stop() == 0
    assert "hunter2" not in service.said


@pytest.mark.fault("process.two_services")
def test_a_second_service_of_a_warehouse_says_which_one_is_there(each_place: str) -> None:
    by_hand()
    first, second = ServiceLock(), ServiceLock()
    first.acquire(load())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = {"HOGSYNC_SERVICE__LISTEN": f"127.0.0.1:{taken.getsockname()[1]}"}
        done = hogsync("schedule", **listen)
        assert done.code == 4, done
        assert f"has a service already: hogsync schedule, process {os.getpid()} on" in done.err
        first.release()
        assert "the service cannot listen" in hogsync("schedule", **listen).refusal(2)
    second.acquire(load())
    second.release()


def test_sighup_has_the_settings_read_anew_and_wrong_ones_change_nothing(
    posthog: Sandbox, begin: Begin, tmp_path: Path
) -> None:
    toml = tmp_path / "hogsync.toml"
    toml.write_text('[groups.things]\ntables = ["cohorts"]\n')
    service = begin(things=NEVER, people=NEVER)
    service.until("Group things: exit 0")
    toml.write_text('[groups.people]\ntables = ["cohort"]\n')
    service.process.send_signal(signal.SIGHUP)
    service.until(
        "The former settings stay in force, because the new ones are wrong: There is no table 'cohort'"
    )
    toml.write_text('[groups.people]\ntables = ["users"]\n')
    service.process.send_signal(signal.SIGHUP)
    service.until("The settings were read again")
    service.until("Group people: exit 0")
    assert service.stop() == 0


# -- its end


def test_an_idle_service_ends_at_once(
    posthog: Sandbox, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOGSYNC_GROUPS__ALL__CRONTAB", "0 0 1 1 *")
    service = begin()
    service.until("Group all: exit 0")
    assert service.stop(signal.SIGTERM, within=2) == 0
    assert "Traceback" not in service.said


@pytest.mark.soak("stories")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_run_is_ended_with_the_service_and_recorded(
    posthog: Sandbox, place: str, begin: Begin, how: signal.Signals
) -> None:
    service = in_mid_run(posthog, begin)
    assert service.stop(how, within=9) == 0
    assert "Group all: exit 130, stopped by" in service.said
    assert all(gone(process) for process in service.runs())
    assert recorded() == [("schedule", "interrupted")]
    assert "Traceback" not in service.said


SIGNAL_IN_THE_LOAD = """
import os, signal, sys
if "pipelines.schedule.run" in sys.orig_argv:
    from pipelines import signals
    from tests.harness.doomed import Doom

    class Late(Doom):
        def meet(self, kind, what):
            if "_dlt_loads" in what and "INSERT" in what:
                os.kill(os.getppid(), signal.SIGTERM)
                signals.stop_requested.wait(20)

    Late({"kind": "", "number": 0, "settings": {"HOGSYNC_HOME": ""}}).watch()
"""


@pytest.mark.fault("process.interrupted_anywhere")
def test_a_run_is_ended_with_the_service_also_when_dlt_looks_for_no_signal_any_more(
    place: str, begin: Begin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """dlt has entered the load as finished when the service, asked to end, asks its run."""
    (tmp_path / "sitecustomize.py").write_text(SIGNAL_IN_THE_LOAD)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{ROOT}")
    service = begin(all=NEVER)
    assert service.process.wait(PATIENCE) == 0
    assert "Group all: exit 130, stopped by" in service.said
    assert all(gone(process) for process in service.runs())
    assert recorded() == [("schedule", "interrupted")]
    assert "Traceback" not in service.said
    monkeypatch.delenv("PYTHONPATH")
    by_hand()
    assert recorded() == [("schedule", "interrupted"), ("manual", "ok")]


def test_a_run_is_left_alone_by_a_signal_that_its_service_was_to_ignore(posthog: Sandbox) -> None:
    """A shell's & has whatever it starts ignore Ctrl-C."""
    slowly(posthog, 1)
    command = [
        "sh",
        "-c",
        "trap '' INT; exec \"$@\"",
        "sh",
        sys.executable,
        "-m",
        "pipelines.schedule.run",
        "all",
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        wait_until(lambda: bool(posthog.requests()), PATIENCE)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
    assert recorded() == [("schedule", "ok")]


def test_a_run_that_waits_for_its_turn_is_ended_with_the_service(place: str, begin: Begin) -> None:
    with load_lock(load(), 0, "hogsync test"):
        service = begin(all=NEVER)
        service.until("is held by hogsync test.*: waiting")
        assert service.stop(within=5) == 0
    assert all(gone(process) for process in service.runs())


def test_a_run_that_does_not_listen_is_killed(
    posthog: Sandbox, place: str, runs: RunQueue, until: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.schedule.queue.GRACE", 1.0)
    somebody_waits = hanging(posthog)
    runs.due(Job("all"))
    wait_until(somebody_waits, PATIENCE)
    stuck = runs.running[Job("all")].process.pid
    os.kill(stuck, signal.SIGSTOP)
    runs.end()
    until("Group all: killed by SIGKILL")
    assert gone(stuck)


def test_a_second_signal_does_not_wait(posthog: Sandbox, begin: Begin) -> None:
    service = in_mid_run(posthog, begin)
    os.kill(service.runs()[0], signal.SIGSTOP)
    service.process.send_signal(signal.SIGINT)
    service.until("is asked to end")
    assert service.stop(signal.SIGINT, within=2) == 0
    assert gone(service.runs()[0])


def test_a_killed_service_leaves_no_run(posthog: Sandbox, place: str, begin: Begin) -> None:
    service = in_mid_run(posthog, begin)
    service.stop(signal.SIGKILL)
    wait_until(lambda: all(gone(process) for process in service.runs()), 12)
    assert recorded() == [("schedule", "interrupted")]
    posthog.clear_faults()
    by_hand()
    assert recorded() == [("schedule", "interrupted"), ("manual", "ok")]


@pytest.mark.soak("stories")
def test_no_file_but_its_lock_is_kept_by_the_service_itself(
    posthog: Sandbox, begin: Begin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOGSYNC_GROUPS__ALL__CRONTAB", "0 0 1 1 *")
    by_hand()
    before = {path for path in tmp_path.rglob("*") if "home" not in path.parts}
    service = begin()
    service.until("nothing to catch up", 2)
    assert service.stop() == 0
    lock = tmp_path / "hogsync.duckdb.schedule.lock"
    assert {path for path in tmp_path.rglob("*") if "home" not in path.parts} == {*before, service.log, lock}
