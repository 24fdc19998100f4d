"""Turns a page of JSON into an Arrow batch: removes secrets, moves users to `people`, splits lists, adds parent ids.

A page is shaped column by column: each field has one handler, chosen once, that takes the field's values of all rows.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cached_property
from importlib.metadata import version
from itertools import chain
from operator import itemgetter
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from sources.posthog.catalogue import stamp_types
from sources.posthog.catalogue.endpoint import Endpoint, Stamps
from sources.posthog.catalogue.fields import TECHNICAL_COLUMNS, Field, Type
from sources.posthog.redaction.credentials import is_credential
from sources.posthog.redaction.json_depth import cut_below
from sources.posthog.redaction.mail_addresses import has_address
from sources.posthog.shape.batch import Batch, joined
from sources.posthog.shape.children import list_type
from sources.posthog.shape.columns import ColumnBuilders, Handler, ignore
from sources.posthog.shape.privacy import Policy, Scrubber, forget, is_user
from sources.posthog.shape.types import ARROW, CONVERT, canonical, digest, type_of
from sources.posthog.shape.undeclared import OVERFLOW_COLUMN, Undeclared, id_of

CONTENT_ID = "content_id"
KEY_BYTES = 2500
"""Most bytes of a key's texts: an entry of a Postgres index has room for 2,704 bytes, other columns of the key
included."""
NO_KEY = "without a key that fits"
LONG_KEY = f"with a key of more than {KEY_BYTES:,} bytes"


class RowShape:
    """Shapes one endpoint's rows into a table and its child tables, under a privacy policy."""

    def __init__(
        self,
        endpoint: Endpoint,
        policy: Policy,
        stored: Mapping[str, Type] | None = None,
        named: Mapping[str, str] | None = None,
        *,
        new_columns: int = 100,
        theirs: Iterable[str] = (),
    ) -> None:
        """`stored` are the columns that the table has already.

        `named` are the columns that undeclared fields got in earlier runs; they keep them. All runs together give
        undeclared fields `new_columns` columns at most: a row of Postgres has no room for more than 440 long texts.
        `theirs` are columns that hogsync did not make; no undeclared field gets their names.
        """
        self.endpoint = endpoint
        self.policy = policy
        self.key = endpoint.key
        self.columns: dict[str, Type] = stamp_types(endpoint)
        if endpoint.content_key:
            self.columns[CONTENT_ID] = "text"
        self._fields = ColumnBuilders(endpoint, policy, self.columns)
        self.child_columns = self._fields.child_columns
        self._handlers: dict[str, Handler] = {}
        self.beyond: set[str] = set()
        """Undeclared fields for which there was no room for a column."""
        self._lock = threading.Lock()
        for declared in endpoint.fields:
            self._handlers[declared.name] = self._fields.handler(declared)
        self._identity = [declared.name for declared in endpoint.fields if declared.role == "identity"]
        taken = (*self.child_columns, *theirs)
        self.undeclared = Undeclared(self.columns, taken, named or {}, new_columns)
        known = {*TECHNICAL_COLUMNS, *self.columns, *(declared.name for declared in endpoint.fields)}
        self.columns |= {name: type_ for name, type_ in (stored or {}).items() if name not in known}

    @cached_property
    def fingerprint(self) -> str:
        """Return a digest of what decides how rows are shaped: the version, the endpoint and the policy."""
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
        """Return the primary key's columns and their types."""
        return {name: self.columns[name] for name in self.key}

    @property
    def child_key_columns(self) -> dict[str, Type]:
        """Return the columns of a child table's primary key: the row's key, and the item's position in the list."""
        return {**self.key_columns, "position": "bigint"}

    def table(self, pages: Sequence[Mapping[str, pa.Array]]) -> pa.Table:
        """Return pages as one Arrow table; each split list is one more column."""
        lists = {child: list_type(columns) for child, columns in self.child_columns.items()}
        return joined(pages, {name: ARROW[type_] for name, type_ in dict(self.columns).items()} | lists)

    def to_batch(self, raws: Sequence[Any], stamps: Stamps) -> Batch:
        """Return a page's rows as they will be stored; a row without a fitting key, or no object, is rejected."""
        rows = [raw if isinstance(raw, dict) else {} for raw in raws]
        try:
            batch = self._shaped(rows, stamps)
        except RecursionError:  # one value that is nested too deep must not cost the other rows
            with ThreadPoolExecutor(
                1
            ) as fresh:  # a fresh thread has an empty stack, so it goes as deep as the parser went
                batch = self._shaped(list(fresh.map(_shallow, rows)), stamps)
        lacking = any(name not in batch.arrays or batch.arrays[name].null_count for name in self.key)
        if lacking or self._longest_key(batch) > KEY_BYTES:
            batch.reject([_unfit(key) for key in zip(*map(batch.values, self.key), strict=True)])
        return batch

    def _longest_key(self, batch: Batch) -> int:
        """Return how many bytes the texts of a row's key take at most."""
        texts = [batch.arrays[name] for name, type_ in self.key_columns.items() if type_ == "text"]
        return sum(pc.max(pc.binary_length(text)).as_py() or 0 for text in texts)

    def adopt_columns(self, named: Mapping[str, str], types: Mapping[str, Type]) -> bool:
        """Take over columns of an earlier run; False if this run met other values first, or has no room."""
        with self._lock:
            same = all(self.columns.get(column, type_) == type_ for column, type_ in types.items())
            fit = same and self.undeclared.may_take(named, types)
            if fit:
                self.undeclared.named.update(named)
                self.columns.update(types)
        return fit

    def fill_from_stored(self, batch: Batch, stored: Sequence[Mapping[str, Any]]) -> None:
        """Fill columns whose field a row's source did not send with stored values; `stored` has one entry per row."""
        for name, type_ in self.columns.items():
            earlier = [
                before.get(name) if name not in raw else None
                for raw, before in zip(batch.raws, stored, strict=True)
            ]
            if any(value is not None for value in earlier):
                pairs = zip(earlier, batch.values(name), strict=True)
                batch.arrays[name] = pa.array([n if k is None else k for k, n in pairs], ARROW[type_])

    def _shaped(self, raws: Sequence[Mapping[str, Any]], stamps: Stamps) -> Batch:
        batch = Batch(raws)
        for name, value in {**self.endpoint.key_defaults, **stamps}.items():
            batch.put(name, value, self.columns[name])
        if self.endpoint.shared:
            batch.clear(stamps, self._are_shared(raws))
        if self.endpoint.content_key:
            batch.arrays[CONTENT_ID] = pa.array([self._content_id(raw) for raw in raws], ARROW["text"])
        for name, values in _by_field(raws):
            if values.count(None) < len(values):
                handler = self._handlers.get(name) or self._undeclared(name, values, raws)
                handler(values, batch)
        if any(batch.overflow_fields):
            texts = [canonical(fields) if fields else None for fields in batch.overflow_fields]
            batch.arrays[OVERFLOW_COLUMN] = pa.array(texts, ARROW["json"])
        if self._identity:  # the rows are people themselves
            names = ("id", "uuid", *self._identity)
            batch.people.extend({name: raw[name] for name in names if name in raw} for raw in raws)
        return batch

    def _are_shared(self, raws: Sequence[Mapping[str, Any]]) -> list[bool]:
        """Return for each row whether it is listed under several parents."""
        name, values = self.endpoint.shared or ("", ())
        return [raw.get(name) in values for raw in raws]

    def _content_id(self, raw: Mapping[str, Any]) -> str:
        """Return a digest of the fields that identify a row; without the hash key nobody can confirm a guessed text."""
        return self.policy.hash(canonical([raw.get(name) for name in self.endpoint.content_key]))

    # -- undeclared fields: kept, judged by name and text, typed by their first value

    def _undeclared(self, name: str, values: Sequence[Any], raws: Sequence[Mapping[str, Any]]) -> Handler:
        harmless = (value for value in values if value is not None and not is_credential(name, value))
        first = next(harmless, None)
        if first is None:
            return ignore
        with self._lock:
            if name not in self._handlers:
                # An address in the name would be visible as a column.
                room = not has_address(name) and self.undeclared.has_room(
                    id_of(name) if is_user(first) else name
                )
                self._handlers[name] = self._take_over(name, first, raws) if room else self._put_aside(name)
        return self._handlers[name]

    def _put_aside(self, name: str) -> Handler:
        """Return a handler that keeps a field, cleaned, in the column of fields without a column of their own."""
        self.columns.setdefault(OVERFLOW_COLUMN, "json")
        self.beyond.add(name)
        scrub = Scrubber(
            self.policy, Field(name=OVERFLOW_COLUMN), "keep", self.policy.strictest_person_mode()
        )

        def keep(values: Sequence[Any], batch: Batch) -> None:
            for fields, value in zip(batch.overflow_fields, values, strict=True):
                if value is not None:
                    fields.update(scrub.clean({name: value}, forget))

        return keep

    def _take_over(self, name: str, value: Any, raws: Sequence[Mapping[str, Any]]) -> Handler:
        if is_user(value):
            column = self.undeclared.column(id_of(name), raws)
            self.columns.setdefault(column, "bigint")
            return self._fields.embedded(Field(name=name, type="bigint", role="reference"), column)
        column = self.undeclared.column(name, raws)
        type_ = self.columns.setdefault(column, type_of(value))
        convert = CONVERT[type_]
        scrub = Scrubber(self.policy, Field(name=column), "keep", self.policy.strictest_person_mode())
        store = self._fields.convert_each(
            column,
            type_,
            lambda value, _batch: convert(scrub.clean(value, forget)),
            self._fields.misfit(Field(name=column)),
        )

        def judged(values: Sequence[Any], batch: Batch) -> None:
            store([None if value is None or is_credential(name, value) else value for value in values], batch)

        return judged


def _unfit(key: tuple[Any, ...]) -> str:
    """Return why no row of this key can be stored; empty if one can."""
    if None in key:
        return NO_KEY
    size = sum(len(value.encode()) for value in key if isinstance(value, str))
    return LONG_KEY if size > KEY_BYTES else ""


def _shallow(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a row without what is nested too deep in it; an empty row if even that cannot be computed."""
    try:
        return dict(msgspec.json.decode(cut_below(canonical(raw).encode())))
    except RecursionError:
        return {}


def _by_field(raws: Sequence[Mapping[str, Any]]) -> Iterable[tuple[str, Sequence[Any]]]:
    """Return each field's values, one per row, None where a row lacks the field.

    Rows that all have the same fields, as nearly always, are transposed at once, in a third of the time that a lookup
    per value takes.
    """
    names = tuple(raws[0]) if raws else ()
    if len(names) > 1 and set(map(len, raws)) == {len(names)}:
        with suppress(KeyError):
            return list(zip(names, zip(*map(itemgetter(*names), raws), strict=True), strict=True))
    return ((name, [raw.get(name) for raw in raws]) for name in dict.fromkeys(chain.from_iterable(raws)))
