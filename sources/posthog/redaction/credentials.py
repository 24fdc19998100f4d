"""Recognises credentials, by their name and by their text: tables of patterns, each row with an example.

An undeclared value is dropped if its name or the value matches; log lines lose what matches. The rows are our own
spelling. Where a row names a source, prefix and length were looked up there; they are shorter here than the vendor's
tokens are, because a cut-off token must not be stored either.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

GITLEAKS = "gitleaks, config/gitleaks.toml"
DETECT_SECRETS = "detect-secrets, plugins/keyword.py"
OWN = "its vendor's documentation"
SHORTEST = 10
"""No credential that is recognised by its text is shorter."""


@dataclass(frozen=True, slots=True)
class Name:
    """A kind of credential name; the pattern is searched in the name's words, in lower case."""

    pattern: str
    example: str
    source: str = DETECT_SECRETS


@dataclass(frozen=True, slots=True)
class Pattern:
    """A kind of credential text; the pattern matches all of it, so that a log line can lose it."""

    kind: str
    pattern: str
    example: str
    source: str = GITLEAKS
    needs: str = ""
    """Of `TEXTS`: letters of which a text must have one for the pattern to match, so that most texts are skipped."""


NAMES = (
    Name(r"secret(?!ar)|passw(?:or)?d|passphrase|pwd", "smtpPwd"),
    Name(r"\bpasscode|\b(?:(?:admin|db|ftp|mail|root|smtp|user) )?pass$", "db_pass"),
    Name(r"credential|\bcreds\b", "gcpCredentials", OWN),
    Name(r"web ?hook|\bhook ur[il]\b", "web-hook-url", OWN),
    Name(r"bearer|\bjwts?\b|\b(?:(?:auth|session|set) )?cookies?$", "sessionCookie", OWN),
    Name(r"(?:access|api|priv|private|signing) ?keys?\b", "X-Api-Key"),
    Name(
        r"\b(?:account|app|application|auth|authentication|client|consumer|database|db|deploy|encryption|hmac|integration"
        r"|licen[cs]e|master|routing|rsa|security|server|service|session|shared|signature|ssh|ssl|tls|write) ?keys?\b",
        "session_key",
    ),
    Name(r"\b(?:access|api|auth|bot|refresh) token|tokens?$", "refresh_token_v2"),
    Name(r"(?:challenge|signature|certificate|x ?509 ?cert)s?$|\b(?:pem|pfx|sig)$", "x509_cert", OWN),
    Name(r"authorization|\b(?:basic|digest|http|proxy) auth$|^auth$|\bauth header", "Authorization", OWN),
    Name(r"\bconn(?:ection)? ?(?:info|str|string|ur[il])\b|\bjdbc ur[il]|\bdsn\b", "connectionString", OWN),
    Name(
        r"\b(?:amqp|broker|celery|clickhouse|database|db|elasticsearch|kafka|ldap|mariadb|mongo|mongodb|mysql|pg|postgres"
        r"|postgresql|rabbitmq|redis|smtp|snowflake|warehouse) ur[il]s?\b",
        "DATABASE_URL",
        OWN,
    ),
    Name(r"\bt?otp\b|\bmfa code|\b(?:backup|recovery) codes?\b|\bsalt$", "totp_seed", OWN),
    Name(r"^(?:encrypted|sensitive)\b", "encrypted_inputs", "PostHog, posthog/models"),
)
_ABOUT = re.compile(r"\b(?:at|count|enabled|expires|expiry|length|limit|required|total|type)$")
"""Ends the names of facts about a credential: when it was made, of which type it is."""
_FLAG = re.compile(r"^(has|is|uses|needs|requires)_", re.IGNORECASE)

