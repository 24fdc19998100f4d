"""The control interface: truth that equals the lists, days that pass, edits, the log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from sources.sandbox import Sandbox
from tests.sources.sandbox.conftest import Asker, Row

PROJECTS = (101, 102, 103, 201)


def all_lists(ask: Asker) -> Iterator[tuple[str, Row, list[Row]]]:
    """Every list that a key with all scopes can walk: table, parents, rows."""
    organizations = ask.walk("/api/organizations/")
    yield "organizations", {}, organizations
    yield "users", {}, ask.walk("/api/users/")
    for one in organizations:
        parents = {"organization_id": one["id"]}
        yield "projects", parents, ask.walk(f"/api/organizations/{one['id']}/projects/")
        yield "organization_members", parents, ask.walk(f"/api/organizations/{one['id']}/members/?limit=3")
        logs = ask.walk(f"/api/organizations/{one['id']}/advanced_activity_logs/?ordering=created_at")
        yield "organization_activity_logs", parents, logs
    for project in PROJECTS:
        yield from project_lists(ask, project)


def project_lists(ask: Asker, project: int) -> Iterator[tuple[str, Row, list[Row]]]:
    base, parents = f"/api/projects/{project}", {"project_id": project}
    subscriptions = ask.walk(f"{base}/subscriptions/") + ask.walk(f"{base}/subscriptions/?deleted=true")
    yield "subscriptions", parents, subscriptions
    for one in subscriptions:
        below = {**parents, "subscription_id": one["id"]}
        yield "subscription_deliveries", below, ask.walk(f"{base}/subscriptions/{one['id']}/deliveries/")
    yield "cohorts", parents, ask.walk(f"{base}/cohorts/")
    yield "comments", parents, ask.walk(f"{base}/comments/?deleted=true")
    yield "event_definitions", parents, ask.walk(f"{base}/event_definitions/?ordering=name")
    groups = ask(f"{base}/groups_types/").body
    yield "group_types", parents, groups
    for kind in ("event", "person", "session"):
        yield (
            "property_definitions",
            {**parents, "type": kind},
            ask.walk(f"{base}/property_definitions/?type={kind}&limit=50"),
        )
    for index in [one["group_type_index"] for one in groups]:
        yield (
            "property_definitions",
            {**parents, "type": "group", "group_type_index": index},
            ask.walk(f"{base}/property_definitions/?type=group&group_type_index={index}"),
        )


def flat(rows: list[Row], parents: Row | None = None) -> list[str]:
    """Rows as sorted text: without the truth's marks, session times and the order of tags."""
    texts = []
    for row in rows:
        place = row.get("_parents") if parents is None else parents
        kept = {
            name: value
            for name, value in row.items()
            if name not in ("_parents", "_listed", "sensitive_session_expires_at", "fresh_reauth_expires_at")
        }
        if "tags" in kept:
            kept["tags"] = sorted(kept["tags"])
        texts.append(json.dumps([place, kept], sort_keys=True))
    return sorted(texts)


def assert_truth_is_what_the_lists_say(sandbox: Sandbox, ask: Asker) -> None:
    seen: dict[str, list[str]] = {}
    for table, parents, rows in all_lists(ask):
        seen.setdefault(table, []).extend(flat(rows, parents))
    truth = sandbox.truth()["rows"]
    assert set(seen) == set(truth)
    for table, rows in truth.items():
        assert sorted(seen[table]) == flat([row for row in rows if row["_listed"]]), table


def test_the_truth_is_what_the_lists_say_at_first_and_on_later_days(own: Sandbox, ask_own: Asker) -> None:
    assert_truth_is_what_the_lists_say(own, ask_own)
    own.advance(3)
    assert_truth_is_what_the_lists_say(own, ask_own)


def test_the_truth_can_be_had_for_another_key(own: Sandbox, ask_own: Asker) -> None:
    own.new_key("staff", user="staff")
    assert len([row for row in own.truth("staff")["rows"]["users"] if row["_listed"]]) == 16
    own.new_key("member", user="member")
    listed = [row for row in own.truth("member")["rows"]["cohorts"] if row["_listed"]]
    assert {row["_parents"]["project_id"] for row in listed} == {101, 102}


