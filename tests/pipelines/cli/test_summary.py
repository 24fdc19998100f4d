"""What a person and a program are told of a sync agrees with what it did."""

from __future__ import annotations

import json
import logging
import os
import pty
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines import logs
from pipelines.bookkeeping.schema import RUN_TABLES, TABLES
from pipelines.remedies import PLAN
from pipelines.run import Run, RunStatus
from pipelines.schedule.run import reported
from pipelines.settings import Settings, load
from pipelines.sync import summary
from pipelines.sync.outcome import Outcome
from sources.posthog.catalogue import ENDPOINTS
from sources.posthog.changes.table_changes import Counts
from sources.posthog.client.client import Traffic
from sources.posthog.errors import Unavailable
from sources.posthog.extract.results import TableResult
from sources.posthog.extract.run_warnings import RunWarning
from sources.posthog.extract.walks import DeleteDecision, ListPath, ListResult, Walk
from sources.sandbox import Sandbox

HOGSYNC = Path(sys.executable).with_name("hogsync")
BEGUN = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


def outcome(
    *tables: TableResult,
    status: RunStatus = "ok",
    error: str | None = None,
    warnings: tuple[RunWarning, ...] = (),
) -> Outcome:
    run = Run(
        run_id="r1",
        started_at=BEGUN,
        finished_at=BEGUN + timedelta(seconds=90),
        status=status,
        trigger="manual",
        version="0",
        error=error,
        warnings=warnings,
    )
    return Outcome(run=run, traffic=Traffic({"200": 1234}), tables=tables)


def came(table: str, *, read: int = 0, **counts: int) -> TableResult:
    return TableResult(table, counts=Counts(**counts), rows_read=read)


def listed(table: str, status: Any, detail: str, held: int = 0, because: str = "") -> TableResult:
    endpoint = ENDPOINTS[table]
    path = ListPath(endpoint, endpoint.paths[0], {}, endpoint.pagination)
    decision = DeleteDecision(frozenset(map(str, range(held))), because)
    one = ListResult(list_path=path, status=status, detail=detail, decision=decision)
    return TableResult(table, lists=[one])


@pytest.fixture
def settings() -> Settings:
    return load()


def test_the_service_reports_the_requests_of_a_run_that_an_error_ended() -> None:
    ended = outcome().run
    assert reported(ended, Traffic({"200": 3, "none": 1}))["run"]["requests"] == 4


def test_json_has_the_promised_names_in_utc_with_z() -> None:
    came_out = outcome(came("cohorts", read=3, inserted=2, updated=1))
    told = summary.as_json(came_out.run, came_out.requests, came_out.tables)
    assert told == {
        "run_id": "r1",
        "status": "ok",
        "started_at": "2026-05-01T12:00:00Z",
        "finished_at": "2026-05-01T12:01:30Z",
        "trigger": "manual",
        "version": "0",
        "dry_run": False,
        "requests": 1234,
        "warnings": [],
        "tables": [
            {
                "table": "cohorts",
                "status": "loaded",
                "paths": 0,
                "paths_complete": 0,
                "paths_unavailable": 0,
                "paths_failed": 0,
                "paths_spared": 0,
                "paths_postponed": 0,
                "requests": 0,
                "pages": 0,
                "pages_again": 0,
                "rows_read": 3,
                "inserted": 2,
                "updated": 1,
                "deleted": 0,
                "deletes_held": 0,
                "complete": True,
                "watermark": None,
                "detail": None,
            }
        ],
    }
    assert set(told["tables"][0]) - {"table"} == set(TABLES[RUN_TABLES][1]) - {"run_id", "table_name"}
    assert json.loads(json.dumps(told)) == told


def test_a_good_run_is_summed_up_with_numbers() -> None:
    good = outcome(came("cohorts", read=1200, inserted=1, updated=2, deleted=3), came("people", read=1))
    assert summary.summary(good) == (
        "Done: 1 table and people; 1,201 rows read, 1 new, 2 changed, 3 gone, in 90.0 s with 1,234 requests."
    )


def test_a_dry_run_never_says_done_without_saying_that_nothing_was_written() -> None:
    assert "nothing was written" in summary.summary(outcome(came("cohorts")), dry_run=True)


