"""What can be read: one Endpoint per list, data only, parents before their children."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from sources.posthog.catalogue import (
    access,
    audit,
    batch_exports,
    customer,
    definitions,
    errors,
    experiments,
    organization,
    pipelines,
    product,
    project,
    warehouse,
)
from sources.posthog.catalogue.endpoint import Endpoint, placeholders
from sources.posthog.catalogue.fields import Type
from sources.posthog.catalogue.meanings import MEANINGS
from sources.posthog.catalogue.organization import ORGANIZATIONS, PEOPLE

ENDPOINTS: dict[str, Endpoint] = {
    endpoint.table: endpoint
    for endpoint in (
        ORGANIZATIONS,
        organization.PROJECTS,
        organization.ORGANIZATION_MEMBERS,
        organization.ORGANIZATION_ACTIVITY_LOGS,
        organization.USERS,
        project.PROJECT_DETAIL_SETTINGS,
        project.SUBSCRIPTIONS,
        project.SUBSCRIPTION_DELIVERIES,
        project.COHORTS,
        project.COMMENTS,
        definitions.EVENT_DEFINITIONS,
        definitions.GROUP_TYPES,
        definitions.PROPERTY_DEFINITIONS,
        definitions.SCHEMA_PROPERTY_GROUPS,
        access.ORGANIZATION_INVITES,
        access.ORGANIZATION_DOMAINS,
        access.IDENTITY_PROVIDER_CONFIGS,
        access.ROLES,
        access.ROLE_MEMBERSHIPS,
        access.CIMD_VERIFICATION_TOKENS,
        access.ORGANIZATION_OAUTH_APPLICATIONS,
        access.PROJECT_ACCESS_CONTROLS,
        access.RESOURCE_ACCESS_CONTROLS,
        access.PROJECT_SECRET_API_KEYS,
        product.ANNOTATIONS,
        product.ACTIONS,
        product.DASHBOARDS,
        product.DASHBOARD_TEMPLATES,
        product.DASHBOARD_COLLABORATORS,
        product.DASHBOARD_SHARING,
        product.INSIGHTS,
        product.INSIGHT_SHARING,
        product.INSIGHT_VARIABLES,
        product.NOTEBOOKS,
        product.SESSION_RECORDING_PLAYLISTS,
        product.ALERTS,
        product.ALERT_CHECKS,
        product.FILE_SYSTEM,
        errors.ERROR_TRACKING_ASSIGNMENT_RULES,
        errors.ERROR_TRACKING_GROUPING_RULES,
        errors.ERROR_TRACKING_SUPPRESSION_RULES,
        errors.ERROR_TRACKING_RELEASES,
        errors.ERROR_TRACKING_SYMBOL_SETS,
        errors.ERROR_TRACKING_ISSUES,
        experiments.FEATURE_FLAGS,
        experiments.SCHEDULED_CHANGES,
        experiments.EXPERIMENTS,
        experiments.EXPERIMENT_HOLDOUTS,
        experiments.EXPERIMENT_SAVED_METRICS,
        experiments.EARLY_ACCESS_FEATURES,
        experiments.SURVEYS,
        access.OBJECT_ACCESS_CONTROLS,
        pipelines.PLUGINS,
        pipelines.PLUGIN_CONFIGS,
        pipelines.ORGANIZATION_INTEGRATIONS,
        pipelines.INTEGRATIONS,
        pipelines.PROXY_RECORDS,
        batch_exports.BATCH_EXPORTS,
        batch_exports.BATCH_EXPORT_RUNS,
        batch_exports.BATCH_EXPORT_BACKFILLS,
        batch_exports.BATCH_EXPORT_LOGS,
        pipelines.HOG_FUNCTIONS,
        pipelines.HOG_FUNCTION_METRICS,
        pipelines.HOG_FUNCTION_LOGS,
        pipelines.HOG_FLOWS,
        pipelines.EXPORTS,
        pipelines.SUBSCRIPTIONS_SUMMARY_QUOTA,
        pipelines.HEALTH_ISSUES,
        warehouse.EXTERNAL_DATA_SOURCES,
        warehouse.EXTERNAL_DATA_JOBS,
        warehouse.EXTERNAL_DATA_SCHEMAS,
        warehouse.WAREHOUSE_TABLES,
        warehouse.WAREHOUSE_SAVED_QUERIES,
        warehouse.DATA_MODELING_JOBS,
        warehouse.QUERY_ENDPOINTS,
        audit.ACTIVITY_LOG,
        audit.ADVANCED_ACTIVITY_LOGS,
        audit.CHANGE_REQUESTS,
        audit.APPROVAL_POLICIES,
        project.COHORT_CALCULATION_HISTORY,
        customer.GROUPS,
        customer.PERSONS,
        customer.COHORT_PERSONS,
        customer.SESSION_RECORDINGS,
        customer.USER_INTERVIEWS,
    )
}
DEFAULT_TABLES = tuple(table for table, endpoint in ENDPOINTS.items() if endpoint.by_default)
"""What a sync without a selection reads."""
_BY_PLACEHOLDER = {endpoint.own_placeholder: endpoint for endpoint in reversed(ENDPOINTS.values())}
"""The endpoint of which a placeholder names a row."""


@cache
def parent_of(path: str) -> Endpoint | None:
    """Return the endpoint that a path's last placeholder names; None for a root list; KeyError for a misspelt one."""
    names = placeholders(path)
    return _BY_PLACEHOLDER[names[-1]] if names else None


