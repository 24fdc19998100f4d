"""How JSON becomes rows: secrets out, people lifted, children split, parents stamped, then Arrow.

A page is shaped in two steps. `Shape.row` cleans one object and hashes what would be stored; whoever knows what is
stored already then asks `Shape.table` and `Shape.children` for the rows that differ, and only those become Arrow.
"""

from __future__ import annotations

import json as stdlib_json
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

import msgspec
import pyarrow as pa

from sources.posthog.endpoint import Endpoint, Field, Stamps, Type
from sources.posthog.privacy import Policy, Scrubber, is_secret, is_user, recipients

ARROW: Mapping[Type, pa.DataType] = {
    "bigint": pa.int64(),
    "text": pa.string(),
    "bool": pa.bool_(),
    "timestamp": pa.timestamp("us", "UTC"),
    "double": pa.float64(),
    "json": pa.string(),
}
VARIANT = "__v_text"
"""Ends the name of the column that takes values which do not fit their own column."""

Values = dict[str, Any]
Handler = Callable[[Any, "Row"], None]


@dataclass(slots=True)
class Row:
    """One row as it will be stored: its columns, its split lists, the people it named."""

    raw: Mapping[str, Any]
    values: Values
    lists: dict[str, list[Values]] = field(default_factory=dict)
    people: list[Values] = field(default_factory=list)
    hash: str = ""
    sequence: int = 0
    """When it was read, counted over the table; of two rows with one key the later counts."""

    @property
    def dead(self) -> bool:
        """Whether PostHog itself says that the row is deleted."""
        return self.values.get("deleted") is True


def canonical(value: Any) -> str:
    """JSON text that does not depend on the order of an object's keys."""
    try:
        return msgspec.json.encode(value, order="sorted").decode()
    except (OverflowError, msgspec.MsgspecError):  # an integer beyond 64 bits
        return stdlib_json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)


def digest(value: Any) -> str:
    """BLAKE2b of the canonical JSON, 32 hex characters."""
    return blake2b(canonical(value).encode(), digest_size=16).hexdigest()


def column_name(name: str) -> str:
    """An undeclared field's column: lower snake case by dlt's rules."""
    spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", re.sub(r"\W", "_", name, flags=re.ASCII))
    plain = re.sub(r"_+", "_", spaced).strip("_").lower()[:50]
    return f"_{plain}" if not plain or plain[0].isdigit() else plain


