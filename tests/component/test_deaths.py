"""Deaths: what is gone is ended, and nothing else ever is, however a list moves, shrinks or hides its rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from sources.sandbox import Sandbox
from tests.component.scene import Extractions, Outcome, Scene
from tests.harness.expected import Row
from tests.harness.little_posthog import KEY, little_posthog, page
from tests.harness.scene import of
from tests.sources.posthog.client.wire_server import http

EVENTS, PROJECT = "event_definitions", 101
SMALL_PAGES = {"page_size": 20, "ahead": 1}  # what is asked for ahead does not see what an observer does
HERE = {"project_id": PROJECT}
AT = f"projects/{PROJECT}/{EVENTS}"


class Events:
    """One project's event definitions and their syncs, 20 rows a page."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.posthog = scene.posthog

    def names(self) -> list[str]:
        rows = self.posthog.rows(EVENTS)
        return sorted(row["name"] for row in rows if row["_parents"]["project_id"] == PROJECT)

    def sync(self, **asked: Any) -> Outcome:
        return self.scene.sync(EVENTS, projects=(PROJECT,), **{"lists": SMALL_PAGES} | asked)

    def read(self, **asked: Any) -> Outcome:
        """A sync after which the warehouse must equal the truth."""
        outcome = self.sync(**asked)
        self.scene.learn(self.scene.truth(EVENTS, projects=(PROJECT,)))
        assert self.scene.wrong() == ""
        return outcome

    def delete(self, *names: str) -> None:
        for name in names:
            assert self.posthog.edit(EVENTS, where={"name": name}, parents=HERE, delete=True) == 1

    def insert(self, *names: str) -> None:
        self.posthog.edit(EVENTS, insert=[{"name": name} for name in names], parents=HERE)

    def held(self) -> list[int]:
        """How many deaths are held, of each list of which some are."""
        return [one.held for one in self.scene.warehouse.positions.values() if one.held]

    def dead(self) -> set[str]:
        return {row["name"] for row in self.scene.rows(EVENTS, dead=True).values()}


@pytest.fixture
def events(scene: Scene) -> Events:
    """The first project's event definitions."""
    return Events(scene)


def at_page(page: int, do: Callable[[], None]) -> Sequence[Callable[..., None]]:
    """An observer that acts once, when so many pages of the list have been read."""
    seen: list[int] = []

    def observe(endpoint: Any, _rows: Sequence[Row]) -> None:
        if endpoint.table == EVENTS:
            seen.append(1)
            if len(seen) == page:
                do()

    return (observe,)


