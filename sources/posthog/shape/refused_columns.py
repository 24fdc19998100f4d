"""Finds the stored columns of a table that a changed privacy policy no longer allows.

(endpoint, policy before, policy now, column) -> whether its stored values may stay. Nothing may stay of a dropped
column; of a column that is hashed as a whole, hashes may. Of JSON in which only parts are hashed or left out, and of
undeclared values, nothing may stay that was stored under a laxer policy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from sources.posthog.catalogue import ENDPOINTS, PEOPLE
from sources.posthog.catalogue.endpoint import Endpoint
from sources.posthog.catalogue.fields import Field
from sources.posthog.redaction.credentials import is_credential_name
from sources.posthog.shape.change_values import privacy_class_of
from sources.posthog.shape.privacy import DEFAULTS, Mode, Policy
from sources.posthog.shape.undeclared import VARIANT

RefusedColumn = Literal["all", "unhashed"]
"""Which values of a column may not stay: all, or all that are no hashes."""
STRICT = ("keep", "hash", "drop")
LAXEST = Policy(modes=dict.fromkeys(DEFAULTS, "keep"))
"""The policy assumed for values of which it is not known how they were stored."""
RULES = 2
"""Raised when values are judged by stricter rules under the same settings: stored values are judged anew. 2: JSON with
values of other fields."""


def refused_columns(
    endpoint: Endpoint, columns: Iterable[str], before: Policy, now: Policy
) -> dict[str, RefusedColumn]:
    """Return what may not stay of these columns."""
    fields = {_column(field): field for field in endpoint.fields}
    kept = {*endpoint.key, *endpoint.parent_columns}
    return {
        column: verdict
        for column in columns
        if column not in kept and (verdict := _verdict(endpoint.table, column, fields, before, now))
    }


def _column(field: Field) -> str:
    return f"{field.name}_id" if field.role in {"person", "reference"} else field.name


def _verdict(
    table: str, column: str, fields: Mapping[str, Field], before: Policy, now: Policy
) -> RefusedColumn | None:
    field = fields.get(column) or fields.get(column.removesuffix(VARIANT))
    if field is None:
        gone = is_credential_name(column) or _stricter(
            before.strictest_person_mode(), now.strictest_person_mode()
        )
        return "all" if gone else None
    if field.role == "secret":
        return "all"
    if column.endswith(VARIANT):
        return _of_misfits(table, field, before, now)
    mode = now.mode(table, field.name, field.privacy)
    was = before.mode(table, field.name, field.privacy)
    if mode == "drop" or (field.values_about and _any_stricter(before, now)):
        return "all"
    if field.customer_keys or (field.privacy == "recipient" and field.type == "json"):
        inner = "customer" if field.customer_keys else "recipient"
        was, mode = before.mode(table, field.name, inner), now.mode(table, field.name, inner)
        return "all" if _stricter(was, mode) else None
    return "unhashed" if mode == "hash" and _stricter(was, mode) else None


def _of_misfits(table: str, field: Field, before: Policy, now: Policy) -> RefusedColumn | None:
    """Return what may not stay of the values that did not fit a field's column."""
    privacy = privacy_class_of(field)
    mode, was = now.mode(table, field.name, privacy), before.mode(table, field.name, privacy)
    if privacy == "open":
        mode, was = now.strictest_person_mode(), before.strictest_person_mode()
    return "all" if _stricter(was, mode) else None


def _stricter(was: Mode, now: Mode) -> bool:
    """Return whether a value that was stored in the mode `was` may be refused now."""
    return STRICT.index(now) > STRICT.index(was)


def _any_stricter(before: Policy, now: Policy) -> bool:
    """Return whether a value of any field of the catalogue may be refused now."""
    return any(
        _stricter(*(policy.mode(endpoint.table, field.name, privacy) for policy in (before, now)))
        for endpoint in (*ENDPOINTS.values(), PEOPLE)
        for field in endpoint.fields
        for privacy in (privacy_class_of(field), *(("customer",) if field.customer_keys else ()))
    )


def refused_lists(
    endpoint: Endpoint, before: Policy, now: Policy
) -> dict[str, RefusedColumn | Literal["parts"]]:
    """Return the split lists of which nothing may stay ("all"), or no addresses ("parts")."""
    found: dict[str, RefusedColumn | Literal["parts"]] = {}
    for field in endpoint.fields:
        if field.role not in {"items", "recipients"}:
            continue
        name = "recipients" if field.role == "recipients" else field.name
        mode, was = (policy.mode(endpoint.table, field.name, field.privacy) for policy in (now, before))
        if mode == "drop":
            found[name] = "all"
        elif field.role == "recipients" and _stricter(was, mode):
            found.setdefault(name, "parts")
    return found
