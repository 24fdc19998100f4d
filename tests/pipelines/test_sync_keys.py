"""Keys that see only a part: what they reach is loaded, what they do not reach stays as it is."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from sources.sandbox import Sandbox
from tests.pipelines.long_lists import many_comments
from tests.pipelines.test_sync_mending import run
from tests.truth.expected import Row
from tests.truth.scene import Scene, of

TABLES = ("organization_members", "users", "cohorts", "group_types")
NUMBERS = count(1)


def test_a_key_scoped_to_a_project_reads_that_project(file_scene: Scene, posthog: Sandbox) -> None:
    key = posthog.new_key(f"project{next(NUMBERS)}", scoped_teams=[102])
    outcome = file_scene.sync(*TABLES, key=key)
    assert outcome.exit_code == 0
    assert {name: of(outcome, name).status for name in ("organizations", "projects", *TABLES)} == {
        "organizations": "unavailable",
        "projects": "loaded",
        "organization_members": "unavailable",
        "users": "loaded",
        "cohorts": "loaded",
        "group_types": "loaded",
    }
    wanted = file_scene.truth("users", "cohorts", "group_types", projects=(102,))
    wanted["organizations"].clear()
    wanted["projects"] = {key: row for key, row in wanted["projects"].items() if key == (102,)}
    file_scene.learn(wanted)
    assert file_scene.wrong() == ""


def test_a_key_scoped_to_an_organization_reads_that_organization(file_scene: Scene, posthog: Sandbox) -> None:
    second = posthog.rows("organizations")[1]["id"]
    key = posthog.new_key(f"organization{next(NUMBERS)}", scoped_organizations=[second])
    outcome = file_scene.sync(*TABLES, key=key)
    assert outcome.exit_code == 0
    assert all(result.complete for result in outcome.tables)
    stored = file_scene.stored()
    assert set(stored["organizations"]) == {(second,)}
    assert set(stored["projects"]) == {(201,)}
    assert {key[0] for key in stored["organization_members"]} == {second}
    wanted = file_scene.truth("cohorts", "group_types", projects=(201,))
    assert {table: stored[table] for table in ("cohorts", "group_types")} == {
        table: wanted[table] for table in ("cohorts", "group_types")
    }


@pytest.mark.fault("access.narrowed_to_project", "access.narrowed_to_organization", "access.returns")
def test_a_key_that_is_narrowed_and_widened_again_loses_nothing(file_scene: Scene, posthog: Sandbox) -> None:
    label = f"narrowed{next(NUMBERS)}"
    key = posthog.new_key(label)
    file_scene.sync(*TABLES, key=key)
    file_scene.learn(file_scene.truth(*TABLES))
    assert file_scene.wrong() == ""
    second = posthog.rows("organizations")[1]["id"]
    for rights in ({"scoped_teams": [102]}, {"scoped_teams": [], "scoped_organizations": [second]}):
        posthog.change_key(label, **rights)
        assert file_scene.sync(*TABLES, key=key).exit_code == 0
        assert file_scene.wrong() == ""
    posthog.change_key(label, scoped_organizations=[])
    below = {"project_id": 101}
    gone = next(r["id"] for r in posthog.rows("cohorts") if r["_parents"] == below and r["_listed"])
    posthog.edit("cohorts", where={"id": gone}, parents=below, delete=True)
    outcome = file_scene.sync(*TABLES, key=key)
    file_scene.learn(file_scene.truth(*TABLES))
    assert file_scene.wrong() == "", "the key is again the one that saw these rows"
    assert of(outcome, "cohorts").counts.deleted == 1


@pytest.mark.fault("access.scope_removed")
def test_a_scope_that_lacks_is_named_and_its_rows_stay(file_scene: Scene, posthog: Sandbox) -> None:
    label = f"scopes{next(NUMBERS)}"
    key = posthog.new_key(label)
    file_scene.sync("cohorts", "group_types", key=key, projects=(101,))
    file_scene.learn(file_scene.truth("cohorts", "group_types", projects=(101,)))
    posthog.change_key(label, scopes=["organization:read", "project:read", "group:read"])
    outcome = file_scene.sync("cohorts", "group_types", key=key, projects=(101,))
    assert (outcome.exit_code, of(outcome, "cohorts").status) == (0, "unavailable")
    assert "cohort:read" in of(outcome, "cohorts").detail
    assert file_scene.wrong() == ""


def test_a_plain_member_sees_the_owner_of_the_key_alone_in_users(file_scene: Scene, posthog: Sandbox) -> None:
    key = posthog.new_key(f"member{next(NUMBERS)}", user="member")
    file_scene.sync("users", "organization_members", key=key)
    assert [row["id"] for row in file_scene.rows("users").values()] == [5]
    assert len(file_scene.rows("people")) > 10
    users: list[Row] = list(file_scene.rows("users").values())
    assert not {"email", "first_name", "last_name", "distinct_id"} & users[0].keys()


@pytest.mark.fault("warehouse.dropped_column", "access.returns")
@pytest.mark.parametrize("there", [True, False], ids=["listed", "deleted"])
def test_a_key_that_is_back_tells_at_once_of_what_another_did_not_meet(
    file_scene: Scene, posthog: Sandbox, *, there: bool
) -> None:
    rows = many_comments(posthog)
    here: dict[str, Any] = {"projects": (103,)}
    unseen = next(row for row in rows if row["_listed"] and row["content"])
    file_scene.sync("comments", **here)
    quick = of(file_scene.sync("comments", **here), "comments").pages
    posthog.edit("comments", where={"id": unseen["id"]}, delete=True)
    run(file_scene.url, "alter table posthog.comments drop column content")
    other = posthog.new_key(f"unseeing{next(NUMBERS)}", user="owner", scopes=["*:read", "query:read", "*"])
    file_scene.sync("comments", key=other, **here)

    def told() -> list[tuple[str | None, bool]]:
        return file_scene.ask(
            f"select content, _deleted_at is null from posthog.comments where id = '{unseen['id']}'"
        )

    assert told() == [(None, True)], "held, and not to be had"
    if there:
        own = {name: value for name, value in unseen.items() if not name.startswith("_")}
        posthog.edit("comments", insert=[own], parents=unseen["_parents"])
    assert of(file_scene.sync("comments", **here), "comments").pages > quick
    assert told() == [(unseen["content"] if there else None, there)]
    assert of(file_scene.sync("comments", **here), "comments").pages <= quick


@pytest.mark.fault("transport.401_in_mid_run")
def test_rows_of_a_list_in_which_a_key_was_refused_do_not_die_for_another_key(
    file_scene: Scene, posthog: Sandbox
) -> None:
    staff = posthog.new_key(f"refused among users {next(NUMBERS)}", user="staff")
    posthog.fault(kind="status", status=401, path="api/users/", skip=2)
    outcome = file_scene.sync("users", key=staff, lists={"page_size": 4, "ahead": 1})
    assert (outcome.exit_code, of(outcome, "users").status) == (3, "failed")
    assert of(outcome, "users").pages == 2, "what is stored was read"
    assert "could not be written" not in str(outcome.run.error), "and has its history"
    posthog.clear_faults()
    stored = file_scene.rows("users").keys()
    assert len(stored) == 8
    assert of(file_scene.sync("users"), "users").deletes_held > 0
    assert file_scene.rows("users", dead=False).keys() >= stored
    assert file_scene.ask("select count(*) from posthog.users_history where op = 'delete'") == [(0,)]


@pytest.mark.fault("access.staff")
@pytest.mark.parametrize("seen_before", [False, True])
def test_rows_of_a_run_that_could_not_tell_what_its_key_sees_do_not_die_for_another_key(
    file_scene: Scene, posthog: Sandbox, *, seen_before: bool
) -> None:
    if seen_before:
        file_scene.sync("users")
    staff = posthog.new_key(f"staff without organizations {next(NUMBERS)}", user="staff")
    posthog.fault(kind="status", status=400, path="api/organizations/")
    assert file_scene.sync("users", key=staff).exit_code == 1
    posthog.clear_faults()
    everybody = file_scene.rows("users").keys()
    assert len(everybody) > 10
    for _ in range(2):
        assert of(file_scene.sync("users"), "users").deletes_held == len(everybody) - 1
        assert file_scene.rows("users", dead=False).keys() == everybody
    assert of(file_scene.sync("users", key=staff), "users").deletes_held == 0
    assert file_scene.rows("users", dead=False).keys() == everybody
