"""Long lists of which a run that broke off had read most are not read from the start again."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest

from pipelines.settings import load
from pipelines.sync import local_state
from sources.sandbox import Sandbox
from tests.pipelines.long_lists import kill_in_mid_walk
from tests.truth.scene import Scene, of
from tests.truth.stored import session

EVENTS = "event_definitions"
HERE: dict[str, Any] = {"projects": (103,)}
MANY = 2_000
SMALL_PAGES: dict[str, Any] = {"lists": {"page_size": 50, "ahead": 1}}


def many_events(posthog: Sandbox) -> None:
    posthog.clear(EVENTS, 103)
    rows = [{"name": f"event {n:05}", "tags": ["kept"]} for n in range(MANY)]
    posthog.edit(EVENTS, insert=rows, parents={"project_id": 103})


@dataclass(frozen=True, slots=True)
class Long:
    """A long list: how many pages it has, and of how many a run dies."""

    table: str
    make: Callable[[Sandbox], None]
    killed_after: int
    pages: int


@pytest.mark.parametrize(
    "long",
    [Long(EVENTS, many_events, 32, 40)],
    ids=lambda one: one.table,
)
def test_a_walk_that_was_killed_after_most_of_it_is_gone_on_with(
    file_scene: Scene, posthog: Sandbox, long: Long
) -> None:
    table, pages, whole = long.table, long.killed_after, long.pages
    long.make(posthog)
    kill_in_mid_walk(file_scene, posthog, table, pages)
    outcome = file_scene.sync(table, **HERE, **SMALL_PAGES)
    result = of(outcome, table)
    assert result.requests <= whole - pages + 2, "what was left, and the last page again"
    assert (result.counts.inserted, result.complete, result.status) == (MANY, False, "loaded")
    assert "had been read by a run that broke off" in result.detail
    file_scene.learn(file_scene.truth(table, **HERE))
    assert file_scene.wrong() == ""
    again = of(file_scene.sync(table, full=True, **HERE, **SMALL_PAGES), table)
    assert (again.requests, again.counts.written) == (whole, 0), "what is loaded is kept no longer"


def test_a_list_that_moved_since_is_read_from_its_start(file_scene: Scene, posthog: Sandbox) -> None:
    many_events(posthog)
    kill_in_mid_walk(file_scene, posthog, EVENTS, 32)
    posthog.edit(EVENTS, where={"name": "event 00003"}, delete=True)
    result = of(file_scene.sync(EVENTS, **HERE, **SMALL_PAGES), EVENTS)
    assert (result.counts.inserted, result.requests) == (MANY - 1, 41), "one page to see it, then all of them"
    file_scene.learn(file_scene.truth(EVENTS, **HERE))
    assert file_scene.wrong() == ""


def test_an_old_half_walk_is_not_trusted(file_scene: Scene, posthog: Sandbox) -> None:
    many_events(posthog)
    kill_in_mid_walk(file_scene, posthog, EVENTS, 32)
    off: dict[str, Any] = {"lists": {**SMALL_PAGES["lists"], "resume_within": "0m"}}
    assert of(file_scene.sync(EVENTS, **HERE, **off), EVENTS).requests == 40


def test_another_key_begins_anew(file_scene: Scene, posthog: Sandbox) -> None:
    many_events(posthog)
    kill_in_mid_walk(file_scene, posthog, EVENTS, 32)
    other = posthog.new_key("another", user="staff")
    assert of(file_scene.sync(EVENTS, key=other, **HERE, **SMALL_PAGES), EVENTS).requests == 40


def test_a_list_that_failed_goes_on_from_the_page_that_failed(file_scene: Scene, posthog: Sandbox) -> None:
    many_events(posthog)
    posthog.fault(kind="array", path=f"{EVENTS}/.*offset=1500")
    failed = of(file_scene.sync(EVENTS, **HERE, **SMALL_PAGES), EVENTS)
    assert (failed.status, failed.counts.inserted) == ("failed", 1500)
    posthog.clear_faults()
    rest = of(file_scene.sync(EVENTS, **HERE, **SMALL_PAGES), EVENTS)
    assert (rest.requests, rest.counts.inserted, rest.complete) == (11, MANY - 1500, False)


def test_a_second_look_uses_nothing_that_was_kept(file_scene: Scene, posthog: Sandbox) -> None:
    many_events(posthog)
    left = file_scene.home / "walks" / local_state.name(load(file_scene.settings())) / "another list"
    left.parent.mkdir(parents=True)
    left.touch()  # else nothing is asked of the warehouse that would let a look go on with what is kept
    pages = count(1)

    def change(endpoint: Any, _rows: Any) -> None:
        if endpoint.table == EVENTS and next(pages) == 20:
            posthog.edit(EVENTS, where={"name": "event 00003"}, delete=True)

    result = of(file_scene.sync(EVENTS, **HERE, **SMALL_PAGES, observers=(change,)), EVENTS)
    assert (result.complete, result.pages, result.pages_again) == (True, 80, 40)


@pytest.mark.parametrize("cut", [1, 5_000, 10**9])
def test_what_was_kept_and_got_damaged_costs_no_row(file_scene: Scene, posthog: Sandbox, cut: int) -> None:
    many_events(posthog)
    kill_in_mid_walk(file_scene, posthog, EVENTS, 32)
    (file,) = [path for path in (file_scene.home / "walks").rglob("*") if path.is_file()]
    os.truncate(file, max(0, file.stat().st_size - cut))
    result = of(file_scene.sync(EVENTS, **HERE, **SMALL_PAGES), EVENTS)
    assert result.counts.inserted == MANY
    file_scene.learn(file_scene.truth(EVENTS, **HERE))
    assert file_scene.wrong() == ""


def test_nobody_else_may_read_what_is_kept(file_scene: Scene, posthog: Sandbox) -> None:
    many_events(posthog)
    kill_in_mid_walk(file_scene, posthog, EVENTS, 32)
    for path in (file_scene.home / "walks", *(file_scene.home / "walks").rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path
    found = subprocess.run(["grep", "-r", "canarysecret", file_scene.home], capture_output=True, check=False)
    assert not found.stdout


@pytest.mark.parametrize(("handling", "there"), [("keep", True), ("hash", False), ("drop", False)])
def test_of_people_only_what_is_stored_as_it_is_is_kept(
    file_scene: Scene,
    posthog: Sandbox,
    handling: str,
    there: bool,  # noqa: FBT001 - drawn
) -> None:
    many_events(posthog)
    for row in posthog.rows(EVENTS)[-MANY::100]:
        posthog.edit(EVENTS, where={"name": row["name"]}, set={"owner": 2})
    kill_in_mid_walk(file_scene, posthog, EVENTS, 32, HOGSYNC_PRIVACY__PERSON=handling)
    found = subprocess.run(["grep", "-rq", "hedgebox.example", file_scene.home / "walks"], check=False)
    assert (found.returncode == 0) == there


def odd_events(posthog: Sandbox, **fields: dict[str, Any]) -> None:
    """Many events, some of which have fields that nobody declared."""
    many_events(posthog)
    for event, values in fields.items():
        posthog.edit(EVENTS, where={"name": event.replace("_", " ")}, set=values)


def odd(scene: Scene, event: str) -> dict[str, Any]:
    """What is stored of such fields."""
    return {n: v for n, v in scene.rows(EVENTS)[(103, event)].items() if n.startswith(("odd", "_other"))}


def test_columns_that_an_earlier_run_gave_to_new_fields_are_gone_on_with(
    file_scene: Scene, posthog: Sandbox
) -> None:
    odd_events(posthog, event_00001={"odd": 1}, event_01599={"odd": "one"}, event_01900={"odd": 2})
    kill_in_mid_walk(file_scene, posthog, EVENTS, 32)
    result = of(file_scene.sync(EVENTS, **HERE, **SMALL_PAGES), EVENTS)
    assert (result.requests, result.counts.inserted) == (9, MANY)
    stored = [odd(file_scene, f"event {n:05}") for n in (1, 1599, 1900)]
    assert stored == [{"odd": 1}, {"odd__v_text": "one"}, {"odd": 2}]


def test_a_half_read_list_that_holds_no_more_leaves_no_column(file_scene: Scene, posthog: Sandbox) -> None:
    odd_events(posthog, event_00003={"odd": 1})
    kill_in_mid_walk(file_scene, posthog, EVENTS, 32)
    posthog.edit(EVENTS, where={"name": "event 00003"}, delete=True)
    result = of(file_scene.sync(EVENTS, **HERE, **SMALL_PAGES), EVENTS)
    assert (result.counts.inserted, result.requests) == (MANY - 1, 41)
    with session(file_scene.url) as answer:
        assert "odd" not in answer.types()[EVENTS]


def test_a_half_read_list_brings_no_more_new_columns_than_there_may_be(
    file_scene: Scene, posthog: Sandbox
) -> None:
    fields = {"odd_a": 1, "odd_b": 2, "odd_c": 3}
    odd_events(posthog, event_00003=fields)
    kill_in_mid_walk(file_scene, posthog, EVENTS, 32)
    few: dict[str, Any] = {"lists": {**SMALL_PAGES["lists"], "new_columns": 1}}
    result = of(file_scene.sync(EVENTS, **HERE, **few), EVENTS)
    assert (result.counts.inserted, result.requests) == (MANY, 41)
    stored = odd(file_scene, "event 00003")
    assert stored.keys() - {"_other_fields"} <= fields.keys()
    assert (len(stored), len(stored["_other_fields"])) == (2, 2)
