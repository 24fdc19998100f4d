"""Streams: read from the newest down only as far as rows can still change, unless all of them are asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sources.sandbox import Sandbox
from tests.truth.expected import Row
from tests.truth.scene import Scene, of

DELIVERIES, PROJECT = "subscription_deliveries", 101
HERE: dict[str, Any] = {"projects": (PROJECT,)}
LONG = 1100
"""Comments that make a list longer than ten pages."""


def deliveries(posthog: Sandbox) -> list[Row]:
    """Those of the project's longest list, newest first."""
    rows = posthog.truth()["rows"]
    first = min(row["id"] for row in rows["subscriptions"] if row["_parents"]["project_id"] == PROJECT)
    own = [row for row in rows[DELIVERIES] if row["_parents"]["subscription_id"] == first]
    return sorted(own, key=lambda row: datetime.fromisoformat(row["created_at"]), reverse=True)


def test_deliveries_are_read_down_to_the_oldest_that_can_still_change(scene: Scene, posthog: Sandbox) -> None:
    rows = deliveries(posthog)
    stuck, old = rows[57], rows[-1]
    posthog.edit(DELIVERIES, where={"id": stuck["id"]}, set={"status": "starting", "finished_at": None})
    first = of(scene.sync(DELIVERIES, **HERE), DELIVERIES)
    assert first.complete
    posthog.edit(
        DELIVERIES, where={"id": stuck["id"]}, set={"status": "failed", "finished_at": stuck["created_at"]}
    )
    posthog.edit(DELIVERIES, where={"id": old["id"]}, set={"change_summary": f"late words for {scene.url}"})
    quick = of(scene.sync(DELIVERIES, **HERE), DELIVERIES)
    assert quick.requests < first.requests
    assert (quick.complete, quick.status) == (False, "loaded"), "what was not read to its end is not complete"
    stored = {key[-1]: row for key, row in scene.rows(DELIVERIES).items()}
    assert stored[stuck["id"]]["status"] == "failed"
    assert stored[old["id"]].get("change_summary") == old["change_summary"]

    quicker = of(scene.sync(DELIVERIES, **HERE), DELIVERIES)
    assert quicker.requests < quick.requests, "no open row keeps the walk going any more"
    full = of(scene.sync(DELIVERIES, full=True, **HERE), DELIVERIES)
    assert (full.requests, full.complete, full.counts.updated) == (first.requests, True, 1)
    scene.learn(scene.truth(DELIVERIES, **HERE))
    assert scene.wrong() == ""


def test_a_delivery_that_was_purged_dies_on_a_full_walk_and_no_earlier(
    file_scene: Scene, posthog: Sandbox
) -> None:
    file_scene.sync(DELIVERIES, **HERE)
    file_scene.learn(file_scene.truth(DELIVERIES, **HERE))
    posthog.edit(DELIVERIES, where={"id": deliveries(posthog)[-1]["id"]}, delete=True)
    file_scene.sync(DELIVERIES, **HERE)
    assert file_scene.wrong() == ""
    file_scene.sync(DELIVERIES, full=True, **HERE)
    file_scene.learn(file_scene.truth(DELIVERIES, **HERE))
    assert file_scene.wrong() == ""
    assert len(file_scene.rows(DELIVERIES, dead=True)) == 1


def test_a_short_list_of_comments_is_read_in_full_every_run(file_scene: Scene, posthog: Sandbox) -> None:
    first = of(file_scene.sync("comments", projects=(201,)), "comments")
    rows = [row for row in posthog.truth()["rows"]["comments"] if row["_parents"]["project_id"] == 201]
    oldest = min((row for row in rows if row["_listed"]), key=lambda row: str(row["created_at"]))
    posthog.edit("comments", where={"id": oldest["id"]}, set={"content": "edited after months"})
    again = of(file_scene.sync("comments", projects=(201,)), "comments")
    assert (again.requests, again.complete, again.counts.updated) == (first.requests, True, 1)
    file_scene.learn(file_scene.truth("comments", projects=(201,)))
    assert file_scene.wrong() == ""


def test_a_long_list_of_comments_stops_early_until_a_full_walk_is_due(
    file_scene: Scene, posthog: Sandbox
) -> None:
    here: dict[str, Any] = {"projects": (103,)}
    began = datetime(2025, 1, 1, tzinfo=UTC)
    rows = [{"created_at": (began + timedelta(hours=n)).isoformat()} for n in range(LONG)]
    posthog.edit("comments", insert=rows, parents={"project_id": 103})
    first = of(file_scene.sync("comments", **here), "comments")
    assert first.requests > 10
    oldest = posthog.truth()["rows"]["comments"][-LONG]
    posthog.edit("comments", where={"id": oldest["id"]}, set={"deleted": True})
    posthog.edit("comments", insert=[{"content": "the newest"}], parents={"project_id": 103})
    quick = of(file_scene.sync("comments", **here), "comments")
    assert quick.requests < first.requests
    assert (quick.complete, quick.counts.inserted, quick.counts.updated) == (False, 1, 0)
    due = of(file_scene.sync("comments", full=True, **here), "comments")
    assert (due.requests >= first.requests, due.complete, due.counts.deleted) == (True, True, 1)
    file_scene.learn(file_scene.truth("comments", **here))
    assert file_scene.wrong() == ""