def deletable_parent(path: str) -> Endpoint | None:
    """Return the endpoint below whose rows a list stands; None for a list of an organization, a project or neither."""
    parent = parent_of(path)
    return parent if parent and parent.detects_deletes else None


def parents_of(tables: Iterable[str]) -> frozenset[str]:
    """Return the tables below whose rows some of these tables have lists."""
    paths = (path for table in tables for path in ENDPOINTS[table].paths)
    return frozenset(parent.table for path in paths if (parent := parent_of(path)))


def stamp_types(endpoint: Endpoint) -> dict[str, Type]:
    """Return the types of the columns that an endpoint's paths give: a parent's id has its parent's type."""
    parents: dict[str, Type] = {
        name: field.type
        for name in endpoint.placeholders
        for field in _BY_PLACEHOLDER[name].fields
        if field.name == _BY_PLACEHOLDER[name].key[-1]
    }
    constants: dict[str, Type] = dict.fromkeys(endpoint.parent_columns, "text")
    numbers: dict[str, Type] = {
        name: "bigint" for name, value in endpoint.key_defaults.items() if isinstance(value, int)
    }
    return constants | parents | numbers


def column_meanings(endpoint: Endpoint) -> dict[str, str]:
    """Return one sentence for each declared column, those that the path gives included."""
    given = {
        name: f"The row of `{_BY_PLACEHOLDER[name].table}` to which it belongs."
        if name in _BY_PLACEHOLDER
        else MEANINGS.get(name, f"The `{name}` by which PostHog lists the row.")
        for name in (*endpoint.parent_columns, *(name for name in endpoint.key if name == "content_id"))
    }
    return given | {one.column: one.meaning for one in endpoint.fields if one.meaning}


def tables_of(group: str) -> tuple[str, ...]:
    """Return the tables of a group of the catalogue; none if there is no such group."""
    return tuple(table for table, endpoint in ENDPOINTS.items() if endpoint.group == group)


def with_parents(tables: tuple[str, ...]) -> tuple[str, ...]:
    """Return the tables and every table that their paths need, in reading order; organizations always.

    The owner's levels in the organizations are part of what decides which rows the key sees.
    """
    wanted = {ORGANIZATIONS.table, *tables}
    for endpoint in reversed(ENDPOINTS.values()):
        if endpoint.table in wanted:
            wanted |= parents_of((endpoint.table,))
    return tuple(table for table in ENDPOINTS if table in wanted)


__all__ = [
    "DEFAULT_TABLES",
    "ENDPOINTS",
    "PEOPLE",
    "column_meanings",
    "deletable_parent",
    "parent_of",
    "parents_of",
    "stamp_types",
    "tables_of",
    "with_parents",
]
