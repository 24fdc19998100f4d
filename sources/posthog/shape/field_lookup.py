"""Which declared field a value is about that stands somewhere else, as before/after values of an audit log do.

(models, name of a field) -> the fields of the catalogue that the value obeys. A model is PostHog's own class name, as
audit logs give it (`Subscription`); it leads to the table of that name. Where no model has the field, every field of
this name in any table may be meant, and the caller takes the strictest.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from sources.posthog.catalogue import ENDPOINTS, PEOPLE
from sources.posthog.catalogue.fields import Field, secret, text
from sources.posthog.shape.types import column_name

TABLES: Mapping[str, str] = {"OrganizationMembership": "organization_members", "Team": "projects"}
"""Models whose table is not named like them."""
RENAMED: Mapping[tuple[str, str], str] = {
    ("ExternalDataSource", "configuration"): "job_inputs",
    ("HogFunction", "priority"): "execution_order",
    ("BatchExport", "enabled"): "paused",
    ("ExternalDataSchema", "enabled"): "should_sync",
}
"""Fields that audit logs call otherwise than the lists do."""
PERSONAL = text("name", privacy="person")
AUDITED: Mapping[str, tuple[Field, ...]] = {
    "": text("context", "ip", "ip_address", "user_agent", "login_method", privacy="person"),
    "User": PERSONAL,
    "OrganizationMembership": PERSONAL,
    "OrganizationInvite": PERSONAL,
    "BatchImport": secret("import_config"),
    "ExternalDataSource": secret("job_inputs"),
    "HogFunction": secret("inputs", "mappings"),
    "Integration": secret("config"),
    "Plugin": secret("config"),
    "PluginConfig": secret("config"),
}
"""What the audit log tells of a model that no list has, or not yet; under no model's name what it tells of all."""

FieldRef = tuple[str, Field]
"""A table, or a model that has none, and a field of it."""


@lru_cache(maxsize=4096)
def field_of(models: tuple[str, ...], name: str) -> tuple[tuple[FieldRef, ...], bool]:
    """The declared fields that a value of this name may be about, and whether they are the models' own."""
    column = column_name(name)
    own = [one for model in models for one in _own(model, RENAMED.get((model, column), column))]
    return (tuple(own), True) if own else (_ANYWHERE.get(column, ()), False)


def _own(model: str, name: str) -> list[FieldRef]:
    """The fields of this name that a model itself has."""
    table = table_of(model)
    found = [(model, field) for field in (*AUDITED.get(model, ()), *AUDITED[""]) if field.name == name]
    return found or [one for one in _ANYWHERE.get(name, ()) if one[0] == table]


@lru_cache(maxsize=1024)
def table_of(model: str) -> str:
    """The table of a model, or what its name would be."""
    if model in TABLES:
        return TABLES[model]
    name = column_name(model)
    return f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"


def _anywhere() -> dict[str, tuple[FieldRef, ...]]:
    """Every declared field by its name; what is said elsewhere is judged like what nobody declared."""
    found: dict[str, tuple[FieldRef, ...]] = {}
    for endpoint in (*ENDPOINTS.values(), PEOPLE):
        for field in endpoint.fields:
            if field.role != "ignored":
                found[field.name] = (*found.get(field.name, ()), (endpoint.table, field))
    return found


_ANYWHERE = _anywhere()
LITERALS = frozenset(
    name for endpoint in ENDPOINTS.values() for field in endpoint.fields for name in field.customer_keys
)
"""Names under which customers' own data stands in filters and queries."""
