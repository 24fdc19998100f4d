"""Builds columns: one field's values, for all rows of a page -> arrays in a batch.

Values are stored as they are, cleaned, hashed, lifted out or split. Where a whole column fits as it is, which is nearly
always, its values are not looked at one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa

from sources.posthog.catalogue.endpoint import Endpoint
from sources.posthog.catalogue.fields import Field, Type
from sources.posthog.redaction.credentials import is_credential, without_credentials
from sources.posthog.shape.batch import Batch
from sources.posthog.shape.change_values import GONE, ChangeScrubber, ValueRules, privacy_class_of
from sources.posthog.shape.children import Recipients, items
from sources.posthog.shape.privacy import Policy, Scrubber, forget
from sources.posthog.shape.types import ARROW, CONVERT, canonical, to_array_if_uniform
from sources.posthog.shape.undeclared import VARIANT
from sources.posthog.whole_numbers import whole

PROSE = frozenset({"text", "customer"})
"""Classes of texts that people and programs write: a credential in them is left out."""
Handler = Callable[[Sequence[Any], Batch], None]
"""Puts one field's values, one per row, into the batch."""
Convert = Callable[[Any, Batch], Any]
"""Returns a value as its column takes it, None if it does not fit."""
Misfit = Callable[[Any], str | None]
"""Returns a value that does not fit its column as the text to store beside it, None if it may not be stored."""


