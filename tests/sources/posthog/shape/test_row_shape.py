"""How JSON becomes rows: what is kept, what is split, what is hashed, what can never get through."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sources.posthog.catalogue import ENDPOINTS, stamp_types
from sources.posthog.catalogue.endpoint import Endpoint
from sources.posthog.catalogue.fields import Field
from sources.posthog.changes.scratch import ScratchDatabase
from sources.posthog.changes.sql import row_hash
from sources.posthog.client.response import decode
from sources.posthog.redaction.json_depth import DEEPEST
from sources.posthog.shape.privacy import DEFAULTS, Mode, Policy
from sources.posthog.shape.row_shape import LONG_KEY, NO_KEY, RowShape
from sources.posthog.shape.types import column_name

KEY = b"a key"
PERSON = {"id": 7, "uuid": "u-7", "email": "ada@hedgebox.example", "first_name": "Ada", "distinct_id": "d"}
COHORT = {"id": 1, "name": "Power users", "deleted": False}


def shape(
    table: str = "cohorts", stored: dict[str, Any] | None = None, *, new_columns: int = 100, **modes: Mode
) -> RowShape:
    endpoint = ENDPOINTS[table]
    policy = Policy(modes={**DEFAULTS, **modes}, hash_key=KEY)
    return RowShape(endpoint, policy, stored, new_columns=new_columns)


@dataclass(frozen=True)
class Row:
    """A page of one row, without what is null."""

    values: dict[str, Any]
    lists: dict[str, list[dict[str, Any]]]
    people: list[dict[str, Any]]
    hash: str


def row_of(shape: RowShape, raw: Mapping[str, Any], stamps: Mapping[str, Any]) -> Row:
    batch = shape.to_batch([raw], stamps)
    table = shape.table([batch.columns])
    (row,) = table.to_pylist()
    filled = {name: value for name, value in row.items() if value is not None}
    lists = {name: [present(item) for item in filled.pop(name, ())] for name in shape.child_columns}
    hashes = f"select {row_hash(shape.columns, shape.child_columns)} from page"
    workspace = ScratchDatabase(Path())
    ((digest,),) = workspace.rows(hashes, page=table)
    workspace.close()
    return Row(filled, {name: items for name, items in lists.items() if items}, batch.people, digest)


def present(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if value is not None}


def received(raw: dict[str, Any]) -> dict[str, Any]:
    """A row as it comes out of an answer."""
    row: dict[str, Any] = decode(json.dumps(raw).encode(), set())
    return row


def deep(levels: int) -> Any:
    value: Any = "bottom"
    for _ in range(levels):
        value = [value]
    return value


def cohort(raw: dict[str, Any] | None = None, *, of: RowShape | None = None, **fields: Any) -> Row:
    return row_of(of or shape(), {**COHORT, **(raw or {}), **fields}, {"project_id": 2})


def hashed(text: str) -> str:
    return hmac.new(KEY, text.encode(), hashlib.sha256).hexdigest()


def test_a_row_has_its_parents_ids_and_its_own_fields() -> None:
    row = cohort(created_at="2026-11-02T08:00:00.5Z", is_static=True)
    assert row.values == {
        "project_id": 2,
        "id": 1,
        "name": "Power users",
        "deleted": False,
        "is_static": True,
        "created_at": datetime(2026, 11, 2, 8, 0, 0, 500_000, UTC),
    }


def test_an_embedded_person_leaves_the_row_and_its_id_stays() -> None:
    row = cohort(created_by=PERSON)
    assert row.values["created_by_id"] == 7
    assert row.people == [PERSON]
    assert "ada@" not in repr(row.values)


@pytest.mark.fault("values.unknown_person")
def test_users_in_the_json_of_a_declared_field_are_mentioned_only() -> None:
    page = shape().to_batch([{"id": 1, "filters": {"history": [{"by": PERSON}]}}], {"project_id": 2})
    assert json.loads(page.values("filters")[0]) == {"history": [{"by": {"id": 7}}]}
    assert (page.people, page.mentioned) == ([], [PERSON])


@pytest.mark.fault("values.unknown_person")
@pytest.mark.parametrize("new_columns", [100, 0], ids=["a column", "no column"])
def test_what_an_undeclared_field_calls_a_user_is_no_colleague(new_columns: int) -> None:
    rows = [{"id": 1, "reviewed_by": PERSON, "seen_by": [PERSON], "name": PERSON}]
    page = shape(new_columns=new_columns).to_batch(rows, {"project_id": 2})
    assert (page.people, page.mentioned) == ([], [])
    if new_columns:
        assert (page.values("reviewed_by_id"), page.values("seen_by")) == ([7], ['[{"id":7}]'])


def named(*fields: str, of: RowShape) -> list[str]:
    """The columns that a row of these fields, an object of a user first, fills besides its own."""
    row = {**COHORT, **{name: 5 if name.endswith("_id") else PERSON for name in fields}}
    return sorted(cohort(row, of=of).values.keys() - cohort().values.keys())


@pytest.mark.fault("values.names_fall_together")
def test_the_id_of_an_objects_user_and_a_field_of_that_name_are_kept_apart() -> None:
    for fields in (("reviewer", "reviewer_id"), ("reviewer_id", "reviewer")):
        assert cohort({n: PERSON if n == "reviewer" else 5 for n in fields}).values["reviewer_id"] == 5
        assert named(*fields, of=shape()) == ["reviewer_id", "reviewer_id__2"]
    late = shape()
    cohort(reviewer=PERSON, of=late)
    row = cohort({"reviewer_id": 5, "reviewer": PERSON}, of=late)
    assert (row.values["reviewer_id"], row.values["reviewer_id__2"]) == (7, 5), "who has a column keeps it"


@pytest.mark.fault("values.names_fall_together")
def test_a_dataset_of_an_earlier_version_goes_on_with_the_column_that_a_users_id_has() -> None:
    endpoint = ENDPOINTS["cohorts"]
    shaped = RowShape(
        endpoint,
        Policy(hash_key=KEY),
        {"reviewer_id": "bigint"},
        {"reviewer_id": "reviewer_id"},
    )
    assert named("reviewer", of=shaped) == ["reviewer_id"]
    assert named("reviewer", "reviewer_id", of=shaped) == ["reviewer_id", "reviewer_id__2"]


def test_what_has_no_key_or_is_no_row_is_left_out_and_counted() -> None:
    page = shape().to_batch([COHORT, {"name": "no id"}, None, [1], {**COHORT, "id": "x"}], {"project_id": 2})
    assert (page.values("id"), page.rejected) == ([1], {NO_KEY: [1, 2, 3, 4]})


@pytest.mark.fault("values.odd_id")
@pytest.mark.parametrize("sent", ["12", 12.0, 12], ids=repr)
def test_an_id_is_accepted_in_another_spelling(sent: Any) -> None:
    row = row_of(shape(), {"id": sent, "created_by": {"id": sent}}, {"project_id": 2})
    assert (row.values["id"], row.values["created_by_id"]) == (12, 12)


@pytest.mark.fault("values.odd_id")
@pytest.mark.parametrize("sent", ["012", " 12", "1e3", "-0", True, 12.5, 2.0**60, str(2**63), [12]], ids=repr)
def test_what_only_looks_like_an_id_is_none(sent: Any) -> None:
    assert shape().to_batch([{"id": sent}], {"project_id": 2}).rejected == {NO_KEY: [0]}
    assert cohort(count="12").values["count__v_text"] == "12", "a count is no id"


def test_a_key_that_no_index_takes_costs_its_own_row_only() -> None:
    events = shape("event_definitions")
    names = ["é" * 1250, "é" * 1250 + "x", "short"]
    page = events.to_batch([{"name": name} for name in names], {"project_id": 2})
    assert page.values("name") == [names[0], names[2]]
    assert page.rejected == {LONG_KEY: [1]}


def test_the_texts_of_a_key_are_counted_together() -> None:
    page = shape("property_definitions").to_batch(
        [{"name": "x" * 2495}, {"name": "x" * 2496}], {"project_id": 2, "type": "event"}
    )
    assert page.rejected == {LONG_KEY: [1]}


def test_a_row_that_is_nested_beyond_reason_costs_no_other() -> None:
    page = shape().to_batch([COHORT, {"id": 2, "filters": deep(5000)}, {"id": 3}], {"project_id": 2})
    assert (page.values("id"), page.rejected) == ([1, 3], {NO_KEY: [1]})


def test_of_a_value_that_goes_too_deep_the_rest_is_kept_and_so_is_its_row() -> None:
    page = shape().to_batch(
        [COHORT, {"id": 2, "name": "x", "filters": {"a": deep(960), "b": 1}}], {"project_id": 2}
    )
    assert page.values("id") == [1, 2]
    assert page.values("name") == ["Power users", "x"]
    filters = page.values("filters")[1]
    assert (filters.count("["), filters.count("null"), '"b":1' in filters) == (DEEPEST - 2, 1, True)


def test_one_odd_value_leaves_the_others_of_its_column_as_they_are() -> None:
    shaped = shape()
    rows = [{"id": 1, "count": 5}, {"id": 2, "count": "many"}, {"id": 3}, {"id": 4, "count": 2**70}]
    page = shaped.to_batch(rows, {"project_id": 2})
    assert page.misfits == {"count": 2}, "which the run's record tells"
    table = shaped.table([page.columns])
    assert table["count"].to_pylist() == [5, None, None, None]
    assert table["count__v_text"].to_pylist() == [None, "many", None, str(2**70)]


# -- hashes


def test_null_and_absent_fields_make_the_same_row() -> None:
    assert cohort(description=None, brand_new=None).hash == cohort().hash


def test_the_order_of_keys_and_of_lists_without_order_does_not_count() -> None:
    one = cohort(filters={"a": 1, "b": 2}, experiment_set=[3, 1, 2])
    other = cohort({"experiment_set": [2, 3, 1], "filters": {"b": 2, "a": 1}})
    assert one.hash == other.hash
    assert one.lists["experiment_set"] == [{"value": 1}, {"value": 2}, {"value": 3}]


def test_two_spellings_of_one_moment_are_one() -> None:
    assert (
        cohort(created_at="2026-11-02T08:00:00Z").hash
        == cohort(created_at="2026-11-02T09:00:00.000000+01:00").hash
    )


@pytest.mark.parametrize(
    "change", [{"name": "x"}, {"brand_new": 1}, {"experiment_set": [1]}, {"count": 4}], ids=str
)
def test_every_stored_value_counts(change: dict[str, Any]) -> None:
    assert cohort(change).hash != cohort().hash


def test_what_the_server_derives_and_renames_does_not_count() -> None:
    plain = {"properties": {"values": [{"key": "plan", "type": "person"}]}}
    derived = {
        "properties": {
            "values": [{"key": "plan", "type": "person", "bytecode": ["_H", 1], "conditionHash": "z"}]
        }
    }
    assert cohort(filters=derived).hash == cohort(filters=plain).hash


# -- strange values


@pytest.mark.parametrize(
    ("column", "value", "kept"),
    [
        ("count", "many", "many"),
        ("count", 2**70, "1180591620717411303424"),
        ("created_at", "0000-01-01", "0000-01-01"),
        ("created_at", "infinity", "infinity"),
        ("created_at", "9999-12-31T23:59:59-05:00", "9999-12-31T23:59:59-05:00"),
        ("created_at", "0001-01-01T00:00:00+05:00", "0001-01-01T00:00:00+05:00"),
        ("created_at", "2026-01-01T24:00:00Z", "2026-01-01T24:00:00Z"),
        ("created_at", "2026-06-30T23:59:60Z", "2026-06-30T23:59:60Z"),
        ("created_at", ["2026-01-01"], '["2026-01-01"]'),
        ("ratio", 2**53 + 1, str(2**53 + 1)),
        ("ratio", 2**1024, str(2**1024)),
        ("ratio", -(10**400), str(-(10**400))),
        ("name", 5, "5"),
        ("name", {"a": 1}, '{"a":1}'),
        ("is_static", "yes", "yes"),
    ],
)
def test_a_value_that_does_not_fit_is_kept_as_text_beside_its_column(
    column: str, value: Any, kept: str
) -> None:
    shaped = shape(stored={"ratio": "double"})
    row = cohort(of=shaped, **{column: value})
    assert column not in row.values
    assert row.values[f"{column}__v_text"] == kept
    assert shaped.columns[f"{column}__v_text"] == "text"


@pytest.mark.fault("values.nul")
def test_a_null_byte_is_left_out_everywhere() -> None:
    raw = received({"name": "a\0b", "no\0te": "c\0d", "filters": {"k\0": ["e\0f"]}, "is_static": "\0"})
    row = cohort(raw)
    assert (row.values["name"], row.values["note"]) == ("ab", "cd")
    assert json.loads(row.values["filters"]) == {"k": ["ef"]}
    assert row.values["is_static__v_text"] == ""
    raw = received({"filters": {"value": {"a": 1, "a\0": 2}}})
    assert json.loads(cohort(raw, of=shape(customer="hash")).values["filters"]) == {
        "value": {"a": hashed("2")}
    }


@pytest.mark.fault("values.nul")
@pytest.mark.parametrize(
    "raw",
    [
        {"api\0_token": "canary"},
        {"said": "Bear\0er canarycanarycanary"},
        {"said": {"git": ["github\0_pat_11AAAAAAA0canarycanarycanarycanarycanarycanary"]}},
        {"filters": {"val\0ue": "canary"}},
        {"filters": {"type": "hog\0ql", "key": "canary"}},
        {"said": "canary\0@partner.example"},
        {"canary\0@partner.example": 5},
    ],
    ids=repr,
)
def test_a_null_byte_hides_no_credential_no_address_and_no_literal(raw: dict[str, Any]) -> None:
    assert "canary" not in repr(cohort(received(raw)).values)


@pytest.mark.parametrize("name", ["xmin", "ctid", "tableoid", "rowid", "XMAX", "Cmin"])
def test_a_field_named_like_a_column_that_a_database_has_by_itself_gets_another(name: str) -> None:
    values = cohort({name: 5, "oid": 6}).values
    plain = column_name(name)
    assert (values.get(plain), values[f"{plain}__2"], values["oid"]) == (None, 5, 6)


def test_an_undeclared_field_becomes_a_column_of_its_first_values_type() -> None:
    shaped = shape()
    row = cohort(of=shaped, brandNew=5, flags={"a": 1}, on=True, ratio=0.5, label="x")
    types = {name: shaped.columns[name] for name in ("brand_new", "flags", "on", "ratio", "label")}
    assert types == {"brand_new": "bigint", "flags": "json", "on": "bool", "ratio": "double", "label": "text"}
    assert (row.values["brand_new"], row.values["flags"]) == (5, '{"a":1}')


def test_an_undeclared_field_keeps_the_type_that_the_table_has() -> None:
    shaped = shape(stored={"brand_new": "text"})
    row = cohort(of=shaped, brand_new=5)
    assert row.values["brand_new__v_text"] == "5"
    assert shaped.columns["brand_new"] == "text"


def test_fields_whose_names_fall_together_are_kept_apart() -> None:
    row = cohort(userId=1, user_id=2, USER_ID=3, Name="x")
    assert (row.values["user_id"], row.values["user_id__2"], row.values["user_id__3"]) == (2, 1, 3)
    assert (row.values["name"], row.values["name__2"]) == ("Power users", "x")


def test_beyond_so_many_new_columns_undeclared_fields_share_one() -> None:
    shaped = shape(new_columns=2)
    row = cohort(of=shaped, one=1, two=2, three=3, four={"id": 4}, api_token="x")
    assert (row.values["one"], row.values["two"]) == (1, 2)
    assert json.loads(row.values["_other_fields"]) == {"three": 3, "four": {"id": 4}}
    assert shaped.beyond == {"three", "four"}
    assert not {"three", "four"} & shaped.columns.keys()
    row = cohort(of=shaped, three=3, one="another type")
    assert row.values["one__v_text"] == "another type", "who has a column keeps it"


def test_an_object_four_hundred_levels_deep_is_one_json_value() -> None:
    value: Any = "bottom"
    for _ in range(400):
        value = {"down": value}
    assert cohort(deep=value).values["deep"].count("down") == 400


# -- privacy


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("api_token", "phc_abc"),
        ("secretKey", "x"),
        ("webhook_url", "https://example.com/x"),
        ("client_secret", {"a": 1}),
        ("note", "use phx_abcdefgh12345678 for it"),
        ("link", "https://hooks.slack.com/services/T0/B0/xyz"),
        ("image", "https://s3.example/a.png?X-Amz-Signature=abc"),
        ("pem", "-----BEGIN RSA PRIVATE KEY-----"),
        ("dsn", "postgres://u:p@h/d"),
    ],
)
def test_what_looks_like_a_credential_never_gets_through(name: str, value: Any) -> None:
    shaped = shape(person="keep", recipient="keep", text="keep", customer="keep")
    row = cohort({name: value, "filters": {"deep": [{name: value, "stays": 1}]}}, of=shaped)
    stored = repr(row.values) + repr(row.lists)
    for text in [value] if isinstance(value, str) else []:
        assert text not in stored
    assert name not in stored
    assert '"stays":1' in stored


@pytest.mark.parametrize("column", ["name", "count", "plugin_conf"])
def test_a_value_that_does_not_fit_is_cleaned_before_it_is_kept(column: str) -> None:
    shaped = shape()
    cohort({"plugin_conf": "a text at first"}, of=shaped)
    row = cohort({column: {"api_token": "phx_canary", "by": PERSON, "stays": 1}}, of=shaped)
    assert json.loads(row.values[f"{column}__v_text"]) == {"by": {"id": 7}, "stays": 1}
    row = cohort({column: ["phx_canary12345678", "x"]}, of=shaped)
    assert json.loads(row.values[f"{column}__v_text"]) == ["x"]


@pytest.mark.fault("security.misfits")
@pytest.mark.parametrize(
    "sent", ["Ann@partner.example", {"id": "Ann@partner.example", "email": "x"}], ids=type
)
@pytest.mark.parametrize("mode", ["keep", "hash", "drop"])
def test_a_value_that_does_not_fit_is_judged_by_its_own_fields_class(mode: Mode, sent: Any) -> None:
    kept = {"keep": "Ann@partner.example", "hash": hashed("Ann@partner.example"), "drop": None}
    shaped = shape(person=mode)
    page = shaped.to_batch([{**COHORT, "created_by": sent}], {"project_id": 2})
    assert page.values("created_by_id__v_text") == [kept[mode]]
    assert page.misfits == {"created_by_id": 1}, "told all the same"
    assert ("created_by_id__v_text" in shaped.columns) == (mode != "drop")


@pytest.mark.fault("security.misfits")
def test_of_an_open_field_an_address_that_does_not_fit_is_hashed() -> None:
    row = cohort(
        count="ask ann@partner.example", name=["root@localhost"], experiment_set="ann@partner.example"
    )
    ann = f"{hashed('ann@partner.example')}@partner.example"
    assert row.values["count__v_text"] == f"ask {ann}"
    assert row.values["name__v_text"] == f'["{hashed("root@localhost")}@localhost"]'
    assert row.values["experiment_set__v_text"] == ann


@pytest.mark.fault("security.unknown_addresses")
def test_a_field_named_by_an_address_gets_no_column() -> None:
    shaped = shape()
    row = cohort({"ann@partner.example": 5}, of=shaped)
    assert json.loads(row.values["_other_fields"]) == {f"{hashed('ann@partner.example')}@partner.example": 5}
    assert not [name for name in shaped.columns if "partner" in name]
    assert not shaped.undeclared.named


@pytest.mark.parametrize("new_columns", [100, 0], ids=["a column", "no column"])
def test_of_an_address_in_a_field_that_nobody_declared_only_the_hash_is_left(new_columns: int) -> None:
    row = cohort(of=shape(new_columns=new_columns), note=["to Ada@partner.example"])
    kept = json.loads(row.values["note"]) if new_columns else json.loads(row.values["_other_fields"])["note"]
    assert kept == [f"to {hashed('ada@partner.example')}@partner.example"]


def test_flags_about_credentials_are_no_credentials() -> None:
    row = cohort(has_password=True, uses_token=False, token_count=3)
    assert (row.values["has_password"], row.values["uses_token"], row.values["token_count"]) == (
        True,
        False,
        3,
    )


def test_of_a_cohorts_filters_the_structure_stays_and_the_customers_values_go() -> None:
    filters = {
        "properties": {"type": "OR", "values": [{"key": "email", "value": ["c@x.org"], "operator": "exact"}]}
    }
    values = {
        mode: cohort(of=shape(customer=mode), filters=filters).values["filters"]
        for mode in ("drop", "hash", "keep")
    }
    assert json.loads(values["drop"])["properties"]["values"] == [{"key": "email", "operator": "exact"}]
    assert json.loads(values["hash"])["properties"]["values"][0]["value"] == [hashed("c@x.org")]
    assert json.loads(values["keep"]) == filters


@pytest.mark.fault("security.classes")
def test_of_a_cohorts_query_no_literal_stays_wherever_hogql_may_stand() -> None:
    series = {
        "event": "paid",
        "math": "hogql",
        "math_hogql": "sum(if(email='c@x.org',1,0))",
        "properties": [],
    }
    query = {
        "kind": "ActorsQuery",
        "search": "c@x.org",
        "select": ["person", "'c@x.org'"],
        "where": ["email = 'c@x.org'"],
        "orderBy": ["email = 'c@x.org'"],
        "source": {
            "kind": "TrendsQuery",
            "series": [series],
            "breakdownFilter": {"breakdown": "if(email='c@x.org','a','b')", "breakdown_type": "hogql"},
            "breakdowns": [
                {"type": "hogql", "property": "email = 'c@x.org'"},
                {"type": "event", "property": "p"},
            ],
        },
    }
    row = cohort(query=query, last_error_message="no such value 'c@x.org'")
    kept = json.loads(row.values["query"])
    assert "c@x.org" not in repr(row.values)
    assert kept["source"]["series"] == [{"event": "paid", "math": "hogql", "properties": []}]
    assert kept["source"]["breakdowns"] == [{"type": "hogql"}, {"type": "event", "property": "p"}]
    everything = cohort(of=shape(customer="keep"), query=query, last_error_message="'c@x.org'").values
    assert (json.loads(everything["query"]), everything["last_error_message"]) == (query, "'c@x.org'")


C = "visitor-17"
NODE = {"kind": "EventsNode", "properties": [{"key": "email", "value": [C]}]}
SEEN: list[tuple[str, dict[str, Any]]] = [
    ("insights", {"id": 1, "query": {"trendsFilter": {"resultCustomizations": {C: {"hidden": True}}}}}),
    ("insights", {"id": 1, "query": {"funnelsFilter": {"hiddenLegendBreakdowns": [C]}}}),
    ("insights", {"id": 1, "filters": {"hidden_legend_keys": {C: True}, "person_uuid": C}}),
    ("insights", {"id": 1, "query": {"tableSettings": {"conditionalFormatting": [{"input": C}]}}}),
    ("insights", {"id": 1, "query": {"funnelAggregateByHogQL": C, "pathsFilter": {"startPoint": C}}}),
    ("experiments", {"id": 1, "saved_metrics": [{"saved_metric": 2, "query": {"source": NODE}}]}),
    ("cohort_calculation_history", {"id": "a", "filters": {"values": [{"bytecode": ["_H", 1, C]}]}}),
    ("subscription_deliveries", {"id": "a", "content_snapshot": {"query_error": {"message": C}}}),
    ("subscription_deliveries", {"id": "a", "content_snapshot": {"ai_report": {"text": C}}}),
    ("alert_checks", {"id": "a", "triggered_metadata": {"breakdown_value": C}, "investigation_summary": C}),
    ("insight_variables", {"id": "a", "values_query": f"select '{C}'"}),
    ("session_recording_playlists", {"short_id": "a", "derived_name": C, "filters": {"distinct_ids": [C]}}),
    ("project_detail_settings", {"id": 1, "customer_analytics_config": {"activity_event": NODE}}),
    ("change_requests", {"id": "a", "validation_errors": {"filters": [C]}}),
    (
        "scheduled_changes",
        {"id": 1, "model_name": "FeatureFlag", "payload": {"value": {"payloads": {"control": C}}}},
    ),
]


def stamps_of(table: str) -> dict[str, Any]:
    """Ids of the rows above a row of this table."""
    types = stamp_types(ENDPOINTS[table])
    return {name: 2 if types[name] == "bigint" else "above" for name in ENDPOINTS[table].placeholders}


@pytest.mark.fault("security.classes")
@pytest.mark.parametrize(("table", "raw"), SEEN, ids=range(len(SEEN)))
def test_data_of_customers_is_found_wherever_queries_and_errors_hold_it(
    table: str, raw: dict[str, Any]
) -> None:
    stamps = stamps_of(table)
    for mode in ("drop", "hash"):
        assert C not in repr(row_of(shape(table, customer=mode), raw, stamps))
    assert C in repr(row_of(shape(table, customer="keep", text="keep"), raw, stamps)) or "bytecode" in repr(
        raw
    )


@pytest.mark.fault("security.secrets_everywhere")
@pytest.mark.parametrize(
    ("table", "field"),
    [
        ("comments", "content"),
        ("hog_function_logs", "message"),
        ("batch_export_runs", "latest_error"),
        ("external_data_sources", "latest_error"),
        ("hog_functions", "hog"),
    ],
)
def test_a_credential_in_what_people_and_programs_wrote_is_left_out(table: str, field: str) -> None:
    raw = {"id": "a", "timestamp": "2026-11-01T00:00:00Z", field: "use phx_0123456789abcdefABCDEF0123 now"}
    stored = row_of(shape(table, customer="keep"), raw, stamps_of(table)).values[field]
    assert stored.strip('"') == "use [secret] now"


def test_of_a_workflows_webhook_neither_address_nor_headers_are_stored() -> None:
    inputs = {
        "url": {"value": "https://partner.example/in/8f3a"},
        "headers": {"value": {"X-Partner": "1234"}},
    }
    step = {"type": "function", "config": {"template_id": "template-webhook", "inputs": inputs}}
    row = row_of(shape("hog_flows", customer="keep"), {"id": "a", "actions": [step]}, {"project_id": 2})
    assert json.loads(row.values["actions"]) == [
        {"type": "function", "config": {"template_id": "template-webhook"}}
    ]


SUBSCRIPTION = {"id": 1, "target_type": "email", "target_value": "Ann@Partner.example, bob@other.example"}


@pytest.mark.parametrize("mode", ["hash", "keep", "drop"])
def test_recipients_become_rows_of_their_own(mode: Mode) -> None:
    shaped = shape("subscriptions", recipient=mode)
    row = row_of(shaped, SUBSCRIPTION, {"project_id": 2})
    assert "target_value" not in row.values
    if mode == "drop":
        assert "recipients" not in shaped.child_columns
        return
    ann = {"kind": "email", "domain": "partner.example", "address_hash": hashed("ann@partner.example")}
    assert row.lists["recipients"][0] == (ann | {"address": "Ann@Partner.example"} if mode == "keep" else ann)
    assert len(row.lists["recipients"]) == 2


def test_a_single_address_that_is_a_column_is_hashed_whole() -> None:
    fields = (Field(name="id", type="text"), Field(name="target_email", type="text", privacy="recipient"))
    invites = Endpoint(table="invites", group="access", paths=(), scope="", doc="", fields=fields)
    shaped = RowShape(invites, Policy(hash_key=KEY))
    for sent in ("Ann@partner.example", {"to": "Ann@partner.example"}):
        row = row_of(shaped, {"id": "i", "target_email": sent}, {})
        assert len(row.values["target_email"]) == 64
        assert "partner" not in repr(row.values)


def test_of_a_webhook_only_the_host_is_left_even_where_addresses_are_kept() -> None:
    raw = {"id": 1, "target_value": "https://u:p@hooks.example.com/T0/secret", "target_type": "webhook"}
    row = row_of(shape("subscriptions", recipient="keep"), raw, {"project_id": 2})
    assert row.lists["recipients"] == [{"kind": "webhook", "domain": "hooks.example.com"}]


def test_an_error_that_quotes_a_webhook_stays_readable_without_its_path() -> None:
    said = "Delivery to https://hooks.partner.example/posthog/abcdef0123 was refused"
    raw = {"id": "0", "status": "failed", "error": {"message": said}}
    stamps = {"project_id": 2, "subscription_id": 3}
    row = row_of(shape("subscription_deliveries"), raw, stamps)
    assert row.values["error"] == '{"message":"Delivery to https://hooks.partner.example was refused"}'


def test_a_deliverys_recipients_have_their_outcome_and_its_error_text_no_address() -> None:
    raw = {
        "id": "d",
        "target_type": "email",
        "target_value": "ann@partner.example",
        "recipient_results": [
            {"recipient": "ann@partner.example", "status": "failed", "error": "no ann@partner.example"}
        ],
        "error": {"message": "550 ann@partner.example unknown"},
    }
    row = row_of(shape("subscription_deliveries"), raw, {"project_id": 2, "subscription_id": 3})
    secret = f"{hashed('ann@partner.example')}@partner.example"
    (recipient,) = row.lists["recipients"]
    assert recipient["status"] == "failed"
    assert json.loads(recipient["detail"]) == {"error": f"no {secret}"}
    assert json.loads(row.values["error"]) == {"message": f"550 {secret} unknown"}


@pytest.mark.parametrize("kind", [["email"], {"api_token": "phx_canary"}, 5, True], ids=repr)
def test_of_recipients_of_no_plain_kind_no_address_is_kept(kind: Any) -> None:
    raw = {"id": 1, "target_type": kind, "target_value": "ann@partner.example"}
    row = row_of(shape("subscriptions", recipient="keep"), raw, {"project_id": 2})
    assert row.lists["recipients"] == [{"kind": "unknown"}]
    assert "canary" not in repr(row.values)


@pytest.mark.fault("values.nul")
def test_recipients_are_cleaned_like_every_text() -> None:
    results = [
        {"recipient": "a\0nn@partner.example", "status": "fai\0led", "error": {"k\0": "v\0"}},
        {
            "recipient": "b@partner.example",
            "status": {"said": "ann@partner.example", "api_token": "phx_canary"},
        },
        {"recipient": ["c"], "status": 550},
    ]
    raw = received({"id": "d", "target_type": "em\0ail", "recipient_results": results})
    row = row_of(shape("subscription_deliveries"), raw, {"project_id": 2, "subscription_id": 3})
    first, second, third = row.lists["recipients"]
    assert (first["kind"], first["status"], first["detail"]) == ("email", "failed", '{"error":{"k":"v"}}')
    assert json.loads(second["status"]) == {"said": f"{hashed('ann@partner.example')}@partner.example"}
    assert third["status"] == "550"
    assert "\0" not in repr(row.lists)


def test_identities_of_a_user_row_live_among_the_people_only() -> None:
    row = row_of(shape("users"), {**PERSON, "is_staff": False, "password": "x"}, {})
    assert row.values == {"id": 7, "uuid": "u-7", "is_staff": False}


def test_one_column_can_differ_from_its_class() -> None:
    endpoint = ENDPOINTS["comments"]
    policy = Policy(columns={"comments.content": "drop", "comments.scope": "hash"}, hash_key=KEY)
    shaped = RowShape(endpoint, policy)
    row = row_of(shaped, {"id": "c", "content": "secret plans", "scope": "Insight"}, {"project_id": 2})
    assert row.values == {"project_id": 2, "id": "c", "scope": hashed("Insight")}
    assert "content" not in shaped.columns
