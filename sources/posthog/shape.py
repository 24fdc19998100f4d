"""How JSON becomes rows: secrets out, people lifted, children split, parents stamped, then Arrow.

A page is shaped in two steps. `Shape.row` cleans one object and hashes what would be stored; whoever knows what is
stored already then asks `Shape.table` and `Shape.children` for the rows that differ: only those become Arrow.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from sources.posthog.endpoint import Endpoint, Field, Stamps, Type
from sources.posthog.privacy import Policy, Scrubber, is_secret, is_user, recipients
from sources.posthog.values import CONVERT, Values, arrow, canonical, column_name, digest, type_of

OURS = frozenset({"_synced_at", "_deleted_at", "_row_hash", "_dlt_load_id"})
"""Columns that are none of PostHog's."""
VARIANT = "__v_text"
"""Ends the name of the column that takes values which do not fit their own column."""
BEYOND = "_other_fields"
"""The JSON column of undeclared fields that get no column of their own; no field's column begins so."""


@dataclass(slots=True)
class Row:
    """One row as it will be stored: its columns, its split lists, the people it named."""

    raw: Mapping[str, Any]
    values: Values
    lists: dict[str, list[Values]] = field(default_factory=dict)
    people: list[Values] = field(default_factory=list)
    key: tuple[Any, ...] = ()
    hash: str = ""
    sequence: int = 0
    """When it was read, counted over the table; of two rows with one key the later counts."""
    misfits: list[str] = field(default_factory=list)
    """Columns whose values did not fit and were kept as text."""
    beyond: Values = field(default_factory=dict)
    """Undeclared fields that have no column of their own."""

    def digest(self) -> str:
        """The hash over all that is stored; nulls contribute nothing."""
        return digest([self.values, self.lists] if self.lists else self.values)

    @property
    def marks(self) -> Values:
        """What `changes` knows the row by; dead is what PostHog itself calls deleted."""
        dead = self.values.get("deleted") is True
        return {"_sequence": self.sequence, "_dead": dead, "_row_hash": self.hash}


Handler = Callable[[Any, Row], None]
"""Takes one field's value into the row."""


