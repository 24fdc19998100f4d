"""A watch asks after each run; its answer is told, its trouble is a warning, and it can change nothing."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from pipelines.alerts import watches
from pipelines.alerts.watches import Answer, observed_answers
from pipelines.settings.sections import WatchSettings
from tests.pipelines.alerts.conftest import Watched

PAGE = Path(watches.__file__).with_name("ALERTS.md")
SHOWN: dict[str, Any] = tomllib.loads(
    next(text for text in PAGE.read_text("utf-8").split("```") if "[watch.owners]" in text).removeprefix(
        "toml"
    )
)["watch"]
HERE: dict[str, Any] = {"projects": (101,)}
IN_101 = {"project_id": 101}
ROWS, CHANGED = WatchSettings(sql="select 1"), WatchSettings(sql="select 1", when="changed")


def first(watched: Watched, table: str, **wanted: Any) -> dict[str, Any]:
    """A row of the company with these values, in project 101 where it is in a project."""
    return next(
        row
        for row in watched.scene.posthog.rows(table)
        if wanted.items() <= row.items() and row["_parents"].get("project_id", 101) == 101
    )


def test_the_five_watches_of_the_page_tell_what_they_are_for(watched: Watched) -> None:
    posthog = watched.scene.posthog
    tables = ("organization_members", "subscription_deliveries", "cohorts", "event_definitions")
    posthog.edit("organization_members", set={"is_2fa_enabled": True})
    asked: dict[str, Any] = {"more": {"HOGSYNC_WATCH": SHOWN}, **HERE}
    assert watched.told(*tables, **asked) == []

    new_owner = first(watched, "organization_members", level=1)["id"]
    posthog.edit("organization_members", where={"id": new_owner}, set={"level": 15})
    admin = first(watched, "organization_members", level=8)["id"]
    posthog.edit("organization_members", where={"id": admin}, set={"is_2fa_enabled": False})
    report = first(watched, "subscription_deliveries", status="completed")["_parents"]
    for day in ("2026-11-27", "2026-11-28", "2026-11-29"):
        failed = {"status": "failed", "created_at": f"{day}T08:00:00Z"}
        posthog.edit("subscription_deliveries", insert=[failed], parents=report)
    event = first(watched, "event_definitions", verified=True)["name"]
    posthog.edit("event_definitions", where={"name": event}, parents=IN_101, set={"verified": False})
    cohort = first(watched, "cohorts", errors_calculating=0)["id"]
    posthog.edit("cohorts", where={"id": cohort}, parents=IN_101, set={"errors_calculating": 1})
    outcome = watched.sync(*tables, **asked)
    assert not outcome.run.warnings
    assert {message["message"].partition(":")[0] for message in watched.listener.posted} == {
        watch["title"] for watch in SHOWN.values()
    }
    watched.listener.told()
    assert watched.told(*tables, **asked) == []


@pytest.mark.fault("process.watch_wrong")
def test_a_watch_that_writes_or_fails_is_a_warning_of_the_run(watched: Watched) -> None:
    wrong = {
        "writes": {"sql": "delete from group_types"},
        "fails": {"sql": "select nothing from group_types"},
    }
    outcome = watched.sync("group_types", more={"HOGSYNC_WATCH": wrong})
    assert outcome.exit_code == 0
    assert watched.sync("group_types", more={"HOGSYNC_WATCH": wrong}, strict=True).exit_code == 1
    assert [warning.kind for warning in outcome.run.warnings] == ["watch failed"] * 2
    assert watched.scene.ask("select count(*) > 0 from posthog.group_types") == [(True,)]


CASES = {
    "rows make a state": (ROWS, Answer(2, "sql a"), "", {"found": "owners: 2 rows."}),
    "no row is judged, and so ends a state": (ROWS, Answer(0, "sql a"), "", {}),
    "a first answer is no change": (CHANGED, Answer(2, "sql a"), "", {}),
    "the same answer is no change": (CHANGED, Answer(2, "sql a"), "sql a", {}),
    "another answer happens": (CHANGED, Answer(1, "sql b"), "sql a", {"happened": "owners: 1 row."}),
    "another question is no change": (CHANGED, Answer(1, "other b"), "sql a", {}),
    "no answer is nothing": (ROWS, Answer(problem="it fails"), "", {}),
    "an address is never shown": (
        ROWS,
        Answer(1, "sql a", ("7, ada@hedgebox.example",)),
        "",
        {"found": "owners: 1 row.\n7, [address]"},
    ),
}


@pytest.mark.parametrize(("watch", "answer", "before", "expected"), CASES.values(), ids=CASES)
def test_an_answer_is_told_by_what_it_was_before(
    watch: WatchSettings, answer: Answer, before: str, expected: dict[str, str]
) -> None:
    seen = observed_answers({"owners": watch}, {"owners": answer}, {"owners": before} if before else {})
    shown = {"found": seen.found, "happened": seen.happened}
    assert {name: text for name, told in shown.items() for text in told.values()} == expected
    assert bool(seen.judged) == (watch.when == "rows" and not answer.problem)
