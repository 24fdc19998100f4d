"""A key that may see less for a while: what it cannot reach stays as it is, and when it comes back it reads on."""

from __future__ import annotations

from typing import Any

import pytest

from sources.posthog.catalogue import ENDPOINTS
from sources.posthog.catalogue.endpoint import Endpoint
from sources.posthog.errors import KeyRefused
from sources.posthog.shape.batch import Batch
from sources.sandbox import Sandbox
from tests.component.scene import Scene
from tests.harness.scene import of

EVENTS, MEMBERS = "event_definitions", "organization_members"


def second_organization(posthog: Sandbox) -> str:
    return str(posthog.rows("organizations")[1]["id"])


def delete_one(posthog: Sandbox, project: int) -> tuple[int, int]:
    """A cohort that is really gone, so that there is something to conclude; its key."""
    below = {"project_id": project}
    rows = [r for r in posthog.rows("cohorts") if r["_parents"] == below and r["_listed"]]
    posthog.edit("cohorts", where={"id": rows[0]["id"]}, parents=below, delete=True)
    return project, rows[0]["id"]


@pytest.mark.fault("access.owner_leaves", "access.returns")
def test_an_organization_that_the_owner_leaves_and_joins_again_loses_nothing(
    scene: Scene, posthog: Sandbox
) -> None:
    tables = (MEMBERS, "cohorts")
    scene.sync(*tables)
    scene.learn(scene.truth(*tables))
    second = second_organization(posthog)
    gone = (delete_one(posthog, 101), delete_one(posthog, 201))
    owner = next(
        r for r in posthog.rows(MEMBERS) if r["_parents"]["organization_id"] == second and r["level"] == 15
    )
    posthog.edit(MEMBERS, where={"id": owner["id"]}, parents={"organization_id": second}, delete=True)
    outcome = scene.sync(*tables)
    assert outcome.exit_code == 0
    assert of(outcome, "organizations").detail == f"no longer listed, rows kept: {second}"
    assert "201" in of(outcome, "projects").detail
    assert of(outcome, "cohorts").deletes_held == 1, "a key that sees less is no witness, elsewhere neither"
    assert scene.wrong() == ""

    again = {"id": owner["id"], "user": 1, "level": 15, "joined_at": owner["joined_at"]}
    posthog.edit(MEMBERS, insert=[again], parents={"organization_id": second})
    outcome = scene.sync(*tables)
    assert (outcome.exit_code, of(outcome, "cohorts").counts.deleted) == (0, 2)
    scene.learn(scene.truth(*tables))
    assert scene.wrong() == ""
    assert set(gone) == scene.rows("cohorts", dead=True).keys()


@pytest.mark.fault("access.organization_deactivated")
def test_a_deactivated_organization_is_unavailable_and_its_rows_stay(scene: Scene, posthog: Sandbox) -> None:
    tables = (MEMBERS, "cohorts")
    scene.sync(*tables)
    scene.learn(scene.truth(*tables))
    refusal = {
        "type": "authentication_error",
        "code": "organization_deactivated",
        "detail": "Off.",
        "attr": None,
    }
    there = f"organizations/{second_organization(posthog)}/|projects/201/"
    posthog.fault(path=there, kind="status", status=403, body=refusal)
    outcome = scene.sync(*tables)
    assert outcome.exit_code == 0
    assert "organization_deactivated" in of(outcome, MEMBERS).detail
    assert "organization_deactivated" in of(outcome, "projects").detail
    assert not of(outcome, "cohorts").complete
    assert scene.wrong() == ""


@pytest.mark.fault("access.owner_deactivated")
def test_a_key_whose_owner_is_deactivated_is_refused_and_its_rows_stay(
    scene: Scene, posthog: Sandbox
) -> None:
    key = posthog.new_key("deactivated", user="member")
    scene.sync("cohorts", projects=(101,), key=key)
    before = scene.stored()
    posthog.edit("users", where={"id": 5}, set={"is_active": False})
    with pytest.raises(KeyRefused, match="inactive"):
        scene.sync("cohorts", projects=(101,), key=key)
    posthog.edit("users", where={"id": 5}, set={"is_active": True})
    assert scene.stored() == before
    assert scene.sync("cohorts", projects=(101,), key=key).exit_code == 0