class Shape:
    """How one endpoint's rows become one table and its child tables, under a privacy policy."""

    def __init__(self, endpoint: Endpoint, policy: Policy, stamps: Mapping[str, Type], stored: Mapping[str, Type]) -> None:
        """`stamps` are the columns that the path gives; `stored` those that the table has, undeclared ones included."""
        self.endpoint = endpoint
        self.policy = policy
        self.key = endpoint.key
        self._handlers: dict[str, Handler] = {}
        self._names: dict[str, str] = {}
        self.columns: dict[str, Type] = {}
        self.child_columns: dict[str, dict[str, Type]] = {}
        self.columns.update(stamps)
        self._lock = threading.Lock()
        for declared in endpoint.fields:
            self._handlers[declared.name] = self._handler(declared)
        self.declared = frozenset(self.columns)
        for name, type_ in stored.items():
            if not name.startswith("_") and name not in self.columns:
                self.columns[name] = type_

    def row(self, raw: Mapping[str, Any], stamps: Stamps) -> Row:
        """One cleaned row with its hash; raises KeyError, naming the column, if a part of its key is missing."""
        row = Row(raw, {**self.endpoint.absent, **stamps})
        for name, value in raw.items():
            if value is not None:
                handler = self._handlers.get(name) or self._undeclared(name, value, raw)
                handler(value, row)
        for name in self.key:
            if row.values.get(name) is None:
                raise KeyError(name)
        row.hash = digest([row.values, row.lists] if row.lists else row.values)
        return row

    @property
    def key_columns(self) -> dict[str, Type]:
        """The primary key's columns and their types."""
        return {name: self.columns[name] for name in self.key}

    def table(self, rows: Sequence[Row]) -> pa.Table:
        """The rows as Arrow, all columns, with the marks by which `changes` knows them."""
        marks = [{"_sequence": row.sequence, "_dead": row.dead, "_row_hash": row.hash} for row in rows]
        columns = {**self.columns, "_sequence": "bigint", "_dead": "bool", "_row_hash": "text"}
        return arrow([{**row.values, **mark} for row, mark in zip(rows, marks, strict=True)], columns)

    def children(self, name: str, rows: Sequence[Row]) -> pa.Table:
        """One split list of these rows as Arrow: the parent's key, the position, the values, the same marks."""
        columns = {**self.key_columns, **self.child_columns[name], "_sequence": "bigint", "_row_hash": "text"}
        found = (
            {**{k: row.values[k] for k in self.key}, **item, "position": position, "_sequence": row.sequence}
            | {"_row_hash": digest(item)}
            for row in rows
            for position, item in enumerate(row.lists.get(name, ()))
        )
        return arrow(list(found), columns)

    # -- handlers: one closure a field, chosen once

    def _handler(self, declared: Field) -> Handler:
        mode = self.policy.mode(self.endpoint.table, declared.name, declared.privacy)
        if declared.role in {"secret", "omitted"} or mode == "drop":
            return _ignore
        if declared.role == "identity":
            return _ignore  # `identity()` of the source reads them from the raw row
        if declared.role == "recipients":
            return self._recipients(declared, keep=mode == "keep")
        if declared.role == "items":
            return self._items(declared)
        if declared.role in {"person", "reference"}:
            self.columns[f"{declared.name}_id"] = declared.type
            return _embedded(declared)
        self.columns[declared.name] = declared.type
        hashed = mode == "hash" and not declared.literals
        convert = self._hashed(declared) if hashed else self._converter(declared)
        return self._value(declared.name, convert)

    def _value(self, name: str, convert: Callable[[Any, Row], Any]) -> Handler:
        def store(value: Any, row: Row) -> None:
            stored = convert(value, row)
            if stored is None:
                self._variant(name, value, row)
            else:
                row.values[name] = stored

        return store

    def _variant(self, name: str, value: Any, row: Row) -> None:
        """Keep what does not fit its column, as text, in a column of its own."""
        self.columns.setdefault(f"{name}{VARIANT}", "text")
        text = value if isinstance(value, str) else canonical(value)
        row.values[f"{name}{VARIANT}"] = text.replace("\0", "")

    def _converter(self, declared: Field) -> Callable[[Any, Row], Any]:
        if declared.type != "json":
            return _SCALARS[declared.type]
        literals = self.policy.mode(self.endpoint.table, declared.name, "customer") if declared.literals else "keep"
        scrub = Scrubber(self.policy, declared, literals, "keep")
        return lambda value, row: canonical(scrub.clean(value, row.people.append))

    def _hashed(self, declared: Field) -> Callable[[Any, Row], Any]:
        hash_ = self.policy.hash
        if declared.privacy == "recipient":
            scrub = Scrubber(self.policy, declared, "keep", "hash")
            return lambda value, row: canonical(scrub.clean(value, row.people.append))
        if declared.type == "json":
            return lambda value, _row: canonical(hash_(canonical(value)))
        return lambda value, _row: hash_(value if isinstance(value, str) else canonical(value))

    def _items(self, declared: Field) -> Handler:
        columns = declared.columns or (Field(name="value", type=declared.type),)
        self.child_columns[declared.name] = {"position": "bigint", **{c.name: c.type for c in columns}}
        convert = _SCALARS[declared.type]

        def split(value: Any, row: Row) -> None:
            found = value if isinstance(value, list) else [value]
            kept = [c for item in found if item is not None and (c := convert(item, row)) is not None]
            if kept:
                row.lists[declared.name] = [{"value": v} for v in (kept if declared.ordered else sorted(kept))]

        return split

    def _recipients(self, declared: Field, *, keep: bool) -> Handler:
        names = [f.name for f in self.endpoint.fields if f.role == "recipients"]
        columns: dict[str, Type] = {"position": "bigint", "kind": "text", "domain": "text", "address_hash": "text"}
        columns |= {"address": "text"} if keep else {}
        columns |= {"status": "text", "detail": "json"} if "recipient_results" in names else {}
        self.child_columns["recipients"] = columns
        mode = self.policy.mode(self.endpoint.table, declared.name, "recipient")
        scrub = Scrubber(self.policy, declared, "keep", mode)

        def stored(entry: Values) -> Values:
            address, detail = entry["address"], entry["detail"]
            entry["address_hash"] = self.policy.hash(address.lower()) if address else None
            entry["detail"] = canonical(scrub.clean(detail, _forget)) if detail else None
            return {name: entry[name] for name in columns if entry.get(name) is not None}

        def split(_value: Any, row: Row) -> None:
            found = (recipients(row.raw.get(name), row.raw.get("target_type")) for name in names)
            if "recipients" not in row.lists and (entries := next(filter(None, found), None)):
                row.lists["recipients"] = [stored(entry) for entry in entries]

        return split

    # -- undeclared fields: kept, judged by name and look, typed by their first value

    def _undeclared(self, name: str, value: Any, raw: Mapping[str, Any]) -> Handler:
        if is_secret(name, value):
            return _ignore
        with self._lock:
            if name not in self._handlers:
                self._handlers[name] = self._adopt(name, value, raw)
        return self._handlers[name]

    def _adopt(self, name: str, value: Any, raw: Mapping[str, Any]) -> Handler:
        if is_user(value):
            column = self._free_column(f"{name}_id", raw)
            self.columns.setdefault(column, "bigint")
            return _embedded(Field(name=column.removesuffix("_id"), role="person"))
        column = self._free_column(name, raw)
        type_ = self.columns.setdefault(column, _type_of(value))
        addresses = self.policy.mode(self.endpoint.table, column, "person")
        undeclared = Field(name=column, type=type_)
        scrub = Scrubber(self.policy, undeclared, "keep", addresses)
        store = self._value(column, lambda v, row: _SCALARS[type_](scrub.clean(v, row.people.append), row))

        def judged(value: Any, row: Row) -> None:
            if not is_secret(name, value):
                store(value, row)

        return judged

    def _free_column(self, name: str, raw: Mapping[str, Any]) -> str:
        """The column of an undeclared field; where names fall together the plain one stays, others get `__2`, `__3`."""
        plain = column_name(name)
        taken = {column for field_, column in self._names.items() if field_ != name} | self.declared
        taken |= {plain} if plain in raw and plain != name else set()
        found = next(c for i in range(1, 1000) if (c := plain if i == 1 else f"{plain}__{i}") not in taken)
        self._names[name] = found
        return found


