"""Event and property definitions: orders, capped counts, types, virtual rows, fields that are left out."""

from __future__ import annotations

import pytest

from sources.sandbox import Sandbox
from tests.sources.sandbox.conftest import Asker, Row

EVENTS = "/api/projects/101/event_definitions/"
PROPERTIES = "/api/projects/101/property_definitions/"


def test_events_come_last_seen_day_first_then_by_name_and_never_seen_last(ask: Asker) -> None:
    rows = ask.walk(EVENTS)
    seen = [row["last_seen_at"] for row in rows]
    days = [time[:10] for time in seen if time]
    assert days == sorted(days, reverse=True)
    assert None in seen
    assert None not in seen[: len(days)]
    for day in set(days):
        names = [row["name"] for row in rows if (row["last_seen_at"] or "").startswith(day)]
        assert names == sorted(names)


def test_events_can_be_ordered_with_nulls_first_upwards_and_last_downwards(ask: Asker) -> None:
    names = [row["name"] for row in ask.walk(f"{EVENTS}?ordering=name")]
    assert names == sorted(names)
    assert ask(f"{EVENTS}?ordering=created_at").body["results"][0]["created_at"] is None
    assert ask.walk(f"{EVENTS}?ordering=-created_at")[-1]["created_at"] is None
    assert ask(f"{EVENTS}?ordering=colour").ids == ask(EVENTS).ids


def test_event_rows_lack_what_only_actions_have(ask: Asker) -> None:
    row = ask(EVENTS).body["results"][0]
    assert not {"action_id", "is_calculating", "last_calculated_at", "last_updated_at", "created_by"} & set(
        row
    )
    assert set(row) == {
        "id",
        "name",
        "owner",
        "description",
        "tags",
        "created_at",
        "updated_at",
        "updated_by",
        "last_seen_at",
        "verified",
        "verified_at",
        "verified_by",
        "hidden",
        "is_action",
        "post_to_slack",
        "default_columns",
        "enforcement_mode",
        "primary_property",
        "media_preview_urls",
    }


@pytest.mark.parametrize("limit", ["0", "-1", "junk"])
def test_the_event_list_alone_refuses_a_limit_of_junk(ask: Asker, limit: str) -> None:
    answer = ask(f"{EVENTS}?limit={limit}")
    assert (answer.status, answer.body["attr"]) == (400, "limit")


def test_a_large_event_list_caps_its_count_but_not_its_pages(ask: Asker, sandbox: Sandbox) -> None:
    whole = ask(EVENTS).body
    assert "count_is_capped" not in whole
    sandbox.options(count_cap=30)
    page = ask(f"{EVENTS}?limit=20").body
    assert (page["count"], page["count_is_capped"]) == (30, True)
    assert len(ask.walk(f"{EVENTS}?limit=20")) == whole["count"] == 140
    # 140 rows in full pages of 20: the walk ends with a page that is short because it is empty.
    assert ask(f"{EVENTS}?limit=20&offset=120").body["next"]
    assert ask(f"{EVENTS}?limit=20&offset=140").body["results"] == []


def test_a_count_up_to_the_threshold_stays_exact(ask: Asker, sandbox: Sandbox) -> None:
    sandbox.options(count_cap=30, count_exact_to=140)
    assert ask(EVENTS).body["count"] == 140


def test_a_very_large_event_list_is_ordered_by_name(ask: Asker, sandbox: Sandbox) -> None:
    sandbox.options(name_order_above=100)
    names = [row["name"] for row in ask.walk(EVENTS)]
    assert names == sorted(names)


def test_reading_one_definition_writes_its_row(ask_own: Asker, own: Sandbox) -> None:
    row = next(row for row in ask_own.walk(EVENTS) if row["updated_at"] is None)
    assert ask_own(f"{EVENTS}{row['id']}/").body["updated_at"] == own.truth()["now"]
    assert {one["id"]: one for one in ask_own.walk(EVENTS)}[row["id"]]["updated_at"]


