"""Keys that see only a part: what they reach is loaded, what they do not reach stays as it is."""

from __future__ import annotations

from typing import Any

import pytest

from sources.sandbox import Sandbox
from tests.component.scene import Scene
from tests.harness.expected import Row
from tests.harness.long_lists import many_comments
from tests.harness.scene import of

TABLES = ("organization_members", "users", "cohorts", "group_types")


def test_a_key_scoped_to_a_project_reads_that_project(scene: Scene, posthog: Sandbox) -> None:
    key = posthog.new_key("project", scoped_teams=[102])
    outcome = scene.sync(*TABLES, key=key)
    assert outcome.exit_code == 0
    assert {name: of(outcome, name).status for name in ("organizations", "projects", *TABLES)} == {
        "organizations": "unavailable",
        "projects": "loaded",
        "organization_members": "unavailable",
        "users": "loaded",
        "cohorts": "loaded",
        "group_types": "loaded",
    }
    wanted = scene.truth("users", "cohorts", "group_types", projects=(102,))
    wanted["organizations"].clear()
    wanted["projects"] = {key: row for key, row in wanted["projects"].items() if key == (102,)}
    scene.learn(wanted)
    assert scene.wrong() == ""


def test_a_key_scoped_to_an_organization_reads_that_organization(scene: Scene, posthog: Sandbox) -> None:
    second = posthog.rows("organizations")[1]["id"]
    key = posthog.new_key("organization", scoped_organizations=[second])
    outcome = scene.sync(*TABLES, key=key)
    assert outcome.exit_code == 0
    assert all(result.complete for result in outcome.tables)
    stored = scene.stored()
    assert set(stored["organizations"]) == {(second,)}
    assert set(stored["projects"]) == {(201,)}
    assert {key[0] for key in stored["organization_members"]} == {second}
    wanted = scene.truth("cohorts", "group_types", projects=(201,))
    assert {table: stored[table] for table in ("cohorts", "group_types")} == {
        table: wanted[table] for table in ("cohorts", "group_types")
    }


@pytest.mark.fault("access.narrowed_to_project", "access.narrowed_to_organization", "access.returns")
def test_a_key_that_is_narrowed_and_widened_again_loses_nothing(scene: Scene, posthog: Sandbox) -> None:
    label = "narrowed"
    key = posthog.new_key(label)
    scene.sync(*TABLES, key=key)
    scene.learn(scene.truth(*TABLES))
    assert scene.wrong() == ""
    second = posthog.rows("organizations")[1]["id"]
    for rights in ({"scoped_teams": [102]}, {"scoped_teams": [], "scoped_organizations": [second]}):
        posthog.change_key(label, **rights)
        assert scene.sync(*TABLES, key=key).exit_code == 0
        assert scene.wrong() == ""
    posthog.change_key(label, scoped_organizations=[])
    below = {"project_id": 101}
    gone = next(r["id"] for r in posthog.rows("cohorts") if r["_parents"] == below and r["_listed"])
    posthog.edit("cohorts", where={"id": gone}, parents=below, delete=True)
    outcome = scene.sync(*TABLES, key=key)
    scene.learn(scene.truth(*TABLES))
    assert scene.wrong() == "", "the key is again the one that saw these rows"
    assert of(outcome, "cohorts").counts.deleted == 1


@pytest.mark.fault("access.scope_removed")
def test_a_scope_that_lacks_is_named_and_its_rows_stay(scene: Scene, posthog: Sandbox) -> None:
    label = "scopes"
    key = posthog.new_key(label)
    scene.sync("cohorts", "group_types", key=key, projects=(101,))
    scene.learn(scene.truth("cohorts", "group_types", projects=(101,)))
    posthog.change_key(label, scopes=["organization:read", "project:read", "group:read"])
    outcome = scene.sync("cohorts", "group_types", key=key, projects=(101,))
    assert (outcome.exit_code, of(outcome, "cohorts").status) == (0, "unavailable")
    assert "cohort:read" in of(outcome, "cohorts").detail
    assert scene.wrong() == ""


def test_a_plain_member_sees_the_owner_of_the_key_alone_in_users(scene: Scene, posthog: Sandbox) -> None:
    key = posthog.new_key("member", user="member")
    scene.sync("users", "organization_members", key=key)
    assert [row["id"] for row in scene.rows("users").values()] == [5]
    assert len(scene.rows("people")) > 10
    users: list[Row] = list(scene.rows("users").values())
    assert not {"email", "first_name", "last_name", "distinct_id"} & users[0].keys()


@pytest.mark.fault("warehouse.dropped_column", "access.returns")
@pytest.mark.parametrize("there", [True, False], ids=["listed", "deleted"])
def test_what_another_key_did_not_meet_is_told_by_a_full_walk_of_the_key_that_saw_it(
    scene: Scene, posthog: Sandbox, *, there: bool
) -> None:
    rows = many_comments(posthog)
    here: dict[str, Any] = {"projects": (103,)}
    unseen = next(row for row in rows if row["_listed"] and row["content"])
    scene.sync("comments", **here)
    scene.sync("comments", **here)
    posthog.edit("comments", where={"id": unseen["id"]}, delete=True)
    scene.warehouse.drop_column("comments", "content")
    other = posthog.new_key("unseeing", user="owner", scopes=["*:read", "query:read", "*"])
    scene.sync("comments", key=other, **here)

    def told() -> tuple[str | None, bool]:
        row = scene.rows("comments")[(103, unseen["id"])]
        return row.get("content"), not row["dead"]

    assert told() == (None, True), "held, and not to be had"
    if there:
        own = {name: value for name, value in unseen.items() if not name.startswith("_")}
        posthog.edit("comments", insert=[own], parents=unseen["_parents"])
    scene.sync("comments", **here)
    assert told() == (unseen["content"] if there else None, True), "the count tells of a row that is back"
    scene.sync("comments", full=True, **here)
    assert told() == (unseen["content"] if there else None, there)


@pytest.mark.fault("access.staff")
@pytest.mark.parametrize("seen_before", [False, True])
def test_rows_of_a_run_that_could_not_tell_what_its_key_sees_do_not_die_for_another_key(
    scene: Scene, posthog: Sandbox, *, seen_before: bool
) -> None:
    if seen_before:
        scene.sync("users")
    staff = posthog.new_key("staff without organizations", user="staff")
    posthog.fault(kind="status", status=400, path="api/organizations/")
    assert scene.sync("users", key=staff).exit_code == 1
    posthog.clear_faults()
    everybody = scene.rows("users").keys()
    assert len(everybody) > 10
    for _ in range(2):
        assert of(scene.sync("users"), "users").deletes_held == len(everybody) - 1
        assert scene.rows("users", dead=False).keys() == everybody
    assert of(scene.sync("users", key=staff), "users").deletes_held == 0
    assert scene.rows("users", dead=False).keys() == everybody
