"""Endpoints of a project: its settings, subscriptions and their deliveries, cohorts, comments."""

from __future__ import annotations

from datetime import timedelta

from sources.posthog.catalogue.endpoint import Endpoint, Trend
from sources.posthog.catalogue.fields import (
    boolean,
    ignored,
    integer,
    items,
    json,
    person,
    recipients,
    secret,
    text,
    timestamp,
)

EXPRESSIONS = (
    "breakdown",
    "expr",
    "expression",
    "funnelAggregateByHogQL",
    "funnel_aggregate_by_hogql",
    "groupBy",
    "having",
    "math_hogql",
    "orderBy",
    "pathsHogQLExpression",
    "paths_hogql_expression",
    "select",
    "where",
)
"""Keys in PostHog's query nodes under which HogQL may stand, and with it any literal."""

COMPILED_CONDITIONS = ("bytecode", "bytecode_error", "conditionHash")
"""Keys in a cohort's filters that PostHog's server derives."""

PROJECT_DETAIL_SETTINGS = Endpoint(
    table="project_detail_settings",
    group="core",
    paths=("projects/{project_id}/",),
    key=("project_id",),
    scope="project:read",
    doc="All settings of a project; for each request PostHog checks, once a day at most, which products it uses.",
    by_default=False,  # no other path tells the settings, and this one starts that check: who names the table wants it
    pagination="object",
    rows_under="anonymize_ips",
    announced_by=("Team", "Project"),
    unannounced=("product_intents", "has_completed_onboarding_for", "onboarding_tasks", "ingested_event"),
    fields=(
        *text(
            "name",
            "uuid",
            product_description="What the company's product is, as a person described it.",
            timezone="The time zone in which its days begin.",
            session_recording_sample_rate="Which part of sessions is recorded, from 0.00 to 1.00.",
            session_recording_retention_period="How long recordings are kept: 30d, 90d, 1y or 5y.",
            session_recording_trigger_match_type_config="Whether one trigger or all start a recording.",
            business_model="Whether the company sells to companies (b2b), to people (b2c) or to both.",
            base_currency="The currency in which revenue is shown.",
        ),
        *text(
            feature_flag_confirmation_message="What a person must confirm to change a flag.", privacy="text"
        ),
        *timestamp("created_at", "updated_at"),
        *integer(
            primary_dashboard="The dashboard that is shown first.",
            week_start_day="The day on which weeks begin: 0 Sunday, 1 Monday.",
            session_recording_minimum_duration_milliseconds="Shorter sessions are not kept.",
            cookieless_server_hash_mode="How visitors without cookies are counted: 0 not at all.",
            default_data_theme="The colours of new charts.",
            event_retention_months="How many months events are kept.",
        ),
        *boolean(
            anonymize_ips="Whether visitors' IP addresses are dropped.",
            is_demo="Whether it holds PostHog's example data.",
            is_pending_deletion="Whether it is being deleted.",
            access_control="Whether it is private, by the older kind of access control.",
            ingested_event="Whether any event ever came in.",
            completed_snippet_onboarding="Whether a member completed the onboarding steps.",
            test_account_filters_default_checked="Whether new insights leave test accounts out.",
            autocapture_opt_out="Whether clicks and page views are not captured by themselves.",
            autocapture_exceptions_opt_in="Whether exceptions are captured by themselves.",
            autocapture_web_vitals_opt_in="Whether the speed of pages is captured.",
            capture_console_log_opt_in="Whether recordings contain the browser's console.",
            capture_performance_opt_in="Whether recordings contain network requests.",
            capture_dead_clicks="Whether clicks without an effect are captured.",
            session_recording_opt_in="Whether sessions are recorded.",
            heatmaps_opt_in="Whether heatmaps are captured.",
            surveys_opt_in="Whether surveys are shown.",
            inject_web_apps="Whether PostHog's apps run on the company's pages.",
            flags_persistence_default="Whether new flags persist over the login.",
            receive_org_level_activity_logs="Whether its destinations receive the organization's audit log.",
            conversations_enabled="Whether visitors can write to the company's support.",
            proactive_tasks_enabled="Whether PostHog makes tasks by itself.",
            human_friendly_comparison_periods="Whether months are compared by whole weeks.",
            feature_flag_confirmation_enabled="Whether a change of a flag must be confirmed.",
            default_evaluation_contexts_enabled="Whether new flags get contexts by default.",
            require_evaluation_contexts="Whether new flags must have a context.",
            web_analytics_pre_aggregated_tables_enabled="Whether web analytics is computed in advance.",
        ),
        *json(
            test_account_filters="Who counts as a test account.",
            marketing_analytics_config="How marketing is found.",
            customer_analytics_config="How the use by customers is found.",
            customer_keys=("value", "values", *EXPRESSIONS),
        ),
        *json(
            app_urls="The addresses at which the company's product runs.",
            recording_domains="The addresses at which sessions may be recorded; none means all.",
            session_recording_trigger_groups="The groups of triggers that start a recording.",
            session_recording_url_trigger_config="The addresses at which a recording begins.",
            session_recording_url_blocklist_config="The addresses at which a recording pauses.",
            autocapture_exceptions_errors_to_ignore="The exceptions that are not captured.",
            path_cleaning_filters="By which rules addresses are shortened in charts.",
            survey_config="How surveys look.",
            extra_settings="Settings that PostHog's staff made.",
            privacy="text",
        ),
        *json(
            data_attributes="The attributes of page elements that name an action.",
            person_display_name_properties="The properties by which people are named.",
            correlation_config="What correlations leave out.",
            autocapture_web_vitals_allowed_metrics="The measures of speed that are captured.",
            session_recording_linked_flag="The flag whose users are recorded.",
            session_recording_network_payload_capture_config="What of network requests is recorded.",
            session_recording_masking_config="What recordings hide.",
            session_recording_event_trigger_config="The events that start a recording.",
            session_replay_config="How recordings are made.",
            live_events_columns="The columns of the list of latest events.",
            modifiers="How queries run, as far as a person changed it.",
            logs_settings="How logs are kept.",
            managed_viewsets="Which groups of views PostHog keeps.",
            revenue_analytics_config="How revenue is found.",
            workflows_config="How workflows run.",
            has_completed_onboarding_for="The products whose onboarding steps a member completed.",
            onboarding_tasks="The onboarding steps with their states.",
        ),
        *json(product_intents="The products in which a member showed interest.", volatile=True),
        *secret("api_token", "secret_api_token", "secret_api_token_backup", "live_events_token"),
        *secret("slack_incoming_webhook"),  # only older servers have it
        *secret("conversations_settings"),  # holds the token of the company's chat
        *ignored("id", "organization", "project_id", "effective_membership_level", "user_access_level"),
        *ignored("has_group_types", "group_types"),  # group_types has them
        *ignored("available_setup_task_ids", "default_modifiers", "person_on_events_querying_enabled"),
        *ignored("events_retention_enforced"),
    ),
)

