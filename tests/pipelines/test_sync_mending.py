"""What torn loads, people, servers and settings do to a warehouse between two syncs, and that the next one mends it."""

from __future__ import annotations

import logging
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import psycopg2
import pytest

from pipelines.errors import UsageError
from sources.sandbox import Sandbox
from tests.pipelines.little_posthog import little_posthog, page, synced
from tests.truth.scene import Scene, of, written
from tests.truth.stored import stored

pytestmark = pytest.mark.versions

DELIVERIES = "subscription_deliveries"
HERE: dict[str, Any] = {"projects": (201,)}
THERE: dict[str, Any] = {"projects": (101,)}
NOTHING: dict[str, Any] = {"count": 0, "next": None, "previous": None, "results": []}
USER = {"id": 4, "uuid": "u", "email": "d@hedgebox.example", "first_name": "D"}


def run(url: str, sql: str) -> None:
    """One statement, as an analyst or an operator would run it."""
    if url.startswith("duckdb:///"):
        with duckdb.connect(url.removeprefix("duckdb:///")) as file:
            file.execute(sql)
        return
    with closing(psycopg2.connect(url)) as server, server.cursor() as cursor:
        cursor.execute(sql)
        server.commit()


def settled(scene: Scene, *tables: str, **asked: Any) -> Scene:
    """A scene after a first sync, known to be right."""
    scene.sync(*tables, **asked)
    scene.learn(scene.truth(*tables, **asked))
    assert scene.wrong() == ""
    return scene


# -- torn and damaged


@pytest.mark.fault("loads.unfinished")
@pytest.mark.parametrize("torn", ["event_definitions", "event_definitions__tags", "people"])
def test_rows_of_an_unfinished_load_are_written_again_and_then_believed(scene: Scene, torn: str) -> None:
    settled(scene, "event_definitions", **HERE)
    run(scene.url, f"update posthog.{torn} set _dlt_load_id = 'never finished'")
    assert written(scene.sync("event_definitions", **HERE)) > 0
    assert scene.wrong() == ""
    loads = (
        f"select count(*) from posthog.{torn} where _dlt_load_id = 'never finished' and _deleted_at is null"
    )
    assert scene.ask(loads) == [(0,)]
    assert written(scene.sync("event_definitions", **HERE)) == 0


@pytest.mark.fault("warehouse.dropped_table", "warehouse.dropped_column")
def test_what_somebody_dropped_is_filled_again_down_to_the_oldest_row(scene: Scene) -> None:
    settled(scene, DELIVERIES, **HERE)
    recipients = f"{DELIVERIES}__recipients"
    for damage in (
        f"drop table posthog.{DELIVERIES}",
        f"drop table posthog.{recipients}",
        f"alter table posthog.{DELIVERIES} drop column status",
        f"alter table posthog.{DELIVERIES} drop column id; alter table posthog.{recipients} drop column position",
    ):
        if scene.url.startswith("postgres"):
            run(scene.url, f"alter table posthog.{DELIVERIES} add column if not exists noted_by_hand varchar")
        run(scene.url, damage)
        assert scene.sync(DELIVERIES, **HERE).exit_code == 0
        assert scene.wrong().replace("noted_by_hand", "") == "", damage


@pytest.mark.fault("warehouse.dropped_column", "transport.401_in_mid_run")
def test_a_key_that_is_refused_while_a_lost_column_is_filled_again_is_named(
    scene: Scene, posthog: Sandbox
) -> None:
    settled(scene, DELIVERIES, **HERE)
    run(scene.url, "alter table posthog.subscription_deliveries drop column status")
    posthog.fault(kind="status", status=401, path="deliveries/", times=1)
    outcome = scene.sync(DELIVERIES, **HERE)
    assert (outcome.exit_code, outcome.run.status) == (3, "refused")
    assert "401" in str(outcome.run.error)
    assert scene.sync(DELIVERIES, **HERE).exit_code == 0
    assert scene.wrong() == ""


@pytest.mark.fault("warehouse.dropped_column")
def test_a_column_of_a_field_that_is_no_more_may_be_dropped(scene: Scene, posthog: Sandbox) -> None:
    ident = posthog.rows("cohorts")[0]["id"]
    posthog.edit("cohorts", where={"id": ident}, set={"drift": "once"})
    scene.sync("cohorts")
    posthog.edit("cohorts", where={"id": ident}, unset=["drift"], set={"description": "later"})
    run(scene.url, "alter table posthog.cohorts drop column drift")
    assert scene.sync("cohorts").exit_code == 0
    scene.learn(scene.truth("cohorts"))
    assert scene.wrong() == ""


