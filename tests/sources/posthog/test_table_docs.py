"""TABLES.md and `hogsync tables` say what the catalogue says."""

from __future__ import annotations

import re

import pytest
import yaml

from sources.posthog.catalogue import ENDPOINTS
from sources.posthog.catalogue.endpoint import Endpoint
from sources.posthog.catalogue.not_synced import NOT_SYNCED
from sources.posthog.table_docs import dbt_sources, document, overview


def sections() -> dict[str, str]:
    found = re.split(r"^## ", document(), flags=re.MULTILINE)[1:]
    return {section.partition("\n")[0]: section for section in found}


@pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=list(ENDPOINTS))
def test_every_table_has_its_section_with_paths_key_scope_and_columns(endpoint: Endpoint) -> None:
    section = sections()[endpoint.table]
    assert endpoint.doc in section
    assert endpoint.scope in section
    for word in (*endpoint.paths, *endpoint.key):
        assert word in section
    own = section.partition("###")[0]
    for field in endpoint.fields:
        assert (f"| `{field.name}` |" in own) == (
            field.role == "value" or field.name in endpoint.placeholders
        ), field.name
        assert field.role != "items" or f"### {endpoint.table}__{field.name}" in section


def test_secrets_and_identities_are_no_columns_of_their_rows() -> None:
    assert "api_token" not in document()
    assert "| `email` |" not in sections()["users"]
    assert "| `email` | text | person |" in sections()["people"]


def test_dbts_sources_have_every_table_with_its_history_lists_and_trends_and_a_sentence_for_each_column() -> (
    None
):
    (source,) = yaml.safe_load(dbt_sources())["sources"]
    tables = {one["name"]: {column["name"] for column in one["columns"]} for one in source["tables"]}
    assert len(tables) == len(source["tables"])
    for endpoint in ENDPOINTS.values():
        assert {endpoint.table, *endpoint.derived_tables} <= tables.keys()
        assert {*endpoint.key, "_synced_at", "_deleted_at"} <= tables[endpoint.table]
        left_out = {one.column for one in endpoint.fields if one.role in {"secret", "ignored", "identity"}}
        assert not (left_out - set(endpoint.key)) & tables[endpoint.table]
    assert tables["cohorts__experiment_set"] >= {"project_id", "id", "position", "value"}
    assert all(column["description"] for one in source["tables"] for column in one["columns"])


def test_the_overview_has_every_table_and_people_then_what_cannot_be_synced_each_with_a_line_of_meaning() -> (
    None
):
    rows = overview()
    assert [row["table"] for row in rows] == [*ENDPOINTS, "people", *(one.name for one in NOT_SYNCED)]
    assert all(row["meaning"] and "\n" not in row["meaning"] for row in rows)
    assert {row["plan"] for row in rows if not row["key"]} == {"gone", "unreadable", "omitted"}
