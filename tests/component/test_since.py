"""Lists that PostHog filters by time: only what is new is asked for, and nothing is missed between two questions."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

from sources.sandbox import Sandbox
from tests.component.scene import Scene
from tests.harness.expected import Row
from tests.harness.scene import of

LOGS = "organization_activity_logs"


def entries(posthog: Sandbox) -> list[Row]:
    """The audit log of the first organization, oldest first."""
    rows = posthog.truth()["rows"]
    first = rows["organizations"][0]["id"]
    own = [row for row in rows[LOGS] if row["_parents"]["organization_id"] == first]
    return sorted(own, key=lambda row: str(row["created_at"]))


def happened(posthog: Sandbox, *times: str) -> None:
    """More entries in the audit log of the first organization."""
    parents = entries(posthog)[0]["_parents"]
    posthog.edit(
        LOGS, insert=[{"created_at": time, "activity": "updated"} for time in times], parents=parents
    )


def two_months_happened(posthog: Sandbox) -> None:
    """An entry in every hour, the second month first: more than a page."""
    happened(posthog, *(f"2026-10-{day:02}T{hour:02}:00:00Z" for day in range(1, 31) for hour in range(24)))
    happened(posthog, *(f"2026-09-{day:02}T{hour:02}:30:00Z" for day in range(1, 31) for hour in range(24)))


def asked(posthog: Sandbox) -> list[dict[str, list[str]]]:
    """The queries of the audit logs' requests, as they stood on the wire."""
    return [
        parse_qs(request["query"])
        for request in posthog.requests()
        if request["path"].endswith("/advanced_activity_logs/")
    ]


def test_only_what_happened_since_is_asked_for(scene: Scene, posthog: Sandbox) -> None:
    first = of(scene.sync(LOGS), LOGS)
    assert first.complete
    assert all("start_date" not in query for query in asked(posthog))
    scene.learn(scene.truth(LOGS))
    assert scene.wrong() == ""

    newest = entries(posthog)[-1]["created_at"]
    happened(posthog, newest, "2026-11-20T10:00:00.123456Z", "2026-11-20T10:00:00.123456Z")
    posthog.clear_requests()
    second = of(scene.sync(LOGS), LOGS)
    assert second.counts.inserted == 3, "one of them at the very moment of the newest that was known"
    assert second.requests == 2, "one for each organization"
    assert all(query["start_date"][0].endswith("Z") for query in asked(posthog))
    assert second.rows_read < first.rows_read
    assert (second.status, second.complete) == ("loaded", False), "a part proves nothing about the rest"
    scene.learn(scene.truth(LOGS))
    assert scene.wrong() == ""
    assert of(scene.sync(LOGS), LOGS).counts.written == 0


def test_entries_that_are_written_late_are_still_met(scene: Scene, posthog: Sandbox) -> None:
    happened(posthog, "2026-11-21T10:00:00Z")
    scene.sync(LOGS)
    happened(posthog, "2026-11-21T09:30:00Z")
    assert of(scene.sync(LOGS), LOGS).counts.inserted == 1


def test_what_the_plan_no_longer_shows_lives_on(scene: Scene, posthog: Sandbox) -> None:
    scene.sync(LOGS)
    posthog.edit(LOGS, where={"id": entries(posthog)[0]["id"]}, delete=True)
    scene.sync(LOGS, full=True)
    scene.sync(LOGS, full=True)
    assert not scene.rows(LOGS, dead=True)


def test_what_a_walk_read_before_it_broke_off_is_loaded_and_read_again(
    scene: Scene, posthog: Sandbox
) -> None:
    two_months_happened(posthog)
    posthog.fault(kind="array", path="advanced_activity_logs/.*cursor")
    broken = of(scene.sync(LOGS), LOGS)
    assert broken.status == "failed"
    assert broken.counts.inserted >= 1000
    posthog.clear_faults()
    whole = of(scene.sync(LOGS), LOGS)
    assert whole.status == "loaded"
    assert whole.counts.inserted < 1000 < whole.rows_read
    scene.learn(scene.truth(LOGS))
    assert scene.wrong() == ""


def test_a_full_walk_that_breaks_off_takes_no_watermark_back(scene: Scene, posthog: Sandbox) -> None:
    """A life of test_random_lives.py: all is stored, so it is only to be read again if somebody asks once more."""
    two_months_happened(posthog)
    scene.sync(LOGS)
    before = {path: one.watermark for path, one in scene.warehouse.positions.items() if one.table == LOGS}
    posthog.fault(kind="array", path="advanced_activity_logs/.*cursor")
    assert of(scene.sync(LOGS, full=True), LOGS).status == "failed"
    assert before.items() <= {path: one.watermark for path, one in scene.warehouse.positions.items()}.items()
    assert all(before.values())


def test_an_audit_log_that_is_for_admins_only_is_not_available_to_members(
    scene: Scene, posthog: Sandbox
) -> None:
    scene.sync(LOGS)
    before = scene.rows(LOGS)
    member: Any = posthog.new_key("member of logs", user="member")
    outcome = scene.sync(LOGS, key=member)
    assert of(outcome, LOGS).status == "unavailable"
    assert outcome.exit_code == 3, "nothing that was asked for is to be had"
    assert scene.rows(LOGS) == before


def test_a_lost_table_whose_refilling_fails_is_filled_by_the_next_run(scene: Scene, posthog: Sandbox) -> None:
    happened(posthog, *(f"2026-06-{day:02}T{hour:02}:00:00Z" for day in range(1, 31) for hour in range(24)))
    happened(posthog, *(f"2026-05-{day:02}T{hour:02}:30:00Z" for day in range(1, 31) for hour in range(24)))
    scene.sync(LOGS)
    rows = scene.rows(LOGS).keys()
    scene.warehouse.drop(LOGS)
    posthog.fault(kind="array", path="advanced_activity_logs/.*cursor")
    assert of(scene.sync(LOGS), LOGS).status == "failed"
    posthog.clear_faults()
    scene.sync(LOGS)
    assert scene.rows(LOGS).keys() == rows