class ColumnBuilders:
    """Makes the handlers of an endpoint's fields; records the columns in `columns` and `child_columns`."""

    def __init__(self, endpoint: Endpoint, policy: Policy, columns: dict[str, Type]) -> None:
        self.endpoint = endpoint
        self.policy = policy
        self.columns = columns
        self.child_columns: dict[str, dict[str, Type]] = {}

    def handler(self, declared: Field) -> Handler:
        """Return the handler of a declared field."""
        mode = self.policy.mode(self.endpoint.table, declared.name, declared.privacy)
        if mode == "drop" or declared.role in {"secret", "ignored", "identity"}:
            return ignore
        if split := {"recipients": self._recipients, "items": self._items}.get(declared.role):
            return split(declared)
        self.columns[declared.column] = declared.type
        if declared.column != declared.name:
            return self.embedded(declared, declared.column)
        hashed = mode == "hash"
        if declared.values_about and not hashed:
            return self._carrying(declared)
        if converted := self._converter(declared, hashed=hashed):
            return self.convert_each(declared.name, declared.type, converted, self.misfit(declared))
        return self._convert_column(declared.name, declared)

    def _convert_column(self, column: str, declared: Field) -> Handler:
        """Return a handler that stores a column at once if all values fit as they are, otherwise value by value.

        Of the number by which a row is known, another spelling means the same.
        """
        is_id = column in self.endpoint.key or column == "id" or column.endswith("_id")
        convert = whole if is_id and declared.type == "bigint" else CONVERT[declared.type]
        each = self.convert_each(
            column, declared.type, lambda value, _batch: convert(value), self.misfit(declared)
        )

        def store(values: Sequence[Any], batch: Batch) -> None:
            array = to_array_if_uniform(values, declared.type)
            if array is None:
                each(values, batch)
            else:
                batch.arrays[column] = array

        return store

    def convert_each(self, column: str, type_: Type, convert: Convert, misfit: Misfit) -> Handler:
        """Return a handler that stores each value in its column or, cleaned and as text, in the column of misfits."""

        def store(values: Sequence[Any], batch: Batch) -> None:
            converted = [None if value is None else convert(value, batch) for value in values]
            batch.arrays[column] = pa.array(converted, ARROW[type_])
            misfits = [v if fit is None else None for v, fit in zip(values, converted, strict=True)]
            self._keep_as_text(column, misfits, batch, misfit)

        return store

    def _keep_as_text(self, column: str, misfits: Sequence[Any], batch: Batch, misfit: Misfit) -> None:
        count = len(misfits) - misfits.count(None)
        if not count:
            return
        batch.misfits[column] += count
        texts = [None if value is None else misfit(value) for value in misfits]
        if texts.count(None) < len(texts):
            self.columns.setdefault(f"{column}{VARIANT}", "text")
            batch.arrays[f"{column}{VARIANT}"] = pa.array(texts, ARROW["text"])

    def misfit(self, declared: Field) -> Misfit:
        """Return how values that do not fit their column are stored: by the field's own class.

        A misfit of an open field is not what was declared open, so addresses in it are treated as in undeclared fields.
        """
        policy = self.policy
        privacy = privacy_class_of(declared)
        mode = policy.mode(self.endpoint.table, declared.name, privacy)
        scrub = Scrubber(
            policy, declared, addresses=policy.strictest_person_mode() if privacy == "open" else "keep"
        )

        def text(value: Any) -> str | None:
            if mode == "drop" or is_credential("", value):
                return None
            if mode == "hash":
                return policy.hash_of(value)
            cleaned = scrub.clean(value, forget)
            return cleaned if isinstance(cleaned, str) else canonical(cleaned)

        return text

    def _carrying(self, declared: Field) -> Handler:
        """Return a handler for JSON with values of other fields, each stored by the class of its field."""
        rules = ValueRules(self.policy)

        def cleaned(value: Any, model: Any, batch: Batch) -> str | None:
            models = (model,) if isinstance(model, str) else ()
            try:
                scrubbed = ChangeScrubber(rules, models, batch.mentioned.append).entry(value)
                return None if scrubbed is GONE else canonical(scrubbed)
            except RecursionError:  # too deep to be judged, so not stored
                batch.misfits[declared.name] += 1
                return None

        def store(values: Sequence[Any], batch: Batch) -> None:
            models = [raw.get(declared.values_about) for raw in batch.raws]
            texts = [
                None if value is None else cleaned(value, model, batch)
                for value, model in zip(values, models, strict=True)
            ]
            batch.arrays[declared.name] = pa.array(texts, ARROW["json"])

        return store

    def embedded(self, declared: Field, column: str) -> Handler:
        """Return a handler that keeps the ids of embedded objects, and lifts out the objects of a declared person."""
        store = self._convert_column(column, declared)

        def lift(values: Sequence[Any], batch: Batch) -> None:
            if declared.role == "person":
                batch.people.extend(value for value in values if isinstance(value, dict))
            store([value.get("id") if isinstance(value, dict) else value for value in values], batch)

        return lift

    def _converter(self, declared: Field, *, hashed: bool) -> Convert | None:
        """Return how a field's value is converted before it is stored, None if it stays as it is.

        JSON is cleaned at every depth; hashed columns keep only hashes.
        """
        policy = self.policy
        within = declared.customer_keys or (declared.privacy == "recipient" and declared.type == "json")
        if hashed and not within:
            hidden = canonical if declared.type == "json" else str
            return lambda value, _batch: hidden(policy.hash_of(value))
        if declared.type == "text" and declared.privacy in PROSE:
            return lambda value, _batch: without_credentials(str(value))
        if declared.type != "json":
            return None
        literals = (
            policy.mode(self.endpoint.table, declared.name, "customer") if declared.customer_keys else "keep"
        )
        scrub = Scrubber(
            policy, declared, literals, "hash" if hashed and not declared.customer_keys else "keep"
        )
        return lambda value, batch: canonical(scrub.clean(value, batch.mentioned.append))

    # -- child tables

    def _items(self, declared: Field) -> Handler:
        self.child_columns[declared.name] = {"value": declared.type}
        misfit = self.misfit(declared)

        def split(values: Sequence[Any], batch: Batch) -> None:
            batch.lists[declared.name], misfits = items(declared, values)
            self._keep_as_text(declared.name, misfits, batch, misfit)

        return split

    def _recipients(self, declared: Field) -> Handler:
        """Return a handler that stores the first recipient field that has any addresses, one child row per address."""
        addresses = Recipients(self.endpoint, declared, self.policy)
        self.child_columns["recipients"] = addresses.columns

        def split(values: Sequence[Any], batch: Batch) -> None:
            # Such values are not kept: an address in them could not be recognised.
            odd = sum(not isinstance(value, str | list | None) for value in values)
            batch.misfits.update({declared.name: odd} if odd else {})
            if "recipients" not in batch.lists:
                batch.lists["recipients"] = addresses.split(batch.raws)

        return split


def ignore(_values: Sequence[Any], _batch: Batch) -> None:
    """Drop the values."""
