"""Endpoints of a project: subscriptions and their deliveries, cohorts, comments."""

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
    text,
    timestamp,
)

EXPRESSIONS = (
    "breakdown",
    "expr",
    "expression",
    "groupBy",
    "having",
    "math_hogql",
    "orderBy",
    "select",
    "where",
)
"""Keys in PostHog's query nodes under which HogQL may stand, and with it any literal."""

SUBSCRIPTIONS = Endpoint(
    table="subscriptions",
    paths=(
        "projects/{project_id}/subscriptions/?ordering=created_at",
        "projects/{project_id}/subscriptions/?ordering=created_at&deleted=true",
    ),
    scope="subscription:read",
    doc="Reports that are sent on a schedule; deleted ones are listed by a second pass.",
    requires="402 on servers before May 2026 without the plan, 404 on FOSS builds",
    fields=(
        *integer("id", "dashboard", "insight", "interval", "bysetpos", "count", "integration_id"),
        *text(
            "insight_short_id", "resource_name", "resource_type", "content_type", "target_type", "frequency"
        ),
        *text("title"),
        *text("summary_prompt_guide", "invite_message", "prompt", privacy="text"),
        *text("summary", volatile=True),
        *timestamp("start_date", "until_date", "created_at"),
        *timestamp("next_delivery_date", volatile=True),
        *boolean("deleted", "enabled", "summary_enabled", "skip_weekend"),
        *json("ai_config", "ai_prompt_config", "delivery_config"),
        *items("byweekday"),
        *items("dashboard_export_insights", type="bigint"),
        *recipients("target_value"),
        *person("created_by"),
    ),
)

SUBSCRIPTION_DELIVERIES = Endpoint(
    table="subscription_deliveries",
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
        *text("id", "temporal_workflow_id", "idempotency_key", "trigger_type", "target_type", "status"),
        *timestamp("scheduled_at", "created_at", "last_updated_at", "finished_at"),
        *json("content_snapshot", customer_keys=("query_results",)),
        *json("error", privacy="recipient"),
        *text("change_summary", privacy="text"),
        *json("ai_report", "ai_report_diagnostics", "ai_report_prompt", privacy="customer"),
        *items("exported_asset_ids", type="bigint"),
        *recipients("recipient_results", "target_value"),
        *ignored("subscription"),
    ),
)

COHORTS = Endpoint(
    table="cohorts",
    paths=("projects/{project_id}/cohorts/",),
    scope="cohort:read",
    doc="Groups of people; a deleted cohort vanishes from the list.",
    fields=(
        *integer("id"),
        *text("name", "description", "cohort_type"),
        *text("last_error_message", privacy="customer"),  # it quotes the filters' literals
        *integer("count", "version", "pending_version", "errors_calculating", volatile=True),
        *timestamp("created_at"),
        *timestamp("last_calculation", "last_backfill_person_properties_at", volatile=True),
        *boolean("deleted", "is_static"),
        *boolean("is_calculating", volatile=True),
        *json(
            "filters", customer_keys=("value",), ignored_keys=("bytecode", "bytecode_error", "conditionHash")
        ),
        *json("groups", customer_keys=("value",)),
        *json("query", customer_keys=("value", "values", "query", "search", *EXPRESSIONS)),
        *items("experiment_set", type="bigint", ordered=False),
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
    paths=("projects/{project_id}/comments/?deleted=true",),
    scope="comment:read",
    doc="Comments on insights, dashboards, replays …, deleted ones included; support tickets are left out.",
    pagination="cursor",
    page_size=100,
    plan="stream",
    lookback=timedelta(days=30),
    count_path="projects/{project_id}/comments/count/?deleted=true",
    fields=(
        *text("id", "item_id", "scope", "source_comment"),
        *text("content", privacy="text"),
        *json("rich_content", "item_context", privacy="text"),
        *integer("version"),
        *timestamp("created_at", "completed_at"),
        *boolean("deleted", "is_task"),
        *json("slack_thread"),
        *person("created_by", "completed_by"),
    ),
)
