"""Cursor lists, lists in two passes and lists below a row, while their rows come, go and change between two pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from sources.posthog.catalogue.endpoint import Endpoint
from sources.posthog.shape.batch import Batch
from sources.sandbox import Sandbox
from tests.component.scene import Scene
from tests.harness.expected import Row
from tests.harness.scene import of

SUBSCRIPTIONS, DELIVERIES, COMMENTS = "subscriptions", "subscription_deliveries", "comments"


def after_page(table: str, number: int, do: Callable[[list[Any]], None]) -> Sequence[Callable[..., None]]:
    """An observer that acts once, when so many pages of a table have been read; it is told that page's ids."""
    pages: list[int] = []

    def observe(endpoint: Endpoint, batch: Batch) -> None:
        if endpoint.table == table:
            pages.append(1)
            if len(pages) == number:
                do(batch.values("id"))

    return (observe,)


def ids(scene: Scene, table: str, *, dead: bool) -> list[Any]:
    return sorted(key[-1] for key in scene.rows(table, dead=dead))


@pytest.mark.fault("lists.cursor")
def test_a_cursor_list_that_moves_under_the_reader_loses_nothing(scene: Scene, posthog: Sandbox) -> None:
    here: dict[str, Any] = {"projects": (101,), "lists": {"in_flight": 1}}
    below = {"project_id": 101}
    scene.sync(COMMENTS, **here)
    living = set(ids(scene, COMMENTS, dead=False))
    purged: list[Any] = []

    def change(page: list[Any]) -> None:
        """Rows come, change and go on both sides of the reader; the page's last one, where the cursor stands, too."""
        seen, ahead = [ident for ident in page if ident in living], sorted(living.difference(page))
        posthog.edit(COMMENTS, insert=[{"content": "while you read"}], parents=below)
        posthog.edit(COMMENTS, where={"id": seen[0]}, parents=below, set={"content": "edited behind"})
        posthog.edit(COMMENTS, where={"id": seen[1]}, parents=below, soft_delete=True)
        posthog.edit(COMMENTS, where={"id": ahead[0]}, parents=below, set={"content": "edited ahead"})
        posthog.edit(COMMENTS, where={"id": ahead[1]}, parents=below, soft_delete=True)
        purged.extend([page[-1], ahead[2]])
        for ident in purged:
            posthog.edit(COMMENTS, where={"id": ident}, parents=below, delete=True)

    moved = scene.sync(COMMENTS, observers=after_page(COMMENTS, 1, change), **here)
    assert (moved.exit_code, len(purged)) == (0, 2)
    lives = {r["id"] for r in posthog.rows(COMMENTS) if r["_parents"] == below and not r["deleted"]}
    assert not lives & set(ids(scene, COMMENTS, dead=True))
    assert of(scene.sync(COMMENTS, **here), COMMENTS).complete
    scene.learn(scene.truth(COMMENTS, projects=(101,)))
    stored = scene.stored()
    assert {key[-1] for key in stored[COMMENTS]} - {key[-1] for key in scene.known[COMMENTS]} <= set(purged)
    assert {k: r for k, r in stored[COMMENTS].items() if k[-1] not in purged} == scene.known[COMMENTS]
    assert set(purged) <= set(ids(scene, COMMENTS, dead=True))


@pytest.mark.fault("lists.two_passes", "lists.stable_order")
def test_a_subscription_that_changes_sides_between_the_two_passes_is_right_in_the_next_run(
    scene: Scene, posthog: Sandbox
) -> None:
    here: dict[str, Any] = {"projects": (101,), "lists": {"page_size": 5, "in_flight": 1}}
    below = {"project_id": 101}
    scene.sync(SUBSCRIPTIONS, **here)
    lived, died = ids(scene, SUBSCRIPTIONS, dead=False), ids(scene, SUBSCRIPTIONS, dead=True)
    pages = -(-len(lived) // 5)

    def change(_page: list[Any]) -> None:
        """All living ones are read: one is deleted, one that was deleted returns, and one is made."""
        posthog.edit(SUBSCRIPTIONS, where={"id": lived[0]}, parents=below, soft_delete=True)
        posthog.edit(SUBSCRIPTIONS, where={"id": died[0]}, parents=below, soft_delete=False)
        posthog.edit(SUBSCRIPTIONS, insert=[{"title": "while you read"}], parents=below)

    posthog.clear_requests()
    moved = scene.sync(SUBSCRIPTIONS, observers=after_page(SUBSCRIPTIONS, pages, change), **here)
    assert moved.exit_code == 0
    assert set(ids(scene, SUBSCRIPTIONS, dead=True)) <= {lived[0], *died}
    asked = [one["query"] for one in posthog.requests() if one["path"].endswith(f"/{SUBSCRIPTIONS}/")]
    assert all("ordering=created_at" in query for query in asked)
    assert of(scene.sync(SUBSCRIPTIONS, **here), SUBSCRIPTIONS).complete
    scene.learn(scene.truth(SUBSCRIPTIONS, projects=(101,)))
    assert scene.wrong() == ""
    assert lived[0] in ids(scene, SUBSCRIPTIONS, dead=True)
    assert died[0] in ids(scene, SUBSCRIPTIONS, dead=False)


@pytest.mark.fault("lists.parent_goes")
def test_a_subscription_that_goes_before_its_deliveries_are_read_takes_no_other_along(
    scene: Scene, posthog: Sandbox
) -> None:
    here: dict[str, Any] = {"projects": (102,), "lists": {"in_flight": 1}}
    scene.sync(DELIVERIES, **here)
    scene.learn(scene.truth(DELIVERIES, projects=(102,)))
    gone = ids(scene, SUBSCRIPTIONS, dead=False)[0]

    def change(_page: list[Any]) -> None:
        posthog.edit(SUBSCRIPTIONS, where={"id": gone}, parents={"project_id": 102}, delete=True)

    assert scene.sync(DELIVERIES, observers=after_page(SUBSCRIPTIONS, 1, change), **here).exit_code == 0
    dead: list[Row] = [*scene.rows(DELIVERIES, dead=True).values()]
    assert all(row["subscription_id"] == gone for row in dead)
    scene.sync(DELIVERIES, **here)
    scene.learn(scene.truth(DELIVERIES, projects=(102,)))
    assert scene.wrong() == ""
