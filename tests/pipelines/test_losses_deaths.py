"""What somebody drops of a warehouse is known again before a run ends rows: their deaths are told as they were."""

from __future__ import annotations

from typing import Any

import pytest

from sources.sandbox import Sandbox
from tests.pipelines.one_cohort import HERE, PROJECT, One
from tests.pipelines.test_sync_mending import run
from tests.truth.changes import Edit
from tests.truth.expected import Row
from tests.truth.kills import Story, doomed, number_of
from tests.truth.scene import Scene, written
from tests.truth.stored import types
from tests.truth.versions import Key, history

LIST = "cohorts__experiment_set"
DROPPED = {
    "dropped": "drop table posthog.cohorts",
    "emptied": "delete from posthog.cohorts",
    "with list": f"drop table posthog.cohorts; drop table posthog.{LIST}",
}
BORN_AND_GONE = [("insert", [1, 2]), ("delete", [1, 2])]


def items(one: One) -> list[tuple[Any, bool]]:
    """A cohort's list as the warehouse has it, and whether each item is dead."""
    own = f"project_id = {PROJECT} and id = {one.ident}"
    return one.scene.ask(
        f"select value, _deleted_at is not null from posthog.{LIST} where {own} order by position"
    )


# -- lists


@pytest.mark.fault("warehouse.dropped_table")
def test_a_row_that_dies_as_its_lost_list_is_made_anew_dies_with_the_list_that_it_had(one: One) -> None:
    gone, dead = One(one.scene), One(one.scene)
    one.synced()
    dead.becomes(delete=True)
    one.synced()
    before = history(one.scene.url, "cohorts")
    run(one.scene.url, f"drop table posthog.{LIST}")
    gone.becomes(delete=True)
    one.synced()
    after = history(one.scene.url, "cohorts")
    assert gone.told("experiment_set") == BORN_AND_GONE
    assert items(gone) == items(dead) == [(1, True), (2, True)]
    assert items(one) == [(1, False), (2, False)]
    del after[(PROJECT, gone.ident)], before[(PROJECT, gone.ident)]
    assert after == before


@pytest.mark.fault("warehouse.dropped_table")
def test_what_a_lost_list_holds_now_counts_for_rows_that_live(one: One) -> None:
    one.synced()
    run(one.scene.url, f"drop table posthog.{LIST}")
    one.becomes(set={"experiment_set": [7]})
    one.synced()
    assert one.told("experiment_set") == [("insert", [1, 2]), ("update", [7])]
    assert items(one) == [(7, False), (2, True)]


@pytest.mark.fault("warehouse.dropped_table")
def test_a_lost_list_of_which_the_history_knows_nothing_comes_from_posthog(one: One) -> None:
    one.synced()
    one.becomes(set={"experiment_set": [7]})
    new = One(one.scene)
    one.synced(history={"enabled": False})
    run(one.scene.url, f"drop table posthog.{LIST}")
    one.synced()
    assert one.told("experiment_set") == [("insert", [1, 2]), ("update", [7])]
    assert new.told("experiment_set") == [("insert", [1, 2])]
    assert items(new) == [(1, False), (2, False)]
    new.becomes(delete=True)


@pytest.mark.fault("warehouse.dropped_table", "loads.unfinished")
def test_a_kill_while_a_lost_list_is_made_anew_forgets_nothing_of_it(one: One) -> None:
    gone = One(one.scene)

    def drop(_: Sandbox) -> list[Edit]:
        run(one.scene.url, f"drop table if exists posthog.{LIST}")
        return []

    one.synced()
    with doomed(one.scene, Story(("cohorts",), drop)) as dying:
        dying.learn()
        told = dying.statements()
        made = number_of(told, "create table", LIST)
        for at in (made + 1, made + 2):
            gone.becomes(delete=True)
            dying.prepare()
            assert dying.die("statement", at) < 0
            dying.mend()
            assert gone.told("experiment_set") == BORN_AND_GONE, told[at - 1]
            gone = One(one.scene)
            one.synced()
            one.scene.learn(one.scene.truth("cohorts", **HERE))
    gone.becomes(delete=True)


def test_a_list_that_may_be_stored_no_more_does_not_come_back_from_a_history(one: One) -> None:
    strict = {"columns": {"cohorts.experiment_set": "drop"}}
    one.synced()
    one.scene.sync("cohorts", privacy=strict, **HERE)
    run(one.scene.url, f"drop table posthog.{LIST}")
    one.scene.sync("cohorts", privacy=strict, **HERE)
    assert LIST not in types(one.scene.url)


@pytest.mark.fault("warehouse.dropped_table")
def test_addresses_come_back_as_they_were_stored(scene: Scene, posthog: Sandbox) -> None:
    scene.sync("subscriptions", **HERE)
    before = _recipients(scene)
    assert before
    run(scene.url, "drop table posthog.subscriptions__recipients")
    posthog.fault(path="projects/101/subscriptions", kind="status", status=400)
    assert scene.sync("subscriptions", **HERE).exit_code == 1
    posthog.clear_faults()
    assert _recipients(scene) == before


