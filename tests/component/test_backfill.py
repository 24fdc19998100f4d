"""A range of time read again: rows come, nothing dies, and the schedule's place stays where it was."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from pipelines.backfill import window
from sources.sandbox import Sandbox
from tests.component.scene import Scene
from tests.harness.long_lists import LONG, many_comments
from tests.harness.scene import of

HERE: dict[str, Any] = {"projects": (103,)}


def test_late_edits_far_back_are_fetched_and_no_place_moves(scene: Scene, posthog: Sandbox) -> None:
    rows = many_comments(posthog)
    scene.sync("comments", **HERE)
    edited = rows[LONG // 2]
    posthog.edit("comments", where={"id": edited["id"]}, set={"content": "late words"})
    posthog.edit("comments", where={"id": rows[-3]["id"]}, delete=True)
    posthog.edit("comments", where={"id": rows[-4]["id"]}, delete=True)
    posthog.edit("comments", insert=[{"created_at": rows[-3]["created_at"]}] * 2, parents={"project_id": 103})
    places = dict(scene.warehouse.positions)

    again = scene.sync("comments", window=window("2025-01-20", "2025-02-10"), **HERE)
    assert (of(again, "comments").counts.updated, of(again, "comments").counts.deleted) == (1, 0)
    assert scene.warehouse.positions == places
    assert not scene.rows("comments", dead=True), "what a backfill does not meet lives on"
    stored = {key[-1]: row for key, row in scene.rows("comments").items()}
    assert stored[edited["id"]]["content"] == "late words"

    scene.sync("comments", full=True, **HERE)
    scene.sync("comments", full=True, **HERE)
    assert len(scene.rows("comments", dead=True)) == 2


def test_a_backfill_of_whole_lists_ends_nothing(scene: Scene, posthog: Sandbox) -> None:
    scene.sync("cohorts")
    rows = [row for row in posthog.rows("cohorts") if row["_listed"]]
    posthog.edit("cohorts", where={"id": rows[0]["id"]}, soft_delete=True)
    posthog.edit("cohorts", where={"id": rows[1]["id"]}, set={"description": "edited"})
    again = scene.sync("cohorts", window=window("2026-01-01", None))
    assert (of(again, "cohorts").counts.updated, of(again, "cohorts").counts.deleted) == (1, 0)
    assert of(scene.sync("cohorts"), "cohorts").counts.deleted == 1


def test_only_the_window_of_the_audit_log_is_asked_for(scene: Scene, posthog: Sandbox) -> None:
    logs = "organization_activity_logs"
    scene.sync(logs)
    posthog.clear_requests()
    scene.sync(logs, window=window("2026-09-20", "2026-10-01T12:00:00+02:00"))
    asked = {r["query"] for r in posthog.requests() if "advanced_activity_logs" in r["path"]}
    ends = "start_date=2026-09-20T00%3A00%3A00Z&end_date=2026-10-01T10%3A00%3A00Z"
    assert asked == {f"ordering=created_at&page_size=1000&{ends}"}


def test_a_table_that_is_new_comes_with_its_parents_and_the_next_sync_reads_it_in_full(
    scene: Scene, posthog: Sandbox
) -> None:
    rows = many_comments(posthog)
    first = scene.sync("comments", window=window("2025-02-01", None), **HERE)
    assert 0 < of(first, "comments").counts.inserted < len(rows)
    assert not any(one.last_walk_at for one in scene.warehouse.positions.values())
    whole = of(scene.sync("comments", **HERE), "comments")
    assert whole.complete
    scene.learn(scene.truth("comments", **HERE))
    assert scene.wrong() == ""


def test_a_column_that_the_catalogue_got_later_is_filled_down_to_the_oldest_row(
    scene: Scene, posthog: Sandbox
) -> None:
    rows = many_comments(posthog)
    scene.sync("comments", **HERE)
    scene.warehouse.drop_column("comments", "version")
    filled = scene.sync("comments", window=window("2025-02-14", None), **HERE)
    assert of(filled, "comments").counts.updated == len(rows), "not those of the window only"
    scene.learn(scene.truth("comments", **HERE))
    assert scene.wrong() == ""


@pytest.mark.parametrize(
    ("given", "since", "until"),
    [
        (("2026-11-01", None), "2026-11-01T00:00:00+00:00", None),
        (("2026-11-01", "2026-11-02"), "2026-11-01T00:00:00+00:00", "2026-11-02T23:59:59.999999+00:00"),
        (
            ("2026-11-01T08:00Z", "2026-11-01T10:00:00+02:00"),
            "2026-11-01T08:00:00+00:00",
            "2026-11-01T08:00:00+00:00",
        ),
    ],
)
def test_dates_and_times_say_which_range_is_meant(
    given: tuple[str, str | None], since: str, until: str | None
) -> None:
    found = window(*given)
    assert found.since == datetime.fromisoformat(since)
    assert found.until == (datetime.fromisoformat(until) if until else None)
