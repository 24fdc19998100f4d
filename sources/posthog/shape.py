"""How JSON becomes rows: secrets out, people lifted, children split, parents stamped, then Arrow.

A page is shaped column by column: each field has one handler, chosen once, that takes the field's values of all rows.
Where a column's values fit it as they are, which is nearly always, nobody looks at them one by one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from importlib.metadata import version
from itertools import chain
from operator import itemgetter
from typing import Any

import pyarrow as pa

from sources.posthog.batch import Batch, joined
from sources.posthog.endpoint import Endpoint, Field, Stamps, Type
from sources.posthog.privacy import Policy, Scrubber, is_secret, is_user
from sources.posthog.split import Recipients, items, list_type
from sources.posthog.undeclared import BEYOND, VARIANT, Undeclared
from sources.posthog.values import ARROW, CONVERT, canonical, digest, fitting, type_of

OURS = frozenset({"_synced_at", "_deleted_at", "_row_hash", "_dlt_load_id"})
"""Columns that are none of PostHog's."""

Handler = Callable[[Sequence[Any], Batch], None]
"""Takes one field's values, one per row, into the batch."""
Convert = Callable[[Any, Batch], Any]
"""A value as its column takes it, None if it does not fit."""


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
        self.beyond: set[str] = set()
        """Undeclared fields that found no room for a column."""
        self._lock = threading.Lock()
        for declared in endpoint.fields:
            self._handlers[declared.name] = self._handler(declared)
        self._identity = [declared.name for declared in endpoint.fields if declared.role == "identity"]
        self.undeclared = Undeclared(self.columns, self.child_columns, named or {}, new_columns)
        known = {*OURS, *self.columns, *(declared.name for declared in endpoint.fields)}
        self.columns |= {name: type_ for name, type_ in stored.items() if name not in known}

    @cached_property
    def fingerprint(self) -> str:
        """What decides how rows are shaped, the endpoint and the policy, as a digest."""
        policy = self.policy
        return digest(
            [
                version("hogsync"),
                repr(self.endpoint),
                dict(policy.modes),
                dict(policy.columns),
                policy.hash(""),
            ]
        )

    @property
    def key_columns(self) -> dict[str, Type]:
        """The primary key's columns and their types."""
        return {name: self.columns[name] for name in self.key}

    def items(self, child: str) -> dict[str, Type]:
        """What a split list's items hold; their position is said by their order."""
        return {name: type_ for name, type_ in self.child_columns[child].items() if name != "position"}

    def table(self, pages: Sequence[Mapping[str, pa.Array]], sizes: Sequence[int]) -> pa.Table:
        """Pages' columns, and how many rows each has, as Arrow: all columns, each split list as one column more."""
        lists = {child: self._list_type(child) for child in self.child_columns}
        return joined(
            pages, sizes, {name: ARROW[type_] for name, type_ in dict(self.columns).items()} | lists
        )

    def page(self, raws: Sequence[Any], stamps: Stamps) -> Batch:
        """A page's rows as they will be stored; what has no key, or is no row at all, is left out and counted."""
        rows = [raw for raw in raws if isinstance(raw, dict)]
        try:
            batch = self._shaped(rows, stamps)
        except RecursionError:  # one that is nested beyond reason must not cost the others
            rows = [raw for raw in rows if self._shapable(raw, stamps)]
            batch = self._shaped(rows, stamps)
        batch.rejected = len(raws) - len(rows)
        if any(name not in batch.arrays or batch.arrays[name].null_count for name in self.key):
            batch.keep([None not in key for key in zip(*map(batch.values, self.key), strict=True)])
        return batch

    def recall(self, named: Mapping[str, str], types: Mapping[str, Type]) -> bool:
        """Take over columns as an earlier run had them; False if this one met other values first, or has no room."""
        with self._lock:
            same = all(self.columns.get(column, type_) == type_ for column, type_ in types.items())
            fit = same and self.undeclared.may_take(named, types)
            if fit:
                self.undeclared.named.update(named)
                self.columns.update(types)
        return fit

    def filled(self, batch: Batch, stored: Sequence[Mapping[str, Any]]) -> None:
        """Give columns whose field a row's source did not send what is stored of them; one `stored` per row."""
        for name, type_ in self.columns.items():
            kept = [
                before.get(name) if name not in raw else None
                for raw, before in zip(batch.raws, stored, strict=True)
            ]
            if any(value is not None for value in kept):
                pairs = zip(kept, batch.values(name), strict=True)
                batch.arrays[name] = pa.array([n if k is None else k for k, n in pairs], ARROW[type_])

    def _shaped(self, raws: Sequence[Mapping[str, Any]], stamps: Stamps) -> Batch:
        batch = Batch(raws)
        for name, value in {**self.endpoint.absent, **stamps}.items():
            batch.put(name, value, self.columns[name])
        for name, values in _by_field(raws):
            if values.count(None) < len(values):
                handler = self._handlers.get(name) or self._undeclared(name, values, raws)
                handler(values, batch)
        if any(batch.beyond):
            texts = [canonical(fields) if fields else None for fields in batch.beyond]
            batch.arrays[BEYOND] = pa.array(texts, ARROW["json"])
        if self._identity:  # the rows are people themselves
            names = ("id", "uuid", *self._identity)
            batch.people.extend({name: raw[name] for name in names if name in raw} for raw in raws)
        return batch

    def _shapable(self, raw: Mapping[str, Any], stamps: Stamps) -> bool:
        try:
            self._shaped([raw], stamps)
        except RecursionError:
            return False
        return True

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
        converted = self._converter(declared, mode == "hash")
        if converted:
            return self._each(declared.name, declared.type, converted, Scrubber(self.policy, declared))
        return self._whole(declared.name, declared)

    def _whole(self, column: str, declared: Field) -> Handler:
        """Stores values that fit their column as they are all at once, others one by one."""
        convert = CONVERT[declared.type]
        each = self._each(
            column, declared.type, lambda value, _batch: convert(value), Scrubber(self.policy, declared)
        )

        def store(values: Sequence[Any], batch: Batch) -> None:
            array = fitting(values, declared.type)
            if array is None:
                each(values, batch)
            else:
                batch.arrays[column] = array

        return store

    def _each(self, column: str, type_: Type, convert: Convert, scrub: Scrubber) -> Handler:
        """Stores each value in its column, or, cleaned and as text, in the column of those that do not fit."""

        def store(values: Sequence[Any], batch: Batch) -> None:
            kept = [None if value is None else convert(value, batch) for value in values]
            batch.arrays[column] = pa.array(kept, ARROW[type_])
            misfits = [v if fit is None else None for v, fit in zip(values, kept, strict=True)]
            self._keep_as_text(column, misfits, batch, scrub)

        return store

    def _keep_as_text(self, column: str, misfits: Sequence[Any], batch: Batch, scrub: Scrubber) -> None:
        texts: list[str | None] = [None] * len(misfits)
        for row, value in enumerate(misfits):
            if value is not None and not is_secret("", value):
                cleaned = scrub.clean(value, batch.people.append)
                texts[row] = cleaned if isinstance(cleaned, str) else canonical(cleaned)
        kept = len(texts) - texts.count(None)
        if kept:
            batch.misfits[column] += kept
            self.columns.setdefault(f"{column}{VARIANT}", "text")
            batch.arrays[f"{column}{VARIANT}"] = pa.array(texts, ARROW["text"])

    def _embedded(self, declared: Field) -> Handler:
        """Keeps the ids of embedded objects; a person's object is lifted out."""
        store = self._whole(f"{declared.name}_id", declared)

        def lift(values: Sequence[Any], batch: Batch) -> None:
            if declared.role == "person":
                batch.people.extend(value for value in values if isinstance(value, dict))
            store([value.get("id") if isinstance(value, dict) else value for value in values], batch)

        return lift

    def _converter(self, declared: Field, hashed: bool) -> Convert | None:  # noqa: FBT001
        """How a field's value changes before it is stored, None where it stays as it is.

        JSON is cleaned at every depth, hashed columns keep only hashes.
        """
        policy = self.policy
        within = declared.literals or (declared.privacy == "recipient" and declared.type == "json")
        if hashed and not within:
            hidden = canonical if declared.type == "json" else str
            return lambda value, _batch: hidden(
                policy.hash(value if isinstance(value, str) else canonical(value))
            )
        if declared.type != "json":
            return None
        literals = (
            policy.mode(self.endpoint.table, declared.name, "customer") if declared.literals else "keep"
        )
        scrub = Scrubber(policy, declared, literals, "hash" if hashed and not declared.literals else "keep")
        return lambda value, batch: canonical(scrub.clean(value, batch.people.append))

    # -- lists that become tables of their own

    def _list_type(self, child: str) -> pa.DataType:
        return list_type(self.items(child))

    def _items(self, declared: Field) -> Handler:
        self.child_columns[declared.name] = {"position": "bigint", "value": declared.type}
        scrub = Scrubber(self.policy, declared)

        def split(values: Sequence[Any], batch: Batch) -> None:
            batch.lists[declared.name], misfits = items(declared, values)
            self._keep_as_text(declared.name, misfits, batch, scrub)

        return split

    def _recipients(self, declared: Field) -> Handler:
        """The first of the endpoint's recipient fields that holds any becomes rows, one per address."""
        addresses = Recipients(self.endpoint, declared, self.policy)
        self.child_columns["recipients"] = addresses.columns

        def split(values: Sequence[Any], batch: Batch) -> None:
            # Such values are not kept: nobody could tell an address in them.
            odd = sum(not isinstance(value, str | list | None) for value in values)
            batch.misfits.update({declared.name: odd} if odd else {})
            if "recipients" not in batch.lists:
                batch.lists["recipients"] = addresses.split(batch.raws)

        return split

    # -- undeclared fields: kept, judged by name and look, typed by their first value

    def _undeclared(self, name: str, values: Sequence[Any], raws: Sequence[Mapping[str, Any]]) -> Handler:
        harmless = (value for value in values if value is not None and not is_secret(name, value))
        first = next(harmless, None)
        if first is None:
            return _ignore
        with self._lock:
            if name not in self._handlers:
                room = self.undeclared.has_room(f"{name}_id" if is_user(first) else name)
                self._handlers[name] = self._adopt(name, first, raws) if room else self._put_aside(name)
        return self._handlers[name]

    def _put_aside(self, name: str) -> Handler:
        """Keeps a field, cleaned, among those that have no column of their own."""
        self.columns.setdefault(BEYOND, "json")
        self.beyond.add(name)
        scrub = Scrubber(self.policy, Field(name=BEYOND), "keep", self.policy.of_unknown())

        def keep(values: Sequence[Any], batch: Batch) -> None:
            for fields, value in zip(batch.beyond, values, strict=True):
                if value is not None:
                    fields.update(scrub.clean({name: value}, batch.people.append))

        return keep

    def _adopt(self, name: str, value: Any, raws: Sequence[Mapping[str, Any]]) -> Handler:
        if is_user(value):
            column = self.undeclared.column(f"{name}_id", raws)
            self.columns.setdefault(column, "bigint")
            return self._embedded(Field(name=column.removesuffix("_id"), type="bigint", role="person"))
        column = self.undeclared.column(name, raws)
        type_ = self.columns.setdefault(column, type_of(value))
        convert = CONVERT[type_]
        scrub = Scrubber(self.policy, Field(name=column), "keep", self.policy.of_unknown())
        store = self._each(
            column, type_, lambda value, batch: convert(scrub.clean(value, batch.people.append)), scrub
        )

        def judged(values: Sequence[Any], batch: Batch) -> None:
            store([None if value is None or is_secret(name, value) else value for value in values], batch)

        return judged


def _by_field(raws: Sequence[Mapping[str, Any]]) -> Iterable[tuple[str, Sequence[Any]]]:
    """Each field's values, one per row, None where a row lacks it.

    Rows that all have the same fields, as a page's rows nearly always do, are turned round at once, at a third of the
    time that a look for each value takes.
    """
    names = tuple(raws[0]) if raws else ()
    if len(names) > 1 and set(map(len, raws)) == {len(names)}:
        with suppress(KeyError):
            return list(zip(names, zip(*map(itemgetter(*names), raws), strict=True), strict=True))
    return ((name, [raw.get(name) for raw in raws]) for name in dict.fromkeys(chain.from_iterable(raws)))


def _ignore(_values: Sequence[Any], _batch: Batch) -> None:
    """Leave the values behind."""
