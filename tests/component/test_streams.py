"""Streams: read from the newest down only as far as rows can still change, unless all of them are asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipelines.bookkeeping.records import run_table_row
from sources.sandbox import Sandbox
from tests.component.scene import Scene
from tests.harness.expected import Row
from tests.harness.long_lists import LONG, many_comments
from tests.harness.scene import of

DELIVERIES, PROJECT = "subscription_deliveries", 101
HERE: dict[str, Any] = {"projects": (PROJECT,)}


def deliveries(posthog: Sandbox) -> list[Row]:
    """Those of the project's longest list, newest first."""
    rows = posthog.truth(tables=("subscriptions", DELIVERIES))["rows"]
    first = min(row["id"] for row in rows["subscriptions"] if row["_parents"]["project_id"] == PROJECT)
    own = [row for row in rows[DELIVERIES] if row["_parents"]["subscription_id"] == first]
    return sorted(own, key=lambda row: datetime.fromisoformat(row["created_at"]), reverse=True)


def ago(**span: float) -> str:
    """A time before now, as PostHog writes it."""
    return (datetime.now(UTC) - timedelta(**span)).isoformat().replace("+00:00", "Z")


def test_deliveries_are_read_down_to_the_oldest_that_can_still_change(scene: Scene, posthog: Sandbox) -> None:
    rows = deliveries(posthog)
    dated = [{"id": row["id"], "created_at": ago(hours=4 * n)} for n, row in enumerate(rows)]
    posthog.edit(DELIVERIES, parents=rows[0]["_parents"], delete=True)
    posthog.edit(DELIVERIES, insert=dated, parents=rows[0]["_parents"])  # may be under way for a month
    rows = deliveries(posthog)
    stuck, old = rows[57], rows[-1]
    posthog.edit(DELIVERIES, where={"id": stuck["id"]}, set={"status": "starting", "finished_at": None})
    first = of(scene.sync(DELIVERIES, **HERE), DELIVERIES)
    assert first.complete
    posthog.edit(
        DELIVERIES, where={"id": stuck["id"]}, set={"status": "failed", "finished_at": stuck["created_at"]}
    )
    posthog.edit(DELIVERIES, where={"id": old["id"]}, set={"change_summary": "late words"})
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
    scene: Scene, posthog: Sandbox
) -> None:
    scene.sync(DELIVERIES, **HERE)
    scene.learn(scene.truth(DELIVERIES, **HERE))
    posthog.edit(DELIVERIES, where={"id": deliveries(posthog)[-1]["id"]}, delete=True)
    scene.sync(DELIVERIES, **HERE)
    assert scene.wrong() == ""
    scene.sync(DELIVERIES, full=True, **HERE)
    scene.learn(scene.truth(DELIVERIES, **HERE))
    assert scene.wrong() == ""
    assert len(scene.rows(DELIVERIES, dead=True)) == 1


def test_a_short_list_of_comments_is_read_in_full_every_run(scene: Scene, posthog: Sandbox) -> None:
    first = of(scene.sync("comments", projects=(201,)), "comments")
    rows = [row for row in posthog.rows("comments") if row["_parents"]["project_id"] == 201]
    oldest = min((row for row in rows if row["_listed"]), key=lambda row: str(row["created_at"]))
    posthog.edit("comments", where={"id": oldest["id"]}, set={"content": "edited after months"})
    again = of(scene.sync("comments", projects=(201,)), "comments")
    assert (again.requests, again.complete, again.counts.updated) == (first.requests, True, 1)
    scene.learn(scene.truth("comments", projects=(201,)))
    assert scene.wrong() == ""


def test_a_long_list_of_comments_stops_early_until_a_full_walk_is_due(scene: Scene, posthog: Sandbox) -> None:
    here: dict[str, Any] = {"projects": (103,)}
    many_comments(posthog)
    first = of(scene.sync("comments", **here), "comments")
    assert first.requests > 10
    oldest = posthog.rows("comments")[-LONG]
    posthog.edit("comments", where={"id": oldest["id"]}, set={"deleted": True})
    posthog.edit("comments", insert=[{"content": "the newest"}], parents={"project_id": 103})
    quick = of(scene.sync("comments", **here), "comments")
    assert quick.requests < first.requests
    assert (quick.complete, quick.counts.inserted, quick.counts.updated) == (False, 1, 0)
    due = of(scene.sync("comments", full=True, **here), "comments")
    assert (due.requests >= first.requests, due.complete, due.counts.deleted) == (True, True, 1)
    scene.learn(scene.truth("comments", **here))
    assert scene.wrong() == ""


