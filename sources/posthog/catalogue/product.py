"""Endpoints of what people make to look at data: annotations, actions, dashboards, insights, notebooks, alerts."""

from __future__ import annotations

from datetime import timedelta

from sources.posthog.catalogue.endpoint import Endpoint
from sources.posthog.catalogue.fields import (
    NAMED_BY_VALUES,
    boolean,
    ignored,
    integer,
    items,
    json,
    person,
    reference,
    secret,
    text,
    timestamp,
)
from sources.posthog.catalogue.project import EXPRESSIONS

LITERALS = (
    "value",
    "values",
    "query",
    "search",
    "searchQuery",
    "searchTerm",
    "personId",
    "person_uuid",
    "distinctId",
    "distinct_ids",
    "session_ids",
    "startPoint",
    "start_point",
    "endPoint",
    "end_point",
    "conditionalFormatting",
    *NAMED_BY_VALUES,
    *EXPRESSIONS,
)
"""Keys in queries and filters under which data about customers may stand."""

ANNOTATIONS = Endpoint(
    table="annotations",
    group="product",
    paths=("projects/{project_id}/annotations/",),
    key=("id",),
    scope="annotation:read",
    doc=(
        "Notes on a day of charts; those of a whole organization have no project, for each of its projects lists them. "
        "A note vanishes with its insight or dashboard, and returns with it."
    ),
    shared=("scope", ("organization",)),
    announced_by=("Annotation", "Insight", "Dashboard", "Tag", "TaggedItem"),
    unannounced=("tags",),
    fields=(
        *integer(
            "id",
            dashboard_item="The insight on which it stands; null for more than one.",
            dashboard_id="The dashboard on which it stands; null for more than one.",
        ),
        *text(
            "scope",
            creation_type="Whether a person or a program made it.",
            insight_short_id="The insight's id in PostHog's addresses.",
            insight_name="The insight's name.",
            insight_derived_name="The insight's name as PostHog made it up.",
            dashboard_name="The dashboard's name.",
            emoji="The emoji that stands for it in charts.",
        ),
        *text(content="What was written.", privacy="text"),
        *timestamp("created_at", "updated_at", date_marker="The time in the chart that it is about."),
        *boolean("deleted", hidden_in_user_interface="Whether PostHog's charts leave it out."),
        *items("tags", ordered=False),
        *person("created_by"),
    ),
)

ACTIONS = Endpoint(
    table="actions",
    group="product",
    paths=("projects/{project_id}/actions/",),
    scope="action:read",
    doc="Events that people put together under one name.",
    pagination="unpaged",
    announced_by=("Action", "Tag", "TaggedItem"),
    unannounced=("steps", "tags"),
    fields=(
        *integer("id"),
        *text("name", "description", creation_context="Where in PostHog it was made."),
        *json(
            steps="The events that count as it, with their conditions.",
            customer_keys=LITERALS,
            ignored_keys=("selector_regex",),  # the server compiles it from `selector`
        ),
        *timestamp("created_at", pinned_at="When somebody put it at the top."),
        *timestamp(last_calculated_at="When its events were last found.", volatile=True),
        *boolean("deleted", post_to_slack="Whether each of its events is posted to Slack."),
        *items("tags", ordered=False),
        *person("created_by"),
        *secret("slack_message_format"),
        *ignored("is_calculating", "is_action", "bytecode_error", "team_id", "user_access_level"),
        *ignored("reference_count", "_create_in_folder"),
    ),
)

