"""Lists of PostHog's documentation and interface that are no table here, each with the reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sources.posthog.catalogue.endpoint import Group


@dataclass(frozen=True, slots=True)
class NotSynced:
    """A list that is no table: `gone` from PostHog, `unreadable` with a personal API key or as rows, or `omitted`.

    An omitted list could be read; its reason says where its rows are, or why hogsync leaves them out.
    """

    name: str
    group: Group
    status: Literal["gone", "unreadable", "omitted"]
    path: str
    reason: str


SESSION_ONLY = "Only somebody who is logged in may read it; PostHog refuses every personal API key."
COMPUTATION = "An answer to a question with parameters, not a list."
UNKNOWN = (
    "Too new: nobody has seen yet what its rows hold. `hogsync check --report` of a real PostHog would help."
)

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
    NotSynced(
        "object_activity",
        "audit",
        "omitted",
        "projects/{project_id}/cohorts/activity/",
        "PostHog has such a list for cohorts, insights, flags and more; `activity_log` has the same entries.",
    ),
    NotSynced(
        "organization_batch_exports",
        "pipelines",
        "omitted",
        "organizations/{organization_id}/batch_exports/",
        "The same rows are in `batch_exports`, with their projects.",
    ),
    NotSynced(
        "web_experiments",
        "experiments",
        "omitted",
        "projects/{project_id}/web_experiments/",
        "The same rows are in `experiments`.",
    ),
    NotSynced(
        "pipeline_configs",
        "pipelines",
        "omitted",
        "projects/{project_id}/pipeline_{transformation|destination|frontend_apps|import_apps}_configs/",
        "Four parts of `plugin_configs`.",
    ),
    NotSynced(
        "pipeline_plugins",
        "pipelines",
        "omitted",
        "organizations/{organization_id}/pipeline_{transformations|destinations|import_apps|frontend_apps}/",
        "Four parts of `plugins`.",
    ),
    NotSynced(
        "feature_flag_status",
        "experiments",
        "omitted",
        "projects/{project_id}/feature_flags/{feature_flag_id}/status/",
        "A request for each flag; it follows from `active` and `last_called_at` in `feature_flags`.",
    ),
    NotSynced(
        "global_access_controls",
        "access",
        "omitted",
        "projects/{project_id}/global_access_controls",
        "The older name of `resource_access_controls`.",
    ),
    NotSynced(
        "access_control_members",
        "access",
        "omitted",
        "projects/{project_id}/access_control_members",
        "Made for PostHog's settings page from the rules in the three tables of access controls.",
    ),
    NotSynced(
        "users_with_access",
        "access",
        "omitted",
        "projects/{project_id}/{object}/{id}/users_with_access",
        "PostHog computes it for each member and object from the rules in the three tables of access controls.",
    ),
    NotSynced(
        "property_access_controls",
        "access",
        "omitted",
        "projects/{project_id}/property_access_controls",
        "A request for each of thousands of property definitions.",
    ),
    NotSynced(
        "role_external_references",
        "access",
        "omitted",
        "organizations/{organization_id}/role_external_references/",
        UNKNOWN,
    ),
    NotSynced(
        "organization_legal_documents",
        "core",
        "omitted",
        "organizations/{organization_id}/legal_documents/",
        UNKNOWN,
    ),
    NotSynced(
        "cross_project_dashboards",
        "product",
        "omitted",
        "organizations/{organization_id}/cross_project_dashboards/",
        UNKNOWN,
    ),
    NotSynced(
        "action_references",
        "product",
        "omitted",
        "projects/{project_id}/actions/{action_id}/references",
        "PostHog searches where an action is used, and stops at a limit.",
    ),
    NotSynced(
        "cohort_used_in",
        "core",
        "omitted",
        "projects/{project_id}/cohorts/{cohort_id}/used_in",
        "PostHog searches where a cohort is used, and stops at a limit.",
    ),
    NotSynced(
        "insight_thresholds",
        "product",
        "omitted",
        "projects/{project_id}/insights/{insight_id}/thresholds/",
        "A request for each insight; the thresholds that are in use stand in `alerts`.",
    ),
    NotSynced(
        "insights_trending",
        "product",
        "unreadable",
        "projects/{project_id}/insights/trending",
        COMPUTATION,
    ),
    NotSynced(
        "group_usage_metrics",
        "customer",
        "omitted",
        "projects/{project_id}/groups_types/{group_type_index}/metrics/",
        UNKNOWN,
    ),
    NotSynced(
        "group_property_values",
        "customer",
        "unreadable",
        "projects/{project_id}/groups/property_values/",
        COMPUTATION,
    ),
    NotSynced(
        "hog_function_templates",
        "pipelines",
        "omitted",
        "projects/{project_id}/hog_function_templates/",
        "PostHog's own, the same in each project.",
    ),
    NotSynced(
        "hog_function_revisions",
        "pipelines",
        "omitted",
        "projects/{project_id}/hog_functions/{hog_function_id}/revisions",
        "A request for each destination; who changed what is in `organization_activity_logs`.",
    ),
    NotSynced(
        "hog_function_masked_secrets",
        "pipelines",
        "omitted",
        "projects/{project_id}/hog_functions/masked_secrets",
        UNKNOWN,
    ),
    NotSynced(
        "hog_flow_runs",
        "pipelines",
        "omitted",
        "projects/{project_id}/hog_flows/{hog_flow_id}/{logs|metrics|schedules|batch_jobs|invocation_results}/",
        UNKNOWN,
    ),
    NotSynced(
        "plugin_logs",
        "pipelines",
        "omitted",
        "projects/{project_id}/plugin_configs/{plugin_config_id}/logs/",
        "Lines of plugins that PostHog no longer runs.",
    ),
    NotSynced(
        "ingestion_warnings_v2",
        "pipelines",
        "unreadable",
        "projects/{project_id}/ingestion_warnings_v2/",
        f"{COMPUTATION} `health_issues` says what is wrong.",
    ),
    NotSynced(
        "external_data_destinations",
        "warehouse",
        "omitted",
        "projects/{project_id}/external_data_destinations/",
        UNKNOWN,
    ),
    NotSynced(
        "data_modeling_nodes",
        "warehouse",
        "omitted",
        "projects/{project_id}/data_modeling_{nodes|edges|dags}/",
        UNKNOWN,
    ),
    NotSynced(
        "error_tracking_stack_frames",
        "product",
        "omitted",
        "projects/{project_id}/error_tracking/{stack_frames|fingerprints|spike_events|alerts|recommendations|external_references}/",
        "Events and their parts; the rules, releases and issues are tables.",
    ),
    NotSynced(
        "llm_prompts",
        "product",
        "omitted",
        "projects/{project_id}/{llm_prompts|llm_skills|datasets|dataset_items|evaluations}/",
        UNKNOWN,
    ),
    NotSynced(
        "product_tours",
        "product",
        "omitted",
        "projects/{project_id}/{product_tours|links|tasks|accounts|tickets|canvases|streamlit_apps}/",
        UNKNOWN,
    ),
    NotSynced(
        "data_color_themes",
        "product",
        "omitted",
        "projects/{project_id}/{data_color_themes|quick_filters|column_configurations|event_filter|uploaded_media}/",
        "How PostHog's pages look, not what a company decides.",
    ),
)
