"""What proves nothing ends nothing: lists that are empty, keys that differ, gaps, odd values and poorer sources."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from sources.sandbox import Sandbox
from tests.component.scene import Extractions, Scene
from tests.harness.expected import PERSON
from tests.harness.little_posthog import KEY, little_posthog, page
from tests.harness.scene import of, written

DELIVERIES = "subscription_deliveries"
HERE: dict[str, Any] = {"projects": (201,)}
THERE: dict[str, Any] = {"projects": (101,)}
NOTHING: dict[str, Any] = {"count": 0, "next": None, "previous": None, "results": []}
USER = {"id": 4, "uuid": "u", "email": "d@hedgebox.example", "first_name": "D"}


@pytest.mark.fault("loads.unfinished")
@pytest.mark.parametrize("torn", ["event_definitions", "event_definitions__tags", "people"])
def test_rows_of_an_unfinished_load_are_written_again_and_then_believed(scene: Scene, torn: str) -> None:
    scene.settle("event_definitions", **HERE)
    scene.warehouse.tear(torn, lambda _: True)
    assert written(scene.sync("event_definitions", **HERE)) > 0
    assert scene.wrong() == ""
    assert written(scene.sync("event_definitions", **HERE)) == 0


@pytest.mark.fault("lists.emptied")
def test_one_list_of_two_that_is_empty_all_at_once_is_held(scene: Scene, posthog: Sandbox) -> None:
    scene.settle("subscriptions", **HERE)
    live = r"projects/201/subscriptions/\?(?!.*deleted=true)"
    posthog.fault(path=live, kind="status", status=200, body=NOTHING, times=None)
    held = of(scene.sync("subscriptions", **HERE), "subscriptions")
    assert held.deletes_held > 0
    assert scene.wrong() == ""
    posthog.clear_faults()
    assert of(scene.sync("subscriptions", **HERE), "subscriptions").deletes_held == 0
    assert scene.wrong() == ""


@pytest.mark.fault("access.other_owner")
def test_what_another_key_held_is_no_evidence_for_this_one(scene: Scene, posthog: Sandbox) -> None:
    scene.settle("cohorts", **THERE)
    other = posthog.new_key(label="another", user="member")
    empty = {"path": "projects/101/cohorts", "kind": "status", "status": 200, "body": NOTHING}
    posthog.fault(**empty, times=None)
    assert of(scene.sync("cohorts", key=other, **THERE), "cohorts").deletes_held > 0
    posthog.clear_faults()
    posthog.fault(**empty, times=1)
    assert of(scene.sync("cohorts", **THERE), "cohorts").deletes_held > 0
    assert scene.wrong() == ""


@pytest.mark.fault("lists.gap")
def test_a_gap_that_another_key_met_explains_nothing_to_this_one(scene: Scene, posthog: Sandbox) -> None:
    scene.settle("cohorts", **THERE)
    other = posthog.new_key(label="a third", user="member")
    posthog.fault(path="projects/101/cohorts", kind="drop_row", row=3, times=None)
    scene.sync("cohorts", key=other, **THERE)
    posthog.clear_faults()
    posthog.fault(path="projects/101/cohorts", kind="drop_row", row=5, times=None)
    outcome = of(scene.sync("cohorts", **THERE), "cohorts")
    assert not outcome.complete
    assert scene.wrong() == ""


def test_a_gap_that_this_key_knows_is_new_to_another(scene: Scene, posthog: Sandbox) -> None:
    posthog.fault(path="projects/101/cohorts", kind="drop_row", row=3, times=None)
    complete = [of(scene.sync("cohorts", **THERE), "cohorts").complete for _ in range(2)]
    other = posthog.new_key(label="a fourth", user="member")
    complete.append(of(scene.sync("cohorts", key=other, **THERE), "cohorts").complete)
    assert complete == [False, True, False]


def test_deliveries_come_back_whole_with_their_subscription(scene: Scene, posthog: Sandbox) -> None:
    scene.settle(DELIVERIES, **HERE)
    owners = Counter(key[1] for key in scene.rows(DELIVERIES))
    ((ident, count),) = owners.most_common(1)
    assert count > 100

    def dead() -> int:
        return sum(key[1] == ident for key in scene.rows(DELIVERIES, dead=True))

    subscription = next(r for r in posthog.rows("subscriptions") if r["id"] == ident)
    own = {name: value for name, value in subscription.items() if name[0] != "_"}
    posthog.edit("subscriptions", where={"id": ident}, parents={"project_id": 201}, delete=True)
    scene.sync(DELIVERIES, **HERE)
    assert dead() == count
    deliveries = [row for row in posthog.rows(DELIVERIES) if row["subscription"] == ident]
    posthog.edit("subscriptions", insert=[own], parents={"project_id": 201})
    assert len(deliveries) == count
    scene.sync(DELIVERIES, **HERE)
    assert dead() == 0


# -- odd values end nothing


@pytest.mark.fault("values.other_type", "values.huge_integer")
@pytest.mark.parametrize(
    ("change", "column"),
    [
        ({"created_by": {**USER, "id": "seven"}}, "created_by_id__v_text"),
        ({"created_by": {**USER, "id": 2**70}}, "created_by_id__v_text"),
        ({"reviewed_by": {**USER, "id": 2**70}}, "reviewed_by_id__v_text"),
        ({"experiment_set": [1, "two"]}, "experiment_set__v_text"),
    ],
    ids=["text id", "huge id", "huge id of an unknown field", "text among numbers"],
)
def test_an_odd_id_is_kept_as_text_and_costs_no_other_row(
    scene: Scene, posthog: Sandbox, change: dict[str, Any], column: str
) -> None:
    ident = posthog.rows("cohorts")[0]["id"]
    posthog.edit("cohorts", where={"id": ident}, set=change)
    outcome = scene.sync("cohorts")
    assert outcome.exit_code == 0
    (row,) = (row for row in scene.rows("cohorts").values() if row["id"] == ident)
    assert row[column]
    assert written(scene.sync("cohorts")) == 0


def test_a_person_met_in_a_poorer_shape_keeps_what_is_known(scene: Scene, posthog: Sandbox) -> None:
    """One list at a time, so that the users come first and the poorer shape after them."""
    asked: dict[str, Any] = {"lists": {"in_flight": 1}, **THERE}
    scene.sync("users", "cohorts", **asked)
    before = scene.rows("people")
    where = {"id": min(key[-1] for key in scene.rows("cohorts", dead=False))}
    glance = {"glanced_at_by": {**USER, "id": 1}}  # the owner of the key, whom `users` shows
    posthog.edit("cohorts", where=where, parents={"project_id": 101}, set=glance)
    assert written(scene.sync("users", "cohorts", **asked)) == 1
    assert scene.rows("people") == before


def test_users_know_more_of_people_than_other_lists_however_much_these_say(
    scene: Scene, posthog: Sandbox
) -> None:
    owner = next(row for row in posthog.rows("users") if row["id"] == 1)
    more = {"last_name": "Otherwise", "role_at_organization": "sales", "hedgehog_config": {"color": "green"}}
    cohort = min(row["id"] for row in posthog.rows("cohorts") if row["_parents"] == {"project_id": 101})
    said = {name: owner[name] for name in PERSON if name in owner} | more
    posthog.edit("cohorts", where={"id": cohort}, parents={"project_id": 101}, set={"created_by": said})
    scene.sync("users", "cohorts", **THERE)
    assert scene.rows("people")[(1,)]["last_name"] == owner["last_name"]


def test_what_a_poorer_source_does_not_send_of_a_person_stays(tmp_path: Path) -> None:
    somebody = {**USER, "last_name": "Dubois", "role_at_organization": "sales"}

    def lists(_project: int, _table: str, _query: dict[str, str], n: int) -> Any:
        return page([{"id": 1, "created_by": USER if n else somebody}])

    with little_posthog(1, lists) as server:
        scene = Extractions(server.origin, KEY, tmp_path)
        scene.sync("cohorts")
        assert written(scene.sync("cohorts")) == 0
    (person,) = scene.rows("people").values()
    assert (person["last_name"], person["role_at_organization"]) == ("Dubois", "sales")


@pytest.mark.fault("values.names_fall_together")
def test_fields_that_fall_together_keep_their_columns_whatever_comes_first(
    scene: Scene, posthog: Sandbox
) -> None:
    one, two = (row["id"] for row in posthog.rows("cohorts")[:2])
    posthog.edit("cohorts", where={"id": one}, set={"brandNew": 5})
    scene.sync("cohorts")
    posthog.edit("cohorts", where={"id": two}, set={"brandNew": 6, "brand_new": "plain"})
    scene.sync("cohorts")
    posthog.edit("cohorts", where={"id": one}, set={"brandNew": 7})
    scene.sync("cohorts")
    rows = {
        row["id"]: (row.get("brand_new"), row.get("brand_new__2")) for row in scene.rows("cohorts").values()
    }
    assert (rows[one], rows[two]) == ((7, None), (6, "plain"))
    assert written(scene.sync("cohorts")) == 0
