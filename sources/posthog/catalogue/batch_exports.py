"""Endpoints of a project's batch exports: the exports, their runs, backfills and logs."""

from __future__ import annotations

from datetime import timedelta

from sources.posthog.catalogue.endpoint import Endpoint
from sources.posthog.catalogue.fields import boolean, ignored, integer, items, json, text, timestamp
from sources.posthog.catalogue.project import EXPRESSIONS

IN_PROGRESS = ("Starting", "Running")
"""The states of a run or backfill that has not ended."""
LOG_LINE = (
    *text(
        instance_id="The run or invocation that wrote the line.",
        level="How severe it is: DEBUG, INFO, WARNING, ERROR …",
    ),
    *text(message="What was written.", privacy="customer"),
    *timestamp(timestamp="When it was written."),
    *ignored("log_source_id"),
)

BATCH_EXPORTS = Endpoint(
    table="batch_exports",
    group="pipelines",
    paths=("projects/{project_id}/batch_exports/",),
    scope="batch_export:read",
    doc="Exports of a project's data to a warehouse or storage, each with its schedule and destination.",
    announced_by=("BatchExport",),
    unannounced=("last_updated_at", "last_paused_at"),
    fields=(
        *text(
            "id",
            "name",
            model="What is exported: events, persons, sessions or the result of a query.",
            interval="How often it runs: every hour, day, week or some minutes.",
            timezone="The time zone in which its days and weeks begin.",
            incremental_mode="Whether a run adds its rows to the destination or merges them.",
        ),
        *text(hogql_query="The query whose result is exported.", privacy="customer"),
        *integer(
            offset_day="The weekday on which a weekly export runs: 0 is Sunday.",
            offset_hour="The hour at which a daily or weekly export runs.",
        ),
        *boolean(paused="Whether it is stopped for now."),
        *timestamp(
            "created_at",
            "last_updated_at",
            last_paused_at="When it was last stopped.",
            start_at="Before which time it does not run.",
            end_at="After which time it does not run.",
        ),
        *json(
            destination="Where the data go: the kind of destination, its settings and its connection.",
            privacy="recipient",
        ),
        *json(hogql_modifiers="How its query is run."),
        *json("filters", customer_keys=("value",)),
        *json(
            schema="The columns that are exported, if not all of them.",
            customer_keys=("values", "hogql_query", *EXPRESSIONS),
        ),
        *items(
            primary_key="The columns that identify a row of its query.",
            version_key="The columns that tell which version of a row is newer.",
        ),
        *ignored("team_id", "latest_runs"),
    ),
)

BATCH_EXPORT_RUNS = Endpoint(
    table="batch_export_runs",
    group="pipelines",
    # without `after`, the server shows only seven days; no export is older than this time
    paths=(
        "projects/{project_id}/batch_exports/{batch_export_id}/runs/?ordering=created_at&after=2020-01-01",
    ),
    scope="batch_export:read",
    doc="Each run of a batch export: the period that it exported, with its outcome.",
    pagination="cursor",
    page_size=100,
    plan="since",
    cursor_params=("after", "before"),
    lookback=timedelta(days=7),
    in_progress=("status", IN_PROGRESS),
    full_every=timedelta(days=30),  # nothing is deleted there
    fields=(
        *text(
            "id",
            status="Its outcome: Starting, Running, Completed, Failed, FailedRetryable, Cancelled …",
            backfill="The backfill to which it belongs; null if the schedule started it.",
            cursor="The place at which it could go on.",
        ),
        *text("latest_error", privacy="customer"),  # it may quote exported values
        *integer(
            records_completed="How many rows were exported.",
            records_failed="How many rows could not be exported.",
            records_total_count="How many rows were to be exported.",
            bytes_exported="How many bytes were exported.",
        ),
        *timestamp(
            "created_at",
            "finished_at",
            "last_updated_at",
            data_interval_start="The beginning of the period that it exported.",
            data_interval_end="The end of the period that it exported.",
        ),
        *ignored("batch_export", "batch_export_on_demand"),
    ),
)

BATCH_EXPORT_BACKFILLS = Endpoint(
    table="batch_export_backfills",
    group="pipelines",
    paths=("projects/{project_id}/batch_exports/{batch_export_id}/backfills/",),
    scope="batch_export:read",
    doc="Each order to export a period of the past once more.",
    pagination="cursor",
    page_size=50,
    plan="stream",
    in_progress=("status", IN_PROGRESS),
    fields=(
        *text(
            "id",
            status="Its outcome: Starting, Running, Completed, Failed, FailedRetryable, Cancelled …",
        ),
        *integer(total_records_count="How many rows it exports; an estimate until it has ended."),
        *timestamp(
            "created_at",
            "finished_at",
            "last_updated_at",
            start_at="The beginning of the period; null for all of the past.",
            end_at="The end of the period; null for the present.",
            adjusted_start_at="The beginning of the period as far back as there are data.",
        ),
        *json(progress="How many of its runs have ended, out of how many."),
        *ignored("team", "batch_export"),
    ),
)

BATCH_EXPORT_LOGS = Endpoint(
    table="batch_export_logs",
    group="pipelines",
    paths=("projects/{project_id}/batch_exports/{batch_export_id}/logs/",),
    key=("project_id", "batch_export_id", "content_id"),
    content_key=("instance_id", "timestamp", "message"),
    scope="batch_export:read",
    doc="What the runs of a batch export wrote to their log, for as long as PostHog keeps it.",
    requires="a server that lets personal API keys read these logs",
    by_default=False,
    pagination="logs",
    plan="since",
    cursor_field="timestamp",
    cursor_params=("after", "before"),
    lookback=timedelta(hours=1),
    detects_deletes=False,
    fields=LOG_LINE,
)
