"""What may be stored of a value: credentials never, personal data as the settings say.

Declared fields carry their class in the catalogue. What nobody declared is judged by its name and its look.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Collection, Iterator, Mapping
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

# Words that make a name a credential's wherever they stand, and words that do so at its end: "token_count" stays.
_SECRET_NAME = re.compile(
    r"secret|passw(or)?d|passphrase|credential|private_?key|api_?key|access_?key|signing_?key|webhook|bearer"
    r"|(token|certificate|x509_?cert|challenge|signature|authorization|dsn|connection_string)s?$"
    r"|(^|_)(access|api|auth|refresh|bot)_?token",
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
# A Slack channel as PostHog keeps it: "C0123456789|#growth".
_CHANNEL = re.compile(r"\b[CDG][A-Z0-9]{8,}\|#?[\w.-]+")
_URL = re.compile(r"([a-z][a-z0-9+.-]*://)(?:[^/\s@\"]*@)?([^/\s\"?#]+)[^\s\"]*", re.IGNORECASE)
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

    def of_unknown(self) -> Mode:
        """What happens to addresses where nobody said whose they are: the strictest of what may be theirs."""
        modes = [self.mode("", "", privacy) for privacy in ("person", "recipient")]
        return max(modes, key=("keep", "hash", "drop").index)

    def hash(self, value: str) -> str:
        """HMAC-SHA256 in hex, 64 characters: equal values stay joinable, none can be guessed back without the key."""
        return hmac.new(self.hash_key, value.encode(), hashlib.sha256).hexdigest()

    def redact(self, value: str, mode: Mode) -> str:
        """Text without the addresses in it, mail or Slack's: each is replaced by its hash, or by `[address]`."""
        if mode == "keep":
            return value
        if "@" in value:
            value = _ADDRESS.sub(lambda met: self._replaced(met[0], f"@{met[1]}", mode), value)
        return _CHANNEL.sub(lambda met: self._replaced(met[0], "", mode), value) if "|" in value else value

    def _replaced(self, address: str, domain: str, mode: Mode) -> str:
        return "[address]" if mode == "drop" else f"{self.hash(address.lower())}{domain}"


@dataclass(frozen=True, slots=True)
class Scrubber:
    """Cleans one field's value at every depth; users inside it are lifted out, the field keeps their ids."""

    policy: Policy
    field: Field
    literals: Mode = "keep"
    """What becomes of the values under `field.literals`."""
    addresses: Mode = "keep"
    """What becomes of e-mail addresses, in strings and in names."""

    def clean(self, value: Any, lift: Lift) -> Any:
        """The value as it may be stored; one Python frame a level, so that 900 levels pass."""
        if isinstance(value, str):
            return self._text(value)
        if is_user(value):
            lift(value)
            return {"id": value["id"]}
        if isinstance(value, dict):
            cleaned = {}
            for name, inner, literal in self._members(value):
                cleaned[name] = self._hidden(inner) if literal else self.clean(inner, lift)
            return cleaned
        if isinstance(value, list):
            kept = []
            for inner in value:
                if not is_secret("", inner):
                    kept.append(self.clean(inner, lift))  # noqa: PERF401  a comprehension is a frame of its own
            return kept
        return value

    def _members(self, value: dict[str, Any]) -> Iterator[tuple[str, Any, bool]]:
        """The members of an object that stay, each with its clean name and whether it is a literal."""
        literals = self._literal_names(value)
        for name, inner in value.items():
            literal = name in literals
            if name in self.field.noise or is_secret(name, inner) or (literal and self.literals == "drop"):
                continue
            yield self._text(name), inner, literal

    def _text(self, text: str) -> str:
        """Without NUL and, as the settings say, addresses; where recipients are spoken of, of a URL only its host.

        A webhook's URL is a credential, and errors quote it.
        """
        plain = text.replace("\0", "")
        if self.field.privacy == "recipient" and "://" in plain:
            plain = _URL.sub(r"\1\2", plain)
        return self.policy.redact(plain, self.addresses)

    def _literal_names(self, value: dict[str, Any]) -> Collection[str]:
        """The names in an object under which a customer's own data stands.

        In a filter that is `value`; in a HogQL filter its text, under `key`; in cohorts of old, whose properties are
        plain objects, everything.
        """
        names = self.field.literals
        if not names:
            return names
        if value.get("type") == "hogql":
            return (*names, "key")
        old = isinstance(value.get("properties"), dict) and "values" not in value["properties"]
        return (*names, "properties") if old else names

    def _hidden(self, value: Any) -> Any:
        """A customer's data, hashed leaf by leaf unless it is kept."""
        if self.literals == "keep":
            return self.clean(value, _forget)
        if isinstance(value, list):
            return [self._hidden(inner) for inner in value]
        if isinstance(value, dict):
            return {name: self._hidden(inner) for name, inner in value.items()}
        return value if value is None or isinstance(value, bool) else self.policy.hash(str(value))


def _forget(_person: dict[str, Any]) -> None:
    """Leave a person behind: what a customer's own data calls a user is no colleague."""


def recipients(value: Any, kind: str | None) -> list[dict[str, Any]]:
    """The addresses in `a@x.com,b@y.com`, a Slack channel, a webhook URL, or PostHog's list of recipient results.

    Each is `{"kind", "domain", "address", …}`. A webhook's or Teams' target is a credential, of which only the host is
    left; only lists of e-mail addresses are split.
    """
    if isinstance(value, str):
        parts = value.split(",") if kind in {None, "email"} and "://" not in value else [value]
        entries = [{"recipient": part.strip()} for part in parts if part.strip()]
    elif isinstance(value, list):
        entries = [entry if isinstance(entry, dict) else {"recipient": str(entry)} for entry in value]
    else:
        entries = []
    return [_recipient(entry, kind) for entry in entries]


def _recipient(entry: dict[str, Any], kind: str | None) -> dict[str, Any]:
    address = str(entry.get("recipient") or "").replace("\0", "")
    rest = {name: value for name, value in entry.items() if name not in {"recipient", "status"}}
    found = {"status": entry.get("status"), "detail": rest or None}
    if url := _URL.search(address):
        return {**found, "kind": kind or "webhook", "domain": url[2].lower(), "address": None}
    if kind not in {None, "email", "slack"}:
        return {**found, "kind": kind, "domain": None, "address": None}
    mailbox = _ADDRESS.search(address)  # also inside `Bob <bob@x.org>`
    domain = mailbox[1].lower() if mailbox else None
    return {
        **found,
        "kind": kind or ("email" if domain else None),
        "domain": domain,
        "address": address or None,
    }