@pytest.mark.fault("access.discovery_refused", "access.key_untold", "access.rolled")
def test_a_key_that_may_not_find_its_projects_or_is_not_told_ends_nothing(
    scene: Scene, posthog: Sandbox
) -> None:
    label, here = "discovery", ("cohorts", "group_types")
    key = posthog.new_key(label, scopes=["*"])
    scene.sync(*here, key=key)
    scene.learn(scene.truth(*here))
    gone = delete_one(posthog, 102)

    posthog.change_key(label, scopes=["cohort:read", "group:read", "project:read"])
    outcome = scene.sync(*here, key=key)
    assert (outcome.exit_code, outcome.status) == (3, "refused")
    assert "organization:read" in of(outcome, "organizations").detail
    assert {of(outcome, table).status for table in here} == {"unavailable"}
    assert scene.wrong() == ""

    posthog.change_key(label, scopes=["*"])
    posthog.fault(path="@current", kind="status", status=403)
    outcome = scene.sync(*here, key=key)
    assert (outcome.exit_code, of(outcome, "cohorts").deletes_held) == (0, 1)
    assert scene.wrong() == ""

    posthog.clear_faults()
    posthog.fault(path="/organizations/$", kind="no_envelope")
    posthog.fault(path="/organizations/?", kind="no_envelope")
    outcome = scene.sync(*here, key=key)
    assert (outcome.exit_code, of(outcome, "organizations").status) == (1, "failed")
    assert scene.wrong() == ""

    posthog.clear_faults()
    rolled = posthog.new_key("rolled", scopes=["*"])
    assert of(scene.sync(*here, key=rolled), "cohorts").counts.deleted == 1, "it sees what the old one saw"
    scene.learn(scene.truth(*here))
    assert scene.wrong() == ""
    assert scene.rows("cohorts", dead=True).keys() == {gone}


@pytest.mark.fault("access.scope_removed", "access.returns")
def test_a_stream_whose_scope_comes_back_is_read_on_from_where_it_stood(
    scene: Scene, posthog: Sandbox
) -> None:
    label, deliveries = "stream", "subscription_deliveries"
    here: dict[str, Any] = {"projects": (102,)}
    key = posthog.new_key(label, scopes=["*"])
    first = of(scene.sync(deliveries, key=key, **here), deliveries)
    scene.learn(scene.truth(deliveries, **here))
    posthog.change_key(label, scopes=["organization:read", "project:read"])
    outcome = scene.sync(deliveries, key=key, **here)
    assert of(outcome, deliveries).status == of(outcome, "subscriptions").status == "unavailable"
    assert scene.wrong() == ""
    posthog.change_key(label, scopes=["*"])
    outcome = scene.sync(deliveries, key=key, **here)
    assert outcome.exit_code == 0
    assert of(outcome, deliveries).requests < first.requests
    assert scene.wrong() == ""


