"""What every entry of the catalogue must be, whoever adds it."""

from __future__ import annotations

import re
from collections import Counter
from typing import get_args

import pytest

from sources.posthog.catalogue import (
    ENDPOINTS,
    PEOPLE,
    column_meanings,
    parent_of,
    with_parents,
)
from sources.posthog.catalogue.endpoint import Endpoint, placeholders
from sources.posthog.catalogue.fields import Privacy, Role, Type
from sources.posthog.catalogue.not_synced import NOT_SYNCED
from sources.posthog.shape.privacy import Policy
from sources.posthog.shape.row_shape import RowShape

every_endpoint = pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=list(ENDPOINTS))


def shape(endpoint: Endpoint) -> RowShape:
    return RowShape(endpoint, Policy())


@every_endpoint
def test_every_placeholder_names_a_parent_that_is_read_before(endpoint: Endpoint) -> None:
    read_before = list(ENDPOINTS)[: list(ENDPOINTS).index(endpoint.table)]
    for path in endpoint.paths:
        parent = parent_of(path)
        assert parent is None or parent.table in read_before, f"{path} hangs on {parent}"
        above = {*placeholders(path)[:-1]} - set(parent.placeholders if parent else ())
        assert not above, f"{path}: {above} is not known where {parent} is read"


def test_a_misspelt_placeholder_is_told_by_name() -> None:
    with pytest.raises(KeyError, match="porject_id"):
        parent_of("projects/{porject_id}/cohorts/")


@every_endpoint
def test_the_key_is_made_of_columns(endpoint: Endpoint) -> None:
    columns = shape(endpoint).columns
    assert set(endpoint.key) <= columns.keys()
    assert all(columns[name] in {"bigint", "text"} for name in endpoint.key)


@every_endpoint
def test_no_field_is_declared_twice(endpoint: Endpoint) -> None:
    twice = [name for name, times in Counter(f.name for f in endpoint.fields).items() if times > 1]
    assert not twice


@every_endpoint
def test_every_list_says_what_it_is_and_which_scope_it_needs(endpoint: Endpoint) -> None:
    assert endpoint.doc.endswith(".")
    assert re.fullmatch(r"[a-z_]+:read", endpoint.scope)
    assert all(re.fullmatch(r"[a-z_{}/]+/(\?[a-z0-9_{}=&,-]+)?", path) for path in endpoint.paths)


@every_endpoint
def test_names_are_plain_sql_names(endpoint: Endpoint) -> None:
    names = [endpoint.table, *shape(endpoint).columns]
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in names)


@every_endpoint
def test_every_column_has_a_sentence_of_meaning(endpoint: Endpoint) -> None:
    meanings = column_meanings(endpoint)
    stored = [
        one.column
        for one in endpoint.fields
        if one.role not in {"secret", "ignored", "identity", "recipients"}
    ]
    for column in [*endpoint.parent_columns, *stored]:
        assert re.fullmatch(r"[A-Z].*[.…]", meanings[column]), column
        assert meanings[column] not in {"Its kind.", "Its settings."}, f"{column}: which kinds or settings?"


@every_endpoint
def test_every_field_is_of_a_known_type_and_role_and_what_has_a_class_can_be_hashed(
    endpoint: Endpoint,
) -> None:
    """A sentence for a field named like an option of `Field` would become that option."""
    for one in endpoint.fields:
        assert one.type in get_args(Type), one.name
        assert one.role in get_args(Role), one.name
        assert one.privacy in get_args(Privacy), one.name
        if one.privacy != "open" and one.role not in {"identity", "recipients"}:
            assert one.type in {"text", "json"}, one.name
            assert one.role == "value", one.name


def test_a_list_that_cannot_be_synced_is_no_table_and_says_why() -> None:
    assert not {one.name for one in NOT_SYNCED} & {
        table for one in ENDPOINTS.values() for table in (one.table, *one.derived_tables)
    }
    for one in NOT_SYNCED:
        assert one.reason.endswith("."), one.name


def test_a_child_brings_its_parents_along() -> None:
    assert with_parents(("subscription_deliveries",)) == (
        "organizations",
        "projects",
        "subscriptions",
        "subscription_deliveries",
    )
    assert with_parents(("organizations",)) == ("organizations",)


def test_the_keys_are_those_that_other_programs_rely_on() -> None:
    promised = {
        "organizations": ("id",),
        "projects": ("id",),
        "organization_members": ("organization_id", "id"),
        "organization_activity_logs": ("organization_id", "id"),
        "users": ("uuid",),
        "subscriptions": ("project_id", "id"),
        "subscription_deliveries": ("project_id", "subscription_id", "id"),
        "cohorts": ("project_id", "id"),
        "comments": ("project_id", "id"),
        "event_definitions": ("project_id", "name"),
        "group_types": ("project_id", "group_type_index"),
        "property_definitions": ("project_id", "type", "group_type_index", "name"),
    }
    assert {table: ENDPOINTS[table].key for table in promised} == promised
    assert PEOPLE.key == ("id",)


def test_a_volatile_reference_is_a_volatile_column() -> None:
    assert "issue_id" in ENDPOINTS["error_tracking_grouping_rules"].volatile
