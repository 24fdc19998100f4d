"""Streams: read from the newest down only as far as rows can still change, unless all of them are asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sources.sandbox import Sandbox
from tests.pipelines.long_lists import LONG, many_comments
from tests.pipelines.test_sync_mending import run
from tests.truth.expected import Row
from tests.truth.scene import Scene, of

DELIVERIES, PROJECT = "subscription_deliveries", 101
HERE: dict[str, Any] = {"projects": (PROJECT,)}


def deliveries(posthog: Sandbox) -> list[Row]:
    """Those of the project's longest list, newest first."""
    rows = posthog.truth()["rows"]
    first = min(row["id"] for row in rows["subscriptions"] if row["_parents"]["project_id"] == PROJECT)
    own = [row for row in rows[DELIVERIES] if row["_parents"]["subscription_id"] == first]
    return sorted(own, key=lambda row: datetime.fromisoformat(row["created_at"]), reverse=True)


def ago(**span: float) -> str:
    """A time before now, as PostHog writes it."""
    return (datetime.now(UTC) - timedelta(**span)).isoformat().replace("+00:00", "Z")


def test_deliveries_are_read_down_to_the_oldest_that_can_still_change(
    file_scene: Scene, posthog: Sandbox
) -> None:
    rows = deliveries(posthog)
    for hours, row in enumerate(rows, 1):  # within the month for which a row may be under way
        posthog.edit(DELIVERIES, where={"id": row["id"]}, set={"created_at": ago(hours=4 * hours)})
    rows = deliveries(posthog)
    stuck, old = rows[57], rows[-1]
    posthog.edit(DELIVERIES, where={"id": stuck["id"]}, set={"status": "starting", "finished_at": None})
    first = of(file_scene.sync(DELIVERIES, **HERE), DELIVERIES)
    assert first.complete
    posthog.edit(
        DELIVERIES, where={"id": stuck["id"]}, set={"status": "failed", "finished_at": stuck["created_at"]}
    )
    posthog.edit(
        DELIVERIES, where={"id": old["id"]}, set={"change_summary": f"late words for {file_scene.url}"}
    )
    quick = of(file_scene.sync(DELIVERIES, **HERE), DELIVERIES)
    assert quick.requests < first.requests
    assert (quick.complete, quick.status) == (False, "loaded"), "what was not read to its end is not complete"
    stored = {key[-1]: row for key, row in file_scene.rows(DELIVERIES).items()}
    assert stored[stuck["id"]]["status"] == "failed"
    assert stored[old["id"]].get("change_summary") == old["change_summary"]

    quicker = of(file_scene.sync(DELIVERIES, **HERE), DELIVERIES)
    assert quicker.requests < quick.requests, "no open row keeps the walk going any more"
    full = of(file_scene.sync(DELIVERIES, full=True, **HERE), DELIVERIES)
    assert (full.requests, full.complete, full.counts.updated) == (first.requests, True, 1)
    file_scene.learn(file_scene.truth(DELIVERIES, **HERE))
    assert file_scene.wrong() == ""


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
    rows = [row for row in posthog.rows("comments") if row["_parents"]["project_id"] == 201]
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
    many_comments(posthog)
    first = of(file_scene.sync("comments", **here), "comments")
    assert first.requests > 10
    oldest = posthog.rows("comments")[-LONG]
    posthog.edit("comments", where={"id": oldest["id"]}, set={"deleted": True})
    posthog.edit("comments", insert=[{"content": "the newest"}], parents={"project_id": 103})
    quick = of(file_scene.sync("comments", **here), "comments")
    assert quick.requests < first.requests
    assert (quick.complete, quick.counts.inserted, quick.counts.updated) == (False, 1, 0)
    due = of(file_scene.sync("comments", full=True, **here), "comments")
    assert (due.requests >= first.requests, due.complete, due.counts.deleted) == (True, True, 1)
    file_scene.learn(file_scene.truth("comments", **here))
    assert file_scene.wrong() == ""


# -- subscriptions whose deliveries are not asked for

SWEPT: dict[str, Any] = {"lists": {"sweep_every": "1d"}}


