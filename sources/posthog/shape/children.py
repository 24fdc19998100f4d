"""Splits lists inside rows into child tables: plain items, and a row's external addresses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from sources.posthog.catalogue.endpoint import Endpoint
from sources.posthog.catalogue.fields import Field, Type
from sources.posthog.shape.privacy import Policy, Scrubber, forget, recipients
from sources.posthog.shape.types import ARROW, CONVERT, Values, canonical

UNKNOWN_KIND = "unknown"
"""The kind of recipients where PostHog's kind is no text: an address in them cannot be recognised."""


def list_type(columns: Mapping[str, Type]) -> pa.DataType:
    """Return Arrow's type of a list of items with these columns."""
    return pa.list_(pa.struct({name: ARROW[type_] for name, type_ in columns.items()}))


def items(declared: Field, values: Sequence[Any]) -> tuple[pa.Array, list[Any]]:
    """Return each row's list of items, null if it has none, and the values of rows with an item that did not fit."""
    convert = CONVERT[declared.type]
    lists: list[list[Values] | None] = [None] * len(values)
    misfits: list[Any] = [None] * len(values)
    for row, value in enumerate(values):
        if value is None or value == []:
            continue
        found = [item for item in (value if isinstance(value, list) else [value]) if item is not None]
        fitting = [fit for item in found if (fit := convert(item)) is not None]
        misfits[row] = value if len(fitting) < len(found) else None
        lists[row] = [{"value": v} for v in (fitting if declared.ordered else sorted(fitting))] or None
    return pa.array(lists, list_type({"value": declared.type})), misfits


class Recipients:
    """Stores an endpoint's external addresses: the first of its recipient fields that has any counts."""

    def __init__(self, endpoint: Endpoint, declared: Field, policy: Policy) -> None:
        mode = policy.mode(endpoint.table, declared.name, "recipient")
        self._names = [f.name for f in endpoint.fields if f.role == "recipients"]
        self._hash = policy.hash
        self._scrub = Scrubber(policy, declared, "keep", mode)
        stored: tuple[str, ...] = ("kind", "domain", "address_hash", *(("address",) * (mode == "keep")))
        self.columns: dict[str, Type] = dict.fromkeys(stored, "text")
        if "recipient_results" in self._names:
            self.columns |= {"status": "text", "detail": "json"}

    def split(self, raws: Sequence[Mapping[str, Any]]) -> pa.Array:
        """Return each row's addresses, null if it has none."""
        return pa.array([self._of(raw) or None for raw in raws], list_type(self.columns))

    def _of(self, raw: Mapping[str, Any]) -> list[Values]:
        named = raw.get("target_type")
        kind = named if isinstance(named, str | None) else UNKNOWN_KIND
        found = (recipients(raw.get(name), kind) for name in self._names)
        return [self._stored(entry) for entry in next(filter(None, found), ())]

    def _stored(self, entry: Values) -> Values:
        address = entry["address"]
        entry["address_hash"] = self._hash(address.lower()) if address else None
        for name in ("status", "detail"):
            entry[name] = self._scrub.clean(entry[name], forget)
        texts = {n: v if isinstance(v, str) else canonical(v) for n, v in entry.items() if v is not None}
        return {name: texts[name] for name in self.columns if name in texts}
