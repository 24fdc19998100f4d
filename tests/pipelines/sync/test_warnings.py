"""What an unattended caller must hear of although no table failed: in the record, the outcome and the exit code."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest

from pipelines.errors import OutOfMemory, UsageError
from pipelines.from_settings import open_warehouse
from pipelines.settings import load
from pipelines.sync.outcome import Outcome, RunHeader
from pipelines.sync.outcome import recorded as recording
from pipelines.sync.reach import NOWHERE
from pipelines.sync.selection import Selection
from pipelines.sync.sync import sync
from sources.posthog.arguments import policy_of
from sources.posthog.client.client import Client
from sources.posthog.extract.extraction import EmptyWarehouse, Extraction
from sources.posthog.extract.options import ReadOptions
from sources.sandbox import Sandbox
from tests.harness.scene import Scene, of

SCOPES = ("organization:read", "project:read", "group:read")
NUMBERS = count(1)
HERE: dict[str, Any] = {"projects": (101,)}


class Key:
    """A key that may read everything, until a test takes something from it."""

    def __init__(self, posthog: Sandbox) -> None:
        self.posthog, self.label = posthog, f"warned{next(NUMBERS)}"
        self.text = posthog.new_key(self.label, scopes=["*"])

    def change(self, **rights: Any) -> None:
        self.posthog.change_key(self.label, **rights)


@pytest.fixture
def key(posthog: Sandbox) -> Key:
    return Key(posthog)


def warned(outcome: Outcome) -> list[tuple[str, str, str]]:
    return [(one.table, one.path, one.kind) for one in outcome.run.warnings]


def recorded(scene: Scene, outcome: Outcome) -> object:
    ((found,),) = scene.ask(
        f"select warnings from posthog._hogsync_runs where run_id = '{outcome.run.run_id}'"
    )
    return json.loads(found) if isinstance(found, str) else found


@pytest.mark.fault("access.told")
def test_a_loss_of_access_is_a_warning_of_every_run_until_it_ends(file_scene: Scene, key: Key) -> None:
    tables = ("cohorts", "group_types")
    first = file_scene.sync(*tables, key=key.text, **HERE)
    assert (first.exit_code, warned(first), recorded(file_scene, first)) == (0, [], [])

    key.change(scopes=list(SCOPES))
    for strict in (False, True):
        lost = file_scene.sync(*tables, key=key.text, strict=strict, **HERE)
        assert (lost.run.status, lost.exit_code) == ("ok", int(strict))
        assert warned(lost) == [("cohorts", "projects/101/cohorts/", "lost access")]
        assert "cohort:read" in lost.run.warnings[0].text
        assert recorded(file_scene, lost) == [asdict(one) for one in lost.run.warnings]

    key.change(scopes=["*"])
    again = file_scene.sync(*tables, key=key.text, strict=True, **HERE)
    assert (again.exit_code, warned(again)) == (0, [])


@pytest.mark.fault("access.projects_unknown")
@pytest.mark.parametrize("only", ["999", "101, 999"])
def test_projects_of_the_settings_must_be_there_like_those_of_the_command_line(
    file_scene: Scene, key: Key, monkeypatch: pytest.MonkeyPatch, only: str
) -> None:
    monkeypatch.setenv("HOGSYNC_PROJECTS__ONLY", only)
    with pytest.raises(UsageError, match=r"no project 999; it reaches 101, 102, 103, 201\."):
        file_scene.sync("cohorts", key=key.text)
    key.change(scoped_teams=[101])
    with pytest.raises(UsageError, match=r"no project 999; it reaches 101\."):
        file_scene.sync("cohorts", key=key.text)


@pytest.mark.fault("access.nowhere")
def test_a_key_that_reaches_no_organization_is_refused_although_users_answer(
    file_scene: Scene, posthog: Sandbox
) -> None:
    """An organization that deactivates itself is not listed; so is none for somebody who was removed from all."""
    nothing: dict[str, Any] = {"count": 0, "next": None, "previous": None, "results": []}
    posthog.fault(path="/api/organizations/", kind="status", status=200, body=nothing)
    outcome = file_scene.sync("cohorts", "users", key=Key(posthog).text)
    assert (of(outcome, "users").status, of(outcome, "cohorts").status) == ("loaded", "unchanged")
    assert (outcome.exit_code, outcome.run.status, outcome.run.error) == (3, "refused", NOWHERE)
    assert file_scene.sync("users").exit_code == 0


def test_what_was_never_readable_and_a_bare_setting_of_strict_are_no_trouble(
    file_scene: Scene, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOGSYNC_SYNC__STRICT", "true")
    key.change(scopes=list(SCOPES))
    for standing in (set(), {"cohorts"}):
        outcome = file_scene.sync("cohorts", "group_types", key=key.text)
        assert of(outcome, "cohorts").status == "unavailable"
        assert (outcome.exit_code, warned(outcome)) == (0, [])
        assert outcome.standing == standing, "the reason is told once"


@pytest.mark.fault("access.told")
def test_tables_below_a_parent_that_is_lost_and_projects_that_are_no_longer_listed_are_told(
    file_scene: Scene, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_scene.sync("cohorts", "users", key=key.text)
    monkeypatch.setenv("HOGSYNC_SYNC__STRICT", "true")
    key.change(scopes=["user:read", "cohort:read"])
    lost = file_scene.sync("cohorts", "users", key=key.text)
    assert warned(lost) == [
        ("organizations", "organizations/", "lost access"),
        ("projects", "", "lost access"),
        ("cohorts", "", "lost access"),
    ]

    key.change(scopes=["*"], scoped_teams=[101])
    narrowed = file_scene.sync("cohorts", key=key.text)
    key.change(scoped_teams=[])
    assert ("projects", "projects/102/", "lost access") in warned(narrowed)
    assert narrowed.exit_code == 1


def test_a_run_with_a_request_budget_tells_the_used_part_and_warns_of_nothing(
    file_scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    settings = load(file_scene.settings(HOGSYNC_RATE={"per_minute": 1000, "per_hour": 100_000}))
    outcome = sync(settings, Selection(tables=("projects",)))
    assert outcome.traffic.budget_used == outcome.requests / 1000
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_a_run_that_ran_out_of_memory_tells_its_requests(file_scene: Scene) -> None:
    settings, options = load(file_scene.settings()), ReadOptions(started=datetime.now(UTC))
    client = Client(settings.origin, file_scene.posthog.key, allow_http=True)
    extraction = Extraction(
        client, ("users",), stored=EmptyWarehouse(), policy=policy_of({}, b"key"), options=options
    )
    extraction.load_stored()
    header = RunHeader(
        run_id="r1", tables=("users",), trigger="manual", started=options.started, strict=False
    )
    client.get("users/@me/")
    with (
        pytest.raises(OutOfMemory) as ended,
        recording(header, open_warehouse(settings), extraction, dry_run=True),
    ):
        raise MemoryError
    assert ended.value.traffic
    assert ended.value.traffic.requests == 1