# -- subscriptions whose deliveries are not asked for

SWEPT: dict[str, Any] = {"lists": {"sweep_every": "1d"}}


def subscription_of(posthog: Sandbox, row: Row) -> Row:
    """The subscription that a delivery belongs to."""
    ident = row["_parents"]["subscription_id"]
    return next(one for one in posthog.rows("subscriptions") if one["id"] == ident)


def finish_all(posthog: Sandbox) -> None:
    """No delivery is under way."""
    posthog.edit(DELIVERIES, where={"status": "starting"}, set={"status": "failed"})


def test_only_subscriptions_with_something_due_are_asked_for_deliveries(
    scene: Scene, posthog: Sandbox
) -> None:
    finish_all(posthog)
    stuck = deliveries(posthog)[0]
    under_way = {"status": "starting", "finished_at": None, "created_at": ago(days=3)}
    posthog.edit(DELIVERIES, where={"id": stuck["id"]}, set=under_way)
    first = of(scene.sync(DELIVERIES, **HERE, **SWEPT), DELIVERIES)
    lists = len(first.lists)
    assert first.skipped == 0, "what was never asked is asked"
    second = of(scene.sync(DELIVERIES, **HERE, **SWEPT), DELIVERIES)
    assert (second.skipped, second.requests) == (lists - 1, 1), "one delivery is still under way"
    assert f"{lists - 1} lists not asked, nothing was due" in second.detail
    assert not second.complete
    recorded = run_table_row("a run", second)
    assert (recorded["paths"], recorded["paths_spared"]) == (1, lists - 1)

    posthog.edit(DELIVERIES, where={"id": stuck["id"]}, set={"status": "failed"})
    assert of(scene.sync(DELIVERIES, **HERE, **SWEPT), DELIVERIES).requests == 1
    assert of(scene.sync(DELIVERIES, **HERE, **SWEPT), DELIVERIES).requests == 0

    sent = subscription_of(posthog, stuck)
    soon = {"next_delivery_date": "2027-01-01T00:00:00Z"}
    posthog.edit("subscriptions", where={"id": sent["id"]}, set=soon)
    parents = {"project_id": PROJECT, "subscription_id": sent["id"]}
    posthog.edit(DELIVERIES, insert=[{"status": "completed", "created_at": ago(hours=1)}], parents=parents)
    due = of(scene.sync(DELIVERIES, **HERE, **SWEPT), DELIVERIES)
    assert (due.requests, due.counts.inserted) == (1, 1)
    scene.learn(scene.truth(DELIVERIES, **HERE))
    assert scene.wrong() == ""


def test_a_full_sync_and_the_daily_sweep_ask_every_subscription(scene: Scene, posthog: Sandbox) -> None:
    finish_all(posthog)
    first = of(scene.sync(DELIVERIES, **HERE, **SWEPT), DELIVERIES)
    assert of(scene.sync(DELIVERIES, **HERE, **SWEPT), DELIVERIES).skipped == len(first.lists)
    assert of(scene.sync(DELIVERIES, full=True, **HERE, **SWEPT), DELIVERIES).skipped == 0
    scene.warehouse.age(DELIVERIES, last_walk_at=timedelta(hours=25))
    swept = of(scene.sync(DELIVERIES, **HERE, **SWEPT), DELIVERIES)
    assert (swept.skipped, len(swept.lists)) == (0, len(first.lists))
    assert swept.requests < first.requests, "asked, but not read to the end"