def identity_of(endpoint: Endpoint, raw: Mapping[str, Any]) -> Values | None:
    """The person that a row of this endpoint itself is, None if its rows are no people."""
    names = [f.name for f in endpoint.fields if f.role == "identity"]
    if not names:
        return None
    return {"id": raw.get("id"), "uuid": raw.get("uuid"), **{n: raw[n] for n in names if n in raw}}


def arrow(values: Sequence[Values], columns: Mapping[str, Type]) -> pa.Table:
    """Rows as an Arrow table of exactly these columns; what a row lacks is null."""
    arrays = [pa.array([row.get(name) for row in values], ARROW[type_]) for name, type_ in columns.items()]
    return pa.Table.from_arrays(arrays, names=list(columns))


def _ignore(_value: Any, _row: Row) -> None:
    """Leave the value behind."""


def _forget(_person: Values) -> None:
    """Leave a person in a place that is hashed away anyhow."""


def _embedded(declared: Field) -> Handler:
    column = f"{declared.name}_id"

    def lift(value: Any, row: Row) -> None:
        if isinstance(value, dict):
            if declared.role == "person" and value.get("id") is not None:
                row.people.append(value)
            value = value.get("id")
        if value is not None:
            row.values[column] = value

    return lift


def _text(value: Any, _row: Row) -> str | None:
    if not isinstance(value, str):
        return None
    return value.replace("\0", "") if "\0" in value else value


def _integer(value: Any, _row: Row) -> int | None:
    fits = type(value) is int and -(2**63) <= value < 2**63
    return value if fits else None


def _number(value: Any, _row: Row) -> float | None:
    return float(value) if type(value) in {int, float} else None


def _flag(value: Any, _row: Row) -> bool | None:
    return value if isinstance(value, bool) else None


def _moment(value: Any, _row: Row) -> datetime | None:
    try:
        parsed = datetime.fromisoformat(value)
    except (ValueError, TypeError):
        return None
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)


def _json(value: Any, _row: Row) -> str:
    return canonical(value)


_SCALARS: Mapping[Type, Callable[[Any, Row], Any]] = {
    "text": _text,
    "bigint": _integer,
    "double": _number,
    "bool": _flag,
    "timestamp": _moment,
    "json": _json,
}


def _type_of(value: Any) -> Type:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "bigint"
    if isinstance(value, float):
        return "double"
    return "text" if isinstance(value, str) else "json"
