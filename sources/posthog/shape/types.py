"""Converts JSON values to column values: types, canonical text, digest, Arrow array."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from types import NoneType
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from sources.posthog.catalogue.fields import Type
from sources.posthog.whole_numbers import EXACT, int64

Values = dict[str, Any]
Convert = Callable[[Any], Any]
"""Returns a value as its column takes it, or None if it does not fit."""

ARROW: Mapping[Type, pa.DataType] = {
    "bigint": pa.int64(),
    "text": pa.string(),
    "bool": pa.bool_(),
    "timestamp": pa.timestamp("us", "UTC"),
    "double": pa.float64(),
    "json": pa.string(),
}


AS_IT_IS: Mapping[Type, type] = {"bigint": int, "text": str, "bool": bool, "timestamp": str, "double": float}
"""The Python type that JSON gives for a column's type where no conversion is needed."""


def canonical(value: Any) -> str:
    """Return JSON text that does not depend on the order of an object's keys."""
    try:
        return msgspec.json.encode(value, order="sorted").decode()
    except (OverflowError, msgspec.MsgspecError):  # an integer beyond 64 bits
        return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)


def digest(value: Any) -> str:
    """Return BLAKE2b of the canonical JSON, 32 hex characters."""
    return blake2b(canonical(value).encode(), digest_size=16).hexdigest()


def to_array_if_uniform(values: Sequence[Any], type_: Type) -> pa.Array | None:
    """Return the values as an array if each is null or fits the type as it is; else None: then each is converted.

    Nearly every column of nearly every page is uniform; this takes a tenth of the time of single conversions.
    """
    kinds = set(map(type, values)) - {NoneType}
    if not kinds:
        return pa.nulls(len(values), ARROW[type_])
    if kinds != {AS_IT_IS.get(type_)}:
        return None
    try:
        array = pa.array(values, pa.string() if type_ == "timestamp" else ARROW[type_])
        if type_ == "timestamp":
            array = pc.cast(array, ARROW[type_])
            pc.min_max(array).as_py()
    except (
        pa.ArrowInvalid,
        OverflowError,
    ):  # an integer beyond 64 bits, another spelling of a time, the years 0 and 10000
        return None
    return array


def column_name(name: str) -> str:
    """Return an undeclared field's column: lower snake case, as dlt itself would name it."""
    spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", re.sub(r"\W", "_", name, flags=re.ASCII))
    plain = re.sub(r"_+", "_", spaced).strip("_").lower()[:50]
    return f"_{plain}" if not plain or plain[0].isdigit() else plain


def type_of(value: Any) -> Type:
    """Return the column type of an undeclared field, by its first value."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "bigint"
    if isinstance(value, float):
        return "double"
    return "text" if isinstance(value, str) else "json"


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: Any) -> float | None:
    fits = type(value) is float or (type(value) is int and abs(value) <= EXACT)
    return float(value) if fits else None


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _moment(value: Any) -> datetime | None:
    try:
        parsed = datetime.fromisoformat(value)
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        return None


CONVERT: Mapping[Type, Convert] = {
    "text": _text,
    "bigint": int64,
    "double": _number,
    "bool": _flag,
    "timestamp": _moment,
    "json": canonical,
}
