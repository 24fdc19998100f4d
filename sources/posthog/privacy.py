"""What may be stored of a value: credentials never, personal data as the settings say.

Declared fields carry their class in the catalogue. What nobody declared is judged by its name and its look.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sources.posthog.endpoint import Field

Mode = Literal["keep", "hash", "drop"]
Lift = Callable[[dict[str, Any]], None]
"""Takes an embedded user out of a row."""

DEFAULTS: Mapping[str, Mode] = {
    "open": "keep",
    "person": "keep",
    "recipient": "hash",
    "text": "keep",
    "customer": "drop",
}

# Names end in the credential word ("api_token", "secretKey"), so that "token_count" or "has_password" stay.
_SECRET_NAME = re.compile(
    r"(token|secret|secrets|password|passwords|passwd|passphrase|credential|credentials|private_?key|api_?key"
    r"|access_?key|secret_?key|signing_?key|webhook(_?url)?|client_?secret|certificate|x509_?cert|challenge"
    r"|signature|authorization|bearer|dsn|connection_string)$",
    re.IGNORECASE,
)
_FLAG_NAME = re.compile(r"^(has|is|uses|needs|requires)_", re.IGNORECASE)
# Shapes of credentials: PostHog's own tokens, webhook addresses, signed URLs, well-known vendor keys, PEM, JWT.
_SECRET_VALUE = re.compile(
    r"\bph[acosrx]_[A-Za-z0-9_]{8,}|hooks\.slack\.com/|webhook\.office\.com|discord(app)?\.com/api/webhooks"
    r"|[?&](X-Amz-Signature|X-Goog-Signature|Signature|sig|token|access_token|api_key)="
    r"|\b(sk|pk|rk)_(live|test)_|\bsk-[A-Za-z0-9_-]{16,}|\bxox[abprs]-|\bgh[pousr]_[A-Za-z0-9]{20,}|\bAKIA[0-9A-Z]{12,}"
    r"|-----BEGIN [A-Z ]*(PRIVATE KEY|CERTIFICATE)|\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\."
    r"|://[^/\s:@]+:[^/\s:@]+@",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"[A-Za-z0-9._%+'-]+@([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)")
_USER = frozenset({"id", "uuid", "email", "first_name"})


def is_secret(name: str, value: Any) -> bool:
    """Whether an undeclared value looks like a credential, by its name or by itself."""
    if isinstance(value, str):
        return bool(_SECRET_NAME.search(name) or _SECRET_VALUE.search(value))
    return not isinstance(value, bool) and bool(_SECRET_NAME.search(name)) and not _FLAG_NAME.match(name)


def is_user(value: Any) -> bool:
    """Whether an object is PostHog's user-basic shape."""
    return isinstance(value, dict) and value.keys() >= _USER and type(value["id"]) is int


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The user's choice per privacy class, with single columns differing (`{"comments.content": "drop"}`)."""

    modes: Mapping[str, Mode] = field(default_factory=lambda: DEFAULTS)
    columns: Mapping[str, Mode] = field(default_factory=dict)
    hash_key: bytes = field(default=b"", repr=False)

    def mode(self, table: str, name: str, privacy: str) -> Mode:
        """What happens to a column."""
        return self.columns.get(f"{table}.{name}") or self.modes.get(privacy, DEFAULTS[privacy])

    def hash(self, value: str) -> str:
        """HMAC-SHA256 in hex, 64 characters: equal values stay joinable, none can be guessed back without the key."""
        return hmac.new(self.hash_key, value.encode(), hashlib.sha256).hexdigest()

    def redact(self, value: str, mode: Mode) -> str:
        """Text without the e-mail addresses in it: each is replaced by its hash, or by `[address]`."""
        if mode == "keep" or "@" not in value:
            return value
        if mode == "drop":
            return _ADDRESS.sub("[address]", value)
        return _ADDRESS.sub(lambda match: f"{self.hash(match[0].lower())}@{match[1]}", value)


@dataclass(frozen=True, slots=True)
class Scrubber:
    """Cleans one JSON field at every depth; users inside it are lifted out, the field keeps their ids."""

    policy: Policy
    field: Field
    literals: Mode
    """What becomes of the values under `field.literals`."""
    addresses: Mode
    """What becomes of e-mail addresses in its strings."""

    def clean(self, value: Any, lift: Lift) -> Any:
        """The value as it may be stored; one Python frame a level, so that 900 levels pass."""
        if isinstance(value, str):
            return self.policy.redact(value.replace("\0", ""), self.addresses)
        if is_user(value):
            lift(value)
            return {"id": value["id"]}
        if isinstance(value, dict):
            cleaned = {}
            for name, inner in value.items():
                if self._stays(name, inner):
                    hidden = name in self.field.literals and self.literals == "hash"
                    cleaned[name.replace("\0", "")] = (
                        self._hashed(inner) if hidden else self.clean(inner, lift)
                    )
            return cleaned
        if isinstance(value, list):
            kept = []
            for inner in value:
                if not is_secret("", inner):
                    kept.append(self.clean(inner, lift))  # noqa: PERF401  a comprehension is a frame of its own
            return kept
        return value

    def _stays(self, name: str, value: Any) -> bool:
        if name in self.field.noise or is_secret(name, value):
            return False
        return not (name in self.field.literals and self.literals == "drop")

    def _hashed(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._hashed(inner) for inner in value]
        if isinstance(value, dict):
            return {name: self._hashed(inner) for name, inner in value.items()}
        return value if value is None or isinstance(value, bool) else self.policy.hash(str(value))


def recipients(value: Any, kind: str | None) -> list[dict[str, Any]]:
    """The addresses in `a@x.com,b@y.com`, a Slack channel, a webhook URL, or PostHog's list of recipient results.

    Each is `{"kind", "domain", "address", …}`; a webhook's URL is a credential, so only its host is left of it.
    """
    if isinstance(value, str):
        entries = [{"recipient": part.strip()} for part in value.split(",") if part.strip()]
    elif isinstance(value, list):
        entries = [entry if isinstance(entry, dict) else {"recipient": str(entry)} for entry in value]
    else:
        entries = []
    return [_recipient(entry, kind) for entry in entries]


def _recipient(entry: dict[str, Any], kind: str | None) -> dict[str, Any]:
    address = str(entry.get("recipient") or "").replace("\0", "")
    rest = {name: value for name, value in entry.items() if name not in {"recipient", "status"}}
    found = {"status": entry.get("status"), "detail": rest or None}
    if "://" in address:
        host = address.split("://", 1)[1].split("/", 1)[0].rpartition("@")[2]
        return {**found, "kind": kind or "webhook", "domain": host or None, "address": None}
    domain = address.rpartition("@")[2].lower() if "@" in address else None
    return {
        **found,
        "kind": kind or ("email" if domain else None),
        "domain": domain,
        "address": address or None,
    }
