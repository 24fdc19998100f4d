"""Fields of an endpoint: column name, type, role and privacy class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Type = Literal["bigint", "text", "bool", "timestamp", "double", "json"]
Privacy = Literal["open", "person", "recipient", "text", "customer"]
Role = Literal["value", "person", "reference", "identity", "items", "recipients", "secret", "ignored"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of PostHog's row, and how it is stored."""

    name: str
    type: Type = "json"
    role: Role = "value"
    privacy: Privacy = "open"
    customer_keys: tuple[str, ...] = ()
    """Keys inside a JSON field whose values are data about the customer's own users; the structure around stays."""
    values_about: str = ""
    """Of a JSON field with values of other fields: the field of the row that names their model. Each value obeys the
    class of its own field."""
    ignored_keys: tuple[str, ...] = ()
    """Keys inside a JSON field that the server derives and changes with its releases: neither stored nor hashed."""
    volatile: bool = False
    """Changes without an edit (counts, last seen): updates the row, makes no version of its history."""
    ordered: bool = True
    """Of `items`: whether the order has a meaning; if not, the items are sorted."""


def _values(type_: Type, names: tuple[str, ...], words: dict[str, Any]) -> tuple[Field, ...]:
    return tuple(Field(name=name, type=type_, **words) for name in names)


def integer(*names: str, **words: Any) -> tuple[Field, ...]:
    """Return fields of whole numbers of 64 bits."""
    return _values("bigint", names, words)


def text(*names: str, **words: Any) -> tuple[Field, ...]:
    """Return fields of Unicode text, never folded."""
    return _values("text", names, words)


def boolean(*names: str, **words: Any) -> tuple[Field, ...]:
    """Return fields that are true, false or unknown."""
    return _values("bool", names, words)


def timestamp(*names: str, **words: Any) -> tuple[Field, ...]:
    """Return fields of ISO 8601 times, stored in UTC."""
    return _values("timestamp", names, words)


def json(*names: str, **words: Any) -> tuple[Field, ...]:
    """Return fields of objects and lists that stay one column."""
    return _values("json", names, words)


def person(*names: str) -> tuple[Field, ...]:
    """Return fields of embedded users: lifted into `people`, the row keeps `<name>_id`."""
    return tuple(Field(name=name, type="bigint", role="person") for name in names)


def reference(name: str, type_: Type) -> tuple[Field, ...]:
    """Return the field of an embedded object of another table: the row keeps its id as `<name>_id`."""
    return (Field(name=name, type=type_, role="reference"),)


def identity(*names: str) -> tuple[Field, ...]:
    """Return fields of a row that is itself a user: they are stored in `people` only."""
    return tuple(Field(name=name, role="identity", privacy="person") for name in names)


def items(name: str, *, type_: Type = "text", ordered: bool = True) -> tuple[Field, ...]:
    """Return the field of a list that becomes the child table `<table>__<name>`, with a column `value` of this type."""
    return (Field(name=name, type=type_, role="items", ordered=ordered),)


def recipients(*names: str) -> tuple[Field, ...]:
    """Return fields of external addresses: the first one that has any becomes the child table `<table>__recipients`."""
    return tuple(Field(name=name, role="recipients", privacy="recipient") for name in names)


def secret(*names: str) -> tuple[Field, ...]:
    """Return fields of credentials: they never leave the process."""
    return tuple(Field(name=name, role="secret") for name in names)


def ignored(*names: str) -> tuple[Field, ...]:
    """Return fields that repeat another one, or differ on every request: neither stored nor hashed."""
    return tuple(Field(name=name, role="ignored") for name in names)
