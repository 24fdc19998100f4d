"""Values that stand in audit logs obey the class of the field that they are about."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest

from sources.posthog.catalogue import ENDPOINTS
from sources.posthog.shape.field_lookup import field_of, table_of
from sources.posthog.shape.privacy import DEFAULTS, Mode, Policy
from sources.posthog.shape.row_shape import RowShape

KEY = b"a key"
ANN = "ann@partner.example"
HOOK = "https://partner.example/T0/hush"
FILTERS = {"properties": {"values": [{"key": "email", "value": ["c@x.org"], "operator": "exact"}]}}
USER = {"id": 7, "uuid": "u-7", "email": ANN, "first_name": "Ann"}


def detail(
    sent: Any, scope: Any = "Subscription", columns: dict[str, Mode] | None = None, **modes: Mode
) -> Any:
    """What is stored of an entry's `detail`."""
    endpoint = ENDPOINTS["organization_activity_logs"]
    columns = {"organization_activity_logs.detail": "keep", **(columns or {})}
    policy = Policy(modes={**DEFAULTS, **modes}, columns=columns, hash_key=KEY)
    shape = RowShape(endpoint, policy)
    page = shape.to_batch([{"id": "a", "scope": scope, "detail": sent}], {"organization_id": "o"})
    (stored,) = page.values("detail")
    return stored and json.loads(stored)


def change(field: str, value: Any, scope: Any = "Subscription", type_: Any = None, **modes: Any) -> Any:
    """What is stored of a change's `after`, `...` if nothing is; all around it stays."""
    sent = {"type": type_ or scope, "action": "changed", "field": field, "before": None, "after": value}
    kept = detail({"changes": [sent]}, scope, **modes)["changes"][0]
    after = kept.pop("after", ...)
    assert kept == {k: v for k, v in sent.items() if k != "after"}
    return after


def hashed(text: str) -> str:
    return hmac.new(KEY, text.encode(), hashlib.sha256).hexdigest()


@pytest.mark.fault("security.values_about_others")
@pytest.mark.parametrize(
    ("scope", "field", "value", "kept"),
    [
        ("Subscription", "title", "Weekly", "Weekly"),
        ("Subscription", "enabled", True, True),
        ("Subscription", "interval", 2, 2),
        ("Subscription", "frequency", "weekly", "weekly"),
        ("Subscription", "target_value", f"{ANN},root@localhost", [ANN, "root@localhost"]),
        ("Subscription", "target_value", HOOK, "https://partner.example"),
        ("Subscription", "target_value", "https://hooks.slack.com/services/T/B/x", ...),
        ("Subscription", "target_value", "masked", "masked"),
        ("Subscription", "target_value", None, None),
        ("Subscription", "targetValue", ANN, [ANN]),
        ("Unheard", "target_value", ANN, [ANN]),
        ("Unheard", "label", f"to {ANN}", ["to ", ANN]),
        ("Unheard", "label", "plain", "plain"),
        ("Unheard", "steps", [{"url": "/x", "note": f"to {ANN}"}], None),
        ("Team", "slack_incoming_webhook", "https://chat.example/T0", ...),
        ("Team", "secret_api_token", "x", ...),
        ("Team", "app_urls", ["https://u:p@h", "https://x.org"], ["https://x.org"]),
        ("HogFunction", "encrypted_inputs", {"a": 1}, ...),
        ("HogFunction", "inputs", {"url": {"value": "https://example.com/x"}}, ...),
        ("HogFunction", "transpiled", 'let inputs = {"pin": "1234"};', ...),
        ("Unheard", "bytecode", ["_H", 1, 32, "Acme"], ...),
        ("Plugin", "customHeaders", "X-Partner: 1234", ...),
        ("Plugin", "endpoint", {"to": "https://partner.example/in/8f3a"}, ...),
        ("PluginConfig", "enabled", True, True),
        ("FeatureFlag", "payloads", {"control": "Acme"}, ...),
        ("Integration", "config", {"team": "x"}, ...),
        ("ExternalDataSource", "configuration", {"host": "x"}, ...),
        ("PluginConfig", "config", {"k": "v"}, ...),
        ("Organization", "customer_id", "cus_1", ...),
        ("Cohort", "filters", FILTERS, {"properties": {"values": [{"key": "email", "operator": "exact"}]}}),
        (
            "FeatureFlag",
            "filters",
            FILTERS,
            {"properties": {"values": [{"key": "email", "operator": "exact"}]}},
        ),
        ("Cohort", "filters", json.dumps(FILTERS), ...),
        ("Cohort", "last_error_message", "no 'c@x.org'", ...),
        ("Team", "test_account_filters", [{"key": "email", "value": "@x.org"}], [{"key": "email"}]),
        (
            "Insight",
            "query",
            {"source": {"where": ["email = 'c@x.org'"], "kind": "T"}},
            {"source": {"kind": "T"}},
        ),
    ],
)
def test_a_changes_values_obey_the_class_of_their_field(
    scope: str, field: str, value: Any, kept: Any
) -> None:
    stored = change(field, value, scope)
    assert ANN not in json.dumps(stored, default=str)
    if isinstance(kept, list) and isinstance(value, str):
        kept = ", ".join(
            f"{hashed(part)}@{part.partition('@')[2]}" if "@" in part else part for part in kept
        ).replace("to , ", "to ")
    if field != "steps":
        assert stored == kept
    else:
        assert stored == [{"url": "/x", "note": f"to {hashed(ANN)}@partner.example"}]


