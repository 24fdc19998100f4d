"""Lists of PostHog's documentation and interface that are no table here, each with the reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sources.posthog.catalogue.endpoint import Group


@dataclass(frozen=True, slots=True)
class NotSynced:
    """A list that cannot be a table: `gone` from PostHog, or `unreadable` with a personal API key or as rows."""

    name: str
    group: Group
    status: Literal["gone", "unreadable"]
    path: str
    reason: str


SESSION_ONLY = "Only somebody who is logged in may read it; PostHog refuses every personal API key."
COMPUTATION = "An answer to a question with parameters, not a list."

NOT_SYNCED = (
    NotSynced(
        "environments",
        "core",
        "gone",
        "projects/{project_id}/environments/",
        "PostHog refuses every request since projects and environments are one again; see `projects`.",
    ),
    NotSynced(
        "explicit_members",
        "access",
        "gone",
        "projects/{project_id}/explicit_members/",
        "Replaced by access controls; see `project_access_controls`.",
    ),
    NotSynced(
        "feature_flag_role_access",
        "access",
        "gone",
        "projects/{project_id}/feature_flags/{feature_flag_id}/role_access/",
        "Replaced by access controls; see `object_access_controls`.",
    ),
    NotSynced(
        "event_definition_metrics",
        "definitions",
        "unreadable",
        "projects/{project_id}/event_definitions/{id}/metrics/",
        "PostHog names no scope of a personal API key for it, and computes the answer for each definition anew.",
    ),
    NotSynced(
        "experiment_results",
        "experiments",
        "gone",
        "projects/{project_id}/experiments/{experiment_id}/results",
        "Replaced by results per metric, which PostHog computes when it is asked for them; secondary results, too.",
    ),
    NotSynced(
        "app_metrics",
        "pipelines",
        "gone",
        "projects/{project_id}/app_metrics/{id}/",
        "Replaced by the metrics of destinations; see `hog_function_metrics`.",
    ),
    NotSynced(
        "insight_results",
        "product",
        "gone",
        "projects/{project_id}/insights/trend|funnel|retention|path|correlation",
        "Replaced by PostHog's query API: ask it with SQL.",
    ),
    NotSynced("personal_api_keys", "access", "unreadable", "personal_api_keys/", SESSION_ONLY),
    NotSynced(
        "organization_personal_api_keys",
        "access",
        "unreadable",
        "organizations/{organization_id}/personal_api_keys/",
        SESSION_ONLY,
    ),
    NotSynced(
        "organization_member_scoped_api_keys",
        "access",
        "unreadable",
        "organizations/{organization_id}/members/{user_uuid}/scoped_api_keys/",
        SESSION_ONLY,
    ),
    NotSynced(
        "organization_domain_scim_logs",
        "access",
        "unreadable",
        "organizations/{organization_id}/domains/{organization_domain_id}/scim/logs",
        SESSION_ONLY,
    ),
    NotSynced(
        "organization_feature_flags",
        "experiments",
        "unreadable",
        "organizations/{organization_id}/feature_flags/{key}/",
        f"{SESSION_ONLY} The flags of each project are in `feature_flags`.",
    ),
    NotSynced(
        "event_schemas",
        "definitions",
        "unreadable",
        "projects/{project_id}/event_schemas/",
        f"{SESSION_ONLY} They stand inside `schema_property_groups`.",
    ),
    NotSynced("core_events", "definitions", "unreadable", "projects/{project_id}/core_events/", SESSION_ONLY),
    NotSynced(
        "tags",
        "product",
        "unreadable",
        "projects/{project_id}/tags/",
        f"{SESSION_ONLY} Each table's tags stand in its `__tags` table.",
    ),
    NotSynced(
        "project_settings_as_of",
        "core",
        "unreadable",
        "projects/{project_id}/settings_as_of/",
        SESSION_ONLY,
    ),
    NotSynced(
        "session_recording_playlist_recordings",
        "customer",
        "unreadable",
        "projects/{project_id}/session_recording_playlists/{session_recording_playlist_short_id}/recordings",
        SESSION_ONLY,
    ),
    NotSynced(
        "session_recording_sharing",
        "customer",
        "unreadable",
        "projects/{project_id}/session_recordings/{recording_id}/sharing/",
        "A request for each of millions of recordings.",
    ),
    NotSynced(
        "events",
        "customer",
        "unreadable",
        "projects/{project_id}/events/",
        "PostHog's own data, which this deprecated list shows a page of: use batch exports.",
    ),
    NotSynced(
        "property_definitions_seen_together",
        "definitions",
        "unreadable",
        "projects/{project_id}/property_definitions/seen_together",
        COMPUTATION,
    ),
    NotSynced(
        "integrations_domain_connect_check",
        "pipelines",
        "unreadable",
        "projects/{project_id}/integrations/domain-connect/check",
        f"{COMPUTATION} Each request looks a domain up in the DNS.",
    ),
    NotSynced(
        "experiments_requires_flag_implementation",
        "experiments",
        "unreadable",
        "projects/{project_id}/experiments/requires_flag_implementation",
        f"{COMPUTATION} Each request runs a query over events.",
    ),
    NotSynced(
        "survey_responses_count",
        "product",
        "unreadable",
        "projects/{project_id}/surveys/responses_count",
        f"{COMPUTATION} Each request runs a query over events.",
    ),
)