SUBSCRIPTIONS = Endpoint(
    table="subscriptions",
    group="core",
    paths=(
        "projects/{project_id}/subscriptions/?ordering=created_at",
        "projects/{project_id}/subscriptions/?ordering=created_at&deleted=true",
    ),
    scope="subscription:read",
    doc="Reports that are sent on a schedule; deleted ones are listed by a second pass.",
    requires="402 on servers before May 2026 without the plan, 404 on FOSS builds",
    announced_by=("Subscription", "Insight", "Dashboard"),
    unannounced=("integration_id",),
    fields=(
        *integer(
            "id",
            dashboard="The dashboard that is sent; null for an insight or a report.",
            insight="The insight that is sent; null for a dashboard or a report.",
            interval="How many of its periods lie between two deliveries.",
            bysetpos="Which of the days in a period counts; -1 is the last.",
            count="After how many deliveries it ends.",
            integration_id="The connection through which it is sent.",
        ),
        *text(
            "title",
            insight_short_id="The insight's id in PostHog's addresses.",
            resource_type="Whether an insight, a dashboard or a report is sent.",
            content_type="What a delivery contains.",
            target_type="Whether it goes by e-mail, to Slack or to a webhook.",
            frequency="Its period: daily, weekly, monthly or yearly.",
        ),
        *text(
            summary_prompt_guide="The instructions that a person gave for the summary.",
            invite_message="What was written to those who were added.",
            prompt="The question that the report answers.",
            resource_name="The name of the insight or dashboard that is sent, or the beginning of the question.",
            privacy="text",
        ),
        *text(summary="Its schedule in words.", volatile=True),
        *timestamp("created_at", start_date="From when on it is sent.", until_date="Until when it is sent."),
        *timestamp(next_delivery_date="When it is due next.", volatile=True),
        *boolean(
            "deleted",
            "enabled",
            summary_enabled="Whether a language model sums each delivery up.",
            skip_weekend="Whether nothing is sent at weekends.",
        ),
        *json(
            ai_config="How a report is written.",
            ai_prompt_config="How a report's question is asked.",
            delivery_config="How it is sent.",
        ),
        *items(byweekday="The weekdays on which it is sent."),
        *items(
            dashboard_export_insights="The insights of the dashboard that are sent; none means all.",
            type="bigint",
        ),
        *recipients("target_value"),
        *person("created_by"),
    ),
)

