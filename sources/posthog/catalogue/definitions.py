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
    group="definitions",
    paths=("projects/{project_id}/event_definitions/?ordering=name",),
    key=("project_id", "name"),
    scope="event_definition:read",
    doc="Events by name; one that was deleted and is seen again returns under a new id.",
    fields=(
        *text(
            "id",
            "name",
            "description",
            enforcement_mode="Whether events that break the event's schema are refused.",
            primary_property="The property that PostHog shows first.",
        ),
        *timestamp("created_at", "updated_at", "verified_at"),
        *timestamp(last_seen_at="When such an event last came in.", volatile=True),
        *boolean("verified", "hidden"),
        *json(default_columns="The columns in which PostHog lists such events."),
        *items("tags", ordered=False),
        *person("owner", "updated_by", "verified_by"),
        *secret("media_preview_urls"),
        *ignored("is_action", "post_to_slack", "action_id", "is_calculating", "last_calculated_at"),
        *ignored("last_updated_at", "created_by"),
    ),
)

PROPERTY_DEFINITIONS = Endpoint(
    table="property_definitions",
    group="definitions",
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
        *text("id", "name", "description", property_type="The type of its values."),
        *timestamp("updated_at", "verified_at"),
        *boolean(
            "verified",
            "hidden",
            is_numerical="Whether its values are numbers.",
            virtual="Whether PostHog computes it instead of storing it.",
            is_optimized="Whether it has a column of its own in PostHog's database.",
        ),
        *items("tags", ordered=False),
        *person("updated_by", "verified_by"),
        *ignored("is_seen_on_filtered_events"),
    ),
)

GROUP_TYPES = Endpoint(
    table="group_types",
    group="definitions",
    paths=("projects/{project_id}/groups_types/",),
    key=("project_id", "group_type_index"),
    pagination="array",
    scope="group:read",
    doc="The project's kinds of groups, at most five.",
    requires="group analytics; 404 on FOSS builds",
    fields=(
        *integer(
            group_type_index="The number of the kind of group, 0 to 4.",
            detail_dashboard="The dashboard that is shown for one group.",
        ),
        *text(
            group_type="The name by which code refers to the kind of group.",
            name_singular="What people call one of them.",
            name_plural="What people call several of them.",
        ),
        *json(default_columns="The columns in which PostHog lists such groups."),
        *timestamp("created_at"),
    ),
)

SCHEMA_PROPERTY_GROUPS = Endpoint(
    table="schema_property_groups",
    group="definitions",
    paths=("projects/{project_id}/schema_property_groups/",),
    scope="event_definition:read",
    doc="Properties that belong together, and the events that must have them.",
    announced_by=("SchemaPropertyGroup", "EventSchema"),
    fields=(
        *text("id", "name", "description"),
        *json(
            properties="The properties, each with its type and whether it must be there.",
            events="The events that must have them.",
        ),
        *timestamp("created_at", "updated_at"),
        *person("created_by"),
    ),
)