@pytest.mark.fault("lists.delete_behind_insert_ahead")
def test_a_row_missing_from_a_list_of_many_pages_is_looked_for_twice(events: Events) -> None:
    events.read()
    gone = events.names()[30]
    events.delete(gone)
    pages = -(-len(events.names()) // 20)
    outcome = events.read()
    assert events.dead() == {gone}
    assert (of(outcome, EVENTS).requests, of(outcome, EVENTS).pages_again) == (2 * pages, pages)
    assert of(outcome, EVENTS).counts.deleted == 1
    assert of(events.read(), EVENTS).requests == pages
    events.insert(gone)
    assert of(events.read(), EVENTS).counts.updated == 1  # revived under its old key, with a new id
    assert events.dead() == set()


def test_a_list_of_one_page_is_a_moment_and_read_once(events: Events) -> None:
    events.read(lists={})
    gone = events.names()[30]
    events.delete(gone)
    assert of(events.read(lists={}), EVENTS).requests == 1
    assert events.dead() == {gone}


@pytest.mark.parametrize("page", [1, 3])
@pytest.mark.fault("lists.delete_behind_insert_ahead")
def test_rows_that_slip_between_two_pages_never_die(events: Events, page: int) -> None:
    events.read()
    names = events.names()

    def shift() -> None:  # one goes behind the reader, one comes ahead: the count stays right, one row slips
        events.delete(names[0])
        events.insert(f"zzz after {names[0]}")

    events.sync(observers=at_page(page, shift))
    assert events.dead() <= {names[0]}
    events.read()
    assert events.dead() == {names[0]}


@pytest.mark.fault("lists.count_moves", "lists.delete_behind", "lists.insert_behind")
def test_a_list_that_shrinks_or_grows_under_the_reader_is_read_again(events: Events) -> None:
    events.read()
    names = events.names()
    events.sync(observers=at_page(2, lambda: events.delete(names[1], names[2])))
    assert events.dead() <= {names[1], names[2]}
    outcome = events.sync(observers=at_page(2, lambda: events.insert(names[1], names[2])))
    assert of(outcome, EVENTS).complete
    assert events.dead() <= {names[1], names[2]}
    events.scene.learn(events.scene.truth(EVENTS, projects=(PROJECT,)))
    assert events.scene.wrong() == ""


def test_rows_that_slip_by_in_a_first_sync_are_there_after_it(events: Events) -> None:
    gone = events.names()[1:3]
    outcome = events.sync(observers=at_page(2, lambda: events.delete(*gone)))
    assert of(outcome, EVENTS).complete
    assert {name for _, name in events.scene.rows(EVENTS)} >= set(events.names())


@pytest.mark.fault("lists.many_gone")
def test_many_deaths_at_once_are_held_until_a_second_run_agrees(events: Events) -> None:
    events.read()
    names = events.names()
    gone = names[: len(names) // 3]
    events.delete(*gone)
    held = events.sync()
    assert events.dead() == set()
    assert (held.exit_code, of(held, EVENTS).deletes_held, of(held, EVENTS).counts.deleted) == (
        0,
        len(gone),
        0,
    )
    assert "held" in of(held, EVENTS).detail
    assert [(one.table, one.kind) for one in held.warnings] == [(EVENTS, "deletes held")]
    assert events.held() == [len(gone)]
    believed = events.read()
    assert events.dead() == set(gone)
    assert (of(believed, EVENTS).deletes_held, of(believed, EVENTS).counts.deleted) == (0, len(gone))
    assert events.held() == []


def test_deaths_that_were_held_and_came_back_never_happened(events: Events) -> None:
    events.read()
    names = events.names()
    gone = names[: len(names) // 3]
    events.delete(*gone)
    events.sync()
    events.insert(*gone)
    assert of(events.read(), EVENTS).deletes_held == 0
    events.delete(*gone)
    assert of(events.sync(), EVENTS).deletes_held == len(gone), "an old suspicion is no second look"
    assert events.dead() == set()


def test_accept_deletes_believes_at_once(events: Events) -> None:
    events.read()
    names = events.names()
    gone = names[: len(names) // 2]
    events.delete(*gone)
    events.read(accept_deletes=True)
    assert events.dead() == set(gone)


def test_a_fifth_of_a_list_may_die_at_once(events: Events) -> None:
    events.read()
    gone = events.names()[: len(events.names()) // 5]
    assert len(gone) > 20
    events.delete(*gone)
    assert of(events.read(), EVENTS).counts.deleted == len(gone)


def test_twenty_rows_of_a_short_list_may_die_at_once(scene: Scene, posthog: Sandbox) -> None:
    below, names = {"project_id": 103}, [f"short lived {number}" for number in range(20)]
    posthog.edit(EVENTS, insert=[{"name": name} for name in names], parents=below)
    scene.sync(EVENTS, projects=(103,))
    for name in names:
        posthog.edit(EVENTS, where={"name": name}, parents=below, delete=True)
    assert of(scene.sync(EVENTS, projects=(103,)), EVENTS).counts.deleted == 20


@pytest.mark.fault("lists.emptied")
def test_a_list_that_is_empty_all_at_once_is_held(scene: Scene, posthog: Sandbox) -> None:
    here: dict[str, Any] = {"projects": (102,)}
    scene.sync("group_types", **here)
    rows = [row for row in posthog.rows("group_types") if row["_parents"]["project_id"] == 102]
    for believes in (False, True):
        posthog.clear("group_types", project=102)
        assert of(scene.sync("group_types", **here), "group_types").deletes_held == len(rows)
        assert not scene.rows("group_types", dead=True)
        if believes:
            scene.sync("group_types", **here)
            assert not scene.rows("group_types", dead=False)
        kept = [{name: value for name, value in row.items() if name[0] != "_"} for row in rows]
        posthog.edit("group_types", insert=kept, parents={"project_id": 102})
        scene.sync("group_types", **here)
        assert not scene.rows("group_types", dead=True)


@pytest.mark.parametrize("narrowing", ["scopes", "level"])
@pytest.mark.fault("access.scope_removed", "access.level")
def test_a_key_that_may_see_less_never_looks_like_deletions(
    events: Events, posthog: Sandbox, narrowing: str
) -> None:
    label = narrowing
    key = posthog.new_key(label, scopes=["*"])
    events.read(key=key)
    gone = events.names()[:3]
    events.delete(*gone)
    if narrowing == "scopes":
        posthog.change_key(label, scopes=["event_definition:read", "project:read", "organization:read"])
    else:
        posthog.edit("organization_members", where={"user": 1}, set={"level": 1})
    for _ in range(2):
        outcome = events.sync(key=key)
        assert of(outcome, EVENTS).deletes_held == 3
        assert "held" in of(outcome, EVENTS).detail
        assert events.dead() == set()
    events.read(key=key, accept_deletes=True)
    assert events.dead() == set(gone)
    events.delete(events.names()[0])
    assert of(events.read(key=key), EVENTS).counts.deleted == 1  # the narrower key is the known one now


@pytest.mark.fault("access.staff")
def test_staff_that_is_staff_no_longer_ends_nobody(scene: Scene, posthog: Sandbox) -> None:
    key = posthog.new_key("staff", user="staff")
    scene.sync("users", key=key)
    assert len(scene.rows("users", dead=False)) > 10
    posthog.edit("users", where={"id": 3}, set={"is_staff": False})
    for _ in range(3):
        scene.sync("users", key=key)
        assert not scene.rows("users", dead=True)


@pytest.mark.fault("lists.gap")
def test_a_gap_is_not_believed_at_first_and_known_the_second_time(events: Events, posthog: Sandbox) -> None:
    posthog.fault(path=f"{AT}.*offset=20$", kind="drop_row", row=3)
    pages = -(-len(events.names()) // 20)
    first = of(events.sync(), EVENTS)
    assert (first.complete, first.status, first.requests) == (False, "loaded", 2 * pages)
    assert "deletions" in first.detail
    same = of(events.sync(), EVENTS)
    assert (same.complete, same.requests) == (True, pages)
    assert [one.gap for one in events.scene.warehouse.positions.values() if one.table == EVENTS] == [1]
    gone = events.names()[-1]
    events.delete(gone)
    events.sync()
    assert events.dead() == {gone}
    posthog.clear_faults()
    events.insert(gone)
    outcome = events.sync()
    assert of(outcome, EVENTS).complete
    events.scene.learn(events.scene.truth(EVENTS, projects=(PROJECT,)))
    assert events.scene.wrong() == ""


@pytest.mark.fault("lists.gap")
def test_a_row_that_slips_into_a_gap_never_dies(events: Events, posthog: Sandbox) -> None:
    events.read()
    posthog.fault(path=f"{AT}.*offset=20$", kind="drop_row", row=3)
    outcome = of(events.sync(), EVENTS)
    assert (outcome.complete, outcome.counts.deleted) == (False, 0)
    for _ in range(3):  # the same gap is known by now, but a row went missing when it came: it may be in it
        events.sync()
        assert events.dead() == set()
    posthog.clear_faults()
    assert of(events.read(), EVENTS).complete


@pytest.mark.fault("access.project_unreachable", "access.returns")
def test_a_project_that_is_listed_no_more_keeps_its_rows(scene: Scene, posthog: Sandbox) -> None:
    scene.sync(EVENTS)
    scene.learn(scene.truth(EVENTS))
    row = next(row for row in posthog.rows("projects") if row["id"] == 103)
    posthog.edit("projects", where={"id": 103}, delete=True)
    outcome = scene.sync(EVENTS)
    assert scene.wrong() == ""
    assert "103" in of(outcome, "projects").detail
    assert outcome.exit_code == 0
    own = {name: value for name, value in row.items() if name[0] != "_"}
    posthog.edit("projects", insert=[own], parents={"organization_id": row["organization"]})
    scene.sync(EVENTS)
    scene.learn(scene.truth(EVENTS))
    assert scene.wrong() == ""


@pytest.mark.fault("lists.parent_goes")
def test_a_subscription_that_vanished_takes_its_deliveries_along(scene: Scene, posthog: Sandbox) -> None:
    table = "subscription_deliveries"
    here: dict[str, Any] = {"projects": (201,)}
    scene.sync(table, **here)
    scene.learn(scene.truth(table, **here))
    ident = min(row["id"] for row in scene.known["subscriptions"].values())
    posthog.edit("subscriptions", where={"id": ident}, parents={"project_id": 201}, delete=True)
    outcome = scene.sync(table, **here)
    scene.learn(scene.truth(table, **here))
    assert scene.wrong() == ""
    died = [key for key, row in scene.known[table].items() if row["dead"]]
    assert died
    assert of(outcome, table).counts.deleted == len(died)
    assert all(key[1] == ident for key in died)


def test_a_group_type_that_goes_ends_no_property_that_belongs_to_none(tmp_path: Path) -> None:
    """PostHog has no group type -1; a row without one is stored as if it had."""
    gone = False

    def lists(_project: int, table: str, query: dict[str, str], _n: int) -> Any:
        if table == "groups_types":
            return [{"group_type_index": index} for index in ((0,) if gone else (0, -1))]
        rows = [{"name": "$browser"}] if query["type"] == "event" else []
        return http(400, b"not now") if gone and rows else page(rows)

    with little_posthog(1, lists) as server:
        scene = Extractions(server.origin, KEY, tmp_path)
        scene.sync("property_definitions")
        gone = True
        scene.sync("property_definitions")
    assert {key: row["dead"] for key, row in scene.rows("group_types").items()} == {
        (1, 0): False,
        (1, -1): True,
    }
    assert {key: row["dead"] for key, row in scene.rows("property_definitions").items()} == {
        (1, "event", -1, "$browser"): False
    }