_ASSIGNED = (
    r"(?i:passw(?:or)?d|pwd|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key"
    r"|account[_-]?key|shared[_-]?access[_-]?(?:key|signature)|authorization|signature)"
)
_IN_QUERY = (
    r"(?i:x-amz-signature|x-amz-security-token|x-amz-credential|x-goog-signature|x-goog-credential|[\w.-]*signature"
    r"|sig|[\w.-]*token|[\w.-]*secret|[\w.-]*passw(?:or)?d|pwd|[\w.-]*api[_-]?key|auth|jwt|[\w.-]*credential"
    r"|[\w.-]*access[_-]?key(?:[_-]?id)?|key(?==[\w-]{20}))"
)
TOKENS = (
    Pattern("PostHog's keys and tokens", r"ph[aceorsx]_\w{8,}", "phx_0123456789abcdef", OWN),
    Pattern(
        "GitHub",
        r"gh[pousr]_[A-Za-z0-9]{16,}|github_pat_\w{16,}",
        "github_pat_0123456789abcdef_01",
    ),
    Pattern(
        "GitLab",
        r"gl(?:agent|cbt|dt|ffct|ft|imt|oas|pat|ptt|rt|soat)-[\w-]{16,}(?:\.[\w.-]+)?",
        "glpat-0123456789abcdefghij",
    ),
    Pattern("Google", r"AIza[\w-]{20,}|GOCSPX-[\w-]{12,}|ya29\.[\w-]{12,}", "AIza0123456789abcdefghijklmno"),
    Pattern("SendGrid", r"SG\.[\w-]{12,}(?:\.[\w-]+)?", "SG.0123456789abcdefghij.0123456789"),
    Pattern("Slack", r"xox[a-z](?:\.xox[a-z])?-[\w-]{6,}|xapp-[\w-]{8,}", "xoxb-0123456789-abcdef"),
    Pattern("OpenAI, Anthropic", r"sk-[\w-]{16,}", "sk-ant-api03-0123456789abcdef"),
    Pattern(
        "Stripe",
        r"(?:sk|pk|rk)_(?:live|test|prod)_\w{4,}|whsec_[\w+/=-]{12,}",
        "rk_live_0123456789",
    ),
    Pattern(
        "AWS",
        r"(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA|AROA)[A-Z0-9]{12,}|ABSK[\w+/]{30,}",
        "AKIA0123456789ABCDEF",
    ),
    Pattern(
        "npm, PyPI, RubyGems",
        r"npm_\w{30,}|pypi-AgE\w[\w-]{16,}|rubygems_\w{30,}",
        "pypi-AgEI0123456789abcdefgh",
    ),
    Pattern(
        "Hugging Face, Replicate, Groq",
        r"hf_\w{24,}|r8_\w{24,}|gsk_\w{24,}",
        "hf_0123456789abcdefghijklmn",
    ),
    Pattern("DigitalOcean", r"do[opr]_v1_[a-f0-9]{24,}", "dop_v1_0123456789abcdef01234567"),
    Pattern("Databricks", r"dapi[a-f0-9]{24,}(?:-\d)?", "dapi0123456789abcdef01234567"),
    Pattern("Grafana", r"gl(?:sa|c)_[\w+/=]{20,}|eyJrIjoi[\w+/=-]{20,}", "glsa_0123456789abcdefghij0123"),
    Pattern("Twilio, Mailgun", r"SK[0-9a-f]{32}|key-[0-9a-z]{32}", "key-0123456789abcdef0123456789abcdef"),
    Pattern(
        "Mailchimp, Brevo",
        r"[0-9a-f]{32}-us\d{1,2}|xkeysib-[\w-]{20,}",
        "xkeysib-0123456789abcdef0123",
    ),
    Pattern(
        "Shopify, Square", r"shp(?:at|ca|pa|ss)_\w{16,}|sq0[a-z]{3}-[\w-]{16,}", "shpat_0123456789abcdef0123"
    ),
    Pattern(
        "Sentry, Linear, Notion",
        r"sntry[su]_[\w+/=-]{16,}|lin_api_\w{16,}|ntn_\w{24,}",
        "lin_api_0123456789abcdef",
    ),
    Pattern(
        "Atlassian, Figma, Docker",
        r"ATATT3[\w=-]{16,}|figd_[\w-]{16,}|dckr_pat_[\w-]{16,}",
        "dckr_pat_0123456789abcdef",
        OWN,
    ),
    Pattern(
        "HashiCorp",
        r"hv[sbr]\.[\w-]{16,}|\w{14}\.atlasv1\.[\w=-]{16,}",
        "hvs.0123456789abcdefghij",
    ),
    Pattern(
        "PlanetScale, Supabase",
        r"pscale_(?:tkn|pw|oauth)_[\w=.-]{16,}|sb(?:p|_secret)_\w{16,}",
        "pscale_pw_0123456789abcdef",
    ),
    Pattern(
        "HubSpot, New Relic, Postman",
        r"pat-[a-z]{2}\d-[0-9a-f-]{16,}|NRAK-\w{16,}|PMAK-[\w-]{16,}",
        "pat-na1-01234567-89ab-cdef-0123",
    ),
    Pattern(
        "Airtable",
        r"pat\w{14}\.[a-f0-9]{32,}",
        "pat0123456789abcd.0123456789abcdef0123456789abcdef",
    ),
    Pattern(
        "Telegram",
        r"(?:bot)?\d{8,10}:[A-Za-z0-9_-]{32,}",
        "123456789:0123456789abcdefghijklmnopqrstuv",
        OWN,
    ),
    Pattern(
        "Discord",
        r"[MNO][\w-]{22,30}\.[\w-]{6}\.[\w-]{26,}",
        "M0123456789abcdefghijklm.abcdef.0123456789abcdefghijklmnop",
        OWN,
    ),
    Pattern("Azure", r"[\w~.]{3}\dQ~[\w~.-]{20,}", "abc8Q~0123456789abcdefghij"),
    Pattern("Facebook", r"EAA[A-Za-z0-9]{30,}", "EAAC0123456789abcdefghijklmnopqrstuv"),
    Pattern(
        "keys and certificates as base64", r"LS0tLS1CRUdJTi[\w+/=]*", "LS0tLS1CRUdJTiBSU0EgUFJJVkFURQ==", OWN
    ),
    Pattern(
        "others of one prefix",
        r"(?:HRKU-|pul-|pnu_|rdme_|sgp_|tk-us-|dt0c01\.|fo1_|LTAI|ops_eyJ|p8e-|nvapi-|pplx-|AGE-SECRET-KEY-)[\w-]{20,}",
        "pplx-0123456789abcdefghij",
    ),
)
"""Credentials with an unmistakable beginning; none of them begins within a word."""
TEXTS = (
    Pattern(
        "JSON web tokens",
        r"(?<![\w-])eyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)*",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
        needs=".",
    ),
    Pattern(
        "keys and certificates as PEM",
        r"-{4,5} ?BEGIN [A-Z0-9 ]+-{4,5}[\s\S]*?(?:-{4,5} ?END [A-Z0-9 ]+-{4,5}|$)"
        r"|PuTTY-User-Key-File[\s\S]*",
        "-----BEGIN OPENSSH PRIVATE KEY-----",
        needs="-",
    ),
    Pattern(
        "authorization headers",
        r"(?:[Bb]earer|BEARER)\s+[\w.~+/=-]{6,}"
        r"|[Bb]asic\s+(?=[A-Za-z]*(?:[a-z][A-Z]|[\d+/=]))[\w+/]{6,}={0,2}",
        "Basic dXNlcjpwYXNz",
        OWN,
        " \t\n",
    ),
    Pattern(
        "passwords in URLs",
        r"(?<=://)(?:[^\s/?#@:]{0,300}:(?!\d{1,5}[/?#])[^\s@]{0,300}|[^\s/?#@]{1,300})@",
        "redis://:hunter2@cache:6379/0",
        needs="@",
    ),
    Pattern(
        "webhooks by their host",
        r"(?:hooks?\.[\w-]+\.[\w.-]+|webhook\.office\.com|outlook\.office(?:365)?\.com/webhook|webhook\.site"
        r"|discord(?:app)?\.com/api/(?:v\d+/)?webhooks|maker\.ifttt\.com|events\.(?:eu\.)?pagerduty\.com/\w+"
        r"|logic\.azure\.com|api\.powerplatform\.com|chat\.googleapis\.com/v1/spaces|api\.telegram\.org(?=/bot)"
        r"|open\.(?:feishu|larksuite)\.\w+/open-apis/bot|oapi\.dingtalk\.com/robot"
        r"|api\.opsgenie\.com/v1/json|alert\.victorops\.com)[/?:][^\s\"'<>]+"
        r"|[\w-]+\.m\.pipedream\.net",
        "https://hooks.zapier.com/hooks/catch/1/abc",
        OWN,
        ".",
    ),
    Pattern(
        "webhooks by their path",
        r"://[^\s\"'<>]{1,300}/(?:incoming-?)?(?:web)?hooks?(?:b2|-test)?/[^\s\"'<>]{0,300}?[\w-]{16,}[^\s\"'<>]*",
        "https://chat.example/hooks/0123456789abcdefgh",
        OWN,
        "/",
    ),
    Pattern(
        "signed URLs",
        rf"[?&#;]{_IN_QUERY}=[^\s\"'<>]*",
        "https://s3.example/a.png?X-Amz-Signature=abc",
        OWN,
        "=",
    ),
    Pattern(
        "passwords in settings and JSON texts",
        rf"{_ASSIGNED}\w{{0,40}}(?:\s{{0,9}}=\s{{0,9}}|\\{{0,9}}[\"']\s{{0,9}}:\s{{0,9}}\\{{0,9}}[\"'])(?!(?i:null|true|false|none)\b)[^\s\"'\\;&]{{3,}}",
        "Server=db;User Id=app;Password=hunter2;",
        DETECT_SECRETS,
        "=:",
    ),
)
"""Credentials that are recognised by the text around them."""