@pytest.mark.fault("security.values_about_others")
@pytest.mark.parametrize("mode", ["keep", "hash", "drop"])
@pytest.mark.parametrize(
    ("scope", "field", "value", "privacy"),
    [
        ("Comment", "content", "a plan", "text"),
        ("Comment", "rich_content", {"deep": [{"text": "a plan"}]}, "text"),
        ("Unheard", "content", "a plan", "text"),
        ("User", "first_name", "Ann", "person"),
        ("User", "email", ANN, "person"),
        ("User", "notification_settings", {"a": {"b": 1}}, "person"),
        ("Subscription", "created_by", "Ann", "person"),
        ("Subscription", "target_value", "#a channel", "recipient"),
        ("Cohort", "last_error_message", "no 'c'", "customer"),
    ],
)
def test_each_class_reaches_its_fields_in_changes(
    mode: Mode, scope: str, field: str, value: Any, privacy: str
) -> None:
    canonical = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    expected = {"keep": value, "hash": hashed(canonical), "drop": ...}
    assert change(field, value, scope, **{privacy: mode}) == expected[mode]


@pytest.mark.fault("security.values_about_others")
@pytest.mark.parametrize(
    ("scope", "change"),
    [
        ("Group", {"type": "Group", "action": "changed", "before": "Acme", "after": "Acme Corp"}),
        ("Group", {"action": "created", "after": {"company": "Acme", "arr": 12}}),
        ("Project", {"type": "Group", "field": None, "after": "Acme"}),
        ("Person", {"type": "Person", "after": {"plan": "Acme"}}),
    ],
)
def test_a_change_of_a_group_or_a_person_names_no_field_and_is_customer_data(
    scope: str, change: dict[str, Any]
) -> None:
    kept = {name: value for name, value in change.items() if name not in {"before", "after"}}
    assert detail({"changes": [change]}, scope) == {"changes": [kept]}
    assert detail({"changes": [change]}, scope, customer="keep") == {"changes": [change]}


def test_one_columns_own_setting_reaches_its_changes() -> None:
    assert change("content", "a plan", "Comment", columns={"comments.content": "drop"}) is ...
    assert change("title", "Weekly", columns={"subscriptions.title": "hash"}) == hashed("Weekly")


@pytest.mark.parametrize("type_", ["Insight", "Cohort", ["Subscription"], None])
def test_an_entrys_scope_counts_whatever_model_its_change_names(type_: Any) -> None:
    stored = change("target_value", ANN, "Subscription", type_=type_)
    assert stored == f"{hashed(ANN)}@partner.example"


@pytest.mark.parametrize("scope", [None, 5, ["Subscription"], "", "'; --"])
def test_a_scope_that_is_none_costs_nothing_and_opens_nothing(scope: Any) -> None:
    assert change("target_value", ANN, scope) == f"{hashed(ANN)}@partner.example"


