"""Each list's order, what it hides, what its parameters do, and which fields it has."""

from __future__ import annotations

from typing import Any

import pytest

from sources.sandbox import Sandbox
from tests.sources.sandbox.conftest import Asker, Row

BASIC = {
    "id",
    "uuid",
    "distinct_id",
    "first_name",
    "last_name",
    "email",
    "is_email_verified",
    "hedgehog_config",
    "role_at_organization",
}
SUBSCRIPTIONS = "/api/projects/101/subscriptions/"
COMMENTS = "/api/projects/101/comments/"
COHORTS = "/api/projects/101/cohorts/"


def kept(sandbox: Sandbox, table: str, project: int = 101) -> list[Row]:
    return [row for row in sandbox.rows(table) if row["_parents"].get("project_id") == project]


def test_subscriptions_come_newest_first_without_the_deleted(ask: Asker, sandbox: Sandbox) -> None:
    rows = ask.walk(SUBSCRIPTIONS)
    live = [row for row in kept(sandbox, "subscriptions") if not row["deleted"]]
    assert [row["id"] for row in rows] == [row["id"] for row in newest_first(live)]


def test_subscriptions_deleted_true_gives_the_deleted_alone(ask: Asker, sandbox: Sandbox) -> None:
    gone = {row["id"] for row in kept(sandbox, "subscriptions") if row["deleted"]}
    assert gone
    assert set(ask(f"{SUBSCRIPTIONS}?deleted=true").ids) == gone
    assert set(ask(f"{SUBSCRIPTIONS}?deleted=false").ids).isdisjoint(gone)
    assert ask(f"{SUBSCRIPTIONS}{gone.pop()}/").body["deleted"] is True


def test_subscriptions_can_be_ordered_and_unknown_orders_are_ignored(ask: Asker) -> None:
    created = [row["created_at"] for row in ask.walk(f"{SUBSCRIPTIONS}?ordering=created_at")]
    assert created == sorted(created)
    emails = [
        row["created_by"]["email"]
        for row in ask.walk(f"{SUBSCRIPTIONS}?ordering=created_by__email")
        if row["created_by"]
    ]
    assert emails == sorted(emails)
    assert ask(f"{SUBSCRIPTIONS}?ordering=nonsense").ids == ask(SUBSCRIPTIONS).ids


@pytest.mark.parametrize(
    ("query", "attr"), [("target_type=pigeon", "target_type"), ("created_by=7", "created_by")]
)
def test_subscription_filters_are_validated(ask: Asker, query: str, attr: str) -> None:
    answer = ask(f"{SUBSCRIPTIONS}?{query}")
    assert (answer.status, answer.body["type"], answer.body["attr"]) == (400, "validation_error", attr)


def test_subscriptions_are_of_every_kind(sandbox: Sandbox) -> None:
    rows = kept(sandbox, "subscriptions")
    assert {row["target_type"] for row in rows} == {"email", "slack", "webhook"}
    assert any("," in row["target_value"] for row in rows)
    assert {row["enabled"] for row in rows} == {row["deleted"] for row in rows} == {True, False}
    assert all(row["invite_message"] is None for row in rows)


def test_deliveries_come_newest_first_and_can_be_asked_by_status(ask: Asker) -> None:
    path = f"{SUBSCRIPTIONS}4101/deliveries/"
    rows = ask.walk(path)
    assert len(rows) == 130
    assert [row["id"] for row in rows] == [row["id"] for row in newest_first(rows)]
    failed = ask.walk(f"{path}?status=failed")
    assert failed
    assert {row["status"] for row in failed} == {"failed"}
    assert ask(f"{path}?status=lost").status == 400
    assert ask(f"{path}{rows[5]['id']}/").body["id"] == rows[5]["id"]


def test_deliveries_of_deleted_subscriptions_are_still_listed_and_unknown_ones_have_none(ask: Asker) -> None:
    gone = ask(f"{SUBSCRIPTIONS}?deleted=true").ids[0]
    assert ask(f"{SUBSCRIPTIONS}{gone}/deliveries/").body["results"]
    foreign = ask("/api/projects/201/subscriptions/").ids[0]
    for number in (foreign, 999_999):
        answer = ask(f"{SUBSCRIPTIONS}{number}/deliveries/")
        assert (answer.status, answer.body["results"]) == (200, [])


