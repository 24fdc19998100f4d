"""Marks: a leak can only be found if what must not leak is marked, and marked where it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from sources.sandbox import Sandbox, start
from tests.sources.sandbox.conftest import Asker

PERSON_FIELDS = ("distinct_id", "first_name", "last_name", "email")


def test_everything_that_looks_like_a_credential_is_marked(ask: Asker, sandbox: Sandbox) -> None:
    detail = ask("/api/projects/101/").body
    for name in (
        "api_token",
        "secret_api_token",
        "secret_api_token_backup",
        "slack_incoming_webhook",
        "live_events_token",
    ):
        assert "canarysecret" in detail[name], name
    me = ask("/api/users/@me/").body
    assert "canarysecret" in me["team"]["api_token"]
    assert "canarysecret" in json.dumps(me["pending_invites"])
    rows = sandbox.truth()["rows"]
    for one in rows["organizations"]:
        assert all("canarysecret" in team["api_token"] for team in one["teams"] + one["projects"])
    assert all("canarysecret" in row["api_token"] for row in rows["projects"])
    hooks = [
        row
        for row in rows["subscriptions"] + rows["subscription_deliveries"]
        if row["target_type"] == "webhook"
    ]
    assert hooks
    assert all("canarysecret" in row["target_value"] for row in hooks)
    previews = [url for row in rows["event_definitions"] for url in row["media_preview_urls"]]
    assert previews
    assert all("canarysecret" in url for url in previews)
    assert "canarysecret" in sandbox.key


def test_lists_of_projects_show_no_secret_token(ask: Asker, organization: str) -> None:
    row = ask(f"/api/organizations/{organization}/projects/").body["results"][0]
    assert not [name for name in row if name.startswith(("secret", "slack", "live"))]


def test_with_canaries_every_kind_of_private_value_is_marked(sandbox: Sandbox) -> None:
    rows = sandbox.truth()["rows"]
    for member in rows["organization_members"]:
        for name in PERSON_FIELDS:
            assert not member["user"][name] or "canaryperson" in member["user"][name]
    for row in rows["subscriptions"]:
        assert "canary" in row["target_value"]
        if row["target_type"] == "email":
            assert all("canaryrecipient" in address for address in row["target_value"].split(","))
    for row in rows["subscription_deliveries"]:
        for result in row["recipient_results"]:
            assert "canary" in result["recipient"]
        for insight in row["content_snapshot"].get("insights", []):
            assert "canarycustomer" in json.dumps(insight["query_results"])
        assert not row["ai_report"] or "canarycustomer" in row["ai_report"]
    for row in rows["comments"]:
        assert not row["content"] or "canarytext" in row["content"]
        assert not row["rich_content"] or "canarytext" in json.dumps(row["rich_content"])
    literals = [value for row in rows["cohorts"] for value in texts(row["filters"]) if "@" in value]
    assert literals
    assert all("canarycustomer" in value for value in literals)


def test_names_of_things_are_not_marked(sandbox: Sandbox) -> None:
    for table in ("cohorts", "event_definitions", "property_definitions", "subscriptions", "projects"):
        for row in sandbox.rows(table):
            assert "canary" not in f"{row.get('name')} {row.get('title')} {row.get('description')}"


def test_without_canaries_only_secrets_are_marked() -> None:
    with start() as plain:
        text = json.dumps(plain.truth())
    assert "canarysecret" in text
    for mark in ("canaryperson", "canaryrecipient", "canarytext", "canarycustomer"):
        assert mark not in text


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from texts(one)
