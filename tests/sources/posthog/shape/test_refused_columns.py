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
    ("column", "before", "now", "refused"),
    [
        ("comments.content", "", "text=drop", True),
        ("comments.content", "", "text=hash", True),
        ("comments.content", "text=hash", "text=drop", True),
        ("comments.content", "text=drop", "", False),
        ("comments.content", "text=drop", "text=hash", False),
        ("comments.content", "text=hash", "", False),
        ("comments.content", "", "person=drop", False),
        ("comments.id", "", "text=drop person=drop", False),
        ("comments.project_id", "", "text=drop", False),
        ("comments.created_by_id", "", "person=drop", False),
        ("comments.created_by_id__v_text", "", "person=drop", True),
        ("comments.created_by_id__v_text", "", "person=hash", True),
        ("comments.version__v_text", "recipient=keep", "", True),
        ("comments.version__v_text", "", "recipient=drop", True),
        ("comments.zz_note", "recipient=keep", "", True),
        ("comments._other_fields", "recipient=keep", "", True),
        ("comments.zz_note", "", "recipient=keep", False),
        ("comments.zz_note", "", "text=drop", False),
        ("comments.zz_pwd", "", "text=drop", True),
        ("cohorts.filters", "customer=keep", "", True),
        ("cohorts.filters", "customer=hash", "", True),
        ("cohorts.filters", "customer=keep", "customer=hash", True),
        ("cohorts.filters", "", "text=drop", False),
        ("cohorts.last_error_message", "", "", True),
        ("subscription_deliveries.error", "recipient=keep", "", True),
        ("subscription_deliveries.error", "recipient=keep", "recipient=drop", True),
        ("organization_activity_logs.detail", "", "person=hash", True),
        ("organization_activity_logs.detail", "recipient=keep", "", True),
        ("organization_activity_logs.detail", "customer=keep", "", True),
        ("organization_activity_logs.detail", "", "recipient=keep", False),
        ("organization_activity_logs.ip_address", "", "person=drop", True),
        ("people.email", "", "person=drop", True),
        ("people.email", "", "person=hash", True),
        ("people.uuid", "", "person=drop", False),
        ("users.password", "", "", True),
    ],
)
def test_a_stored_column_is_refused_by_what_may_stand_in_it(
    column: str, before: str, now: str, *, refused: bool
) -> None:
    table, _, name = column.partition(".")
    found = refused_columns(TABLES[table], [name], policy(before), policy(now))
    assert found == ({name} if refused else set())


def test_one_columns_own_setting_counts() -> None:
    strict = policy(**{"comments.content": "drop"})
    assert refused_columns(TABLES["comments"], ["content"], policy(), strict) == {"content"}
    details = refused_columns(TABLES["organization_activity_logs"], ["detail"], policy(), strict)
    assert details == {"detail"}, "comments are spoken of there"


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
    assert refused_columns(TABLES["cohorts"], ["filters"], LAXEST, policy()) == {"filters"}
