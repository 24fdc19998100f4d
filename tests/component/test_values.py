"""New fields beyond their number, values that cannot be read, rows that are listed twice: what becomes of them."""

from __future__ import annotations

from typing import Any

import pytest

from sources.sandbox import Sandbox
from tests.component.scene import Scene
from tests.harness.expected import Tables
from tests.harness.scene import of, written

BELOW = {"project_id": 101}
HERE: dict[str, Any] = {"projects": (101,)}
GROUPS = "group_types"


def group(index: int) -> dict[str, Any]:
    return {"where": {"group_type_index": index}, "parents": BELOW}


@pytest.mark.fault("values.many_new_keys")
def test_of_two_thousand_new_fields_a_hundred_become_columns_and_the_rest_share_one(
    scene: Scene, posthog: Sandbox
) -> None:
    crowd = {f"crowd_{n:04}": n for n in range(2000)}
    inside, outside = dict(list(crowd.items())[:100]), dict(list(crowd.items())[100:])
    late = {"crowd_0001": "one", "crowd_1500": 2, "a later one": {"token": "x", "b": 1}}
    posthog.edit(GROUPS, **group(0), set=crowd)
    outcome = scene.sync(GROUPS, **HERE)
    assert outcome.exit_code == 0
    scene.learn(plain(scene, crowd, {0: {**inside, "_other_fields": outside}}))
    assert scene.wrong() == ""
    assert of(outcome, GROUPS).detail == "1,900 fields beyond [lists] new_columns kept in _other_fields"

    posthog.edit(GROUPS, **group(1), set=late)
    assert scene.sync(GROUPS, **HERE).exit_code == 0
    others = {"crowd_1500": 2, "a later one": {"b": 1}}
    told: dict[int, dict[str, Any]] = {
        0: {**inside, "_other_fields": outside},
        1: {"crowd_0001__v_text": "one", "_other_fields": others},
    }
    scene.learn(plain(scene, {**crowd, **late}, told))
    assert scene.wrong() == "", "who has a column keeps it, whatever comes first"
    assert written(scene.sync(GROUPS, **HERE)) == 0


def plain(scene: Scene, odd: dict[str, Any], kept: dict[int, dict[str, Any]]) -> Tables:
    """The group types without their odd fields, but with the columns that came of them."""
    tables = scene.truth(GROUPS, **HERE)
    for row in tables[GROUPS].values():
        for name in odd:
            row.pop(name, None)
    for index, columns in kept.items():
        tables[GROUPS][(101, index)] |= columns
    return tables


@pytest.mark.fault("values.recipient_of_another_type")
def test_what_might_hold_an_address_but_cannot_be_read_is_not_kept_and_told(
    scene: Scene, posthog: Sandbox
) -> None:
    ident = next(row["id"] for row in posthog.rows("subscriptions") if row["_parents"] == BELOW)
    given = {"target_value": {"to": "somebody@partner.example"}}
    posthog.edit("subscriptions", where={"id": ident}, parents=BELOW, set=given)
    outcome = scene.sync("subscriptions", **HERE)
    assert (outcome.exit_code, of(outcome, "subscriptions").detail) == (
        0,
        "1 value did not fit: target_value",
    )
    assert "somebody" not in str(scene.rows("subscriptions"))
    assert (101, ident, 0) not in scene.rows("subscriptions__recipients")


def test_a_project_that_is_listed_below_two_organizations_is_read_and_stored_once(
    scene: Scene, posthog: Sandbox
) -> None:
    rows = posthog.truth()["rows"]
    row = next(row for row in rows["projects"] if row["id"] == 101)
    own = {name: value for name, value in row.items() if name[0] != "_"}
    other = next(
        one["id"] for one in rows["organizations"] if one["id"] != row["_parents"]["organization_id"]
    )
    posthog.edit("projects", insert=[own], parents={"organization_id": other})
    outcome = scene.sync(GROUPS, **HERE)
    posthog.edit("projects", where={"id": 101}, parents={"organization_id": other}, delete=True)
    assert outcome.exit_code == 0
    assert sorted(scene.rows(GROUPS)) == sorted(scene.truth(GROUPS, **HERE)[GROUPS])