AI_REPORT = (
    "ai_report",
    "ai_report_prompt",
    "ai_report_diagnostics",
    "ai_report_charts",
    "ai_report_recommendations",
    "ai_report_recommendation_input",
)
"""Keys of a delivery's snapshot for what a language model wrote; some servers send them there and not in fields."""

SUBSCRIPTION_DELIVERIES = Endpoint(
    table="subscription_deliveries",
    group="core",
    paths=("projects/{project_id}/subscriptions/{subscription_id}/deliveries/",),
    scope="subscription:read",
    doc="Each attempt to send a subscription, with its outcome; deliveries of deleted subscriptions stay listed.",
    requires="404 on servers before April 2026",
    pagination="cursor",
    page_size=50,
    plan="stream",
    in_progress=("status", ("starting",)),
    full_every=timedelta(days=7),  # nothing is deleted there, and the sweeps find late rows
    parent_cursor="next_delivery_date",
    fields=(
        *text(
            "id",
            temporal_workflow_id="The run of PostHog's job that made it.",
            idempotency_key="What keeps it from being sent twice.",
            trigger_type="Whether the schedule, a change or a person started it.",
            target_type="Whether it went by e-mail, to Slack or to a webhook.",
            status="Its outcome: starting, completed, failed or skipped.",
        ),
        *timestamp("created_at", "last_updated_at", "finished_at", scheduled_at="When it was due."),
        *json(content_snapshot="What was sent.", customer_keys=("query_results", "message", *AI_REPORT)),
        *json("error", privacy="recipient"),
        *text(change_summary="What changed since the delivery before, in words.", privacy="text"),
        *json(
            ai_report="The report that a language model wrote.",
            ai_report_diagnostics="How the report came about.",
            ai_report_prompt="What the language model was asked.",
            privacy="customer",
        ),
        *items(exported_asset_ids="The pictures that were sent.", type="bigint"),
        *recipients("recipient_results", "target_value"),
        *ignored("subscription"),
    ),
)

