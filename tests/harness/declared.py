"""What the warehouse must hold of a list that the sandbox answers by its declaration.

Keys, roles and classes are the catalogue's, which both sides read; what follows from them is worked out here once more,
by hand, and shares no code with `sources.posthog`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sources.posthog.catalogue import ENDPOINTS, parent_of
from sources.posthog.catalogue.endpoint import Endpoint
from sources.posthog.catalogue.fields import Field

Row = dict[str, Any]
DROPPED = "customer"
"""The class that is not stored unless the settings say otherwise."""


def parent_tables(table: str) -> set[str]:
    """The tables above a declared one."""
    return {parent.table for parent in map(parent_of, ENDPOINTS[table].paths) if parent}


def columns(endpoint: Endpoint, raw: Row, hide: Any) -> Row:
    """A row's own columns, with those that its path gives; nulls are left out."""
    found = {**endpoint.key_defaults, **raw["_parents"]}
    if endpoint.content_key:
        found["content_id"] = hide.keyed([raw.get(name) for name in endpoint.content_key])
    for one in endpoint.fields:
        found |= dict(_column(one, raw.get(one.name), hide))
    return {name: value for name, value in found.items() if value is not None}


def children(endpoint: Endpoint, raw: Row) -> Iterator[tuple[str, list[Row]]]:
    """A row's lists, each by its name."""
    for one in endpoint.fields:
        if one.role == "items" and one.privacy != DROPPED:
            values = [_scalar(one, value) for value in raw.get(one.name) or []]
            yield one.name, [{"value": value} for value in (values if one.ordered else sorted(values))]


def _column(one: Field, value: Any, hide: Any) -> Iterator[tuple[str, Any]]:
    if value is None or one.role in {"secret", "ignored", "items"} or one.privacy == DROPPED:
        return
    if one.role in {"person", "reference"}:
        yield f"{one.name}_id", value["id"]
    elif one.privacy == "recipient":
        yield one.name, hide.addresses(value)
    elif one.type == "json":
        yield one.name, _without(value, one.customer_keys)
    else:
        yield one.name, _scalar(one, value)


def _scalar(one: Field, value: Any) -> Any:
    return datetime.fromisoformat(value).astimezone(UTC) if one.type == "timestamp" else value


def _without(value: Any, names: tuple[str, ...]) -> Any:
    if isinstance(value, dict):
        return {name: _without(inner, names) for name, inner in value.items() if name not in names}
    return [_without(inner, names) for inner in value] if isinstance(value, list) else value
