"""Endpoints of the data warehouse: sources, imports, tables, views, and the queries that programs run."""

from __future__ import annotations

from sources.posthog.catalogue.endpoint import Endpoint
from sources.posthog.catalogue.fields import (
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

EXTERNAL_DATA_SOURCES = Endpoint(
    table="external_data_sources",
    group="warehouse",
    paths=("projects/{project_id}/external_data_sources/",),
    scope="external_data_source:read",
    doc="Databases and services whose data PostHog imports or queries; a deleted one vanishes from the list.",
    requires="older servers refuse personal API keys",
    announced_by=("ExternalDataSource", "ExternalDataSchema"),
    fields=(
        *text(
            "id",
            "description",
            source_type="The kind of database or service, such as Postgres or Stripe.",
            prefix="What the names of its tables in PostHog begin with.",
            access_method="Whether its data is imported, or queried where it is.",
            created_via="Whether it was made in PostHog's interface, by a program or by an assistant.",
            engine="The database behind a direct connection.",
            api_version="The version of the service's API that is used; null means PostHog's usual one.",
        ),
        *text(created_by="Who made it: the e-mail address.", privacy="person"),
        *text("status", volatile=True),
        *json("latest_error", privacy="customer", volatile=True),
        *timestamp("created_at"),
        *timestamp(last_run_at="When the last import that succeeded was begun.", volatile=True),
        *boolean(
            direct_query_enabled="Whether imported data can be queried at the source, too.",
            auto_sync_new_schemas="Whether tables that appear at the source are imported by themselves.",
        ),
        *boolean(
            supports_webhooks="Whether it can send changes to PostHog by itself.",
            supports_column_selection="Whether single columns can be left out.",
            volatile=True,
        ),
        *items(
            auto_sync_schema_patterns="Which new tables are imported by themselves; none means all.",
            ordered=False,
        ),
        *json(  # the only place that tells to which source a table belongs before its first import
            schemas="The id, name and switch of each of its tables; more is in `external_data_schemas`.",
            ignored_keys=("last_synced_at", "latest_error", "status", "table", "user_access_level"),
            customer_keys=("value",),
            volatile=True,
        ),
        *json(revenue_analytics_config="Whether and how its data counts as revenue."),
        *json(
            api_version_deprecation="What the service says of the end of that version; null if it stays.",
            volatile=True,
        ),
        *secret("job_inputs", "client_secret"),
        *ignored("account_id", "user_access_level"),
    ),
)

EXTERNAL_DATA_JOBS = Endpoint(
    table="external_data_jobs",
    group="warehouse",
    paths=("projects/{project_id}/external_data_sources/{external_data_source_id}/jobs/",),
    scope="external_data_source:read",
    doc="Imports of each source.",
    requires="older servers refuse personal API keys",
    pagination="newest",
    plan="since",
    cursor_params=("after", "before"),
    in_progress=("status", ("Running",)),
    detects_deletes=False,
    fields=(
        *text(
            "id",
            status="Its state: Running, Completed, Failed, or stopped by a limit of the plan.",
            workflow_run_id="The run of PostHog's job behind it.",
            cdc_write_mode="Whether changes were merged or appended; null unless the source streams changes.",
        ),
        *timestamp("created_at", "finished_at"),
        *integer(rows_synced="How many rows were read from the source."),
        *boolean(billable="Whether its rows are paid for; null means yes."),
        *json("latest_error", privacy="customer"),
        *items(destination_ids="Where the rows were written; none means PostHog alone.", ordered=False),
        *reference(schema="The table that was imported, a row of `external_data_schemas`.", type="text"),
        *person("created_by"),
    ),
)

EXTERNAL_DATA_SCHEMAS = Endpoint(
    table="external_data_schemas",
    group="warehouse",
    paths=("projects/{project_id}/external_data_schemas/",),
    scope="external_data_source:read",
    doc="Tables that the sources offer: whether, how and how often each is imported.",
    requires="older servers refuse personal API keys",
    announced_by=("ExternalDataSchema", "ExternalDataSource"),
    unannounced=(
        "sync_type",
        "incremental",
        "incremental_field",
        "incremental_field_type",
        "incremental_field_lookback_seconds",
        "cdc_table_mode",
        "primary_key_columns",
        "table_id",
    ),
    fields=(
        *text(
            "id",
            "description",
            name="The table's name at the source.",
            label="The name that people see; null if it is the same.",
            sync_type="Whether an import takes all rows, new ones or a stream of changes.",
            incremental_field="The column by which new rows are found.",
            incremental_field_type="The type of that column.",
            sync_frequency="How often it is imported, such as 6hour.",
            sync_time_of_day="The time of day (UTC) from which the imports are counted.",
            full_refresh_time_of_day="The time of day (UTC) at which all rows are imported anew.",
            cdc_table_mode="Whether a stream of changes becomes a table of rows, of changes, or both.",
            api_version="The version of the service's API that is used; null means the source's own.",
        ),
        *text(
            "status",
            incremental_sync_blocked="Why new rows could not be merged; null if they could.",
            volatile=True,
        ),
        *integer(
            incremental_field_lookback_seconds="How far back an import reads rows again.",
            full_refresh_interval_days="After how many days all rows are imported anew.",
        ),
        *json("latest_error", privacy="customer", volatile=True),
        *timestamp(
            last_synced_at="When it was last imported.",
            next_full_refresh_at="When all rows will be imported anew.",
            volatile=True,
        ),
        *boolean(should_sync="Whether it is imported.", incremental="Whether an import takes new rows only."),
        *items(primary_key_columns="The columns that identify a row."),
        *json(
            enabled_columns="The columns that are imported; null means all.",
            available_columns="The columns that the source offers, with their types.",
        ),
        *json(row_filters="Which rows are imported; null means all.", customer_keys=("value",)),
        *json(
            api_version_deprecation="What the service says of the end of that version; null if it stays.",
            volatile=True,
        ),
        *reference(table="The imported table, a row of `warehouse_tables`.", type="text"),
        *ignored("source", "source_column_metadata_available", "row_filter_columns", "user_access_level"),
    ),
)

WAREHOUSE_TABLES = Endpoint(
    table="warehouse_tables",
    group="warehouse",
    paths=("projects/{project_id}/warehouse_tables/",),
    scope="warehouse_table:read",
    doc="Tables of the warehouse but for those of sources that are asked directly; a deleted one vanishes.",
    announced_by=("DataWarehouseTable", "ExternalDataSchema", "ExternalDataSource"),
    fields=(
        *text(
            "id",
            "name",
            hogql_name="The name by which queries use it.",
            format="The format of its files.",
            created_via="Whether a person, a program, a source or a view made it.",
        ),
        *json(url_pattern="Where its files are.", privacy="recipient"),  # an address may hold a password
        *timestamp("created_at"),
        *boolean("deleted", csv_allow_double_quotes="Whether its CSV files double a quote inside quotes."),
        *json(columns="Its columns, with their types.", options="How its files are read."),
        *reference(
            external_data_source="The source from which it is imported.",
            external_schema="The source's table of which it is a copy, a row of `external_data_schemas`.",
            type="text",
        ),
        *person("created_by"),
        *secret("credential"),
        *ignored("user_access_level"),
    ),
)

WAREHOUSE_SAVED_QUERIES = Endpoint(
    table="warehouse_saved_queries",
    group="warehouse",
    paths=("projects/{project_id}/warehouse_saved_queries/",),
    scope="warehouse_view:read",
    doc="Views, their results stored or not, on newer servers without the query; a deleted one vanishes from the list.",
    pagination="page",
    announced_by=("DataWarehouseSavedQuery",),
    unannounced=("name", "columns", "sync_frequency"),
    fields=(
        *text(
            "id",
            "name",
            "description",
            sync_frequency="How often its result is stored anew, such as 24hour; null if never.",
            managed_viewset_kind="The kind of views that PostHog keeps by itself; null if people made it.",
            folder_id="The folder in which it lies.",
            folder_name="That folder's name.",
            materialization_mode="Whether its result is stored whole, by new rows, or as snapshots.",
            origin="Which part of PostHog made it.",
            latest_history_id="The revision of its query.",
        ),
        *text("status", volatile=True),
        *text("latest_error", privacy="customer", volatile=True),  # it quotes values
        *timestamp("created_at", "expires_at"),
        *timestamp("last_run_at", volatile=True),
        *boolean(
            "deleted",
            is_materialized="Whether its result is stored.",
            is_incremental="Whether only new rows are computed.",
            is_test="Whether it was made to try something.",
        ),
        *json(columns="Its columns, with their types."),
        *json("query", customer_keys=("value", "values", "query", "search", *EXPRESSIONS)),
        *json(
            suspended="Since when and why its result is not computed any more.",
            customer_keys=("reason",),
            volatile=True,
        ),
        *person("created_by"),
        *ignored("edited_history_id", "soft_update", "user_access_level"),
    ),
)

DATA_MODELING_JOBS = Endpoint(
    table="data_modeling_jobs",
    group="warehouse",
    paths=("projects/{project_id}/data_modeling_jobs/",),
    scope="warehouse_view:read",
    doc="Each time that a view's result was computed and stored; a request for each hundred of them.",
    requires="older servers refuse personal API keys",
    by_default=False,
    page_size=100,
    fields=(
        *text(
            "id",
            saved_query_id="The view, a row of `warehouse_saved_queries`.",
            workflow_id="PostHog's job behind it.",
            workflow_run_id="The run of that job.",
        ),
        *text(
            status="Its state: Queued, Running, Completed, Failed, Cancelled or Skipped.",
            run_mode="Whether all rows or only new ones were computed.",
            volatile=True,
        ),
        *text("error", privacy="customer", volatile=True),  # it quotes values
        *integer(
            rows_materialized="How many rows were stored.",
            rows_expected="How many rows were to be stored.",
            volatile=True,
        ),
        *timestamp("created_at"),
        *timestamp("updated_at", "last_run_at", volatile=True),
    ),
)

QUERY_ENDPOINTS = Endpoint(
    table="endpoints",
    group="warehouse",
    # All on one page: older servers know no pages here, and newer ones sort them by nothing.
    paths=("projects/{project_id}/endpoints/?limit=10000",),
    scope="endpoint:read",
    doc="Queries that programs run by name through PostHog's API, with their current version.",
    pagination="unpaged",
    announced_by=("Endpoint",),
    fields=(
        *text(
            "id",
            "description",
            name="The name by which programs run it.",
            endpoint_path="Where it is run, below PostHog's address.",
            current_version_id="PostHog's id of that version.",
            derived_from_insight="The `short_id` of the insight from which it was made.",
        ),
        *integer(
            current_version="The number of the version that is run unless another is asked for.",
            versions_count="How many versions it has.",
            data_freshness_seconds="How old its result may be.",
            cache_age_seconds="How old its result may be, on older servers.",
        ),
        *timestamp("created_at", "updated_at"),
        *timestamp(last_executed_at="When a program last ran it.", volatile=True),
        *boolean(is_active="Whether it can be run.", is_materialized="Whether its result is stored."),
        *json("query", customer_keys=("value", "values", "query", "search", *EXPRESSIONS)),
        *json(
            columns="The columns of its result, with their types.",
            bucket_overrides="The spans of time into which stored results are cut, by column.",
        ),
        *json(
            materialization="Whether its result can be stored, and how the last attempt ended.",
            customer_keys=("error",),
            volatile=True,
        ),
        *items("tags", ordered=False),
        *items(optional_breakdown_properties="The breakdowns that a program may leave out.", ordered=False),
        *person("created_by"),
        *ignored("url", "ui_url", "user_access_level"),
    ),
)