@pytest.mark.parametrize("died", ["before", "meanwhile"])
def test_addresses_of_the_dead_do_not_come_back_as_settings_of_old_stored_them(
    scene: Scene, posthog: Sandbox, died: str
) -> None:
    below, told = {"project_id": PROJECT}, {"target_type": "email", "target_value": "old@example.com"}
    posthog.edit("subscriptions", insert=[{"id": 700, "title": "old", **told}], parents=below)
    scene.sync("subscriptions", **HERE, privacy={"recipient": "keep"})
    if died == "meanwhile":
        scene.sync("subscriptions", **HERE)
    posthog.edit("subscriptions", where={"id": 700}, parents=below, delete=True)
    scene.sync("subscriptions", **HERE, privacy={"recipient": "keep"} if died == "before" else {})
    scene.sync("subscriptions", **HERE)
    run(scene.url, "drop table posthog.subscriptions__recipients")
    scene.sync("subscriptions", **HERE)
    stored = {key[:2] for key in _recipients(scene)}
    assert stored
    assert (PROJECT, 700) not in stored


def _recipients(scene: Scene) -> dict[tuple[Any, ...], Row]:
    return scene.rows("subscriptions__recipients")


# -- whole tables


@pytest.mark.fault("warehouse.dropped_table")
@pytest.mark.parametrize("lost", DROPPED.values(), ids=DROPPED)
def test_rows_that_had_died_come_back_to_a_lost_table_as_dead(one: One, lost: str) -> None:
    dead, gone, again = One(one.scene), One(one.scene), One(one.scene)
    one.synced()
    dead.becomes(delete=True)
    again.becomes(delete=True)
    one.synced()
    before, told = _dead(one), history(one.scene.url, "cohorts")
    run(one.scene.url, lost)
    gone.becomes(delete=True)
    again.born()
    one.synced()
    after = _dead(one)
    assert after.pop(gone.ident)
    assert before.pop(again.ident)
    assert after == before
    assert items(dead) == items(gone) == [(1, True), (2, True)]
    assert items(again) == [(1, False), (2, False)]
    assert gone.told("experiment_set") == BORN_AND_GONE
    assert again.told() == [("insert",), ("delete",), ("insert",)]
    assert _but(history(one.scene.url, "cohorts"), gone, again) == _but(told, gone, again)
    assert written(one.scene.sync("cohorts", **HERE)) == 0
    again.becomes(delete=True)


def test_of_the_dead_of_a_dataset_that_does_not_say_how_they_were_stored_only_what_is_kept_comes_back(
    one: One,
) -> None:
    dead = One(one.scene)
    one.becomes(set={"filters": {"properties": {"type": "OR", "values": []}}})
    dead.becomes(set={"filters": {"properties": {"type": "OR", "values": []}}})
    one.synced()
    dead.becomes(delete=True)
    one.synced()
    # As an older hogsync left it.
    run(one.scene.url, "delete from posthog._hogsync_meta where key = 'privacy of cohorts ever'")
    one.synced()
    run(one.scene.url, "drop table posthog.cohorts")
    one.synced()
    stored = "select name, filters is null from posthog.cohorts where id = {}"
    assert one.scene.ask(stored.format(dead.ident)) == [("one", True)]
    assert one.scene.ask(stored.format(one.ident)) == [("one", False)]


@pytest.mark.parametrize("died", ["before", "with the change", "after"])
def test_what_older_settings_stored_of_the_dead_does_not_come_back(one: One, died: str) -> None:
    strict = {"columns": {"cohorts.description": "hash"}}
    dead = One(one.scene)
    one.synced()
    if died == "before":
        dead.becomes(delete=True)
        one.synced()
    if died == "after":
        one.synced(privacy=strict)
    dead.becomes(delete=True)
    one.synced(privacy=strict)
    one.synced(privacy=strict)
    run(one.scene.url, "drop table posthog.cohorts")
    one.synced(privacy=strict)
    kept = f"select name, description from posthog.cohorts where id = {dead.ident}"
    assert one.scene.ask(kept) == [("one", None)]
    assert one.scene.ask(kept.replace(str(dead.ident), str(one.ident)))[0][1] not in (None, "born")


def _dead(one: One) -> dict[int, tuple[Any, ...]]:
    """The dead cohorts: when they died and what they were."""
    columns = "id, _deleted_at, name, description, count, filters::varchar, created_at"
    found = one.scene.ask(f"select {columns} from posthog.cohorts where _deleted_at is not null")
    return {ident: tuple(rest) for ident, *rest in found}


def _but(versions: dict[Key, list[Row]], *others: One) -> dict[Key, list[Row]]:
    """All versions but those of these cohorts."""
    return {key: each for key, each in versions.items() if key[-1] not in {one.ident for one in others}}