COHORTS = Endpoint(
    table="cohorts",
    group="core",
    paths=("projects/{project_id}/cohorts/",),
    scope="cohort:read",
    doc="Groups of people; a deleted cohort vanishes from the list.",
    announced_by=("Cohort", "Experiment"),
    unannounced=("last_error_message",),
    fields=(
        *integer("id"),
        *text(
            "name",
            "description",
            cohort_type="How its members are found: static, by properties, by behaviour …",
        ),
        *text(  # it quotes the filters' literals
            last_error_message="Why its last calculation failed.", privacy="customer"
        ),
        *integer(
            count="How many people are in it.",
            version="The calculation that counts.",
            pending_version="The calculation that is asked for.",
            errors_calculating="How many calculations failed in a row.",
            volatile=True,
        ),
        *timestamp("created_at"),
        *timestamp(
            last_calculation="When its members were last found.",
            last_backfill_person_properties_at="When people of the past were last looked through for it.",
            volatile=True,
        ),
        *boolean("deleted", is_static="Whether its members are a fixed list."),
        *boolean(is_calculating="Whether its members are being found.", volatile=True),
        *json(
            filters="Who is in it.",
            customer_keys=("value",),
            ignored_keys=COMPILED_CONDITIONS,
        ),
        *json(groups="Who is in it, as older versions wrote it.", customer_keys=("value",)),
        *json(
            query="The query that finds its members.",
            customer_keys=("value", "values", "query", "search", *EXPRESSIONS),
        ),
        *items(experiment_set="The experiments that use it.", type="bigint", ordered=False),
        *person("created_by"),
        *ignored("search_match_type"),
    ),
    trends=(
        Trend(
            table="cohort_sizes",
            source_time="last_calculation",
            time_column="calculated_at",
            measures=("count",),
        ),
    ),
)

COMMENTS = Endpoint(
    table="comments",
    group="core",
    paths=("projects/{project_id}/comments/?deleted=true",),
    scope="comment:read",
    doc="Comments on insights, dashboards, replays …, deleted ones included; support tickets are left out.",
    pagination="cursor",
    page_size=100,
    plan="stream",
    lookback=timedelta(days=30),
    count_path="projects/{project_id}/comments/count/?deleted=true",
    announced_by=("Comment",),
    fields=(
        *text(
            "id",
            item_id="The id of the object that it is about.",
            scope="The kind of that object.",
            source_comment="The comment to which it is an answer.",
        ),
        *text(content="What was written.", privacy="text"),
        *json(
            rich_content="What was written, with its format.",
            item_context="The place in the object that it is about.",
            privacy="text",
        ),
        *integer("version"),
        *timestamp("created_at", completed_at="When the task was done."),
        *boolean("deleted", is_task="Whether it is a task."),
        *json(slack_thread="The conversation in Slack that belongs to it."),
        *person("created_by", completed_by="Who did the task."),
    ),
)

COHORT_CALCULATION_HISTORY = Endpoint(
    table="cohort_calculation_history",
    group="core",
    paths=("projects/{project_id}/cohorts/{cohort_id}/calculation_history/",),
    scope="cohort:read",
    doc="Each time that a cohort's members were found; a request for each cohort.",
    by_default=False,
    page_size=100,
    plan="stream",
    cursor_field="started_at",
    detects_deletes=False,
    fields=(
        *text("id"),
        *json("filters", customer_keys=("value",), ignored_keys=COMPILED_CONDITIONS),
        *integer(count="How many people were found."),
        *integer(duration_seconds="How long it took.", type="double"),
        *integer(
            total_query_ms="How long its queries took, in milliseconds.",
            total_memory_mb="How much memory they took, in megabytes.",
            total_read_rows="How many rows they read.",
            total_written_rows="How many rows they wrote.",
        ),
        *timestamp("started_at", "finished_at"),
        *text(error="Why it failed.", privacy="customer"),
        *json(queries="The queries that ran, with their cost.", privacy="customer"),
        *boolean(is_completed="Whether it ended.", is_successful="Whether it ended well."),
        *ignored("team", "cohort"),
        *ignored("main_query", "main_query_id"),  # one of `queries`
    ),
)