def test_a_week_brings_every_kind_of_change(own: Sandbox) -> None:
    before = own.truth()
    assert own.advance(7)["step"] == 7
    after = own.truth()
    assert after["now"] == "2026-11-09T08:00:00Z"
    for table in (
        "subscriptions",
        "subscription_deliveries",
        "cohorts",
        "comments",
        "event_definitions",
        "property_definitions",
        "organization_members",
    ):
        old, new = by_id(before["rows"][table]), by_id(after["rows"][table])
        assert any(old[key] != new[key] for key in old.keys() & new.keys()), f"{table}: something edited"
        assert new.keys() - old.keys(), f"{table}: something new"
    flags = {
        table: [by_id(when["rows"][table]) for when in (before, after)]
        for table in ("subscriptions", "comments", "cohorts")
    }
    for table, (old, new) in flags.items():
        assert any(new[key]["deleted"] and not old[key]["deleted"] for key in old), (
            f"{table}: something deleted"
        )
    old, new = flags["subscriptions"]
    assert any(old[key]["deleted"] and not new[key]["deleted"] for key in old), "something taken back"
    for table in ("event_definitions", "property_definitions", "organization_members"):
        assert by_id(before["rows"][table]).keys() - by_id(after["rows"][table]).keys(), (
            f"{table}: something gone"
        )


def test_a_deleted_event_returns_under_a_new_id(own: Sandbox) -> None:
    names = {key_of(row): row["id"] for row in own.rows("event_definitions")}
    own.advance()
    gone = names.keys() - {key_of(row) for row in own.rows("event_definitions")}
    assert gone
    own.advance(2)
    back = {key_of(row): row["id"] for row in own.rows("event_definitions")}
    assert all(back[name] != names[name] for name in gone)


def test_open_deliveries_end_the_next_day_but_not_what_is_stuck_for_weeks(own: Sandbox) -> None:
    def still_open() -> dict[str, Row]:
        rows = own.rows("subscription_deliveries")
        return {row["id"]: row for row in rows if row["status"] == "starting"}

    before = still_open()
    own.advance()
    old = {key for key, row in before.items() if row["created_at"] < "2026-10-20"}
    assert old
    assert before.keys() - old
    assert before.keys() & still_open().keys() == old


def test_dynamic_cohorts_are_counted_again_every_day(worn: Sandbox) -> None:
    before = by_id(worn.rows("cohorts"))
    worn.advance()
    after = by_id(worn.rows("cohorts"))
    moved = [key for key in before if before[key]["version"] != after[key]["version"]]
    assert len(moved) > 30
    assert not any(before[key]["is_static"] for key in moved)


def test_profile_changes_show_in_every_embedded_person(worn: Sandbox) -> None:
    worn.edit("users", where={"id": 2}, set={"first_name": "Renamed"})
    found = [
        row["created_by"]["first_name"]
        for row in worn.rows("comments")
        if row["created_by"] and row["created_by"]["id"] == 2
    ]
    assert found
    assert set(found) == {"Renamed"}


def test_rows_can_be_edited_deleted_and_added(own: Sandbox, ask_own: Asker) -> None:
    path = "/api/projects/101/cohorts/"
    number = ask_own(path).ids[3]
    parents = {"project_id": 101}
    assert (
        own.edit("cohorts", where={"id": number}, set={"name": "Edited", "new_field": [1]}, unset=["count"])
        == 1
    )
    row = ask_own(f"{path}{number}/").body
    assert (row["name"], row["new_field"], "count" in row) == ("Edited", [1], False)
    assert own.edit("cohorts", where={"id": number}, soft_delete=True) == 1
    assert number not in ask_own(path).ids
    assert own.edit("cohorts", where={"id": number}, soft_delete=False) == 1
    assert number in ask_own(path).ids
    assert own.edit("cohorts", where={"id": number}, delete=True) == 1
    assert ask_own(f"{path}{number}/").status == 404
    before = ask_own(path).body["count"]
    assert own.edit("cohorts", insert=[{"name": "Added"}, {}], parents=parents) == 2
    assert ask_own(path).body["count"] == before + 2
    assert own.clear("cohorts", 101) > 20
    assert ask_own(path).body["count"] == 0
    assert ask_own("/api/projects/102/cohorts/").body["count"] > 0


