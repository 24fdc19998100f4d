"""Credentials are told by name and by look, each row of the tables by its example, and ordinary values stay."""

from __future__ import annotations

import re
import time

import pytest

from sources.posthog.redaction.credentials import (
    NAMES,
    TEXTS,
    TOKENS,
    Name,
    Pattern,
    is_credential,
    is_credential_name,
    looks_like_credential,
    without_credentials,
)

NAMED = """
pwd jwt session_key api-key apiKey APIKEY connectionString database_url sentryDsn userPassword
dbpassword x-auth-token oauthToken awsSecretAccessKey Set-Cookie auth slack_incoming_webhook
private-key REDIS_URI accessKeyId sig signatures totpSecret
"""
ORDINARY = """
key token_count author authored_by secretary cookieless_server_hash_mode compass bypass monkey
keyboard idempotency_key group_key primary_property session_id tokenizer hooked auth_type
password_changed_at webhook_count database_id content_type url pass_rate feature_flag_key public_key
distinct_id app_urls test_account_filters temporal_workflow_id
"""


@pytest.mark.fault("security.credential_table")
@pytest.mark.parametrize("row", NAMES, ids=lambda row: row.example)
def test_each_row_of_names_is_told_by_its_own_pattern(row: Name) -> None:
    alone = [other for other in NAMES if other is not row]
    assert is_credential_name(row.example)
    words = " ".join(re.findall(r"[A-Za-z][a-z0-9]*", row.example)).lower()
    assert not any(re.search(other.pattern, words) for other in alone), "else the row would do nothing"


@pytest.mark.fault("security.credential_table")
@pytest.mark.parametrize("row", [*TOKENS, *TEXTS], ids=lambda row: row.kind)
def test_each_row_of_looks_is_told_by_its_own_pattern(row: Pattern) -> None:
    said = f"so: {row.example}"
    assert looks_like_credential(said)
    assert re.search(row.pattern, row.example)
    kept = without_credentials(said).split("[secret]")
    assert len(kept) >= 2
    assert row.source


@pytest.mark.parametrize("name", NAMED.split())
def test_names_of_credentials_in_any_spelling(name: str) -> None:
    assert is_credential(name, "x")
    assert is_credential(name, {"a": 1})
    assert is_credential(name, 7)


@pytest.mark.parametrize("name", ORDINARY.split())
def test_ordinary_names_are_none(name: str) -> None:
    assert not is_credential(name, "x")


@pytest.mark.parametrize(
    "text",
    [
        "github_pat_11ABCDEFG0abcdefgh",
        "SG.abcdefghijklmnop.qrstuv",
        "Authorization: Bearer abc123",
        "redis://:pw@h",
        "postgres://u:p/w@h/d",
        "https://abc0123@o1.ingest.sentry.io/1",
        "https://hook.eu1.make.com/abcdefgh",
        "https://prod-1.westus.logic.azure.com:443/workflows/abc",
        "https://events.pagerduty.com/integration/abc/enqueue",
        "https://discord.com/api/v10/webhooks/1/abc",
        "https://maker.ifttt.com/trigger/x/with/key/abc",
        "hooks.slack.com/services/T0/B0/x",
        "https://x.example/cb?state=1&access_token=abc",
        '{"password":"hunter2"}',
        '{\\"api_key\\": \\"abcdef\\"}',
        "AccountName=x;AccountKey=abc==",
        "it is in key_phx_abcdefgh12",
        "https://eo0123abcd.m.pipedream.net",
        "https://api.telegram.org/bot123456789:0123456789abcdefghijklmnopqrstuv/sendMessage",
    ],
)
def test_texts_with_a_credential_in_them(text: str) -> None:
    assert looks_like_credential(text)


@pytest.mark.parametrize(
    "text",
    [
        "https://posthog.com/docs/webhooks/setup",
        "Delivery to https://hooks.partner.example was refused",
        "https://us.posthog.com/project/1/insights/abc?tab=results",
        "https://medium.com/@user/x",
        "http://host:8080/path/@x",
        "Basic subscription",
        "a basic plan for users",
        "php_version_info",
        "image@sha256:0123456789abcdef",
        "sk-learn is nice",
        "risk-assessment-for-everyone",
        "task-force-meeting-notes",
        "2026-11-01T00:00:00Z",
        "0123abcd-0123-abcd-0123-abcdefabcdef",
        "token: required",
        '{"password": null}',
        "?key=plan",
    ],
)
def test_ordinary_texts_are_none(text: str) -> None:
    assert not looks_like_credential(text)
    assert without_credentials(text) == text


@pytest.mark.parametrize(
    "piece", ["/hooks/", "eyJ", "secret", "://", "M-", ";token", "-----BEGIN A-----", "a"]
)
def test_no_text_takes_longer_than_its_length_explains(piece: str) -> None:
    text, begun = f"://{piece * 10_000}", time.perf_counter()
    looks_like_credential(text)
    assert time.perf_counter() - begun < 2
