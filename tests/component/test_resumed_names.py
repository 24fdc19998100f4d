"""Long lists of which a run that broke off had read most are not read from the start again."""

from __future__ import annotations

import os
import subprocess
from itertools import count
from typing import Any

import pytest

from sources.sandbox import Sandbox
from tests.component.scene import Scene
from tests.harness.scene import of

EVENTS = "event_definitions"
HERE: dict[str, Any] = {"projects": (103,)}
MANY = 800
SMALL_PAGES: dict[str, Any] = {"lists": {"page_size": 20, "ahead": 1}}


def many_events(posthog: Sandbox) -> None:
    posthog.clear(EVENTS, 103)
    rows = [{"name": f"event {n:05}", "tags": ["kept"]} for n in range(MANY)]
    posthog.edit(EVENTS, insert=rows, parents={"project_id": 103})


def dies(scene: Scene, **asked: Any) -> None:
    """A sync of the list is killed after 32 of its 40 pages."""
    assert scene.dies(EVENTS, pages=32, of=f"/{EVENTS}/", **HERE, **SMALL_PAGES, **asked)


def test_a_walk_that_was_killed_after_most_of_it_is_gone_on_with(scene: Scene, posthog: Sandbox) -> None:
    many_events(posthog)
    dies(scene)
    result = of(scene.sync(EVENTS, **HERE, **SMALL_PAGES), EVENTS)
    assert result.requests == 40 - 32, "what was left"
    assert (result.counts.inserted, result.complete, result.status) == (MANY, False, "loaded")
    assert "had been read by a run that broke off" in result.detail
    scene.learn(scene.truth(EVENTS, **HERE))
    assert scene.wrong() == ""
    again = of(scene.sync(EVENTS, full=True, **HERE, **SMALL_PAGES), EVENTS)
    assert (again.requests, again.counts.written) == (40, 0), "what is loaded is kept no longer"


def test_a_list_that_moved_since_is_right_after_the_next_run(scene: Scene, posthog: Sandbox) -> None:
    many_events(posthog)
    dies(scene)
    scene.learn(scene.truth(EVENTS, **HERE))
    posthog.edit(EVENTS, where={"name": "event 00003"}, delete=True)
    result = of(scene.sync(EVENTS, **HERE, **SMALL_PAGES), EVENTS)
    assert (result.counts.inserted, result.complete) == (MANY - 1, False), (
        "one moved up among those that were kept"
    )
    again = of(scene.sync(EVENTS, **HERE, **SMALL_PAGES), EVENTS)
    assert (again.counts.inserted, again.counts.deleted, again.complete) == (1, 1, True)
    scene.learn(scene.truth(EVENTS, **HERE))
    assert scene.wrong() == ""


def test_an_old_half_walk_is_not_trusted(scene: Scene, posthog: Sandbox) -> None:
    many_events(posthog)
    dies(scene)
    off: dict[str, Any] = {"lists": {**SMALL_PAGES["lists"], "resume_within": "0m"}}
    assert of(scene.sync(EVENTS, **HERE, **off), EVENTS).requests == 40


def test_another_key_begins_anew(scene: Scene, posthog: Sandbox) -> None:
    many_events(posthog)
    dies(scene)
    other = posthog.new_key("another", user="staff")
    assert of(scene.sync(EVENTS, key=other, **HERE, **SMALL_PAGES), EVENTS).requests == 40


def test_a_list_that_failed_goes_on_from_the_page_that_failed(scene: Scene, posthog: Sandbox) -> None:
    many_events(posthog)
    posthog.fault(kind="array", path=f"{EVENTS}/.*offset=600")
    failed = of(scene.sync(EVENTS, **HERE, **SMALL_PAGES), EVENTS)
    assert (failed.status, failed.counts.inserted) == ("failed", 600)
    posthog.clear_faults()
    rest = of(scene.sync(EVENTS, **HERE, **SMALL_PAGES), EVENTS)
    assert (rest.requests, rest.counts.inserted, rest.complete) == (10, MANY - 600, False)


def test_a_second_look_uses_nothing_that_was_kept(scene: Scene, posthog: Sandbox) -> None:
    many_events(posthog)
    left = scene.home / "walks" / scene.name / "another list"
    left.parent.mkdir(parents=True)
    left.touch()  # else nothing is asked of the warehouse that would let a look go on with what is kept
    pages = count(1)

    def change(endpoint: Any, _rows: Any) -> None:
        if endpoint.table == EVENTS and next(pages) == 20:
            posthog.edit(EVENTS, where={"name": "event 00003"}, delete=True)

    result = of(scene.sync(EVENTS, **HERE, **SMALL_PAGES, observers=(change,)), EVENTS)
    assert (result.complete, result.pages, result.pages_again) == (True, 80, 40)


@pytest.mark.parametrize("cut", [1, 5_000, 10**9])
def test_what_was_kept_and_got_damaged_costs_no_row(scene: Scene, posthog: Sandbox, cut: int) -> None:
    many_events(posthog)
    dies(scene)
    (file,) = [path for path in (scene.home / "walks").rglob("*") if path.is_file()]
    os.truncate(file, max(0, file.stat().st_size - cut))
    result = of(scene.sync(EVENTS, **HERE, **SMALL_PAGES), EVENTS)
    assert result.counts.inserted == MANY
    scene.learn(scene.truth(EVENTS, **HERE))
    assert scene.wrong() == ""


@pytest.mark.parametrize(("handling", "there"), [("keep", True), ("hash", False), ("drop", False)])
def test_of_people_only_what_is_stored_as_it_is_is_kept(
    scene: Scene,
    posthog: Sandbox,
    handling: str,
    there: bool,  # noqa: FBT001 - drawn
) -> None:
    many_events(posthog)
    for row in posthog.rows(EVENTS)[-MANY::50]:
        posthog.edit(EVENTS, where={"name": row["name"]}, set={"owner": 2})
    dies(scene, privacy={"person": handling})
    found = subprocess.run(["grep", "-rq", "hedgebox.example", scene.home / "walks"], check=False)
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
    scene: Scene, posthog: Sandbox
) -> None:
    odd_events(posthog, event_00001={"odd": 1}, event_00639={"odd": "one"}, event_00760={"odd": 2})
    dies(scene)
    result = of(scene.sync(EVENTS, **HERE, **SMALL_PAGES), EVENTS)
    assert (result.requests, result.counts.inserted) == (8, MANY)
    stored = [odd(scene, f"event {n:05}") for n in (1, 639, 760)]
    assert stored == [{"odd": 1}, {"odd__v_text": "one"}, {"odd": 2}]


def test_a_half_read_list_brings_no_more_new_columns_than_there_may_be(
    scene: Scene, posthog: Sandbox
) -> None:
    fields = {"odd_a": 1, "odd_b": 2, "odd_c": 3}
    odd_events(posthog, event_00003=fields)
    dies(scene)
    few: dict[str, Any] = {"lists": {**SMALL_PAGES["lists"], "new_columns": 1}}
    result = of(scene.sync(EVENTS, **HERE, **few), EVENTS)
    assert (result.counts.inserted, result.requests) == (MANY, 41)
    stored = odd(scene, "event 00003")
    assert stored.keys() - {"_other_fields"} <= fields.keys()
    assert (len(stored), len(stored["_other_fields"])) == (2, 2)