@pytest.mark.fault("warehouse.users_view", "warehouse.users_things")
def test_a_users_own_column_and_view_survive(scene: Scene, posthog: Sandbox) -> None:
    settled(scene, "cohorts")
    run(scene.url, "alter table posthog.cohorts add column mine varchar")
    run(scene.url, "update posthog.cohorts set mine = 'keep'")
    run(scene.url, "create view posthog.my_view as select id, name, mine from posthog.cohorts")
    ident = posthog.rows("cohorts")[0]["id"]
    posthog.edit("cohorts", where={"id": ident}, set={"description": f"edited beside {scene.home}"})
    assert written(scene.sync("cohorts")) == 1
    assert scene.ask("select distinct mine from posthog.my_view") == [("keep",)]


# -- what proves nothing


@pytest.mark.fault("lists.emptied")
def test_one_list_of_two_that_is_empty_all_at_once_is_held(file_scene: Scene, posthog: Sandbox) -> None:
    settled(file_scene, "subscriptions", **HERE)
    live = r"projects/201/subscriptions/\?(?!.*deleted=true)"
    posthog.fault(path=live, kind="status", status=200, body=NOTHING, times=None)
    held = of(file_scene.sync("subscriptions", **HERE), "subscriptions")
    assert held.deletes_held > 0
    assert file_scene.wrong() == ""
    posthog.clear_faults()
    assert of(file_scene.sync("subscriptions", **HERE), "subscriptions").deletes_held == 0
    assert file_scene.wrong() == ""


@pytest.mark.fault("access.other_owner")
def test_what_another_key_held_is_no_evidence_for_this_one(file_scene: Scene, posthog: Sandbox) -> None:
    settled(file_scene, "cohorts", **THERE)
    other = posthog.new_key(label="another", user="member")
    empty = {"path": "projects/101/cohorts", "kind": "status", "status": 200, "body": NOTHING}
    posthog.fault(**empty, times=None)
    assert of(file_scene.sync("cohorts", key=other, **THERE), "cohorts").deletes_held > 0
    posthog.clear_faults()
    posthog.fault(**empty, times=1)
    assert of(file_scene.sync("cohorts", **THERE), "cohorts").deletes_held > 0
    assert file_scene.wrong() == ""


@pytest.mark.fault("lists.gap")
def test_a_gap_that_another_key_met_explains_nothing_to_this_one(file_scene: Scene, posthog: Sandbox) -> None:
    settled(file_scene, "cohorts", **THERE)
    other = posthog.new_key(label="a third", user="member")
    posthog.fault(path="projects/101/cohorts", kind="drop_row", row=3, times=None)
    file_scene.sync("cohorts", key=other, **THERE)
    posthog.clear_faults()
    posthog.fault(path="projects/101/cohorts", kind="drop_row", row=5, times=None)
    outcome = of(file_scene.sync("cohorts", **THERE), "cohorts")
    assert not outcome.complete
    assert file_scene.wrong() == ""


def test_a_gap_that_this_key_knows_is_new_to_another(file_scene: Scene, posthog: Sandbox) -> None:
    posthog.fault(path="projects/101/cohorts", kind="drop_row", row=3, times=None)
    complete = [of(file_scene.sync("cohorts", **THERE), "cohorts").complete for _ in range(2)]
    other = posthog.new_key(label="a fourth", user="member")
    complete.append(of(file_scene.sync("cohorts", key=other, **THERE), "cohorts").complete)
    assert complete == [False, True, False]


def test_deliveries_come_back_whole_with_their_subscription(file_scene: Scene, posthog: Sandbox) -> None:
    settled(file_scene, DELIVERIES, **HERE)
    of_sub = "select subscription_id, count(*) from posthog.subscription_deliveries group by 1 order by 2 desc limit 1"
    ((ident, count),) = file_scene.ask(of_sub)
    assert count > 100
    subscription = next(r for r in posthog.rows("subscriptions") if r["id"] == ident)
    own = {name: value for name, value in subscription.items() if name[0] != "_"}
    posthog.edit("subscriptions", where={"id": ident}, parents={"project_id": 201}, delete=True)
    file_scene.sync(DELIVERIES, **HERE)
    dead = f"select count(_deleted_at) from posthog.subscription_deliveries where subscription_id = {ident}"
    assert file_scene.ask(dead) == [(count,)]
    deliveries = [row for row in posthog.rows(DELIVERIES) if row["subscription"] == ident]
    posthog.edit("subscriptions", insert=[own], parents={"project_id": 201})
    assert len(deliveries) == count
    file_scene.sync(DELIVERIES, **HERE)
    assert file_scene.ask(dead) == [(0,)]


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
    file_scene: Scene, posthog: Sandbox, change: dict[str, Any], column: str
) -> None:
    ident = posthog.rows("cohorts")[0]["id"]
    posthog.edit("cohorts", where={"id": ident}, set=change)
    try:
        outcome = file_scene.sync("cohorts")
        assert outcome.exit_code == 0
        ((kept,),) = file_scene.ask(f"select {column} from posthog.cohorts where id = {ident}")
        assert kept
        assert written(file_scene.sync("cohorts")) == 0
    finally:
        posthog.edit("cohorts", where={"id": ident}, set={"created_by": 4, "experiment_set": []})
        posthog.edit("cohorts", where={"id": ident}, unset=["reviewed_by"])


