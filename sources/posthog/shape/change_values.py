"""Cleans JSON that carries values of other fields, as an audit log's `detail` does.

Each value obeys the class of the field that it is about, at every depth. A change names that field itself (`{"type":
"Subscription", "field": "target_value", "before": …, "after": …}`), every other member has its name. A value that no
table declares is judged by its name and its text. Structure, names and harmless values stay.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sources.posthog.catalogue.fields import Field
from sources.posthog.redaction.credentials import is_credential
from sources.posthog.shape.field_lookup import LITERALS, OF_SETTINGS, FieldRef, field_of
from sources.posthog.shape.privacy import MODES, Lift, Mode, Policy, Scrubber, is_user

Meant = tuple[str, Field, bool]
"""A table, the field of it that a value obeys, and whether the value's model is known to have that field."""
GONE: Any = object()
"""Stands for a value that may not be stored."""
MASKED = "masked"
"""What newer servers write in place of a secret."""
BESIDE = frozenset({"before", "after", "old", "new", "old_value", "new_value"})
"""The members of a change that hold values of its `field`."""
STRUCTURAL = frozenset({"value", "values", "query"})
"""Names of customers' data that also name objects with fields of their own."""
WHOLE: Mapping[str, str] = {"Group": "group_properties", "Person": "properties"}
"""Models whose changes name no field: their values are of this one, or of the property in it that changed."""
WITHIN: Mapping[str, Meant | None] = {
    "context": ("", Field(name="context", privacy="person"), True),
    "trigger": None,  # what a background job was given
}
"""Objects of audit logs, and what all of their members obey; None if their names are no fields of any model."""


