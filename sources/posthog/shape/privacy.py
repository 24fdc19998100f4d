"""Applies the privacy settings to values: credentials are never stored, personal data as the settings say.

Declared fields have their class in the catalogue. Undeclared ones are judged by their name and their text.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from sources.posthog.catalogue.fields import NAMED_BY_VALUES, Field
from sources.posthog.redaction.credentials import is_credential, without_credentials
from sources.posthog.redaction.mail_addresses import has_address, replace_addresses
from sources.posthog.shape.types import canonical

Mode = Literal["keep", "hash", "drop"]
MODES: tuple[Mode, ...] = get_args(Mode)
"""From the laxest to the strictest."""
Lift = Callable[[dict[str, Any]], None]
"""Takes an embedded user out of a row."""

DEFAULTS: Mapping[str, Mode] = {
    "open": "keep",
    "person": "keep",
    "recipient": "hash",
    "text": "keep",
    "customer": "drop",
}

_URL = re.compile(r"([a-z][a-z0-9+.-]*://)(?:[^/\s@\"]*@)?([^/\s\"?#]+)[^\s\"]*", re.IGNORECASE)
_USER = frozenset({"id", "uuid", "email", "first_name"})


def is_user(value: Any) -> bool:
    """Return whether an object is PostHog's user-basic shape."""
    return isinstance(value, dict) and value.keys() >= _USER and type(value["id"]) is int


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The user's choice per privacy class, and for single columns that differ (`{"comments.content": "drop"}`)."""

    modes: Mapping[str, Mode] = field(default_factory=lambda: DEFAULTS)
    columns: Mapping[str, Mode] = field(default_factory=dict)
    hash_key: bytes = field(default=b"", repr=False)

    def mode(self, table: str, name: str, privacy: str) -> Mode:
        """Return what happens to a column's values."""
        return self.columns.get(f"{table}.{name}") or self.modes.get(privacy, DEFAULTS[privacy])

    def strictest_person_mode(self) -> Mode:
        """Return what happens to addresses whose owner is not declared: the strictest mode that may apply to them."""
        modes = [self.mode("", "", privacy) for privacy in ("person", "recipient")]
        return max(modes, key=MODES.index)

    def hash(self, value: str) -> str:
        """Return HMAC-SHA256 in hex, 64 characters: equal values can be joined, none guessed back without the key."""
        return hmac.new(self.hash_key, value.encode(), hashlib.sha256).hexdigest()

    def hash_of(self, value: Any) -> str:
        """Return the hash of any value: of a text itself, of every other value as JSON."""
        return self.hash(value if isinstance(value, str) else canonical(value))

    def redact(self, value: str, mode: Mode) -> str:
        """Return a text with each mail or Slack address kept, hashed or replaced by `[address]`, as `mode` says."""
        if mode == "keep":
            return value
        return replace_addresses(
            value, self._hashed if mode == "hash" else lambda _address, _domain: "[address]"
        )

    def _hashed(self, address: str, domain: str) -> str:
        return self.hash(address.lower()) + (domain and f"@{domain}")