def test_a_person_met_in_a_poorer_shape_keeps_what_is_known(file_scene: Scene, posthog: Sandbox) -> None:
    """One list at a time, so that the users come first and the poorer shape after them."""
    asked: dict[str, Any] = {"lists": {"in_flight": 1}, **THERE}
    file_scene.sync("users", "cohorts", **asked)
    before = file_scene.rows("people")
    where = {"id": min(key[-1] for key in file_scene.rows("cohorts", dead=False))}
    glance = {"glanced_at_by": {**USER, "id": 1}}  # the owner of the key, whom `users` shows
    posthog.edit("cohorts", where=where, parents={"project_id": 101}, set=glance)
    assert written(file_scene.sync("users", "cohorts", **asked)) == 1
    assert file_scene.rows("people") == before
    posthog.edit("cohorts", where=where, parents={"project_id": 101}, unset=list(glance))


def test_what_a_poorer_source_does_not_send_of_a_person_stays(tmp_path: Path) -> None:
    somebody = {**USER, "last_name": "Dubois", "role_at_organization": "sales"}

    def lists(_project: int, _table: str, _query: dict[str, str], n: int) -> Any:
        return page([{"id": 1, "created_by": USER if n else somebody}])

    with little_posthog(1, lists) as server:
        synced(server, tmp_path, "cohorts")
        assert written(synced(server, tmp_path, "cohorts")) == 0
    (person,) = stored(f"duckdb:///{tmp_path / 'hogsync.duckdb'}")["people"].values()
    assert (person["last_name"], person["role_at_organization"]) == ("Dubois", "sales")


@pytest.mark.fault("values.names_fall_together")
def test_fields_that_fall_together_keep_their_columns_whatever_comes_first(
    file_scene: Scene, posthog: Sandbox
) -> None:
    one, two = (row["id"] for row in posthog.rows("cohorts")[:2])
    posthog.edit("cohorts", where={"id": one}, set={"brandNew": 5})
    file_scene.sync("cohorts")
    posthog.edit("cohorts", where={"id": two}, set={"brandNew": 6, "brand_new": "plain"})
    file_scene.sync("cohorts")
    posthog.edit("cohorts", where={"id": one}, set={"brandNew": 7})
    file_scene.sync("cohorts")
    sql = "select brand_new, brand_new__2 from posthog.cohorts where id in ({}, {}) order by id = {}"
    assert file_scene.ask(sql.format(one, two, two)) == [(7, None), (6, "plain")]
    assert written(file_scene.sync("cohorts")) == 0
    for ident in (one, two):
        posthog.edit("cohorts", where={"id": ident}, unset=["brandNew", "brand_new"])


# -- settings that change


@pytest.mark.fault("security.other_privacy")
def test_another_privacy_setting_reaches_every_row_that_is_listed(
    file_scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    file_scene.sync()
    texts = "select count(*) from posthog.comments where length(content) <> 64 and content is not null"
    assert file_scene.ask(texts) != [(0,)]
    with caplog.at_level(logging.WARNING, "hogsync"):
        file_scene.sync(privacy={"text": "hash"})
    assert "privacy settings have changed" in caplog.text
    assert file_scene.ask(texts) == [(0,)]
    assert written(file_scene.sync(privacy={"text": "hash"})) == 0


@pytest.mark.parametrize(
    ("columns", "word"),
    [
        ({"cohorts.id": "drop"}, "key"),
        ({"comments.deleted": "drop"}, "which rows are gone"),
        ({"users.is_staff": "drop"}, "which rows are gone"),
        ({"organizations.membership_level": "drop"}, "which rows are gone"),
        ({"cohorts.count": "hash"}, "cannot hold a hash"),
        ({"cohorts.nmae": "drop"}, "name"),
        ({"cohort.name": "drop"}, "cohorts"),
    ],
)
def test_a_column_setting_that_makes_no_sense_is_refused(
    file_scene: Scene, columns: dict[str, str], word: str
) -> None:
    with pytest.raises(UsageError, match=word):
        file_scene.sync("cohorts", privacy={"columns": columns})