class ValueRules:
    """A policy's rules for values of other fields; each answer is cached."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.unknown = policy.strictest_person_mode()
        self.meant = lru_cache(maxsize=4096)(self._meant)
        self.named = lru_cache(maxsize=4096)(self.text)

    def _meant(self, models: tuple[str, ...], name: str) -> Meant | None:
        """Return table and field that a value of this name obeys, and whether its models have it; None if unknown."""
        found, own = field_of(models, name)
        strictest = max(found, key=self._strictness, default=None)
        known = strictest and (own or self._strictness(strictest) > (0, False))
        return (*strictest, own) if strictest and known else None

    def _strictness(self, one: FieldRef) -> tuple[int, bool]:
        """Return how strict a field's class is: first for its values, then for customers' data in them."""
        table, field = one
        if field.role == "secret":
            return len(MODES), True
        return MODES.index(self.policy.mode(table, field.name, privacy_class_of(field))), bool(
            field.customer_keys
        )

    def text(self, text: str) -> str:
        """Return a text with addresses as the settings say: kept, hashed or replaced."""
        return self.policy.redact(text, self.unknown)


@dataclass(frozen=True, slots=True)
class ChangeScrubber:
    """Cleans values of some models' fields; users among them are lifted out, their ids stay."""

    rules: ValueRules
    models: tuple[str, ...]
    lift: Lift

    def entry(self, value: Any) -> Any:
        """Return an entry's detail, or GONE: `name` in it is what people call the object, of whatever model."""
        if not isinstance(value, dict) or "name" not in value or field_of(self.models, "name")[1]:
            return self.clean(value)
        rest = self.clean({name: inner for name, inner in value.items() if name != "name"})
        return rest | self._members({"name": value["name"]})

    def clean(self, value: Any, otherwise: Meant | None = None) -> Any:
        """Return a value without a name, or GONE; `otherwise` is the field that it obeys if none is closer."""
        if isinstance(value, list):
            return [item for inner in value if (item := self.clean(inner, otherwise)) is not GONE]
        if not isinstance(value, dict):
            return self._declared(*otherwise, value) if otherwise else self._unknown(value)
        if is_user(value):
            self.lift(value)
            return {"id": value["id"]}
        judge, field, cleaned = self, None, {}
        if BESIDE & value.keys():
            judge, field = self._of_change(value), self._field_of(value)
        for name, inner in value.items():
            about = field if field and name in BESIDE else ""
            member = judge.judged(about or name, inner, otherwise, is_setting=bool(about))
            if member is not GONE:
                cleaned[self.rules.named(name)] = member
        return cleaned

    def judged(
        self, name: str, value: Any, otherwise: Meant | None = None, *, is_setting: bool = False
    ) -> Any:
        """Return a value of a field with this name as it may be stored, or GONE.

        `is_setting` tells that a change names it: of some models the name is that of an app's setting.
        """
        if value is None or isinstance(value, bool) or value == MASKED:
            return value
        if is_setting and not OF_SETTINGS.isdisjoint(self.models):
            return GONE
        if meant := self.rules.meant(self.models, name):
            return self._declared(*meant, value)
        if is_credential(name, value):
            return GONE
        if name in LITERALS and not (isinstance(value, dict) and name in STRUCTURAL):
            mode = self.rules.policy.mode("", "", "customer")
            return self._of_mode(mode, value, lambda: self.clean(value))
        return self.clean(value, otherwise)

    def _field_of(self, change: dict[str, Any]) -> str | None:
        """Return the name of the field that a change is about, or None if it names none and its model tells none."""
        field, model = change.get("field"), change.get("type")
        if isinstance(field, str):
            return field
        models = (model,) if isinstance(model, str) else self.models
        return next((WHOLE[one] for one in models if one in WHOLE), None)

    def _of_change(self, change: dict[str, Any]) -> ChangeScrubber:
        """Return the scrubber for a change, which may name a model itself."""
        model = change.get("type")
        known = not isinstance(model, str) or model in self.models
        return self if known else ChangeScrubber(self.rules, (*self.models, str(model)), self.lift)

    def _declared(self, table: str, field: Field, own: bool, value: Any) -> Any:  # noqa: FBT001
        """Return a value as the field's own column would store it."""
        policy = self.rules.policy
        if field.role == "secret" or is_credential("", value):
            return GONE
        if field.name in WITHIN and isinstance(value, dict):
            otherwise = WITHIN[field.name]
            return self.clean(value, otherwise) if otherwise else self._members(value)
        privacy = privacy_class_of(field)
        mode = policy.mode(table, field.name, privacy)
        if privacy == "recipient":
            return GONE if mode == "drop" else self._recipients(field, value, mode)
        literals = policy.mode(table, field.name, "customer") if field.customer_keys else "keep"
        if field.customer_keys and not isinstance(value, dict | list):
            mode = literals  # filters as text: their structure cannot be told from their data
        scrub = Scrubber(policy, field, literals, "keep" if own else self.rules.unknown)
        return self._of_mode(mode, value, lambda: scrub.clean(value, self.lift))

    def _members(self, value: dict[str, Any]) -> dict[str, Any]:
        """Return an object whose own members are no fields of any model."""
        judged = {
            self.rules.named(name): GONE if is_credential(name, inner) else self.clean(inner)
            for name, inner in value.items()
        }
        return {name: member for name, member in judged.items() if member is not GONE}

    def _recipients(self, field: Field, value: Any, mode: Mode) -> Any:
        """Return addresses as they may be stored: of URLs the hosts stay; hashing is done address by address."""
        policy = self.rules.policy
        scrub = Scrubber(policy, field, addresses=mode)
        if not isinstance(value, str) or field.role != "recipients":
            return scrub.clean(value, self.lift)
        parts = [(part.strip(), scrub.clean(part.strip(), self.lift)) for part in value.split(",")]
        hashing = mode == "hash"
        return ", ".join(policy.hash(part) if hashing and part == clean else clean for part, clean in parts)

    def _of_mode(self, mode: Mode, value: Any, cleaned: Callable[[], Any]) -> Any:
        if mode == "drop":
            return GONE
        return self.rules.policy.hash_of(value) if mode == "hash" else cleaned()

    def _unknown(self, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return GONE if is_credential("", value) else self.rules.text(value)


def privacy_class_of(field: Field) -> str:
    """Return the privacy class of a field's values; an embedded person and an identity are `person`."""
    return "person" if field.role in {"person", "identity"} else field.privacy
