"""Whole syncs of a whole company: both warehouses equal what PostHog shows, row for row, and each other."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from math import ceil
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from sources.sandbox import Sandbox
from tests.harness.differences import differences
from tests.harness.expected import Row, Tables
from tests.harness.scene import Scene, of, written
from tests.harness.stored import stamps, types

pytestmark = pytest.mark.versions

STREAM_PAGE, LOOKBACK, STUCK = 50, timedelta(days=3), timedelta(days=30)
DAYS = (1, 2)
"""Days that pass before each further sync; what is deleted on the first returns on the third."""


@pytest.fixture
def scenes(posthog: Sandbox, tmp_path: Path, postgres_url: str) -> tuple[Scene, Scene]:
    """Two empty warehouses beside one company."""
    urls = (f"duckdb:///{tmp_path / 'hogsync.duckdb'}", postgres_url)
    return Scene(posthog, urls[0], tmp_path / "home"), Scene(posthog, urls[1], tmp_path / "home")


def test_both_warehouses_follow_the_company_day_by_day(scenes: tuple[Scene, Scene], posthog: Sandbox) -> None:
    now = scenes[0].truth()
    for scene in scenes:
        outcome = scene.sync()
        scene.learn(now)
        assert scene.wrong() == ""
        assert (outcome.exit_code, outcome.run.status) == (0, "ok")
        assert all(result.complete for result in outcome.tables)
    assert_unchanged_means_unwritten(scenes[0], posthog)
    revived = sum(pass_days(scenes, posthog, days) for days in DAYS)
    known = scenes[0].known
    mortal = ("cohorts", "event_definitions", "property_definitions", "organization_members", "comments")
    for table in (*mortal, "subscriptions", "event_definitions__tags", "subscriptions__recipients"):
        assert any(row["dead"] for row in known[table].values()), (
            f"nothing died in {table}: this proves little"
        )
    assert revived, "nothing came back: this proves little"
    assert not any(row["dead"] for row in known["people"].values())
    assert types(scenes[0].url) == types(scenes[1].url)
    assert differences(scenes[0].stored(), scenes[1].stored()) == ""


def pass_days(scenes: Sequence[Scene], posthog: Sandbox, days: int) -> int:
    """Let time pass and sync; gives how many rows came back to life."""
    posthog.advance(days)
    before, now = scenes[0].known, scenes[0].truth()
    for scene in scenes:
        stamped = stamps(scene.url)
        outcome = scene.sync()
        scene.learn(now)
        assert scene.wrong() == ""
        assert outcome.exit_code == 0
        assert_stamped(before, scene.known, stamped, stamps(scene.url), outcome.run.started_at)
    return sum(
        row["dead"] and not scenes[0].known[table][key]["dead"]
        for table in ("subscriptions", "event_definitions")
        for key, row in before[table].items()
    )


def assert_stamped(
    before: Tables, now: Tables, old: dict[str, Any], new: dict[str, Any], started: datetime
) -> None:
    """Exactly what changed was written, at the run's start; a death keeps its first date."""
    changed = {
        (table, key)
        for table, rows in now.items()
        for key, row in rows.items()
        if before.get(table, {}).get(key) != row
    }
    # A living child is part of its row's content.
    changed |= {(table.partition("__")[0], key[:-1]) for table, key in changed if "__" in table}
    for table, rows in now.items():
        for key, row in rows.items():
            synced, deleted = new[table][key]
            assert (synced == started) == ((table, key) in changed), (table, key, synced, started)
            was_dead = before.get(table, {}).get(key, {}).get("dead")
            if row["dead"]:
                assert deleted == (old[table][key][1] if was_dead else started), (table, key)


def assert_unchanged_means_unwritten(scene: Scene, posthog: Sandbox) -> None:
    """A second sync asks for exactly the pages that there are, writes nothing and makes no load package."""
    before, loads = stamps(scene.url), scene.ask("select count(*) from posthog._dlt_loads")
    posthog.clear_requests()
    outcome = scene.sync()
    assert written(outcome) == 0
    assert {result.status for result in outcome.tables} == {"unchanged"}
    assert stamps(scene.url) == before
    assert scene.ask("select count(*) from posthog._dlt_loads") == loads
    asked = [urlsplit(request["path"]).path for request in posthog.requests()]
    truth = posthog.truth()["rows"]
    needed = {table: pages_needed(table, truth) for table in truth}
    assert {table: of(outcome, table).requests for table in truth} == needed
    assert {table: of(outcome, table).pages for table in truth} == needed
    assert outcome.requests == len(asked) == sum(needed.values()) + 1  # the key itself
    assert asked[0].endswith("/personal_api_keys/@current/")


def pages_needed(table: str, truth: dict[str, list[Row]]) -> int:
    """The requests that the lists of a table need, by the rules of PostHog's paging."""
    organizations, projects = len(truth["organizations"]), len(truth["projects"])
    if table == "subscription_deliveries":
        return sum(stream_pages(subscription, truth[table]) for subscription in truth["subscriptions"])
    if table == "comments":
        rows = [row["_parents"]["project_id"] for row in truth[table] if row["_listed"]]
        return sum(max(1, ceil(rows.count(project["id"]) / 100)) for project in truth["projects"])
    return {
        "organizations": 1,
        "users": 1,
        "projects": organizations,
        "organization_members": organizations,
        "organization_activity_logs": organizations,
        "subscriptions": 2 * projects,
        "property_definitions": 3 * projects + len(truth["group_types"]),
    }.get(table, projects)


def stream_pages(subscription: Row, deliveries: list[Row]) -> int:
    """Newest first, down to the newest row less a look-back and to the oldest row that is still under way."""
    rows = [row for row in deliveries if row["_parents"]["subscription_id"] == subscription["id"]]
    times = sorted((datetime.fromisoformat(row["created_at"]) for row in rows), reverse=True)
    still = [datetime.fromisoformat(row["created_at"]) for row in rows if row["status"] == "starting"]
    still = [at for at in still if at > datetime.now(UTC) - STUCK]
    pages = [times[at : at + STREAM_PAGE] for at in range(0, len(times), STREAM_PAGE)]
    floor = min([times[0] - LOOKBACK, *still]) if times else None
    return next((at for at, page in enumerate(pages, 1) if floor and page[-1] < floor), max(1, len(pages)))