def test_a_failed_delivery_quotes_an_address_and_an_open_one_stands_far_behind_the_first_page(
    sandbox: Sandbox,
) -> None:
    rows = kept(sandbox, "subscription_deliveries")
    assert any(row["error"] and "canaryrecipient" in row["error"]["message"] for row in rows)
    first = [row for row in rows if row["subscription"] == 4101]
    places = [at for at, row in enumerate(newest_first(first)) if row["status"] == "starting"]
    assert any(at > 50 for at in places)
    assert {row["status"] for row in rows} == {"starting", "completed", "failed", "skipped"}


def test_reports_in_deliveries_are_blank_without_the_query_scope(ask: Asker, sandbox: Sandbox) -> None:
    path = f"{SUBSCRIPTIONS}4101/deliveries/"
    assert any(row["ai_report"] for row in ask.walk(path))
    blind = sandbox.new_key("no reports", scopes=["subscription:read"])
    assert {(row["ai_report"], row["ai_report_prompt"]) for row in ask.walk(path, blind)} == {(None, None)}


def test_cohorts_come_newest_first_with_dateless_ones_before_all_and_never_the_deleted(
    ask: Asker,
    sandbox: Sandbox,
) -> None:
    rows = ask.walk(COHORTS)
    assert rows[0]["created_at"] is None
    live = [row for row in kept(sandbox, "cohorts") if not row["deleted"]]
    assert [row["id"] for row in rows[1:]] == [row["id"] for row in newest_first(live) if row["created_at"]]
    gone = next(row["id"] for row in kept(sandbox, "cohorts") if row["deleted"])
    assert ask(f"{COHORTS}?deleted=true").ids == ask(COHORTS).ids
    assert ask(f"{COHORTS}{gone}/").body["deleted"] is True
    assert ask(f"{COHORTS}999999/").status == 404


def test_basic_cohorts_lack_their_definition(ask: Asker) -> None:
    whole, basic = ask(COHORTS).body["results"][0], ask(f"{COHORTS}?basic=true").body["results"][0]
    assert set(whole) - set(basic) == {"filters", "query", "groups"}
    assert {row["is_static"] for row in ask.walk(f"{COHORTS}?type=static")} == {True}
    assert ask(f"{COHORTS}?search={'x' * 201}").status == 400


def test_comments_hide_deleted_and_null_and_any_other_word_than_false_shows_all(ask: Asker) -> None:
    live = ask.walk(COMMENTS)
    everything = ask.walk(f"{COMMENTS}?deleted=true")
    assert {row["deleted"] for row in live} == {False}
    assert {row["deleted"] for row in everything} == {False, True, None}
    assert {row["id"] for row in live} < {row["id"] for row in everything}
    assert ask.walk(f"{COMMENTS}?deleted=0") == everything
    assert ask.walk(f"{COMMENTS}?deleted=false") == live


def test_support_tickets_need_to_be_asked_for_and_their_own_scope(ask: Asker, sandbox: Sandbox) -> None:
    assert all("icket" not in row["scope"] for row in ask.walk(f"{COMMENTS}?deleted=true"))
    assert ask.walk(f"{COMMENTS}?scope=conversations_ticket")
    reader = sandbox.new_key("comments only", scopes=["comment:read"])
    refused = ask(f"{COMMENTS}?scope=conversations_ticket", reader)
    assert refused.body["detail"] == "API key missing required scope 'ticket:read'"


def test_comments_can_be_asked_by_kind_and_thread(ask: Asker) -> None:
    tasks = ask.walk(f"{COMMENTS}?kind=task&completed=completed")
    assert tasks
    assert all(row["is_task"] and row["completed_at"] for row in tasks)
    assert all(not row["completed_at"] for row in ask.walk(f"{COMMENTS}?kind=task&completed=open"))
    reply = next(row for row in ask.walk(COMMENTS) if row["source_comment"])
    assert reply["id"] in ask(f"{COMMENTS}{reply['source_comment']}/thread/").ids


