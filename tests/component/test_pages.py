"""Whole syncs of lists whose pages are refused half-way, too heavy, or too many for the limits of a shared key."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import pytest

from sources.sandbox import Sandbox
from tests.component.scene import Scene
from tests.harness.scene import of

EVENTS, PROPERTIES = "event_definitions", "property_definitions"
SMALL_PAGES = {"page_size": 20}
REFUSED = {101: 402, 102: 403, 201: 404}


def names(scene: Scene, project: int) -> list[str]:
    """A project's stored events, in the list's order."""
    return sorted(name for of_project, name in scene.rows(EVENTS) if of_project == project)


@pytest.mark.fault("transport.refused_in_mid_list")
def test_a_list_that_is_refused_half_way_has_failed_and_ends_nothing(scene: Scene, posthog: Sandbox) -> None:
    scene.sync(EVENTS, lists=SMALL_PAGES)
    scene.learn(scene.truth(EVENTS))
    there = {project: names(scene, project) for project in REFUSED}
    for project, status in REFUSED.items():
        below = {"project_id": project}
        for name in (there[project][0], there[project][-1]):
            posthog.edit(EVENTS, where={"name": name}, parents=below, set={"description": "edited"})
        posthog.edit(EVENTS, where={"name": there[project][1]}, parents=below, delete=True)
        posthog.fault(path=f"projects/{project}/{EVENTS}", kind="status", status=status, skip=2)
    outcome = scene.sync(EVENTS, lists=SMALL_PAGES)
    assert (outcome.exit_code, outcome.status) == (1, "partial")
    result = of(outcome, EVENTS)
    assert (result.status, result.count("failed"), result.count("unavailable")) == ("failed", 3, 0)
    assert (result.complete, result.counts.deleted) == (False, 0)
    stored = scene.rows(EVENTS)
    assert not any(row["dead"] for row in stored.values())
    for project in REFUSED:
        assert stored[(project, there[project][0])]["description"] == "edited", (
            "the rows that came are loaded"
        )
        assert stored[(project, there[project][-1])].get("description") != "edited"

    posthog.clear_faults()
    outcome = scene.sync(EVENTS, lists=SMALL_PAGES)
    assert (outcome.exit_code, of(outcome, EVENTS).counts.deleted) == (0, 3)
    scene.learn(scene.truth(EVENTS))
    assert scene.wrong() == ""


def timed_out(table: str) -> dict[str, Any]:
    detail = {"type": "server_error", "code": f"{table}_timeout", "detail": "Took too long.", "attr": None}
    return {"kind": "status", "status": 503, "body": detail}


@pytest.mark.fault("transport.heavy_page")
def test_a_page_too_heavy_for_the_server_comes_in_smaller_ones_and_one_that_is_never_light_fails(
    scene: Scene, posthog: Sandbox
) -> None:
    posthog.fault(path=f"101/{EVENTS}/.*limit=100&offset=100", **timed_out(EVENTS))
    posthog.fault(path=f"101/{PROPERTIES}/.*type=event.*limit=100&offset=(0|200)$", **timed_out(PROPERTIES))
    posthog.fault(path=f"102/{EVENTS}/.*offset=100", **timed_out(EVENTS))
    outcome = scene.sync(EVENTS, PROPERTIES, projects=(101, 102), lists={"page_size": 100})
    assert (outcome.exit_code, of(outcome, PROPERTIES).complete) == (1, True)
    failed = {one.list_path.url_path for one in of(outcome, EVENTS).lists if one.status == "failed"}
    assert failed == {f"projects/102/{EVENTS}/"}
    assert f"{EVENTS}_timeout" in of(outcome, EVENTS).detail
    scene.learn(scene.truth(EVENTS, PROPERTIES, projects=(101, 102)))
    known = scene.known[EVENTS]
    unread = sorted(key for key in known if key[0] == 102)[100:]
    assert scene.rows(EVENTS) == {key: row for key, row in known.items() if key not in unread}
    assert scene.rows(PROPERTIES) == scene.known[PROPERTIES]
    queries = [one["query"] for one in posthog.requests() if one["path"].endswith(f"101/{EVENTS}/")]
    assert "ordering=name&limit=25&offset=100" in queries
    assert "ordering=name&limit=25&offset=0" not in queries, "what is read is not asked for again"


def storm(posthog: Sandbox) -> Callable[..., None]:
    """An observer that lets others use up the key when a few pages are read: for a while everything is refused."""
    read = count(1)

    def begin(_endpoint: Any, _rows: Sequence[Any]) -> None:
        if next(read) == 3:
            posthog.fault(path="/api/", kind="status", status=429, headers={"Retry-After": "2"})
            threading.Timer(0.8, posthog.clear_faults).start()

    return begin


@pytest.mark.fault("transport.storm")
def test_a_key_that_other_programs_use_up_is_used_with_few_refusals_and_to_the_end(
    scene: Scene, posthog: Sandbox
) -> None:
    lists = {"page_size": 30, "in_flight": 4, "ahead": 1}  # pages asked for ahead are in flight beside these
    outcome = scene.sync(EVENTS, PROPERTIES, projects=(101,), lists=lists, observers=(storm(posthog),))
    assert outcome.exit_code == 0
    scene.learn(scene.truth(EVENTS, PROPERTIES, projects=(101,)))
    assert scene.wrong() == ""
    statuses = [one["status"] for one in posthog.requests()]
    assert 0 < statuses.count(429) <= lists["in_flight"], "what was in flight is refused once, then all wait"
    assert len(statuses) == outcome.requests
