"""The version of a death holds the lists as they stood when the row died, whatever happened to them before."""

from __future__ import annotations

import pytest

from sources.sandbox import Sandbox
from tests.harness.changes import Edit
from tests.harness.kills import Doomed, Story
from tests.harness.one_cohort import BELOW, HERE, NUMBERS, One
from tests.harness.scene import Scene
from tests.harness.stored import run
from tests.harness.versions import history, wrong_versions

pytestmark = pytest.mark.duckdb_first

TORN = "update posthog.cohorts__experiment_set set _dlt_load_id = 'never finished'"


@pytest.mark.parametrize("warehouse_url", ["duckdb"], indirect=True)
def test_what_had_left_the_list_before_is_not_in_it(one: One) -> None:
    one.synced()
    one.becomes(set={"experiment_set": [3]})
    one.synced()
    run(one.scene.url, TORN)
    one.becomes(delete=True)
    one.synced()
    assert one.told("experiment_set") == [("insert", [1, 2]), ("update", [3]), ("delete", [3])]


@pytest.mark.parametrize("warehouse_url", ["duckdb"], indirect=True)
def test_a_list_that_shrinks_with_its_rows_death_is_what_posthog_says_of_the_dead(
    scene: Scene, posthog: Sandbox
) -> None:
    ident = next(NUMBERS)
    row = {"id": ident, "target_value": "a@x.example,b@y.example,c@z.example"}
    posthog.edit("subscriptions", insert=[row], parents=BELOW)
    scene.sync("subscriptions", **HERE)
    posthog.edit("subscriptions", where={"id": ident}, set={"target_value": "d@w.example"}, soft_delete=True)
    scene.sync("subscriptions", **HERE)
    posthog.edit("subscriptions", where={"id": ident}, set={"target_value": ""})
    scene.sync("subscriptions", **HERE)
    said = [row["recipients"] for row in history(scene.url, "subscriptions")[(101, ident)]]
    assert [[item["domain"] for item in items] for items in said] == [
        ["x.example", "y.example", "z.example"],
        ["w.example"],
    ]
    run(scene.url, "drop table posthog.subscriptions_history")
    scene.sync("subscriptions", **HERE)
    assert wrong_versions(scene.url) == ""
    (death,) = history(scene.url, "subscriptions")[(101, ident)]
    assert (death["op"], death["recipients"]) == ("delete", None), (
        "nothing is left of what left the dead one's list"
    )


@pytest.mark.fault("loads.history")
def test_a_list_that_a_killed_load_ended_before_its_row_is_that_rows_when_it_dies(one: One) -> None:
    one.synced()
    run(one.scene.url, f"{TORN}, _deleted_at = timestamptz '2026-11-01' where id = {one.ident}")
    one.becomes(delete=True)
    one.synced()
    assert one.told("experiment_set") == [("insert", [1, 2]), ("delete", [1, 2])]


@pytest.fixture
def dying(one: One) -> Doomed:
    """Syncs that find the cohort gone, and die."""

    def end(_: Sandbox) -> list[Edit]:
        one.becomes(delete=True)
        one.born()
        one.becomes(set={"experiment_set": [4]})
        one.synced()
        one.scene.learn(one.scene.truth("cohorts", **HERE))
        one.becomes(delete=True)
        return []

    one.synced()
    here = Doomed(one.scene, Story(("cohorts",), end))
    here.learn()
    return here


@pytest.mark.soak("stories")
@pytest.mark.fault("loads.history")
def test_a_kill_between_a_row_and_its_list_leaves_the_list_to_its_death(
    dying: Doomed, one: One, posthog: Sandbox
) -> None:
    told = dying.statements()
    merges = [at for at, what in enumerate(told, 1) if "cohorts" in what and "_history" not in what]
    halfway = one.scene.url.startswith("duckdb")
    for at in (merges[len(merges) // 2 if halfway else -1],):
        dying.prepare()
        assert dying.die("statement", at) < 0
        assert wrong_versions(one.scene.url) == ""
        held = one.scene.sync("cohorts", key=posthog.new_key(label=f"other {at}", user="member"), **HERE)
        assert held.exit_code == 0
        assert wrong_versions(one.scene.url) == ""
        one.scene.sync("cohorts", accept_deletes=True, **HERE)
        assert wrong_versions(one.scene.url) == ""
        assert one.told("experiment_set")[-2:] == [("insert", [4]), ("delete", [4])], told[at - 1]