def test_another_key_asks_every_subscription_once(scene: Scene, posthog: Sandbox) -> None:
    finish_all(posthog)
    first = of(scene.sync(DELIVERIES, **HERE, **SWEPT), DELIVERIES)
    scopes = ["*:read", "query:read", "*"]
    other = posthog.new_key("other", user="owner", scopes=scopes)
    again = of(scene.sync(DELIVERIES, key=other, **HERE, **SWEPT), DELIVERIES)
    assert (again.skipped, len(again.lists)) == (0, len(first.lists))
    assert of(scene.sync(DELIVERIES, key=other, **HERE, **SWEPT), DELIVERIES).skipped == len(first.lists)
    back = of(scene.sync(DELIVERIES, **HERE, **SWEPT), DELIVERIES)
    assert (back.skipped, len(back.lists)) == (0, len(first.lists)), "each change of the key"


def test_subscriptions_of_a_failed_list_do_not_make_spared_deliveries_fail(
    scene: Scene, posthog: Sandbox
) -> None:
    finish_all(posthog)
    both: dict[str, Any] = {"projects": (PROJECT, 102), **SWEPT}
    scene.sync(DELIVERIES, **both)
    posthog.fault(kind="array", path="projects/102/subscriptions/")
    outcome = scene.sync(DELIVERIES, **both)
    assert of(outcome, "subscriptions").status == "failed"
    assert of(outcome, DELIVERIES).status == "unchanged"


def test_a_delivery_that_is_stuck_for_months_is_waited_for_no_more(scene: Scene, posthog: Sandbox) -> None:
    finish_all(posthog)
    stuck = deliveries(posthog)[57]
    posthog.edit(
        DELIVERIES,
        where={"id": stuck["id"]},
        set={"status": "starting", "created_at": "2026-01-05T00:00:00Z", "finished_at": None},
    )
    scene.sync(DELIVERIES, **HERE, **SWEPT)
    assert of(scene.sync(DELIVERIES, **HERE, **SWEPT), DELIVERIES).requests == 0
    posthog.edit(DELIVERIES, where={"id": stuck["id"]}, set={"status": "failed"})
    scene.warehouse.age(DELIVERIES, last_complete_at=timedelta(days=8))
    full = of(scene.sync(DELIVERIES, **HERE, **SWEPT), DELIVERIES)
    assert (full.complete, full.counts.updated) == (True, 1), "the weekly walk finds it"


# -- a cheap count beside a long list


def test_a_count_that_disagrees_makes_a_long_list_be_walked_at_once(scene: Scene, posthog: Sandbox) -> None:
    here: dict[str, Any] = {"projects": (103,)}
    many_comments(posthog)
    first = of(scene.sync("comments", **here), "comments")
    quick = of(scene.sync("comments", **here), "comments")
    assert quick.requests == quick.pages + 1 < first.requests, "some pages, and the count"

    oldest = posthog.rows("comments")[-LONG]
    posthog.edit("comments", where={"id": oldest["id"]}, delete=True)
    posthog.edit("comments", insert=[{"content": "new"}], parents={"project_id": 103})
    posthog.edit("comments", insert=[{"content": "also new"}], parents={"project_id": 103})
    drifted = of(scene.sync("comments", **here), "comments")
    assert (drifted.complete, drifted.counts.inserted, drifted.counts.deleted) == (True, 2, 1)
    assert of(scene.sync("comments", **here), "comments").pages <= quick.pages, "no full walk again"
    dead = {key: row for key, row in scene.rows("comments").items() if key[-1] == oldest["id"]}
    assert [row["dead"] for row in dead.values()] == [True]
    scene.known = {"comments": dead}
    scene.learn(scene.truth("comments", **here))
    assert scene.wrong() == ""


def test_a_count_that_differs_for_good_is_learnt_once(scene: Scene, posthog: Sandbox) -> None:
    here: dict[str, Any] = {"projects": (103,)}
    many_comments(posthog)
    scene.sync("comments", **here)
    posthog.fault(kind="swap", path="comments/count/", body={'"count":': '"count":9'})
    odd = of(scene.sync("comments", **here), "comments")
    assert not odd.complete
    assert "PostHog counts 9" in odd.detail
    again = of(scene.sync("comments", **here), "comments")
    assert again.requests < odd.requests, "no full walk every hour"
    due = of(scene.sync("comments", full=True, **here), "comments")
    assert due.complete, "the same gap as last time explains itself"