_NAME = re.compile("|".join(name.pattern for name in NAMES))
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[^A-Za-z0-9]+")
_TOKEN = re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(look.pattern for look in TOKENS)})")
_TEXTS = tuple((look.needs, re.compile(look.pattern)) for look in TEXTS)


@lru_cache(maxsize=4096)
def is_credential_name(name: str) -> bool:
    """Return whether a name is that of a credential."""
    words = " ".join(filter(None, _WORD.split(name))).lower()
    return bool(_NAME.search(words)) and not _ABOUT.search(words)


def looks_like_credential(text: str) -> bool:
    """Return whether a text contains a credential."""
    if len(text) < SHORTEST:
        return False
    return bool(_TOKEN.search(text)) or any(pattern.search(text) for pattern in _needed(text))


def without_credentials(text: str, instead: str = "[secret]") -> str:
    """Return a text without the credentials in it."""
    text = _TOKEN.sub(instead, text)
    for pattern in _needed(text):
        text = pattern.sub(instead, text)
    return text


def _needed(text: str) -> Iterator[re.Pattern[str]]:
    letters = set(text)
    return (pattern for needed, pattern in _TEXTS if not letters.isdisjoint(needed))


def is_credential(name: str, value: Any) -> bool:
    """Return whether an undeclared value is a credential, by its name or by its text."""
    if isinstance(value, str):
        return is_credential_name(name) or looks_like_credential(value)
    return not isinstance(value, bool) and is_credential_name(name) and not _FLAG.match(name)
