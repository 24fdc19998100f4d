"""A range of time read again: rows come, nothing dies, and the schedule's place stays where it was."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from pipelines.backfill import window
from sources.sandbox import Sandbox
from tests.pipelines.long_lists import LONG, many_comments
from tests.pipelines.test_sync_mending import run
from tests.truth.scene import Scene, of

PLACES = (
    "select path, watermark, open_floor, last_walk_at, last_complete_at, moved, rows, gap, held, fingerprint "
    "from posthog._hogsync_paths where last_walk_at is not null order by path"
)
HERE: dict[str, Any] = {"projects": (103,)}


def test_late_edits_far_back_are_fetched_and_no_place_moves(file_scene: Scene, posthog: Sandbox) -> None:
    rows = many_comments(posthog)
    file_scene.sync("comments", **HERE)
    edited = rows[LONG // 2]
    posthog.edit("comments", where={"id": edited["id"]}, set={"content": f"late words for {file_scene.url}"})
    posthog.edit("comments", where={"id": rows[-3]["id"]}, delete=True)
    posthog.edit("comments", where={"id": rows[-4]["id"]}, delete=True)
    posthog.edit("comments", insert=[{"created_at": rows[-3]["created_at"]}] * 2, parents={"project_id": 103})
    places = file_scene.ask(PLACES)

    again = file_scene.sync("comments", window=window("2025-01-20", "2025-02-10"), trigger="backfill", **HERE)
    assert (of(again, "comments").counts.updated, of(again, "comments").counts.deleted) == (1, 0)
    assert again.run.trigger == "backfill"
    assert file_scene.ask(PLACES) == places
    assert not file_scene.rows("comments", dead=True), "what a backfill does not meet lives on"
    stored = {key[-1]: row for key, row in file_scene.rows("comments").items()}
    assert stored[edited["id"]]["content"] == f"late words for {file_scene.url}"

    file_scene.sync(full=True, **HERE)
    file_scene.sync(full=True, **HERE)
    assert len(file_scene.rows("comments", dead=True)) == 2


def test_a_backfill_of_whole_lists_ends_nothing(file_scene: Scene, posthog: Sandbox) -> None:
    file_scene.sync("cohorts")
    rows = [row for row in posthog.rows("cohorts") if row["_listed"]]
    posthog.edit("cohorts", where={"id": rows[0]["id"]}, soft_delete=True)
    posthog.edit("cohorts", where={"id": rows[1]["id"]}, set={"description": "edited"})
    again = file_scene.sync("cohorts", window=window("2026-01-01", None), trigger="backfill")
    assert (of(again, "cohorts").counts.updated, of(again, "cohorts").counts.deleted) == (1, 0)
    assert of(file_scene.sync("cohorts"), "cohorts").counts.deleted == 1


def test_only_the_window_of_the_audit_log_is_asked_for(file_scene: Scene, posthog: Sandbox) -> None:
    logs = "organization_activity_logs"
    file_scene.sync(logs)
    posthog.clear_requests()
    file_scene.sync(logs, window=window("2026-09-20", "2026-10-01T12:00:00+02:00"), trigger="backfill")
    asked = {r["query"] for r in posthog.requests() if "advanced_activity_logs" in r["path"]}
    ends = "start_date=2026-09-20T00%3A00%3A00Z&end_date=2026-10-01T10%3A00%3A00Z"
    assert asked == {f"ordering=created_at&page_size=1000&{ends}"}


def test_a_table_that_is_new_comes_with_its_parents_and_the_next_sync_reads_it_in_full(
    file_scene: Scene, posthog: Sandbox
) -> None:
    rows = many_comments(posthog)
    first = file_scene.sync("comments", window=window("2025-02-01", None), trigger="backfill", **HERE)
    assert 0 < of(first, "comments").counts.inserted < len(rows)
    assert file_scene.ask(PLACES) == []
    whole = of(file_scene.sync("comments", **HERE), "comments")
    assert whole.complete
    file_scene.learn(file_scene.truth("comments", **HERE))
    assert file_scene.wrong() == ""


def test_a_column_that_the_catalogue_got_later_is_filled_down_to_the_oldest_row(
    file_scene: Scene, posthog: Sandbox
) -> None:
    rows = many_comments(posthog)
    file_scene.sync("comments", **HERE)
    run(file_scene.url, "alter table posthog.comments drop column version")
    filled = file_scene.sync("comments", window=window("2025-02-14", None), trigger="backfill", **HERE)
    assert of(filled, "comments").counts.updated == len(rows), "not those of the window only"
    file_scene.learn(file_scene.truth("comments", **HERE))
    assert file_scene.wrong() == ""


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