DASHBOARDS = Endpoint(
    table="dashboards",
    group="product",
    paths=("projects/{project_id}/dashboards/",),
    scope="dashboard:read",
    doc="Dashboards but for unlisted ones, without their filters on newer servers; a deleted one vanishes.",
    announced_by=("Dashboard", "SharingConfiguration", "Tag", "TaggedItem"),
    unannounced=("folder",),
    fields=(
        *integer(
            "id",
            data_color_theme_id="The colours in which it is drawn.",
            restriction_level="Who may change it, by the older kind of access control: 21 all, 37 collaborators.",
        ),
        *text("name", "description", creation_mode="Whether it was made from nothing, a template or a copy."),
        *text(folder="The folder in which it lies; empty is the root."),
        *json(
            persisted_filters="The filters that were saved with it.",
            filters="The filters that hold for all of its insights.",
            customer_keys=LITERALS,
        ),
        *json(
            persisted_variables="The variables that were saved with it.",
            variables="The values of variables in its insights.",
            privacy="customer",
        ),
        *json(breakdown_colors="The colours of single values.", privacy="customer"),
        *timestamp("created_at"),
        *timestamp("last_accessed_at", "last_viewed_at", "last_refresh", volatile=True),
        *boolean("deleted", "pinned", is_shared="Whether anybody with the link can look at it."),
        *items("tags", ordered=False),
        *items(quick_filter_ids="The filters that stand above it.", ordered=False),
        *person("created_by"),
        *ignored("access_control_version", "effective_restriction_level", "effective_privilege_level"),
        *ignored("user_access_level", "team_id", "search_match_type", "_create_in_folder"),
    ),
)

DASHBOARD_TEMPLATES = Endpoint(
    table="dashboard_templates",
    group="product",
    paths=("projects/{project_id}/dashboard_templates/",),
    key=("id",),
    scope="dashboard_template:read",
    doc="Patterns for dashboards; those for all projects have no project, for each project lists them.",
    shared=("scope", ("global", "feature_flag")),
    announced_by=("DashboardTemplate",),
    fields=(
        *text(
            "id",
            "scope",
            template_name="The name that people see.",
            dashboard_description="What its dashboards are for.",
            image_url="The address of its picture.",
        ),
        *json(
            dashboard_filters="The filters of its dashboards.",
            tiles="The insights of its dashboards.",
            variables="What somebody is asked who uses it.",
            customer_keys=LITERALS,
        ),
        *timestamp("created_at"),
        *boolean("deleted", is_featured="Whether PostHog recommends it."),
        *items("tags", ordered=False),
        *items(availability_contexts="Where PostHog offers it.", ordered=False),
        *person("created_by"),
        *ignored("team_id"),
    ),
)

DASHBOARD_COLLABORATORS = Endpoint(
    table="dashboard_collaborators",
    group="product",
    paths=("projects/{project_id}/dashboards/{dashboard_id}/collaborators/",),
    scope="dashboard:read",
    doc="Who may change a dashboard, by the older kind of access control.",
    requires="a plan with dashboard permissions",
    by_default=False,
    below_only=("restriction_level", (37,)),
    pagination="array",
    fields=(
        *text("id"),
        *integer(("level", "What the person may do: 21 look at it, 37 change it.")),
        *person(user="The person who may."),
        *timestamp("updated_at", added_at="When the person was added."),
        *ignored("dashboard_id", "user_uuid"),
    ),
)

SHARING = (
    *boolean(
        "enabled",
        password_required="Whether a password is asked for.",  # noqa: S106  a sentence, no password
    ),
    *json(settings="How the shared page looks, such as without PostHog's logo.", privacy="text"),
    *timestamp("created_at"),
    *secret("access_token", "share_passwords"),
)

DASHBOARD_SHARING = Endpoint(
    table="dashboard_sharing",
    group="product",
    paths=("projects/{project_id}/dashboards/{dashboard_id}/sharing/",),
    key=("project_id", "dashboard_id"),
    scope="sharing_configuration:read",
    doc="How a shared dashboard is shared; a request for each of them.",
    by_default=False,
    below_only=("is_shared", (True,)),
    pagination="object",
    rows_under="enabled",
    fields=SHARING,
)

