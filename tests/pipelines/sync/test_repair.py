"""What torn loads, people, servers and settings do to a warehouse between two syncs, and that the next one mends it."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from pipelines.errors import UsageError
from sources.sandbox import Sandbox
from tests.harness.scene import Scene, written
from tests.harness.stored import run

pytestmark = [pytest.mark.versions, pytest.mark.duckdb_first]

DELIVERIES = "subscription_deliveries"
HERE: dict[str, Any] = {"projects": (201,)}
THERE: dict[str, Any] = {"projects": (101,)}
NOTHING: dict[str, Any] = {"count": 0, "next": None, "previous": None, "results": []}
USER = {"id": 4, "uuid": "u", "email": "d@hedgebox.example", "first_name": "D"}


# -- torn and damaged


@pytest.mark.fault("loads.unfinished")
def test_rows_of_an_unfinished_load_are_written_again_and_then_believed(scene: Scene) -> None:
    scene.settle("event_definitions", **HERE)
    torn = "event_definitions__tags"
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
    scene.settle(DELIVERIES, **HERE)
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


@pytest.mark.soak("stories")
@pytest.mark.fault("warehouse.dropped_column", "transport.401_in_mid_run")
@pytest.mark.parametrize("warehouse_url", ["duckdb"], indirect=True)
def test_a_key_that_is_refused_while_a_lost_column_is_filled_again_is_named(
    scene: Scene, posthog: Sandbox
) -> None:
    scene.settle(DELIVERIES, **HERE)
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


@pytest.mark.soak("stories")
@pytest.mark.fault("warehouse.users_view", "warehouse.users_things")
def test_a_users_own_column_and_view_survive(scene: Scene, posthog: Sandbox) -> None:
    scene.settle("cohorts")
    run(scene.url, "alter table posthog.cohorts add column mine varchar")
    run(scene.url, "update posthog.cohorts set mine = 'keep'")
    run(scene.url, "create view posthog.my_view as select id, name, mine from posthog.cohorts")
    ident = posthog.rows("cohorts")[0]["id"]
    posthog.edit("cohorts", where={"id": ident}, set={"description": f"edited beside {scene.home}"})
    assert written(scene.sync("cohorts")) == 1
    assert scene.ask("select distinct mine from posthog.my_view") == [("keep",)]


# -- settings that change


@pytest.mark.fault("security.other_privacy")
def test_another_privacy_setting_reaches_every_row_that_is_listed(
    file_scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    file_scene.sync("comments")
    texts = "select count(*) from posthog.comments where length(content) <> 64 and content is not null"
    assert file_scene.ask(texts) != [(0,)]
    with caplog.at_level(logging.WARNING, "hogsync"):
        file_scene.sync("comments", privacy={"text": "hash"})
    assert "privacy settings have changed" in caplog.text
    assert file_scene.ask(texts) == [(0,)]
    assert written(file_scene.sync("comments", privacy={"text": "hash"})) == 0


@pytest.mark.parametrize(
    ("columns", "word"),
    [
        ({"cohorts.id": "drop"}, "key"),
        ({"comments.deleted": "drop"}, "which rows are gone"),
        ({"users.is_staff": "drop"}, "which rows are gone"),
        ({"organizations.membership_level": "drop"}, "which rows are gone"),
        ({"cohorts.count": "hash"}, "cannot hold a hash"),
        ({"event_definitions.tags": "hash"}, "no text that can be hashed"),
        ({"role_memberships.organization_member": "hash"}, "no text that can be hashed"),
        ({"users.email": "drop"}, "set people.email"),
        ({"cohorts.nmae": "drop"}, "name"),
        ({"cohort.name": "drop"}, "cohorts"),
    ],
)
def test_a_column_setting_that_makes_no_sense_is_refused(
    file_scene: Scene, columns: dict[str, str], word: str
) -> None:
    with pytest.raises(UsageError, match=word):
        file_scene.sync("cohorts", privacy={"columns": columns})
