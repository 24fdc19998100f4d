"""Tables that somebody emptied are filled again by the next sync, from PostHog."""

from __future__ import annotations

from typing import Any

import pytest

from sources.sandbox import Sandbox
from tests.harness.differences import differences
from tests.harness.one_cohort import One
from tests.harness.scene import Scene, written
from tests.harness.stored import run
from tests.harness.versions import wrong_versions

BOTH: dict[str, Any] = {"projects": (101, 201)}
TABLES = ("cohorts", "comments", "organization_activity_logs", "subscription_deliveries")
SPARING = {"sweep_every": "1d"}
EMPTIED = (
    ("comments", "organization_activity_logs", "subscription_deliveries", "cohorts"),
    ("subscription_deliveries__recipients where position = 0", "cohorts__experiment_set", "cohorts_history"),
    ("people",),
)


def requests(scene: Scene) -> int:
    """How many requests an idle sync makes, which writes nothing."""
    scene.posthog.clear_requests()
    assert written(scene.sync(*TABLES, lists=SPARING, **BOTH)) == 0
    return len(scene.posthog.requests())


@pytest.mark.fault("warehouse.emptied")
def test_whatever_was_emptied_is_filled_again_and_then_costs_nothing(file_scene: Scene) -> None:
    scene = file_scene
    scene.sync(*TABLES, lists=SPARING, **BOTH)
    whole = scene.stored()
    idle = requests(scene)
    for damage in EMPTIED:
        sizes = [f"select count(*) from posthog.{place.split()[0]}" for place in damage]
        before = [scene.ask(size) for size in sizes]
        for place in damage:
            run(scene.url, f"delete from posthog.{place}")
        assert [scene.ask(size) for size in sizes] != before
        assert scene.sync(*TABLES, lists=SPARING, **BOTH).exit_code == 0
        assert (differences(whole, scene.stored()), wrong_versions(scene.url)) == ("", ""), damage
        assert [scene.ask(size) for size in sizes] == before
    assert requests(scene) == idle


def test_a_column_of_people_that_somebody_dropped_is_filled_for_everybody(file_scene: Scene) -> None:
    scene = file_scene
    scene.sync(*TABLES, lists=SPARING, **BOTH)
    whole, idle = scene.stored(), requests(scene)
    run(scene.url, "alter table posthog.people drop column first_name")
    assert scene.sync(*TABLES, lists=SPARING, **BOTH).exit_code == 0
    assert differences(whole, scene.stored()) == ""
    assert requests(scene) == idle


@pytest.mark.fault("warehouse.emptied")
@pytest.mark.parametrize("table", ["comments", "cohorts__experiment_set", "people"])
def test_what_a_failing_list_had_comes_back_later(file_scene: Scene, posthog: Sandbox, table: str) -> None:
    scene, tables = file_scene, ("cohorts", "comments")
    one = One(scene)
    scene.sync(*tables, **BOTH)
    scene.learn(scene.truth(*tables, **BOTH))
    run(scene.url, f"delete from posthog.{table}")
    for name in tables:
        posthog.fault(path=f"projects/101/{name}", kind="status", status=400)
    assert scene.sync(*tables, **BOTH).exit_code == 1
    posthog.clear_faults()
    scene.sync(*tables, **BOTH)
    assert scene.wrong() == ""
    one.becomes(delete=True)