@pytest.mark.fault("security.values_about_others")
@pytest.mark.parametrize("mode", ["keep", "hash", "drop"])
@pytest.mark.parametrize("scope", ["User", "OrganizationMembership", "OrganizationInvite"])
def test_who_logged_in_and_from_where_is_of_class_person(scope: str, mode: Mode) -> None:
    context = {
        "ip_address": "203.0.113.7",
        "user_agent": "curl",
        "login_method": "sso",
        "more": ["x"],
        "ok": True,
    }
    stored = detail({"name": "Ann Lee", "changes": [], "context": context}, scope, person=mode)

    def as_is(text: Any) -> Any:
        return {"keep": text, "hash": hashed(text), "drop": ...}[mode]

    assert stored.get("name", ...) == as_is("Ann Lee")
    for name in ("ip_address", "user_agent", "login_method"):
        assert stored["context"].get(name, ...) == as_is(context[name])
    assert stored["context"]["more"] == ([] if mode == "drop" else [as_is("x")])
    assert stored["context"]["ok"] is True


def test_the_name_of_what_is_nobody_stays_but_for_addresses() -> None:
    assert detail({"name": "Weekly"}, "Unheard", person="drop") == {"name": "Weekly"}
    assert detail({"name": f"for {ANN}"}, "Unheard") == {"name": f"for {hashed(ANN)}@partner.example"}


def test_the_name_of_a_customers_person_obeys_the_class_of_their_table() -> None:
    assert detail({"name": "Ann", "type": None}, "Person") == {"type": None}


def test_a_jobs_payload_is_judged_by_names_and_looks_at_every_depth() -> None:
    payload = {
        "token_count": 3,
        "api-key": "x",
        "deep": [
            {"email": ANN, "first_name": "Ann", ANN: 1, "value": "c@x.org", "link": "redis://:pw@h:1/0"}
        ],
        "note": "use glpat-0123456789abcdefghij for it",
    }
    stored = detail({"trigger": {"job_type": "sync", "payload": payload}}, person="hash")["trigger"]
    assert stored["job_type"] == "sync"
    (deep,) = stored["payload"].pop("deep")
    assert stored["payload"] == {"token_count": 3}
    assert deep == {"email": hashed(ANN), "first_name": hashed("Ann"), f"{hashed(ANN)}@partner.example": 1}


def test_a_user_in_a_change_leaves_its_id() -> None:
    assert change("created_by", USER) == {"id": 7}
    assert change("assignee", [USER], "Unheard") == [{"id": 7}]


def test_a_detail_of_another_kind_is_judged_too() -> None:
    assert detail(f"to {ANN}") == f"to {hashed(ANN)}@partner.example"
    assert detail("use phx_0123456789abcdef") is None
    assert detail([1, "phx_0123456789abcdef"]) == [1]
    assert detail({"field": ["target_value"], "after": 1}) == {"field": ["target_value"], "after": 1}


def test_a_detail_that_is_nested_beyond_reason_costs_no_other_value() -> None:
    deep: Any = "bottom"
    for _ in range(900):
        deep = {"down": deep}
    assert detail({"deep": deep}) is None


@pytest.mark.parametrize(
    ("model", "table"),
    [
        ("Subscription", "subscriptions"),
        ("EventDefinition", "event_definitions"),
        ("FeatureFlag", "feature_flags"),
        ("SavedQuery", "saved_queries"),
        ("OrganizationMembership", "organization_members"),
        ("Team", "project_detail_settings"),
        ("Survey", "surveys"),
        ("survey", "surveys"),
        ("ApprovalPolicy", "approval_policies"),
        ("AlertConfiguration", "alerts"),
        ("DataWarehouseSavedQuery", "warehouse_saved_queries"),
        ("ProjectSecretAPIKey", "project_secret_api_keys"),
    ],
)
def test_a_model_leads_to_its_table(model: str, table: str) -> None:
    assert table_of(model) == table


def test_a_field_is_looked_for_in_its_own_table_first() -> None:
    (met, own) = field_of(("Comment",), "content")
    assert ([table for table, _ in met], own) == (["comments"], True)
    (met, own) = field_of(("Nobody",), "content")
    assert ([table for table, _ in met], own) == (["comments", "annotations"], False)