def subscription_of(posthog: Sandbox, row: Row) -> Row:
    """The subscription that a delivery belongs to."""
    ident = row["_parents"]["subscription_id"]
    return next(one for one in posthog.rows("subscriptions") if one["id"] == ident)


def finish_all(posthog: Sandbox) -> None:
    """No delivery is under way."""
    for row in posthog.rows(DELIVERIES):
        if row["status"] == "starting":
            posthog.edit(DELIVERIES, where={"id": row["id"]}, set={"status": "failed"})


def test_only_subscriptions_with_something_due_are_asked_for_deliveries(
    file_scene: Scene, posthog: Sandbox
) -> None:
    finish_all(posthog)
    stuck = deliveries(posthog)[0]
    under_way = {"status": "starting", "finished_at": None, "created_at": ago(days=3)}
    posthog.edit(DELIVERIES, where={"id": stuck["id"]}, set=under_way)
    first = of(file_scene.sync(DELIVERIES, **HERE, **SWEPT), DELIVERIES)
    lists = len(first.listed)
    assert first.spared == 0, "what was never asked is asked"
    second = of(file_scene.sync(DELIVERIES, **HERE, **SWEPT), DELIVERIES)
    assert (second.spared, second.requests) == (lists - 1, 1), "one delivery is still under way"
    assert f"{lists - 1} lists not asked, nothing was due" in second.detail
    assert not second.complete
    recorded = (
        "select paths, paths_spared from posthog._hogsync_run_tables where table_name = '{}' order by paths"
    )
    assert file_scene.ask(recorded.format(DELIVERIES))[0] == (1, lists - 1)

    posthog.edit(DELIVERIES, where={"id": stuck["id"]}, set={"status": "failed"})
    assert of(file_scene.sync(DELIVERIES, **HERE, **SWEPT), DELIVERIES).requests == 1
    assert of(file_scene.sync(DELIVERIES, **HERE, **SWEPT), DELIVERIES).requests == 0

    sent = subscription_of(posthog, stuck)
    soon = {
        "next_delivery_date": f"2027-01-01T00:00:0{len(file_scene.url) % 10}Z"
    }  # another for each warehouse
    posthog.edit("subscriptions", where={"id": sent["id"]}, set=soon)
    parents = {"project_id": PROJECT, "subscription_id": sent["id"]}
    posthog.edit(DELIVERIES, insert=[{"status": "completed", "created_at": ago(hours=1)}], parents=parents)
    due = of(file_scene.sync(DELIVERIES, **HERE, **SWEPT), DELIVERIES)
    assert (due.requests, due.counts.inserted) == (1, 1)
    file_scene.learn(file_scene.truth(DELIVERIES, **HERE))
    assert file_scene.wrong() == ""


def test_a_full_sync_and_the_daily_sweep_ask_every_subscription(file_scene: Scene, posthog: Sandbox) -> None:
    finish_all(posthog)
    first = of(file_scene.sync(DELIVERIES, **HERE, **SWEPT), DELIVERIES)
    assert of(file_scene.sync(DELIVERIES, **HERE, **SWEPT), DELIVERIES).spared == len(first.listed)
    assert of(file_scene.sync(DELIVERIES, full=True, **HERE, **SWEPT), DELIVERIES).spared == 0
    age(file_scene, DELIVERIES, last_walk_at="25 hours")
    swept = of(file_scene.sync(DELIVERIES, **HERE, **SWEPT), DELIVERIES)
    assert (swept.spared, len(swept.listed)) == (0, len(first.listed))
    assert swept.requests < first.requests, "asked, but not read to the end"


def test_another_key_asks_every_subscription_once(file_scene: Scene, posthog: Sandbox) -> None:
    finish_all(posthog)
    first = of(file_scene.sync(DELIVERIES, **HERE, **SWEPT), DELIVERIES)
    scopes = ["*:read", "query:read", "*"]
    other = posthog.new_key(f"other{file_scene.url[:4]}", user="owner", scopes=scopes)
    again = of(file_scene.sync(DELIVERIES, key=other, **HERE, **SWEPT), DELIVERIES)
    assert (again.spared, len(again.listed)) == (0, len(first.listed))
    assert of(file_scene.sync(DELIVERIES, key=other, **HERE, **SWEPT), DELIVERIES).spared == len(first.listed)
    back = of(file_scene.sync(DELIVERIES, **HERE, **SWEPT), DELIVERIES)
    assert (back.spared, len(back.listed)) == (0, len(first.listed)), "each change of the key"