INSIGHTS = Endpoint(
    table="insights",
    group="product",
    paths=("projects/{project_id}/insights/?basic=true&order=id",),
    scope="insight:read",
    doc="Saved questions about events, without their answers; a deleted one vanishes from the list.",
    announced_by=("Insight", "Dashboard", "Tag", "TaggedItem"),
    unannounced=("saved", "is_sample"),
    fields=(
        *integer("id"),
        *text("short_id", "name", "description", derived_name="The name as PostHog made it up."),
        *json("query", customer_keys=LITERALS),
        *json(filters="The question as older versions wrote it.", customer_keys=LITERALS),
        *timestamp("created_at", "updated_at", "last_modified_at"),
        *timestamp("last_viewed_at", "last_refresh", volatile=True),
        *boolean(
            "deleted",
            saved="Whether somebody kept it.",
            favorited="Whether somebody marked it as a favourite.",
            is_sample="Whether PostHog made it as an example.",
        ),
        *items(dashboards="The dashboards on which it stands.", type="bigint", ordered=False),
        *items("tags", ordered=False),
        *person("created_by", "last_modified_by"),
        *ignored(
            "order", "dashboard_tiles", "result", "columns", "hasMore", "is_cached", "query_status", "hogql"
        ),
        *ignored(
            "types", "timezone", "resolved_date_range", "cache_target_age", "next_allowed_client_refresh"
        ),
        *ignored(
            "alerts", "color", "layouts", "refreshing", "effective_restriction_level", "search_match_type"
        ),
        *ignored("effective_privilege_level", "user_access_level", "_create_in_folder"),
    ),
)

INSIGHT_SHARING = Endpoint(
    table="insight_sharing",
    group="product",
    paths=("projects/{project_id}/insights/{insight_id}/sharing/",),
    key=("project_id", "insight_id"),
    scope="sharing_configuration:read",
    doc="Whether anybody with the link can look at an insight; a request for each insight.",
    by_default=False,
    pagination="object",
    rows_under="enabled",
    fields=SHARING,
)

INSIGHT_VARIABLES = Endpoint(
    table="insight_variables",
    group="product",
    paths=("projects/{project_id}/insight_variables/",),
    scope="insight_variable:read",
    doc="Variables that queries of a project may use.",
    pagination="page",
    announced_by=("InsightVariable",),
    fields=(
        *text(
            "id",
            "name",
            ("type", "The type of its value, such as String or Date."),
            code_name="The name by which queries use it.",
        ),
        *json(
            default_value="Its value unless somebody chooses another.",
            values="The values to choose from.",
            privacy="customer",
        ),
        *text(values_query="The query that finds the values to choose from.", privacy="customer"),
        *text(values_query_connection_id="The source that the query asks; null for PostHog's own data."),
        *boolean(is_multi="Whether several values may be chosen."),
        *timestamp("created_at"),
        *integer(created_by="Who made it."),
    ),
)

NOTEBOOKS = Endpoint(
    table="notebooks",
    group="product",
    paths=("projects/{project_id}/notebooks/?order=created_at",),
    key=("project_id", "short_id"),
    scope="notebook:read",
    doc="Notebooks but for internal ones, without what is written in them; a deleted one vanishes from the list.",
    announced_by=("Notebook",),
    fields=(
        *text("id", "short_id", "title", visibility="Who finds it in lists."),
        *timestamp("created_at", "last_modified_at"),
        *boolean("deleted"),
        *person("created_by", "last_modified_by"),
        *ignored("user_access_level", "_create_in_folder"),
    ),
)

SESSION_RECORDING_PLAYLISTS = Endpoint(
    table="session_recording_playlists",
    group="product",
    paths=("projects/{project_id}/session_recording_playlists/?collection_type=custom&order=created_at",),
    key=("project_id", "short_id"),
    scope="session_recording_playlist:read",
    doc="Collections of recordings and saved filters for them, without those that PostHog makes up itself.",
    page_size=500,
    announced_by=("SessionRecordingPlaylist",),
    fields=(
        *integer("id"),
        *text("short_id", "name", "description", ("type", "Whether it is a collection or saved filters.")),
        *text(derived_name="The name as PostHog made it up of its filters.", privacy="customer"),
        *json("filters", customer_keys=LITERALS),
        *timestamp("created_at", "last_modified_at"),
        *boolean("deleted", "pinned"),
        *person("created_by", "last_modified_by"),
        *ignored("recordings_counts", "is_synthetic", "_create_in_folder"),
    ),
)