@pytest.mark.parametrize(
    ("tables", "status", "said"),
    [
        (("failed", "read"), "partial", "Partly done: 1 of 2 tables failed (cohorts);"),
        (("failed", "failed"), "failed", "Failed: 2 of 2 tables failed (cohorts, comments);"),
        (("unavailable", "read"), "ok", "Done, 1 of 2 tables not available (cohorts);"),
    ],
)
def test_the_last_line_says_what_the_record_says(
    tables: tuple[str, str], status: RunStatus, said: str
) -> None:
    results = [
        listed(table, word, "why") for table, word in zip(("cohorts", "comments"), tables, strict=True)
    ]
    assert summary.summary(outcome(*results, status=status)).startswith(said)


def test_a_refusal_in_mid_run_is_told_in_the_last_line() -> None:
    refused = outcome(
        listed("cohorts", "failed", "x"), status="refused", error="PostHog does not know the key."
    )
    assert summary.summary(refused).startswith("Refused: PostHog does not know the key; ")


def test_what_was_not_available_is_told_with_its_reason_and_the_remedy(settings: Settings) -> None:
    refused = listed("group_types", "unavailable", "402: no")
    walk = Walk(1, failure=Unavailable("402: no", status=402, code="payment_required"))
    refused.lists = [replace(refused.lists[0], walks=(walk,))]
    shown = summary.summary_table(outcome(refused), settings)
    assert "group_types (not available): 402: no" in shown
    assert f"  → {PLAN} Known limits: {ENDPOINTS['group_types'].requires}." in shown
    assert "scope" not in shown


def test_held_deletes_are_told_with_the_remedy(settings: Settings) -> None:
    shown = summary.summary_table(outcome(listed("cohorts", "read", "", 40, "so many at once")), settings)
    assert "Warning: cohorts (unchanged): 40 deletes held: so many at once (" in shown
    assert "--accept-deletes" in shown


@pytest.mark.fault("access.told")
@pytest.mark.parametrize("level", [logging.ERROR, logging.INFO])
def test_warnings_are_lines_on_stderr_also_where_only_errors_are_wanted(
    level: int, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.set_up(level)
    warning = RunWarning("cohorts", "projects/1/cohorts/", "lost access", "is refused now: 402\x1b[2J")
    summary.log_tables(outcome(came("cohorts"), warnings=(warning,)))
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "WARNING" in line]
    assert line.endswith(" WARNING cohorts: is refused now: 402 [2J.")


def test_a_standing_refusal_is_explained_in_the_log_once(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(logging.INFO)
    refused = listed("group_types", "unavailable", "402: no plan")
    for told in (frozenset[str](), frozenset({"group_types"})):
        summary.log_tables(replace(outcome(refused), standing=told))
        assert ("402: no plan" in capsys.readouterr().err) == (not told)
    refused.lists = [refused.lists[0].with_lost_access()]
    summary.log_tables(replace(outcome(refused), standing=frozenset({"group_types"})))
    assert "402: no plan" in capsys.readouterr().err


@pytest.mark.fault("security.terminal")
def test_what_posthog_says_cannot_command_a_terminal(settings: Settings) -> None:
    shown = summary.summary_table(outcome(listed("cohorts", "failed", "a\x1b[2Jb\r\nc [red]d[/]")), settings)
    assert "\x1b" not in shown
    assert "[red]d[/]" in shown
    assert "\r" not in shown


def on_a_terminal(*words: str, **settings: str) -> tuple[int, str]:
    """Exit code and everything that the terminal got."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100", **settings}
    with subprocess.Popen([HOGSYNC, *words], env=environment, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        got = bytearray()
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # Linux: the other end is closed
                piece = b""
            if not piece:
                break
            got += piece
        os.close(ours)
    return process.returncode, got.decode()


@pytest.mark.soak("stories")
def test_a_terminal_gets_progress_and_then_a_table_in_colour(posthog: Sandbox) -> None:
    posthog.fault(path="groups_types", kind="latency", seconds=1)
    settings = {"POSTHOG_HOST": posthog.url, "POSTHOG_PERSONAL_API_KEY": posthog.key}
    code, got = on_a_terminal("sync", "group_types", **settings)
    assert code == 0
    assert re.search(r"projects +4 rows", re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", got))
    assert "\x1b[32mloaded" in got
    assert "INFO" not in got
    code, got = on_a_terminal("sync", "group_types", "--quiet", **settings)
    assert (code, got) == (0, "")
    code, got = on_a_terminal("sync", "group_types", "--json", **settings)
    assert json.loads(got.splitlines()[-1])["status"] == "ok"