def test_subscriptions_of_a_failed_list_do_not_make_spared_deliveries_fail(
    file_scene: Scene, posthog: Sandbox
) -> None:
    finish_all(posthog)
    both: dict[str, Any] = {"projects": (PROJECT, 102), **SWEPT}
    file_scene.sync(DELIVERIES, **both)
    posthog.fault(kind="array", path="projects/102/subscriptions/")
    outcome = file_scene.sync(DELIVERIES, **both)
    assert of(outcome, "subscriptions").status == "failed"
    assert of(outcome, DELIVERIES).status == "unchanged"


def test_a_delivery_that_is_stuck_for_months_is_waited_for_no_more(
    file_scene: Scene, posthog: Sandbox
) -> None:
    finish_all(posthog)
    stuck = deliveries(posthog)[57]
    posthog.edit(
        DELIVERIES,
        where={"id": stuck["id"]},
        set={"status": "starting", "created_at": "2026-01-05T00:00:00Z", "finished_at": None},
    )
    file_scene.sync(DELIVERIES, **HERE, **SWEPT)
    assert of(file_scene.sync(DELIVERIES, **HERE, **SWEPT), DELIVERIES).requests == 0
    posthog.edit(DELIVERIES, where={"id": stuck["id"]}, set={"status": "failed"})
    age(file_scene, DELIVERIES, last_complete_at="8 days")
    full = of(file_scene.sync(DELIVERIES, **HERE, **SWEPT), DELIVERIES)
    assert (full.complete, full.counts.updated) == (True, 1), "the weekly walk finds it"


def age(scene: Scene, table: str, **moments: str) -> None:
    """Make positions older than they are."""
    changes = ", ".join(f"{column} = {column} - interval '{span}'" for column, span in moments.items())
    run(scene.url, f"update posthog._hogsync_paths set {changes} where table_name = '{table}'")


# -- a cheap count beside a long list


def test_a_count_that_disagrees_makes_a_long_list_be_walked_at_once(
    file_scene: Scene, posthog: Sandbox
) -> None:
    here: dict[str, Any] = {"projects": (103,)}
    many_comments(posthog)
    first = of(file_scene.sync("comments", **here), "comments")
    quick = of(file_scene.sync("comments", **here), "comments")
    assert quick.requests == quick.pages + 1 < first.requests, "some pages, and the count"

    oldest = posthog.rows("comments")[-LONG]
    posthog.edit("comments", where={"id": oldest["id"]}, delete=True)
    posthog.edit("comments", insert=[{"content": f"new for {file_scene.url}"}], parents={"project_id": 103})
    posthog.edit("comments", insert=[{"content": f"also for {file_scene.url}"}], parents={"project_id": 103})
    drifted = of(file_scene.sync("comments", **here), "comments")
    assert (drifted.complete, drifted.counts.inserted, drifted.counts.deleted) == (True, 2, 1)
    assert of(file_scene.sync("comments", **here), "comments").pages <= quick.pages, "no full walk again"
    dead = {key: row for key, row in file_scene.rows("comments").items() if key[-1] == oldest["id"]}
    assert [row["dead"] for row in dead.values()] == [True]
    file_scene.known = {"comments": dead}
    file_scene.learn(file_scene.truth("comments", **here))
    assert file_scene.wrong() == ""


def test_a_count_that_differs_for_good_is_learnt_once(file_scene: Scene, posthog: Sandbox) -> None:
    here: dict[str, Any] = {"projects": (103,)}
    many_comments(posthog)
    file_scene.sync("comments", **here)
    posthog.fault(kind="swap", path="comments/count/", body={'"count":': '"count":9'})
    odd = of(file_scene.sync("comments", **here), "comments")
    assert not odd.complete
    assert "PostHog counts 9" in odd.detail
    again = of(file_scene.sync("comments", **here), "comments")
    assert again.requests < odd.requests, "no full walk every hour"
    due = of(file_scene.sync("comments", full=True, **here), "comments")
    assert due.complete, "the same gap as last time explains itself"


