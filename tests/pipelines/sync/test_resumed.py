"""Syncs that are killed while they read a long list, or go on with one, and those that go on after them."""

from __future__ import annotations

import json
import os
import signal
from typing import Any

import pytest

from pipelines.reset import reset
from pipelines.settings import load
from sources.posthog.extract.checkpoints import BUFFERED
from sources.sandbox import Sandbox
from tests.component.half_read import COMMENTS, PAGES, edit, is_right, kept, write
from tests.harness.changes import PROJECT
from tests.harness.expected import Row
from tests.harness.half_read import dies, read
from tests.harness.kills import Doomed, empty
from tests.harness.long_lists import kill_in_mid_walk
from tests.harness.scene import Scene, of

EVENTS, MANY = "event_definitions", 2_000
SMALL_PAGES: dict[str, Any] = {"lists": {"page_size": 50, "ahead": 1}}
THERE: dict[str, Any] = {"projects": (103,)}


def test_a_walk_that_was_killed_after_most_of_it_is_gone_on_with(file_scene: Scene, posthog: Sandbox) -> None:
    posthog.clear(EVENTS, 103)
    rows = [{"name": f"event {n:05}", "tags": ["kept"]} for n in range(MANY)]
    posthog.edit(EVENTS, insert=rows, parents={"project_id": 103})
    kill_in_mid_walk(file_scene, posthog, EVENTS, 32)
    for path in (file_scene.home / "walks", *(file_scene.home / "walks").rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, f"somebody else may read {path}"
        assert path.is_dir() or b"canarysecret" not in path.read_bytes()
    result = of(file_scene.sync(EVENTS, **THERE, **SMALL_PAGES), EVENTS)
    assert result.requests <= 40 - 32 + 1, "what was left"
    assert (result.counts.inserted, result.complete, result.status) == (MANY, False, "loaded")
    assert "had been read by a run that broke off" in result.detail
    assert not [path for path in (file_scene.home / "walks").rglob("*") if path.is_file()], "it is loaded"
    file_scene.learn(file_scene.truth(EVENTS, **THERE))
    assert file_scene.wrong() == ""


def test_what_nobody_went_on_with_is_swept_by_any_sync(file_scene: Scene) -> None:
    old = file_scene.home / "walks" / "another warehouse" / "a list"
    old.parent.mkdir(parents=True)
    old.touch()
    os.utime(old, (0, 0))
    file_scene.sync("group_types", **THERE)
    assert not old.exists()


@pytest.mark.parametrize("step", [35, pytest.param(1, marks=pytest.mark.soak("resumed"))])
def test_a_run_that_goes_on_may_be_killed_at_any_moment(
    file_dying: Doomed, posthog: Sandbox, step: int
) -> None:
    scene = file_dying.scene
    dies(file_dying)
    write(posthog, *(f"new {n}" for n in range(120)))
    number = 1
    while file_dying.die("file", number) == -signal.SIGKILL:
        number += step
    assert number > 6
    assert read(scene, full=True).complete, (
        "one that was killed once it was recorded was followed by a full walk"
    )
    assert is_right(scene)


@pytest.mark.soak("stories")
def test_a_run_that_goes_on_may_be_killed_while_it_loads(file_dying: Doomed, posthog: Sandbox) -> None:
    scene, dying = file_dying.scene, file_dying
    dies(dying)
    assert dying.die("none", 0) == 0
    statements = sum(kind == "statement" for kind, _ in json.loads(dying.told.read_text()))
    for share in (0.6, 0.9):
        empty(scene)
        dies(dying)
        write(posthog, f"came later {share}")
        assert dying.die("statement", round(share * statements)) == -signal.SIGKILL
        assert read(scene).requests <= 1 + PAGES, "a whole list that was kept is not read again"
        assert read(scene).complete
        assert is_right(scene)


def test_a_list_that_is_to_be_forgotten_is_read_from_its_start(
    file_dying: Doomed, long_list: list[Row], posthog: Sandbox
) -> None:
    scene = file_dying.scene
    assert read(scene).requests == PAGES
    dies(file_dying, BUFFERED + 2)
    assert kept(scene.home) != []
    edit(posthog, long_list[-120], content="edited since")
    reset(load(scene.settings()), (COMMENTS,))
    assert read(scene).requests == PAGES
    assert scene.rows(COMMENTS)[(PROJECT, long_list[-120]["id"])]["content"] == "edited since"