@pytest.mark.parametrize(
    ("table", "row", "parents"),
    [
        ("subscriptions", {}, {}),
        ("subscription_deliveries", {}, {"subscription_id": 4101}),
        ("comments", {}, {}),
        ("event_definitions", {"name": "added"}, {}),
        ("property_definitions", {"name": "added"}, {"type": "person"}),
        ("property_definitions", {"name": "added"}, {"type": "group", "group_type_index": 1}),
        ("group_types", {"group_type_index": 2}, {}),
        ("organization_members", {}, {}),
        ("projects", {}, {}),
        ("users", {}, {}),
    ],
)
def test_a_row_can_be_added_to_every_table(worn: Sandbox, table: str, row: Row, parents: Row) -> None:
    worn.new_key("staff", user="staff")
    before = len(worn.truth("staff")["rows"][table])
    assert worn.edit(table, insert=[row], parents=parents) == 1
    assert len(worn.truth("staff")["rows"][table]) == before + 1


def test_the_log_has_every_request_but_never_a_key(ask: Asker, sandbox: Sandbox) -> None:
    key = sandbox.new_key("logged")
    sandbox.clear_requests()
    ask("/api/projects/101/cohorts/?limit=2", key)
    ask("/api/nothing", "phx_wrong")
    sandbox.truth()
    assert sandbox.requests() == [
        {
            "method": "GET",
            "path": "/api/projects/101/cohorts/",
            "query": "limit=2",
            "status": 200,
            "key": "logged",
        },
        {"method": "GET", "path": "/api/nothing", "query": "", "status": 404, "key": None},
    ]


def by_id(rows: list[Row]) -> dict[str, Row]:
    return {json.dumps([row["_parents"], row["id"]]): row for row in rows}


def key_of(row: Row) -> tuple[int, str]:
    return row["_parents"]["project_id"], row["name"]


def without_sessions(moment: dict[str, Any]) -> dict[str, Any]:
    """A truth without the users, whose session fields differ from request to request."""
    return {**moment, "rows": {table: rows for table, rows in moment["rows"].items() if table != "users"}}


@pytest.mark.parametrize("name", ["", "changed"])
def test_a_company_that_was_kept_can_be_gone_back_to(own: Sandbox, ask_own: Asker, name: str) -> None:
    own.keep()
    if name:
        own.edit("cohorts", where={"deleted": False}, set={"description": "changed"})
        own.edit("comments", insert=[{"content": "new"}], parents={"project_id": 101})
    own.new_key("kept")
    own.keep(name)
    before = own.truth()
    for _ in range(2):
        own.advance(2)
        own.edit("users", where={"id": 2}, set={"first_name": "Renamed"})
        own.clear("cohorts")
        own.change_key("kept", revoked=True)
        own.new_key("later")
        own.gate("comments", 402)
        own.fault(path="cohorts", kind="html")
        own.options(count_cap=5)
        own.rewind(name)
        assert without_sessions(own.truth("kept")) == without_sessions(before)
        assert own.requests() == []
        assert ask_own("/api/projects/101/comments/").status == 200
        assert len(ask_own("/api/projects/101/cohorts/").ids) > 10
        with pytest.raises(ValueError, match="StopIteration"):
            own.truth("later")


def test_what_was_kept_under_one_name_is_not_changed_by_going_back_to_another(own: Sandbox) -> None:
    own.keep()
    first = own.truth()
    own.clear("cohorts")
    own.keep("without_cohorts")
    later = own.truth()
    for name, there in (("", first), ("without_cohorts", later), ("", first)):
        own.edit("comments", where={}, set={"content": "lost"})
        own.rewind(name)
        assert without_sessions(own.truth()) == without_sessions(there)


def test_only_what_was_kept_can_be_gone_back_to(own: Sandbox) -> None:
    for name in ("", "never"):
        with pytest.raises(ValueError, match="nothing was kept"):
            own.rewind(name)
    with pytest.raises(ValueError, match="cannot be kept"):
        own.keep("a; drop table")


def test_a_request_that_is_under_way_ends_in_the_log_of_before(own: Sandbox, ask_own: Asker) -> None:
    own.options(latency=0.5)
    own.keep()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ask_own, "/api/projects/101/cohorts/")
        while not asked.done():
            own.rewind()
        assert asked.result().status == 200
    assert own.requests() == []
