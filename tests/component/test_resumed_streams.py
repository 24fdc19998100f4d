"""Streams of which a run that broke off had read most: the next run reads on below it, the one after that all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sources.sandbox import Sandbox
from tests.component.half_read import (
    BELOW,
    COMMENTS,
    DELIVERIES,
    HERE,
    MANY,
    PAGES,
    READ,
    dies,
    edit,
    is_right,
    kept,
    read,
    write,
)
from tests.component.scene import Scene
from tests.harness.changes import PROJECT
from tests.harness.expected import Row
from tests.harness.scene import of

pytestmark = pytest.mark.usefixtures("long_list")


def test_a_stream_that_was_killed_after_most_of_it_is_gone_on_with(
    scene: Scene, long_list: list[Row], posthog: Sandbox
) -> None:
    dies(scene)
    write(posthog, "came later")
    edit(posthog, long_list[-2], content="edited since")
    edit(posthog, long_list[0], content="edited since, where nobody had read")
    result = read(scene)
    assert result.requests == PAGES - READ, "what was left"
    assert (result.counts.inserted, result.complete, result.status) == (MANY, False, "loaded")
    assert f"{READ} pages had been read by a run that broke off" in result.detail
    assert kept(scene.home) == []
    again = read(scene)
    assert (again.requests, again.complete, again.counts.written) == (PAGES + 1, True, 2), (
        "then all of it, once"
    )
    assert is_right(scene)


def test_what_changed_and_went_among_the_rows_that_were_kept_is_seen_by_the_next_run(
    scene: Scene, long_list: list[Row], posthog: Sandbox
) -> None:
    dies(scene)
    edit(posthog, long_list[-200], content="edited since")
    posthog.edit(COMMENTS, where={"id": long_list[-204]["id"]}, delete=True)
    assert not read(scene).complete
    assert not is_right(scene)
    assert not scene.rows(COMMENTS, dead=True), "what was not read proves nothing"
    assert read(scene).counts.deleted == 1
    assert scene.rows(COMMENTS)[(PROJECT, long_list[-200]["id"])]["content"] == "edited since"


def test_runs_that_die_one_after_the_other_get_on(
    scene: Scene, long_list: list[Row], posthog: Sandbox
) -> None:
    dies(scene, 14)
    write(posthog, *(f"new {n}" for n in range(24)))  # more than a page
    edit(posthog, long_list[-12], content="edited since")
    dies(scene, 5)
    assert scene.stored().get(COMMENTS, {}) == {}
    write(posthog, "the newest")
    result = read(scene)
    assert result.requests == PAGES - 14 - 5, "14 pages by the first, 5 below them by the second"
    assert result.counts.inserted == MANY
    assert read(scene).counts.inserted == 25
    assert is_right(scene)


def test_a_run_that_goes_on_may_be_killed_before_any_request(scene: Scene, posthog: Sandbox) -> None:
    dies(scene)
    write(posthog, *(f"new {n}" for n in range(50)))  # three pages
    pages = 0
    while scene.dies(COMMENTS, pages=pages, of="/comments/", **HERE):
        pages += 1
    assert pages == 3, "none, one and two of the five that were left"
    assert len(scene.rows(COMMENTS)) == MANY
    assert read(scene).complete
    assert is_right(scene)


def refused(posthog: Sandbox, status: int) -> None:
    posthog.fault(kind="status", status=status, path="comments/.*cursor=", times=1)


@pytest.mark.parametrize("status", [400, 404])
def test_a_cursor_that_is_known_no_more_costs_no_row(scene: Scene, posthog: Sandbox, status: int) -> None:
    dies(scene)
    refused(posthog, status)
    result = read(scene)
    assert (result.requests, result.counts.inserted, result.complete) == (PAGES + 1, MANY, False)
    assert is_right(scene)


def test_a_page_that_fails_below_what_was_kept_is_asked_for_again_by_the_next_run(
    scene: Scene, posthog: Sandbox
) -> None:
    dies(scene)
    posthog.fault(kind="array", path="comments/.*cursor=")
    assert (read(scene).status, scene.rows(COMMENTS)) == ("failed", {})
    posthog.clear_faults()
    assert read(scene).requests == PAGES - READ
    assert is_right(scene)


def test_a_row_that_is_written_late_into_what_was_kept_is_seen_by_the_next_run(
    scene: Scene, posthog: Sandbox
) -> None:
    posthog.options(cursor_rows=5)
    subscriptions = [row for row in posthog.rows("subscriptions") if row["_parents"] == BELOW]
    below = {**BELOW, "subscription_id": min(row["id"] for row in subscriptions)}
    posthog.edit(DELIVERIES, parents=below, delete=True)
    asked: dict[str, Any] = {"lists": {"sweep_every": "1d"}}  # only if the subscription has moved
    newest = datetime.now(UTC) - timedelta(days=10)

    def deliver(*times: datetime) -> None:
        rows = [{"status": "completed", "created_at": time.isoformat()} for time in times]
        posthog.edit(DELIVERIES, insert=rows, parents=below)

    deliver(*(newest - timedelta(hours=n) for n in range(120)))
    assert of(scene.sync(DELIVERIES, **HERE, **asked), DELIVERIES).complete
    due = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    posthog.edit("subscriptions", where={"id": below["subscription_id"]}, set={"next_delivery_date": due})
    path = f"subscriptions/{below['subscription_id']}/deliveries/"
    posthog.fault(kind="array", path=path, skip=13)  # of fifteen that hold three days
    assert of(scene.sync(DELIVERIES, **HERE, **asked), DELIVERIES).status == "failed"
    posthog.clear_faults()
    deliver(newest - timedelta(hours=30.5))
    deliver(datetime.now(UTC) - timedelta(minutes=1))
    assert of(scene.sync(DELIVERIES, **HERE, **asked), DELIVERIES).counts.inserted == 0
    assert of(scene.sync(DELIVERIES, **HERE, **asked), DELIVERIES).counts.inserted == 2, (
        "the new and the late one"
    )
    scene.learn(scene.truth(DELIVERIES, **HERE))
    assert scene.wrong() == ""


def test_a_page_that_leads_nowhere_is_not_taken_for_the_end_by_who_goes_on(
    scene: Scene, long_list: list[Row], posthog: Sandbox
) -> None:
    posthog.fault(kind="swap", path="/comments/", skip=12, times=1, body={"cursor=": "cursox="})
    assert read(scene).status == "failed"
    posthog.clear_faults()
    result = read(scene)
    assert (result.status, is_right(scene)) == ("loaded", True)
    assert len(scene.rows(COMMENTS)) == len(long_list)


def test_a_row_that_went_among_those_that_were_kept_dies_though_the_list_was_read_again_since(
    scene: Scene, long_list: list[Row], posthog: Sandbox
) -> None:
    assert read(scene).complete
    dies(scene, 13)
    gone = long_list[-120]
    posthog.edit(COMMENTS, where={"id": gone["id"]}, delete=True)
    second = read(scene)
    assert not second.complete, "its count differs, so all of it was read; but who was kept counts as seen"
    assert read(scene).counts.deleted == 1
    assert (PROJECT, gone["id"]) in scene.rows(COMMENTS, dead=True)
