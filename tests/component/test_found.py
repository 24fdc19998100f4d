"""What lives by chance (`test_random_lives.py`) have found, each told once and plainly."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from sources.posthog.extract.options import Window
from sources.sandbox import Sandbox
from tests.component.scene import Scene
from tests.harness.scene import of, written

DELIVERIES, EVENTS, PROPERTIES = "subscription_deliveries", "event_definitions", "property_definitions"
HERE: dict[str, Any] = {"projects": (201,)}
BELOW = {"project_id": 201}


def torn_off(scene: Scene, table: str, ident: Any, *below: str) -> None:
    """As a kill leaves it that comes between a table and what hangs on it: the rows below are in, their row is not."""
    rows = scene.warehouse.tables[table].rows
    del rows[(201, ident)]
    for child in below:
        scene.warehouse.tear(child, lambda key: key[:2] == (201, ident))


def test_rows_below_a_row_that_a_torn_load_never_wrote_are_not_there_when_it_is_gone(
    scene: Scene, posthog: Sandbox
) -> None:
    scene.settle(DELIVERIES, **HERE)
    ident = min(key[1] for key in scene.known["subscriptions"])
    below = (DELIVERIES, f"{DELIVERIES}__recipients", "subscriptions__recipients")
    torn_off(scene, "subscriptions", ident, *below)
    (row,) = [r for r in posthog.rows("subscriptions") if r["id"] == ident]
    posthog.edit("subscriptions", where={"id": ident}, parents=BELOW, delete=True)
    outcome = scene.sync(DELIVERIES, **HERE)
    for table in below:
        assert scene.rows(table)
        assert not [key for key in scene.rows(table) if ident in key[:2]], table
    assert of(outcome, "subscriptions").counts.deleted == 0, "it was never there"
    assert written(scene.sync(DELIVERIES, **HERE)) == 0
    kept = {name: value for name, value in row.items() if name[0] != "_"}
    kept["created_by"] = kept["created_by"] and kept["created_by"]["id"]
    posthog.edit("subscriptions", insert=[kept], parents=BELOW)
    scene.sync(DELIVERIES, full=True, **HERE)
    scene.learn(scene.truth(DELIVERIES, **HERE))
    assert scene.wrong() == ""


def test_a_list_of_a_row_that_a_torn_load_never_wrote_comes_with_the_row(
    scene: Scene, posthog: Sandbox
) -> None:
    names = sorted(r["name"] for r in posthog.rows(EVENTS) if r["_parents"] == BELOW)[:2]
    for name in names:
        posthog.edit(EVENTS, where={"name": name}, parents=BELOW, set={"tags": ["a", "b", "c"]})
    scene.settle(EVENTS, **HERE)
    for name in names:
        torn_off(scene, EVENTS, name, f"{EVENTS}__tags")
    posthog.edit(EVENTS, where={"name": names[0]}, parents=BELOW, set={"tags": ["b"]})
    posthog.edit(EVENTS, where={"name": names[1]}, parents=BELOW, delete=True)
    scene.sync(EVENTS, **HERE)
    tags = {key[1:]: row["dead"] for key, row in scene.rows(f"{EVENTS}__tags").items() if key[1] in names}
    assert tags == {(names[0], 0): False}
    assert written(scene.sync(EVENTS, **HERE)) == 0


def test_rows_of_a_torn_load_that_belong_to_no_row_stay(scene: Scene, posthog: Sandbox) -> None:
    scene.settle(PROPERTIES, **HERE)
    scene.warehouse.tear(PROPERTIES, lambda _: True)
    stored = scene.rows(PROPERTIES).keys()
    assert {-1} < {key[2] for key in stored}, "of groups and of none"
    posthog.fault(kind="status", status=500, path="property_definitions")
    assert of(scene.sync(PROPERTIES, **HERE), PROPERTIES).status == "failed"
    assert scene.rows(PROPERTIES).keys() == stored


def test_a_row_that_changes_places_with_one_that_was_always_hidden_never_dies(
    scene: Scene, posthog: Sandbox
) -> None:
    asked: dict[str, Any] = {"lists": {"page_size": 20}, **HERE}
    posthog.fault(path=rf"projects/201/{EVENTS}.*offset=20$", kind="drop_row", row=3)
    for _ in range(2):
        outcome = of(scene.sync(EVENTS, **asked), EVENTS)
    assert outcome.complete, "a row less than PostHog counts, as before: this key may not see it"
    posthog.edit(EVENTS, insert=[{"name": "$$$ before all others"}], parents=BELOW)
    for _ in range(2):
        held = of(scene.sync(EVENTS, **asked), EVENTS)
        assert held.deletes_held == 1
        assert not scene.rows(EVENTS, dead=True)
    posthog.clear_faults()
    scene.sync(EVENTS, **asked)
    scene.learn(scene.truth(EVENTS, **HERE))
    assert scene.wrong() == ""


@pytest.mark.parametrize("seen_before", [False, True])
def test_rows_that_another_key_has_stored_without_a_record_of_it_do_not_die(
    scene: Scene, posthog: Sandbox, *, seen_before: bool
) -> None:
    if seen_before:
        scene.sync("users")
    staff = posthog.new_key(f"staff of a lost record {seen_before}", user="staff")
    scene.sync("users", key=staff, window=Window(datetime(2026, 1, 1, tzinfo=UTC)))
    everybody = scene.rows("users").keys()
    assert len(everybody) > 10
    for _ in range(3):
        held = of(scene.sync("users"), "users")
        assert held.deletes_held == len(everybody) - 1
        assert scene.rows("users", dead=False).keys() == everybody
    assert of(scene.sync("users", key=staff), "users").deletes_held == 0
    scene.sync("users")
    assert scene.rows("users", dead=False).keys() == everybody