@dataclass(frozen=True, slots=True)
class Scrubber:
    """Cleans one field's value at every depth; users inside it are lifted out, the field keeps their ids."""

    policy: Policy
    field: Field
    literals: Mode = "keep"
    """What happens to the values under `field.customer_keys`."""
    addresses: Mode = "keep"
    """What happens to e-mail addresses, in strings and in names."""

    def clean(self, value: Any, lift: Lift) -> Any:
        """Return the value as it may be stored; a text that is the whole value loses the credentials in it."""
        if isinstance(value, str):
            return self.policy.redact(without_credentials(self._only_hosts(value)), self.addresses)
        return self._clean(value, lift)

    def _clean(self, value: Any, lift: Lift) -> Any:
        """Return a value of which no text is a credential; one Python frame a level, so that 900 levels pass."""
        if isinstance(value, str):
            return self._text(value)
        if is_user(value):
            lift(value)
            return {"id": value["id"]}
        if isinstance(value, dict):
            cleaned = {}
            for name, inner, literal in self._members(value):
                cleaned[name] = self._hidden(inner) if literal else self._clean(inner, lift)
            return cleaned
        if isinstance(value, list):
            items = []
            for inner in value:
                if not self._is_credential("", inner):
                    items.append(self._clean(inner, lift))  # noqa: PERF401  a comprehension is a frame of its own
            return items
        return value

    def _members(self, value: dict[str, Any]) -> Iterator[tuple[str, Any, bool]]:
        """Yield the members of an object that stay, each with its clean name and whether it is a customer's data."""
        literals = self._literal_names(value)
        for name, inner in value.items():
            literal = name in literals
            if (
                name in self.field.ignored_keys
                or self._is_credential(name, inner)
                or (literal and self._is_dropped(name))
            ):
                continue
            yield self._text(name), inner, literal

    def _is_dropped(self, name: str) -> bool:
        """Return whether customers' data under a name goes: it is dropped, or its member names cannot be hashed."""
        return self.literals == "drop" or (self.literals == "hash" and name in NAMED_BY_VALUES)

    def _text(self, text: str) -> str:
        """Return a text with addresses as the settings say: kept, hashed or replaced."""
        return self.policy.redact(self._only_hosts(text), self.addresses)

    def _is_credential(self, name: str, value: Any) -> bool:
        return is_credential(name, self._only_hosts(value) if isinstance(value, str) else value)

    def _only_hosts(self, text: str) -> str:
        """Return a text with only the host of each URL, if the field holds recipients.

        A webhook's URL is a credential, and errors quote it; which host refused is what the error is about.
        """
        return _URL.sub(r"\1\2", text) if self.field.privacy == "recipient" and "://" in text else text

    def _literal_names(self, value: dict[str, Any]) -> Collection[str]:
        """Return the names in an object under which a customer's own data stands.

        In a filter that is `value`; of HogQL its text, under `key` in a filter and `property` in a breakdown; in old
        cohorts, whose properties are plain objects, everything.
        """
        names = self.field.customer_keys
        if not names:
            return names
        if value.get("type") == "hogql":
            return (*names, "key", "property")
        old = isinstance(value.get("properties"), dict) and "values" not in value["properties"]
        return (*names, "properties") if old else names

    def _hidden(self, value: Any) -> Any:
        """Return a customer's data, hashed leaf by leaf unless it is kept."""
        if self.literals == "keep":
            return self._clean(value, forget)
        if isinstance(value, list):
            return [self._hidden(inner) for inner in value]
        if isinstance(value, dict):
            return {self._text(name): self._hidden(inner) for name, inner in value.items()}
        return value if value is None or isinstance(value, bool) else self.policy.hash(str(value))


def forget(_person: dict[str, Any]) -> None:
    """Drop a person: a user in a customer's data or in an undeclared field is no colleague."""


def recipients(value: Any, kind: str | None) -> list[dict[str, Any]]:
    """Return the addresses in `a@x.com,b@y.com`, a Slack channel, a webhook URL or PostHog's recipient results.

    Each is `{"kind", "domain", "address", …}`. A webhook's or Teams' target is a credential, of which only the host is
    kept; only lists of e-mail addresses are split.
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
    address = str(entry.get("recipient") or "")
    rest = {name: value for name, value in entry.items() if name not in {"recipient", "status"}}
    outcome = {"status": entry.get("status"), "detail": rest or None}
    if url := _URL.search(address):
        return {**outcome, "kind": kind or "webhook", "domain": url[2].lower(), "address": None}
    if kind not in {None, "email", "slack"}:
        return {**outcome, "kind": kind, "domain": None, "address": None}
    _, domain = has_address(address) or ("", None)  # also inside `Bob <bob@x.org>`
    return {
        **outcome,
        "kind": kind or ("email" if domain else None),
        "domain": domain,
        "address": address or None,
    }
