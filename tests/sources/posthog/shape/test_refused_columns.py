"""What a stricter policy refuses of stored columns, worked out without a warehouse."""

from __future__ import annotations

from typing import Any

import pytest

from sources.posthog.catalogue import ENDPOINTS, PEOPLE
from sources.posthog.shape.privacy import DEFAULTS, Policy
from sources.posthog.shape.refused_columns import LAXEST, refused_columns, refused_lists

TABLES = {**ENDPOINTS, PEOPLE.table: PEOPLE}


def policy(modes: str = "", **columns: Any) -> Policy:
    """The defaults but for `text=drop person=hash`."""
    given: dict[str, Any] = dict(word.split("=") for word in modes.split())
    return Policy(modes={**DEFAULTS, **given}, columns=columns)


@pytest.mark.fault("security.other_privacy")
@pytest.mark.parametrize(
    ("column", "before", "now", "what"),
    [
        ("comments.content", "", "text=drop", "all"),
        ("comments.content", "", "text=hash", "unhashed"),
        ("comments.content", "text=hash", "text=drop", "all"),
        ("comments.content", "text=drop", "", None),
        ("comments.content", "text=drop", "text=hash", None),
        ("comments.content", "text=hash", "", None),
        ("comments.content", "", "person=drop", None),
        ("comments.id", "", "text=drop person=drop", None),
        ("comments.project_id", "", "text=drop", None),
        ("comments.created_by_id", "", "person=drop", None),
        ("comments.created_by_id__v_text", "", "person=drop", "all"),
        ("comments.created_by_id__v_text", "", "person=hash", "all"),
        ("comments.version__v_text", "recipient=keep", "", "all"),
        ("comments.version__v_text", "", "recipient=drop", "all"),
        ("comments.zz_note", "recipient=keep", "", "all"),
        ("comments._other_fields", "recipient=keep", "", "all"),
        ("comments.zz_note", "", "recipient=keep", None),
        ("comments.zz_note", "", "text=drop", None),
        ("comments.zz_pwd", "", "text=drop", "all"),
        ("cohorts.filters", "customer=keep", "", "all"),
        ("cohorts.filters", "customer=hash", "", "all"),
        ("cohorts.filters", "customer=keep", "customer=hash", "all"),
        ("cohorts.filters", "", "text=drop", None),
        ("cohorts.last_error_message", "", "", "all"),
        ("subscription_deliveries.error", "recipient=keep", "", "all"),
        ("subscription_deliveries.error", "recipient=keep", "recipient=drop", "all"),
        ("organization_activity_logs.detail", "", "person=hash", "all"),
        ("organization_activity_logs.detail", "recipient=keep", "", "all"),
        ("organization_activity_logs.detail", "customer=keep", "", "all"),
        ("organization_activity_logs.detail", "", "recipient=keep", None),
        ("organization_activity_logs.ip_address", "", "person=drop", "all"),
        ("people.email", "", "person=drop", "all"),
        ("people.email", "", "person=hash", "unhashed"),
        ("people.uuid", "", "person=drop", None),
        ("users.password", "", "", "all"),
    ],
)
def test_a_stored_column_is_refused_by_what_may_stand_in_it(
    column: str, before: str, now: str, what: str | None
) -> None:
    table, _, name = column.partition(".")
    found = refused_columns(TABLES[table], [name], policy(before), policy(now))
    assert found == ({name: what} if what else {})


def test_one_columns_own_setting_counts() -> None:
    strict = policy(**{"comments.content": "drop"})
    assert refused_columns(TABLES["comments"], ["content"], policy(), strict) == {"content": "all"}
    details = refused_columns(TABLES["organization_activity_logs"], ["detail"], policy(), strict)
    assert details == {"detail": "all"}, "comments are spoken of there"


@pytest.mark.parametrize(
    ("before", "now", "what"),
    [
        ("recipient=keep", "", {"recipients": "parts"}),
        ("recipient=keep", "recipient=drop", {"recipients": "all"}),
        ("", "recipient=drop", {"recipients": "all"}),
        ("recipient=drop", "recipient=keep", {}),
        ("", "", {}),
    ],
)
def test_a_list_of_addresses_is_refused_as_a_whole_or_in_part(before: str, now: str, what: Any) -> None:
    for table in ("subscriptions", "subscription_deliveries"):
        assert refused_lists(TABLES[table], policy(before), policy(now)) == what


def test_what_nobody_knows_may_have_been_kept() -> None:
    assert refused_columns(TABLES["cohorts"], ["filters"], LAXEST, policy()) == {"filters": "all"}