def test_group_types_are_a_bare_array_by_index(ask: Asker) -> None:
    rows = ask("/api/projects/101/groups_types/").body
    assert [row["group_type_index"] for row in rows] == [0, 1]
    assert set(rows[0]) == {
        "group_type",
        "group_type_index",
        "name_singular",
        "name_plural",
        "detail_dashboard",
        "default_columns",
        "created_at",
    }
    assert ask("/api/projects/103/groups_types/").body == []


def test_members_come_last_joined_first_without_the_deactivated(ask: Asker, organization: str) -> None:
    path = f"/api/organizations/{organization}/members/"
    rows = ask.walk(path)
    assert [row["id"] for row in rows] == [row["id"] for row in newest_first(rows, "joined_at")]
    assert len(rows) == 14
    assert ask.walk(f"{path}?order=joined_at") == rows[::-1]
    moment = sorted(row["updated_at"] for row in rows)[6]
    later = ask.walk(f"{path}?updated_after={moment}")
    assert len(later) == 7
    assert ask(f"{path}?updated_after=soon").status == 500


def test_a_non_staff_key_sees_its_owner_alone_and_a_staff_key_all_active_users(
    ask: Asker, sandbox: Sandbox
) -> None:
    alone = ask("/api/users/")
    assert alone.body["count"] == 1
    me = ask("/api/users/@me/").body
    assert me["id"] == alone.ids[0]
    staff = sandbox.new_key("staff", user="staff")
    everybody = ask("/api/users/", staff)
    assert everybody.ids == sorted(everybody.ids)
    assert len(everybody.ids) == 16
    other = next(row["uuid"] for row in everybody.body["results"] if row["id"] != me["id"])
    assert ask(f"/api/users/{other}/", staff).body["uuid"] == other
    refused = ask(f"/api/users/{other}/")
    assert refused.status == 403
    assert (
        refused.body["detail"] == "As a non-staff user you're only allowed to access the `@me` user instance."
    )


def test_a_user_shows_different_session_times_every_time_and_never_a_password(ask: Asker) -> None:
    one, other = ask("/api/users/@me/").body, ask("/api/users/@me/").body
    differing = {name for name in one if one[name] != other[name]}
    assert differing == {"sensitive_session_expires_at", "fresh_reauth_expires_at"}
    assert not {"password", "current_password", "set_current_team", "is_active"} & set(one)
    assert isinstance(one["organization"]["metadata"], dict)
    assert isinstance(one["organization"]["member_count"], int)
    assert one["pending_invites"]


def test_every_embedded_person_is_whole(sandbox: Sandbox) -> None:
    found = 0
    for rows in sandbox.truth()["rows"].values():
        for row in rows:
            for name in ("user", "created_by", "updated_by", "verified_by", "owner", "completed_by"):
                if row.get(name) is not None:
                    assert set(row[name]) == BASIC
                    found += 1
    assert found > 500


def test_rows_carry_no_parent_and_times_are_utc_with_mixed_precision(ask: Asker) -> None:
    for path in (
        COHORTS,
        COMMENTS,
        "/api/projects/101/event_definitions/",
        "/api/projects/101/property_definitions/",
    ):
        for row in ask(path).body["results"]:
            assert not {"project", "project_id", "team", "team_id", "type"} & set(row)
    times = [row["created_at"] for row in ask.walk(COMMENTS)]
    assert all(time.endswith("Z") for time in times)
    assert {"." in time for time in times} == {True, False}


def test_one_project_is_nearly_empty(ask: Asker) -> None:
    for name in ("subscriptions", "cohorts"):
        assert ask(f"/api/projects/103/{name}/").body["count"] == 0
    assert ask("/api/projects/103/event_definitions/").body["count"] == 3


def newest_first(rows: list[Row], column: str = "created_at") -> list[Row]:
    """Nulls first, ties by falling id; times are padded so that text compares like time."""

    def place(row: Row) -> tuple[Any, ...]:
        time = row[column]
        if time is None:
            return (True, "", row["id"])
        whole, _, fraction = time.removesuffix("Z").partition(".")
        return (False, f"{whole}.{fraction:0<6}", row["id"])

    return sorted(rows, key=place, reverse=True)