@pytest.mark.fault("access.lost_in_mid_run", "access.project_unreachable")
def test_a_project_that_goes_in_mid_run_keeps_its_rows_and_costs_no_other_list(
    scene: Scene, posthog: Sandbox
) -> None:
    tables, few = (EVENTS, "cohorts"), {"page_size": 50, "in_flight": 1}
    scene.sync(*tables)
    scene.learn(scene.truth(*tables))
    project = next(row for row in posthog.rows("projects") if row["id"] == 102)

    def vanish(endpoint: Endpoint, batch: Batch) -> None:
        if endpoint.table == EVENTS and 102 in batch.values("project_id"):
            posthog.edit("projects", where={"id": 102}, delete=True)

    outcome = scene.sync(*tables, lists=few, observers=(vanish,))
    assert (outcome.exit_code, outcome.status) == (1, "partial")
    ended = {one.list_path.url_path: one.status for t in tables for one in of(outcome, t).lists}
    assert ended.pop(f"projects/102/{EVENTS}/") == "failed"
    assert ended.pop("projects/102/cohorts/") in ("read", "unavailable"), "whichever came first"
    assert set(ended.values()) == {"read"}
    assert scene.wrong() == ""
    outcome = scene.sync(*tables)
    assert (outcome.exit_code, of(outcome, "projects").detail) == (0, "no longer listed, rows kept: 102")
    assert scene.wrong() == ""
    own = {name: value for name, value in project.items() if name[0] != "_"}
    posthog.edit("projects", insert=[own], parents={"organization_id": project["organization"]})
    scene.sync(*tables)
    assert scene.wrong() == ""


@pytest.mark.fault("access.rows_hidden")
def test_members_that_an_organization_hides_from_its_members_do_not_die(
    scene: Scene, posthog: Sandbox
) -> None:
    key = posthog.new_key("hidden", user="member")
    scene.sync(MEMBERS, key=key)
    before = scene.rows(MEMBERS)
    assert len(before) > 10
    posthog.options(members_hidden=True)
    for _ in range(3):
        outcome = scene.sync(MEMBERS, key=key)
        assert scene.rows(MEMBERS) == before
        assert of(outcome, MEMBERS).deletes_held == len(before) - 1
    posthog.clear_options()
    assert of(scene.sync(MEMBERS, key=key), MEMBERS).deletes_held == 0
    assert scene.rows(MEMBERS) == before


def listed(posthog: Sandbox, table: str, project: int = 101) -> list[Any]:
    """The ids of a project's rows that its list shows."""
    return [
        row["id"]
        for row in posthog.rows(table)
        if row["_parents"] == {"project_id": project} and row["_listed"]
    ]


@pytest.mark.parametrize("how", ["a list fails", "one project"])
def test_what_another_key_does_not_see_stays_after_a_run_that_cannot_tell_what_is_missing(
    how: str, scene: Scene, posthog: Sandbox
) -> None:
    table = "feature_flags" if how == "a list fails" else "annotations"
    scene.sync(table)
    other = posthog.new_key("another", scopes=[f"{table[:-1]}:read", "organization:read", "project:read"])
    ident = listed(posthog, table)[0]
    posthog.edit(table, where={"id": ident}, delete=True)  # as if the other key did not see it
    if how == "a list fails":
        posthog.fault(path="feature_flags/.*archived=true", kind="status", status=400, times=None)
        scene.sync(table, key=other)
        posthog.clear_faults()
    else:
        scene.sync(table, key=other, projects=(101,))
    for _ in range(2):
        assert of(scene.sync(table, key=other), table).deletes_held == 1
    assert any(ident in key for key in scene.rows(table, dead=False))


@pytest.mark.parametrize("table", ["annotations", "dashboard_templates"])
def test_deletes_of_shared_tables_are_seen_when_a_project_is_gone(
    table: str, scene: Scene, posthog: Sandbox
) -> None:
    scene.sync(table)
    posthog.edit("projects", where={"id": 103}, delete=True)
    own = listed(posthog, table)[0]
    name, values = ENDPOINTS[table].shared or ("", ())
    everywhere = next(row["id"] for row in posthog.rows(table) if row[name] in values and row["_listed"])
    for ident in (own, everywhere):
        posthog.edit(table, where={"id": ident}, delete=True)
    assert of(scene.sync(table), table).counts.deleted == 1
    assert {(own,), (everywhere,)} & scene.rows(table, dead=False).keys() == {(everywhere,)}
    # It may stand in the list of the project that this key sees no more: a person says that it does not.
    assert of(scene.sync(table, accept_deletes=True), table).counts.deleted >= 1
    assert (everywhere,) not in scene.rows(table, dead=False)