ALERTS = Endpoint(
    table="alerts",
    group="product",
    paths=("projects/{project_id}/alerts/",),
    scope="alert:read",
    doc="Limits on insights: PostHog tells people when a number leaves them.",
    announced_by=("AlertConfiguration", "AlertSubscription", "Threshold", "Insight"),
    fields=(
        *text(
            "id",
            "name",
            state="Whether the number is within its limits, beyond them, or could not be computed.",
            calculation_interval="How often it is looked at.",
        ),
        *json(
            condition="What is compared.",
            threshold="The limits.",
            config="Which number of the insight is meant.",
            schedule_restriction="When it is not looked at.",
        ),
        *timestamp("created_at", snoozed_until="Until when nobody is told."),
        *timestamp(
            last_checked_at="When it was last looked at.",
            next_check_at="When it is looked at next.",
            last_notified_at="When somebody was last told.",
            volatile=True,
        ),
        *boolean("enabled", skip_weekend="Whether it is not looked at at weekends."),
        *boolean(
            investigation_agent_enabled="Whether PostHog's AI investigates when the alert fires.",
            investigation_gates_notifications="Whether PostHog notifies people only after the AI has investigated.",
        ),
        *text(investigation_inconclusive_action="What PostHog does if the AI reaches no verdict."),
        *json(detector_config="How unusual numbers are found.", customer_keys=LITERALS),
        *reference(insight="The insight that is looked at.", type="bigint"),
        *person("created_by"),
        *json(subscribed_users="The people who are told."),
        *ignored("checks", "checks_total", "last_value"),
    ),
)

ALERT_CHECKS = Endpoint(
    table="alert_checks",
    group="product",
    paths=("projects/{project_id}/alerts/{alert_id}/",),
    scope="alert:read",
    doc="Each time that an alert was looked at, for as long as PostHog keeps it: two weeks.",
    by_default=False,
    pagination="embedded",
    rows_under="checks",
    page_size=500,
    detects_deletes=False,
    lookback=timedelta(days=15),
    fields=(
        *text(
            "id",
            state="What came of it.",
            interval="How long each of the periods is that were compared.",
            investigation_status="The state of the investigation by PostHog's AI.",
            investigation_notebook_short_id="The notebook that the AI wrote.",
        ),
        *text(
            investigation_verdict="What the AI decided.",
            investigation_summary="What the AI found.",
            privacy="customer",
        ),
        *json(
            calculated_value="The number.",
            anomaly_scores="How unusual each of the numbers is.",
            triggered_points="Which of the numbers are unusual.",
            triggered_dates="The periods of the unusual numbers.",
            triggered_metadata="What else is known of the unusual numbers.",
            privacy="customer",
        ),
        *boolean(
            targets_notified="Whether PostHog notified anybody.",
            notification_suppressed_by_agent="Whether PostHog notified nobody because of the AI's verdict.",
        ),
        *timestamp(
            created_at="When it was looked at.", notification_sent_at="When PostHog sent the notification."
        ),
    ),
)

FILE_SYSTEM = Endpoint(
    table="file_system",
    group="product",
    paths=("projects/{project_id}/file_system/",),
    scope="file_system:read",
    doc="Every object of a project in PostHog's tree of folders: kind, id and place.",
    by_default=False,
    fields=(
        *text(
            "id",
            ("type", "What the object is, such as dashboard or insight."),
            path="Its folders and its name.",
            ref="The id of the object.",
            href="Where it stands in PostHog.",
        ),
        *integer(depth="In how many folders it lies, its name counted."),
        *json(meta="What PostHog notes about it."),
        *boolean(shortcut="Whether it only leads to an object elsewhere."),
        *timestamp("created_at"),
        *timestamp("last_viewed_at", volatile=True),
        *person("created_by"),
        *ignored("user_access_level"),
    ),
)
