"""Finds the declared field that a value in an audit log is about.

(models, name of a field) -> the fields of the catalogue that the value obeys. A model is PostHog's own class name, as
audit logs give it (`Subscription`); it leads to the table of that name. If no model has the field, the fields of this
name of all tables are returned, and the caller takes the strictest.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from sources.posthog.catalogue import ENDPOINTS, PEOPLE
from sources.posthog.catalogue.fields import Field, json, secret, text
from sources.posthog.shape.types import column_name

TABLES: Mapping[str, str] = {
    "AlertConfiguration": "alerts",
    "CIMDVerificationToken": "cimd_verification_tokens",
    "DataWarehouseSavedQuery": "warehouse_saved_queries",
    "DataWarehouseTable": "warehouse_tables",
    "ExportedAsset": "exports",
    "OAuthApplication": "organization_oauth_applications",
    "OrganizationMembership": "organization_members",
    "ProjectSecretAPIKey": "project_secret_api_keys",
    "Team": "project_detail_settings",
}
"""Models whose table has another name."""
RENAMED: Mapping[tuple[str, str], str] = {
    ("ExternalDataSource", "configuration"): "job_inputs",
    ("HogFunction", "priority"): "execution_order",
    ("BatchExport", "enabled"): "paused",
    ("ExternalDataSchema", "enabled"): "should_sync",
}
"""Fields that have another name in audit logs than in the lists."""
PERSONAL = text("name", privacy="person")
AUDITED: Mapping[str, tuple[Field, ...]] = {
    "": (
        *text("context", "ip", "ip_address", "user_agent", "login_method", privacy="person"),
        *json("trigger", privacy="text"),
        *secret("bytecode"),
    ),
    "User": PERSONAL,
    "OrganizationMembership": PERSONAL,
    "OrganizationInvite": PERSONAL,
    "BatchImport": secret("import_config"),
    "ExternalDataSource": secret("job_inputs"),
    "HogFunction": secret("inputs", "mappings", "transpiled"),
    "Integration": secret("config"),
    "Plugin": secret("config"),
    "PluginConfig": secret("config"),
}
"""Fields of audit logs that no list has, or not yet; under the empty name those of all models."""

OF_SETTINGS = frozenset({"Plugin", "PluginConfig"})
"""Models whose changes name a setting of the app in place of a field: its values may be credentials."""

FieldRef = tuple[str, Field]
"""A table, or a model without one, and a field of it."""


@lru_cache(maxsize=4096)
def field_of(models: tuple[str, ...], name: str) -> tuple[tuple[FieldRef, ...], bool]:
    """Return the declared fields that a value of this name may be about, and whether the models have them."""
    column = column_name(name)
    own = [one for model in models for one in _own(model, RENAMED.get((model, column), column))]
    return (tuple(own), True) if own else (_ANYWHERE.get(column, ()), False)


def _own(model: str, name: str) -> list[FieldRef]:
    """Return a model's own fields of this name."""
    table = table_of(model)
    found = [(model, field) for field in (*AUDITED.get(model, ()), *AUDITED[""]) if field.name == name]
    return found or [one for one in _ANYWHERE.get(name, ()) if one[0] == table]


@lru_cache(maxsize=1024)
def table_of(model: str) -> str:
    """Return a model's table, or the name that it would have."""
    if model in TABLES:
        return TABLES[model]
    name = column_name(model)
    return re.sub(r"(?<![aeiou])y$", "ie", name) + "s"


def _anywhere() -> dict[str, tuple[FieldRef, ...]]:
    """Return all declared fields by name; ignored ones are left out, so they are treated like undeclared ones."""
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