def test_a_comment_from_the_future_lifts_no_watermark(scene: Scene, posthog: Sandbox) -> None:
    here: dict[str, Any] = {"projects": (103,)}
    many_comments(posthog, {"created_at": "2031-01-01T00:00:00Z"})
    scene.sync("comments", **here)
    posthog.edit("comments", insert=[{"content": "of today"}], parents={"project_id": 103})
    assert of(scene.sync("comments", **here), "comments").counts.inserted == 1
    (position,) = (one for one in scene.warehouse.positions.values() if "/103/comments" in one.path)
    assert position.watermark
    assert position.watermark < datetime.now(UTC)


def test_a_setting_that_drops_the_telling_field_spares_no_list(scene: Scene, posthog: Sandbox) -> None:
    finish_all(posthog)
    told: dict[str, Any] = {"privacy": {"columns": {"subscriptions.next_delivery_date": "drop"}}, **SWEPT}
    scene.sync(DELIVERIES, **HERE, **told)
    assert of(scene.sync(DELIVERIES, **HERE, **told), DELIVERIES).skipped == 0


def test_what_fails_while_a_lost_table_is_filled_again_is_not_spared(scene: Scene, posthog: Sandbox) -> None:
    finish_all(posthog)
    scene.sync(DELIVERIES, **HERE, **SWEPT)
    rows = scene.rows(DELIVERIES).keys()
    scene.warehouse.drop(DELIVERIES)
    owner = deliveries(posthog)[0]["_parents"]["subscription_id"]
    posthog.fault(kind="array", path=f"subscriptions/{owner}/deliveries/")
    assert of(scene.sync(DELIVERIES, **HERE, **SWEPT), DELIVERIES).status == "failed"
    posthog.clear_faults()
    scene.sync(DELIVERIES, **HERE, **SWEPT)
    assert scene.rows(DELIVERIES).keys() == rows


def test_a_list_that_fails_in_a_full_sync_is_read_on_from_where_it_stood(
    scene: Scene, posthog: Sandbox
) -> None:
    finish_all(posthog)
    scene.sync(DELIVERIES, **HERE, **SWEPT)
    owner = deliveries(posthog)[0]["_parents"]["subscription_id"]
    path = next(path for path in scene.warehouse.positions if f"/{owner}/deliveries/" in path)
    before = scene.warehouse.positions[path]
    posthog.fault(kind="array", path=f"subscriptions/{owner}/deliveries/")
    assert of(scene.sync(DELIVERIES, full=True, **HERE, **SWEPT), DELIVERIES).status == "failed"
    assert scene.warehouse.positions[path] == replace(before, moved=None)


# -- deaths that another key may not tell


@pytest.mark.fault("warehouse.dropped_column")
@pytest.mark.parametrize("lost", [False, True], ids=["known", "column dropped"])
@pytest.mark.parametrize(("table", "column"), [("comments", "content"), (DELIVERIES, "change_summary")])
def test_a_death_that_is_held_for_another_key_is_looked_for_once(
    scene: Scene, posthog: Sandbox, table: str, column: str, *, lost: bool
) -> None:
    here = {"projects": (103,)} if table == "comments" else HERE
    if table == "comments":
        many_comments(posthog)
    finish_all(posthog)
    scene.sync(table, **here, **SWEPT)
    quick = of(scene.sync(table, **here, **SWEPT), table).pages
    living = [row for row in posthog.rows(table) if not row.get("deleted")]
    own = [row for row in living if row["_parents"]["project_id"] == here["projects"][0]]
    gone = min(own, key=lambda row: str(row["created_at"]))["id"]
    posthog.edit(table, where={"id": gone}, delete=True)
    if lost:
        scene.warehouse.drop_column(table, column)
    scene.warehouse.age(table, last_complete_at=timedelta(days=30))
    scopes = ["*:read", "query:read", "*"]
    other = posthog.new_key("unsure", user="owner", scopes=scopes)
    first = of(scene.sync(table, key=other, **here, **SWEPT), table)
    assert first.pages > quick
    for _ in range(2):
        assert of(scene.sync(table, key=other, **here, **SWEPT), table).pages <= quick
    assert gone not in {key[-1] for key in scene.rows(table, dead=True)}
    for _ in range(2):  # a list of more than 50 pages has its second look in the next run
        scene.sync(table, full=True, **here, **SWEPT)
    assert gone in {key[-1] for key in scene.rows(table, dead=True)}, "the key that saw it may tell"
