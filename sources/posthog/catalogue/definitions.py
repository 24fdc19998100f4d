"""Endpoints of a project's events, their properties and its groups."""

from __future__ import annotations

from sources.posthog.catalogue.endpoint import Endpoint
from sources.posthog.catalogue.fields import (
    boolean,
    ignored,
    integer,
    items,
    json,
    person,
    secret,
    text,
    timestamp,
)

EVENT_DEFINITIONS = Endpoint(
    table="event_definitions",
    paths=("projects/{project_id}/event_definitions/?ordering=name",),
    key=("project_id", "name"),
    scope="event_definition:read",
    doc="Events by name; one that was deleted and is seen again returns under a new id.",
    fields=(
        *text("id", "name", "description", "enforcement_mode", "primary_property"),
        *timestamp("created_at", "updated_at", "verified_at"),
        *timestamp("last_seen_at", volatile=True),
        *boolean("verified", "hidden"),
        *json("default_columns"),
        *items("tags", ordered=False),
        *person("owner", "updated_by", "verified_by"),
        *secret("media_preview_urls"),
        *ignored("is_action", "post_to_slack", "action_id", "is_calculating", "last_calculated_at"),
        *ignored("last_updated_at", "created_by"),
    ),
)

PROPERTY_DEFINITIONS = Endpoint(
    table="property_definitions",
    paths=(
        "projects/{project_id}/property_definitions/?type=event",
        "projects/{project_id}/property_definitions/?type=person",
        "projects/{project_id}/property_definitions/?type=session",
        "projects/{project_id}/property_definitions/?type=group&group_type_index={group_type_index}",
    ),
    key=("project_id", "type", "group_type_index", "name"),
    key_defaults={"group_type_index": -1},
    scope="property_definition:read",
    doc="Properties by type and name, PostHog's virtual ones included; `group_type_index` is -1 unless type is group.",
    fields=(
        *text("id", "name", "description", "property_type"),
        *timestamp("updated_at", "verified_at"),
        *boolean("is_numerical", "verified", "hidden", "virtual", "is_optimized"),
        *items("tags", ordered=False),
        *person("updated_by", "verified_by"),
        *ignored("is_seen_on_filtered_events"),
    ),
)

GROUP_TYPES = Endpoint(
    table="group_types",
    paths=("projects/{project_id}/groups_types/",),
    key=("project_id", "group_type_index"),
    pagination="array",
    scope="group:read",
    doc="The project's kinds of groups, at most five.",
    requires="group analytics; 404 on FOSS builds",
    fields=(
        *integer("group_type_index", "detail_dashboard"),
        *text("group_type", "name_singular", "name_plural"),
        *json("default_columns"),
        *timestamp("created_at"),
    ),
)
