"""Finds the stored columns of a table that a changed privacy policy no longer allows.

(endpoint, columns, policy before, policy now) -> the columns of which no value may stay: credentials, dropped columns,
and those of a class that is stored more strictly now.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from sources.posthog.catalogue import ENDPOINTS, PEOPLE
from sources.posthog.catalogue.endpoint import Endpoint
from sources.posthog.catalogue.fields import Field
from sources.posthog.redaction.credentials import is_credential_name
from sources.posthog.shape.change_values import privacy_class_of
from sources.posthog.shape.privacy import DEFAULTS, MODES, Mode, Policy
from sources.posthog.shape.undeclared import VARIANT

LAXEST = Policy(modes=dict.fromkeys(DEFAULTS, "keep"))
"""The policy assumed for values of which it is not known how they were stored."""
RULES = 3
"""Raised when values are judged by stricter rules under the same settings: stored values are judged anew. 2: JSON with
values of other fields. 3: changes of groups, persons and apps' settings."""


def refused_columns(endpoint: Endpoint, columns: Iterable[str], before: Policy, now: Policy) -> set[str]:
    """Return those of these columns of which no value may stay."""
    fields = {field.column: field for field in endpoint.fields}
    parts_of_keys = {*endpoint.key, *endpoint.parent_columns}
    return {
        c for c in columns if c not in parts_of_keys and _is_refused(endpoint.table, c, fields, before, now)
    }


def _is_refused(table: str, column: str, fields: Mapping[str, Field], before: Policy, now: Policy) -> bool:
    field = fields.get(column) or fields.get(column.removesuffix(VARIANT))
    if field is None:
        return is_credential_name(column) or _stricter(
            before.strictest_person_mode(), now.strictest_person_mode()
        )
    if field.role == "secret":
        return True
    if column.endswith(VARIANT):
        return _stricter(*(_mode_of_misfits(policy, table, field) for policy in (before, now)))
    if now.mode(table, field.name, field.privacy) == "drop":
        return True
    if field.values_about:
        return _any_stricter(before, now)
    privacy = "customer" if field.customer_keys else field.privacy
    return _stricter(*(policy.mode(table, field.name, privacy) for policy in (before, now)))


def _mode_of_misfits(policy: Policy, table: str, field: Field) -> Mode:
    privacy = privacy_class_of(field)
    return policy.strictest_person_mode() if privacy == "open" else policy.mode(table, field.name, privacy)


def _stricter(was: Mode, now: Mode) -> bool:
    return MODES.index(now) > MODES.index(was)


def _any_stricter(before: Policy, now: Policy) -> bool:
    """Return whether a value of any field of the catalogue may be refused now."""
    return any(
        _stricter(*(policy.mode(endpoint.table, field.name, privacy) for policy in (before, now)))
        for endpoint in (*ENDPOINTS.values(), PEOPLE)
        for field in endpoint.fields
        for privacy in (privacy_class_of(field), *(("customer",) if field.customer_keys else ()))
    )


def refused_lists(endpoint: Endpoint, before: Policy, now: Policy) -> dict[str, Literal["all", "parts"]]:
    """Return the split lists of which nothing may stay ("all"), or no addresses ("parts")."""
    found: dict[str, Literal["all", "parts"]] = {}
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