def test_one_property_list_is_one_type_and_event_unless_asked(ask: Asker) -> None:
    assert ask(PROPERTIES).ids == ask(f"{PROPERTIES}?type=event").ids
    lists = [f"{PROPERTIES}?type={kind}" for kind in ("event", "person", "session")]
    lists += [f"{PROPERTIES}?type=group&group_type_index={index}" for index in (0, 1)]
    real = [[row["id"] for row in ask.walk(path) if "virtual" not in row] for path in lists]
    assert all(real)
    assert len({one for ids in real for one in ids}) == sum(map(len, real))


@pytest.mark.parametrize(
    "query",
    [
        "type=group",
        "group_type_index=0",
        "type=person&group_type_index=0",
        "type=group&group_type_index=5",
        "type=group&group_type_index=x",
        "type=action",
    ],
)
def test_the_group_index_is_required_for_groups_and_forbidden_elsewhere(ask: Asker, query: str) -> None:
    answer = ask(f"{PROPERTIES}?{query}")
    assert (answer.status, answer.body["type"]) == (400, "validation_error")


def test_verified_properties_come_first_then_names(ask: Asker) -> None:
    rows = ask.walk(PROPERTIES)

    def place(row: Row) -> tuple[int, str]:
        return ([True, False, None].index(row["verified"]), row["name"])

    assert [row["id"] for row in rows] == [row["id"] for row in sorted(rows, key=place)]
    assert {row["verified"] for row in rows} == {True, False, None}


def test_what_ingestion_makes_itself_is_never_listed(ask: Asker, sandbox: Sandbox) -> None:
    names = {row["name"] for row in ask.walk(PROPERTIES)}
    hidden = {row["name"] for row in sandbox.rows("property_definitions") if not row["_listed"]}
    assert hidden >= {"distinct_id", "$set", "$set_once", "$groups", "$group_0", "$session_entry_url"}
    assert not names & hidden


@pytest.mark.parametrize(("query", "virtual"), [("type=person", 4), ("type=group&group_type_index=0", 2)])
def test_virtual_rows_make_the_last_page_longer_and_every_count_higher(
    ask: Asker,
    query: str,
    virtual: int,
) -> None:
    size = 10
    first = ask(f"{PROPERTIES}?{query}&limit={size}").body
    rows = ask.walk(f"{PROPERTIES}?{query}&limit={size}")
    assert len(rows) == first["count"]
    assert [row.get("virtual", False) for row in rows[-virtual:]] == [True] * virtual
    assert sum("virtual" in row for row in rows) == virtual
    real = first["count"] - virtual
    last = ask(f"{PROPERTIES}?{query}&limit={size}&offset={real - size}").body
    assert (len(last["results"]), last["next"]) == (size + virtual, None)
    assert set(rows[-1]) == {"id", "name", "is_numerical", "property_type", "tags", "virtual"}
    assert rows[-1]["id"] == f"$builtin_{rows[-1]['name']}"


def test_events_and_sessions_have_no_virtual_rows(ask: Asker) -> None:
    for kind in ("event", "session"):
        assert all("virtual" not in row for row in ask.walk(f"{PROPERTIES}?type={kind}"))


def test_property_rows_have_no_dates_of_their_own(ask: Asker) -> None:
    row = ask(PROPERTIES).body["results"][0]
    assert set(row) == {
        "id",
        "name",
        "description",
        "tags",
        "is_numerical",
        "updated_at",
        "updated_by",
        "is_seen_on_filtered_events",
        "property_type",
        "verified",
        "verified_at",
        "verified_by",
        "hidden",
    }


def test_tags_come_in_no_order(ask: Asker) -> None:
    orders: dict[str, set[tuple[str, ...]]] = {}
    for _ in range(12):
        for row in ask(f"{EVENTS}?limit=140").body["results"]:
            orders.setdefault(row["id"], set()).add(tuple(row["tags"]))
    assert any(len(one) > 1 for one in orders.values())
    assert all(len({frozenset(tags) for tags in one}) == 1 for one in orders.values())