def test_a_comment_from_the_future_lifts_no_watermark(file_scene: Scene, posthog: Sandbox) -> None:
    here: dict[str, Any] = {"projects": (103,)}
    many_comments(posthog, {"created_at": "2031-01-01T00:00:00Z"})
    file_scene.sync("comments", **here)
    posthog.edit("comments", insert=[{"content": "of today"}], parents={"project_id": 103})
    assert of(file_scene.sync("comments", **here), "comments").counts.inserted == 1
    marks = "select max(watermark) from posthog._hogsync_paths where path like '%/103/comments%'"
    ((watermark,),) = file_scene.ask(marks)
    assert watermark < datetime.now(UTC)


def test_a_setting_that_drops_the_telling_field_spares_no_list(file_scene: Scene, posthog: Sandbox) -> None:
    finish_all(posthog)
    told: dict[str, Any] = {"privacy": {"columns": {"subscriptions.next_delivery_date": "drop"}}, **SWEPT}
    file_scene.sync(DELIVERIES, **HERE, **told)
    assert of(file_scene.sync(DELIVERIES, **HERE, **told), DELIVERIES).spared == 0


def test_what_fails_while_a_lost_table_is_filled_again_is_not_spared(
    file_scene: Scene, posthog: Sandbox
) -> None:
    finish_all(posthog)
    file_scene.sync(DELIVERIES, **HERE, **SWEPT)
    rows = file_scene.rows(DELIVERIES).keys()
    run(file_scene.url, f"drop table posthog.{DELIVERIES}")
    owner = deliveries(posthog)[0]["_parents"]["subscription_id"]
    posthog.fault(kind="array", path=f"subscriptions/{owner}/deliveries/")
    assert of(file_scene.sync(DELIVERIES, **HERE, **SWEPT), DELIVERIES).status == "failed"
    posthog.clear_faults()
    file_scene.sync(DELIVERIES, **HERE, **SWEPT)
    assert file_scene.rows(DELIVERIES).keys() == rows


# -- deaths that another key may not tell


@pytest.mark.fault("warehouse.dropped_column")
@pytest.mark.parametrize("lost", [False, True], ids=["known", "column dropped"])
@pytest.mark.parametrize(("table", "column"), [("comments", "content"), (DELIVERIES, "change_summary")])
def test_a_death_that_is_held_for_another_key_is_looked_for_once(
    file_scene: Scene, posthog: Sandbox, table: str, column: str, *, lost: bool
) -> None:
    here = {"projects": (103,)} if table == "comments" else HERE
    if table == "comments":
        many_comments(posthog)
    finish_all(posthog)
    file_scene.sync(table, **here, **SWEPT)
    quick = of(file_scene.sync(table, **here, **SWEPT), table).pages
    living = [row for row in posthog.rows(table) if not row.get("deleted")]
    own = [row for row in living if row["_parents"]["project_id"] == here["projects"][0]]
    gone = min(own, key=lambda row: str(row["created_at"]))["id"]
    posthog.edit(table, where={"id": gone}, delete=True)
    if lost:
        run(file_scene.url, f"alter table posthog.{table} drop column {column}")
    age(file_scene, table, last_complete_at="30 days")
    scopes = ["*:read", "query:read", "*"]
    other = posthog.new_key(f"unsure {table}{lost}{file_scene.url[:4]}", user="owner", scopes=scopes)
    first = of(file_scene.sync(table, key=other, **here, **SWEPT), table)
    assert first.pages > quick
    for _ in range(2):
        assert of(file_scene.sync(table, key=other, **here, **SWEPT), table).pages <= quick
    assert gone not in {key[-1] for key in file_scene.rows(table, dead=True)}
    for _ in range(2):  # a list of more than 50 pages has its second look in the next run
        file_scene.sync(table, full=True, **here, **SWEPT)
    assert gone in {key[-1] for key in file_scene.rows(table, dead=True)}, "the key that saw it may tell"
