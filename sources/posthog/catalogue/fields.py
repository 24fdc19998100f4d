"""Fields of an endpoint: column name, type, role, privacy class and meaning."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from sources.posthog.catalogue.meanings import MEANINGS

Type = Literal["bigint", "text", "bool", "timestamp", "double", "json"]
Privacy = Literal["open", "person", "recipient", "text", "customer"]
Role = Literal["value", "person", "reference", "identity", "items", "recipients", "secret", "ignored"]

NAMED_BY_VALUES = ("resultCustomizations", "hiddenLegendBreakdowns", "hidden_legend_keys")
"""Of the keys with customers' data (`Field.customer_keys`): those of objects whose members are named by such data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of PostHog's row, and how it is stored."""

    name: str
    meaning: str = ""
    """One sentence; empty for a field that is not stored."""
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

    @property
    def column(self) -> str:
        """Return its column; of an embedded object only the id is stored."""
        return f"{self.name}_id" if self.role in {"person", "reference"} else self.name


OPTIONS = frozenset(one.name for one in fields(Field)) - {"name", "meaning"}


def _kind(**usual: Any) -> Callable[..., tuple[Field, ...]]:
    """Return a function that makes fields: of names whose meaning is in `MEANINGS`, and of `name="meaning"`.

    Words that are options of a field, such as `volatile=True`, hold for all of them; a field of such a name is given as
    a pair.
    """

    def make(*names: str | tuple[str, str], **words: Any) -> tuple[Field, ...]:
        options = usual | {name: value for name, value in words.items() if name in OPTIONS}
        pairs = [(one, MEANINGS.get(one, "")) if isinstance(one, str) else one for one in names]
        pairs += [(name, text) for name, text in words.items() if name not in OPTIONS]
        return tuple(Field(name=name, meaning=meaning, **options) for name, meaning in pairs)

    return make


integer = _kind(type="bigint")
"""Whole numbers of 64 bits."""
text = _kind(type="text")
"""Unicode text, never folded."""
boolean = _kind(type="bool")
"""True, false or unknown."""
timestamp = _kind(type="timestamp")
"""ISO 8601 times, stored in UTC."""
json = _kind(type="json")
"""Objects and lists that stay one column."""
person = _kind(type="bigint", role="person")
"""Embedded users: lifted into `people`, the row keeps `<name>_id`."""
reference = _kind(role="reference")
"""Embedded objects of another table, with the `type` of its id: the row keeps it as `<name>_id`."""
identity = _kind(role="identity", privacy="person")
"""What a row that is itself a user says of that user: stored in `people` only."""
items = _kind(type="text", role="items")
"""Lists that become a child table `<table>__<name>` each, with a column `value`."""
recipients = _kind(role="recipients", privacy="recipient")
"""External addresses: the first field that has any becomes the child table `<table>__recipients`."""
secret = _kind(role="secret")
"""Credentials: they never leave the process."""
ignored = _kind(role="ignored")
"""What repeats another field, or differs on every request: neither stored nor hashed."""

TECHNICAL_COLUMNS: Mapping[str, Field] = {
    one.column: one
    for one in (
        *timestamp(
            _synced_at="When the run began that wrote this version of the row.",
            _deleted_at="When a run found that the row was deleted; null while it exists.",
        ),
        *text(
            _row_hash="A hash of the row's values, by which hogsync notices that the row changed.",
            _dlt_load_id="The load that wrote this version of the row.",
        ),
    )
}
"""The columns at the end of every table, which do not come from PostHog; dlt writes `_dlt_load_id`."""