class Shape:
    """How one endpoint's rows become one table and its child tables, under a privacy policy."""

    def __init__(
        self,
        endpoint: Endpoint,
        policy: Policy,
        stamps: Mapping[str, Type],
        stored: Mapping[str, Type],
        named: Mapping[str, str] | None = None,
        *,
        new_columns: int = 100,
    ) -> None:
        """`stamps` are the columns that the path gives, `stored` those that the table has already.

        `named` are the columns that undeclared fields got in earlier runs; they keep them. All runs together give
        undeclared fields `new_columns` columns at most: Postgres ends at 1600 in a table.
        """
        self.endpoint = endpoint
        self.policy = policy
        self.key = endpoint.key
        self.columns: dict[str, Type] = dict(stamps)
        self.child_columns: dict[str, dict[str, Type]] = {}
        self._handlers: dict[str, Handler] = {}
        self.named: dict[str, str] = dict(named or {})
        """Undeclared fields and their columns."""
        self.new_columns = new_columns
        self.apart: set[str] = set()
        """Columns whose fields' names fall together with another's."""
        self.beyond: set[str] = set()
        """Undeclared fields that found no room for a column."""
        self._lock = threading.Lock()
        for declared in endpoint.fields:
            self._handlers[declared.name] = self._handler(declared)
        self._declared = frozenset(self.columns)
        known = {*OURS, *self.columns, *(declared.name for declared in endpoint.fields)}
        self.columns |= {name: type_ for name, type_ in stored.items() if name not in known}

    @property
    def key_columns(self) -> dict[str, Type]:
        """The primary key's columns and their types."""
        return {name: self.columns[name] for name in self.key}

    def row(self, raw: Mapping[str, Any], stamps: Stamps) -> Row:
        """One cleaned row with its hash; raises KeyError, naming the column, if a part of its key is missing."""
        row = Row(raw, {**self.endpoint.absent, **stamps})
        for name, value in raw.items():
            if value is not None:
                handler = self._handlers.get(name) or self._undeclared(name, value, raw)
                handler(value, row)
        row.key = tuple(row.values.get(name) for name in self.key)
        if None in row.key:
            raise KeyError(self.key[row.key.index(None)])
        if row.beyond:
            row.values[BEYOND] = canonical(row.beyond)
        row.hash = row.digest()
        return row

    def filled(self, row: Row, stored: Mapping[str, Any]) -> Row:
        """The row with the columns of fields that its source did not send as they are stored."""
        lacking = (name for name in self.columns if name not in row.raw and stored.get(name) is not None)
        row.values |= {name: stored[name] for name in lacking}
        row.hash = row.digest()
        return row

    def table(self, rows: Sequence[Row], marks: Mapping[str, Type]) -> pa.Table:
        """The rows as Arrow: all columns, and the marks."""
        return arrow([{**row.values, **row.marks} for row in rows], {**self.columns, **marks})

    def children(self, name: str, rows: Sequence[Row]) -> pa.Table:
        """One split list of these rows as Arrow: the parent's key, the position, the values, the marks."""
        columns = {**self.key_columns, **self.child_columns[name], "_sequence": "bigint", "_row_hash": "text"}
        found: list[Values] = []
        for row in rows:
            key = {k: row.values[k] for k in self.key}
            for position, item in enumerate(row.lists.get(name, ())):
                marks = {"position": position, "_sequence": row.sequence, "_row_hash": digest(item)}
                found.append({**key, **item, **marks})
        return arrow(found, columns)

    # -- declared fields: one handler each, chosen once

    def _handler(self, declared: Field) -> Handler:
        mode = self.policy.mode(self.endpoint.table, declared.name, declared.privacy)
        if mode == "drop" or declared.role in {"secret", "omitted", "identity"}:
            return _ignore
        if declared.role == "recipients":
            return self._recipients(declared)
        if declared.role == "items":
            return self._items(declared)
        if declared.role in {"person", "reference"}:
            self.columns[f"{declared.name}_id"] = declared.type
            return self._embedded(declared)
        self.columns[declared.name] = declared.type
        misfits = Scrubber(self.policy, declared)
        return self._value(declared.name, self._converter(declared, mode == "hash"), misfits)

    def _value(self, name: str, convert: Callable[[Any, Row], Any], scrub: Scrubber) -> Handler:
        """Stores a value in its column, or, cleaned and as text, in the column of those that do not fit."""

        def store(value: Any, row: Row) -> None:
            stored = convert(value, row)
            if stored is not None:
                row.values[name] = stored
            else:
                self._keep_as_text(name, value, row, scrub)

        return store

    def _keep_as_text(self, name: str, value: Any, row: Row, scrub: Scrubber) -> None:
        if not is_secret("", value):
            cleaned = scrub.clean(value, row.people.append)
            self.columns.setdefault(f"{name}{VARIANT}", "text")
            row.misfits.append(name)
            row.values[f"{name}{VARIANT}"] = cleaned if isinstance(cleaned, str) else canonical(cleaned)

    def _embedded(self, declared: Field) -> Handler:
        """Keeps the id of an embedded object; a person's object is lifted out."""
        convert, scrub = CONVERT[declared.type], Scrubber(self.policy, declared)
        store = self._value(f"{declared.name}_id", lambda value, _row: convert(value), scrub)

        def lift(value: Any, row: Row) -> None:
            if isinstance(value, dict):
                if declared.role == "person":
                    row.people.append(value)
                value = value.get("id")
            if value is not None:
                store(value, row)

        return lift

    def _converter(self, declared: Field, hashed: bool) -> Callable[[Any, Row], Any]:  # noqa: FBT001
        """A column's value from the field's; JSON is cleaned at every depth, hashed columns keep only hashes."""
        scalar, policy = CONVERT[declared.type], self.policy
        within = declared.literals or (declared.privacy == "recipient" and declared.type == "json")
        if hashed and not within:
            hidden = canonical if declared.type == "json" else str
            return lambda value, _row: hidden(
                policy.hash(value if isinstance(value, str) else canonical(value))
            )
        if declared.type != "json":
            return lambda value, _row: scalar(value)
        literals = (
            policy.mode(self.endpoint.table, declared.name, "customer") if declared.literals else "keep"
        )
        scrub = Scrubber(policy, declared, literals, "hash" if hashed and not declared.literals else "keep")
        return lambda value, row: canonical(scrub.clean(value, row.people.append))

    def _items(self, declared: Field) -> Handler:
        self.child_columns[declared.name] = {"position": "bigint", "value": declared.type}
        convert, scrub = CONVERT[declared.type], Scrubber(self.policy, declared)

        def split(value: Any, row: Row) -> None:
            found = [item for item in (value if isinstance(value, list) else [value]) if item is not None]
            kept = [fit for item in found if (fit := convert(item)) is not None]
            if len(kept) < len(found):
                self._keep_as_text(declared.name, value, row, scrub)
            if kept:
                row.lists[declared.name] = [
                    {"value": v} for v in (kept if declared.ordered else sorted(kept))
                ]

        return split

    def _recipients(self, declared: Field) -> Handler:
        """The first of the endpoint's recipient fields that holds any becomes rows, one per address."""
        mode = self.policy.mode(self.endpoint.table, declared.name, "recipient")
        names = [f.name for f in self.endpoint.fields if f.role == "recipients"]
        columns: dict[str, Type] = {
            "position": "bigint",
            "kind": "text",
            "domain": "text",
            "address_hash": "text",
        }
        columns |= {"address": "text"} if mode == "keep" else {}
        columns |= {"status": "text", "detail": "json"} if "recipient_results" in names else {}
        self.child_columns["recipients"] = columns
        scrub = Scrubber(self.policy, declared, "keep", mode)

        def stored(entry: Values) -> Values:
            address, detail = entry["address"], entry["detail"]
            entry["address_hash"] = self.policy.hash(address.lower()) if address else None
            entry["detail"] = canonical(scrub.clean(detail, _forget)) if detail else None
            texts = {n: v if isinstance(v, str) else canonical(v) for n, v in entry.items() if v is not None}
            return {name: texts[name] for name in columns if name in texts}

        def split(value: Any, row: Row) -> None:
            if not isinstance(value, str | list):
                row.misfits.append(declared.name)  # and not kept: nobody could tell an address in it
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
                room = self._has_room(f"{name}_id" if is_user(value) else name)
                self._handlers[name] = self._adopt(name, value, raw) if room else self._put_aside(name)
        return self._handlers[name]

    def _has_room(self, name: str) -> bool:
        """Whether an undeclared field has a column already or may get one."""
        own = {c for c in self.columns if c not in self._declared and c != BEYOND and not c.endswith(VARIANT)}
        return name in self.named or column_name(name) in own or len(own) < self.new_columns

    def _put_aside(self, name: str) -> Handler:
        """Keeps a field, cleaned, among those that have no column of their own."""
        self.columns.setdefault(BEYOND, "json")
        self.beyond.add(name)
        scrub = Scrubber(self.policy, Field(name=BEYOND), "keep", self.policy.of_unknown())

        def keep(value: Any, row: Row) -> None:
            row.beyond |= scrub.clean({name: value}, row.people.append)

        return keep

    def _adopt(self, name: str, value: Any, raw: Mapping[str, Any]) -> Handler:
        if is_user(value):
            column = self._free_column(f"{name}_id", raw)
            self.columns.setdefault(column, "bigint")
            return self._embedded(Field(name=column.removesuffix("_id"), type="bigint", role="person"))
        column = self._free_column(name, raw)
        convert = CONVERT[self.columns.setdefault(column, type_of(value))]
        scrub = Scrubber(self.policy, Field(name=column), "keep", self.policy.of_unknown())
        store = self._value(column, lambda value, row: convert(scrub.clean(value, row.people.append)), scrub)

        def judged(value: Any, row: Row) -> None:
            if not is_secret(name, value):
                store(value, row)

        return judged

    def _free_column(self, name: str, raw: Mapping[str, Any]) -> str:
        """Where names fall together the declared or plain one keeps the column, others get `__2`, `__3`."""
        plain = column_name(name)
        if name in self.named:
            return self._noted(self.named[name], plain)
        taken = set(self.named.values()) | self._declared
        taken |= {plain} if plain in raw and plain != name else set()
        found = next(c for i in range(1, 1000) if (c := plain if i == 1 else f"{plain}__{i}") not in taken)
        self.named[name] = found
        return self._noted(found, plain)

    def _noted(self, column: str, plain: str) -> str:
        """The column; if it is not the plain one, two names fell together, which the run's record tells."""
        self.apart |= {column} - {plain}
        return column


def identity_of(endpoint: Endpoint, raw: Mapping[str, Any]) -> Values | None:
    """The person that a row of this endpoint itself is, None if its rows are no people."""
    names = [f.name for f in endpoint.fields if f.role == "identity"]
    if not names:
        return None
    return {"id": raw.get("id"), "uuid": raw.get("uuid"), **{n: raw[n] for n in names if n in raw}}


def _ignore(_value: Any, _row: Row) -> None:
    """Leave the value behind."""


def _forget(_person: Values) -> None:
    """Leave a person behind in a place that is about an address."""
