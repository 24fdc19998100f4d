"""Endpoints of data pipelines: destinations, workflows, connections, exports, health issues."""

from __future__ import annotations

from datetime import timedelta

from sources.posthog.catalogue.batch_exports import LOG_LINE
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

COMPILED = ("bytecode", "bytecode_error", "transpiled")
"""Keys under which the server keeps what it compiled from a condition."""

PLUGINS = Endpoint(
    table="plugins",
    group="pipelines",
    paths=("organizations/{organization_id}/plugins/",),
    scope="plugin:read",
    doc="Apps of the older kind that an organization may use; global ones are listed in each.",
    requires="an organization that may configure plugins",
    by_default=False,
    fields=(
        *integer("id"),
        *text(
            "name",
            "description",
            plugin_type="Where its code comes from: repository, custom, source, local or inline.",
            url="The address of its code.",
            icon="The address of its picture.",
            tag="The version that is installed.",
            organization_name="The organization that installed it.",
        ),
        *text(latest_tag="The newest version that PostHog knows.", volatile=True),
        *boolean(is_global="Whether all organizations may use it."),
        *boolean(hog_function_migration_available="Whether PostHog can replace it.", volatile=True),
        *json(
            config_schema="The settings that it asks for.",
            capabilities="What it does: its methods, jobs and scheduled tasks.",
            metrics="The numbers that it reports.",
            public_jobs="The jobs that people can start.",
        ),
        *ignored("organization_id"),  # who installed it; in the key stands who may use it
    ),
)

PLUGIN_CONFIGS = Endpoint(
    table="plugin_configs",
    group="pipelines",
    paths=("projects/{project_id}/plugin_configs/",),
    scope="plugin:read",
    doc="The use of an app of the older kind in a project.",
    requires="an organization that may configure plugins; otherwise the list is empty",
    by_default=False,
    fields=(
        *integer("id", "order", plugin="The app."),
        *text("name", "description"),
        *boolean("enabled", "deleted"),
        *timestamp("created_at", "updated_at"),
        *secret("config", "web_token"),
        *ignored("team_id", "plugin_info", "error"),
    ),
)

ORGANIZATION_INTEGRATIONS = Endpoint(
    table="organization_integrations",
    group="pipelines",
    paths=("organizations/{organization_id}/integrations/",),
    scope="organization_integration:read",
    doc="Connections of a whole organization with another company, such as the marketplace that bills it.",
    fields=(
        *text(
            "id",
            kind="The company that is connected.",
            integration_id="The id that the other company gave to the connection.",
        ),
        *timestamp("created_at", "updated_at"),
        *person("created_by"),
        *secret("config"),  # older rows have the other company's access token in it
    ),
)

INTEGRATIONS = Endpoint(
    table="integrations",
    group="pipelines",
    paths=("projects/{project_id}/integrations/",),
    scope="integration:read",
    doc="Connections of a project with other programs such as Slack or a warehouse, with their health.",
    requires="older servers list connections with GitHub only",
    announced_by=("Integration",),
    fields=(
        *integer("id"),
        *text(kind="The program that is connected, such as slack or github."),
        *text(display_name="The account that is connected.", privacy="person"),  # often an address
        *json(
            errors="What is wrong with the connection; empty if nothing is.",
            privacy="recipient",
            volatile=True,
        ),
        *text(
            installation_status="Whether GitHub still has PostHog's app; null for other kinds.",
            volatile=True,
        ),
        *boolean(installation_shared="Whether other projects use the same app on GitHub.", volatile=True),
        *json(
            config="The account that is connected, with the rights that PostHog has in it.",
            privacy="recipient",
            ignored_keys=("expires_in", "refreshed_at"),
        ),
        *timestamp("created_at"),
        *person("created_by"),
        *ignored("files_write_requestable", "user_access_level"),
    ),
)

PROXY_RECORDS = Endpoint(
    table="proxy_records",
    group="pipelines",
    paths=("organizations/{organization_id}/proxy_records/",),
    scope="organization:read",
    doc="Domains of an organization from which PostHog serves its library and takes events.",
    pagination="unpaged",
    fields=(
        *text("id", domain="The domain.", target_cname="The name to which the domain must point."),
        *text(
            status="Its state: waiting, issuing, valid, warning, erroring, deleting or timed_out.",
            message="What PostHog says about its state.",
            volatile=True,
        ),
        *timestamp("created_at"),
        *timestamp("updated_at", volatile=True),
        *person("created_by"),
    ),
)

HOG_FUNCTIONS = Endpoint(
    table="hog_functions",
    group="pipelines",
    # without `type`, some servers list destinations only
    paths=(
        (
            "projects/{project_id}/hog_functions/?type=destination,site_destination,internal_destination,"
            "source_webhook,warehouse_source_webhook,site_app,transformation,transformation_log"
        ),
    ),
    scope="hog_function:read",
    doc="Destinations, sources, transformations and apps for web pages, each with its code and conditions.",
    announced_by=("HogFunction",),
    unannounced=("icon_url",),
    fields=(
        *text(
            "id",
            "name",
            "description",
            "icon_url",
            ("type", "Its kind: destination, transformation, source_webhook, site_app …"),
        ),
        *text(hog="Its code.", privacy="customer"),  # its literals may be about anybody
        *integer(execution_order="Its place among the transformations, the lowest first."),
        *boolean("enabled"),
        *timestamp("created_at", "updated_at", draft_updated_at="When changes not yet in use were saved."),
        *json("filters", customer_keys=("value",), ignored_keys=COMPILED),
        *json(
            status="Its health: state 1 is healthy, 2 degraded, 3 stopped for some time, 4 stopped.",
            ignored_keys=("tokens", "rating"),
            volatile=True,
        ),
        *reference(template="The template from which it was made.", type="text"),
        *person("created_by"),
        *ignored("search_match_type", "user_access_level"),
    ),
)

HOG_FUNCTION_METRICS = Endpoint(
    table="hog_function_metrics",
    group="pipelines",
    paths=("projects/{project_id}/hog_functions/{hog_function_id}/metrics/totals/?after=-7d",),
    key=("project_id", "hog_function_id"),
    scope="hog_function:read",
    doc="How often a destination or transformation succeeded and failed in seven days; a request for each.",
    by_default=False,
    pagination="object",
    rows_under="totals",
    fields=json(totals="How often each outcome came about: success, failure, other …", volatile=True),
)

HOG_FUNCTION_LOGS = Endpoint(
    table="hog_function_logs",
    group="pipelines",
    paths=("projects/{project_id}/hog_functions/{hog_function_id}/logs/",),
    key=("project_id", "hog_function_id", "content_id"),
    content_key=("instance_id", "timestamp", "message"),
    scope="hog_function:read",
    doc="What a destination or transformation wrote to its log, for as long as PostHog keeps it.",
    by_default=False,
    pagination="logs",
    plan="since",
    cursor_field="timestamp",
    cursor_params=("after", "before"),
    lookback=timedelta(hours=1),
    detects_deletes=False,
    fields=LOG_LINE,
)

HOG_FLOWS = Endpoint(
    table="hog_flows",
    group="pipelines",
    paths=("projects/{project_id}/hog_flows/",),
    scope="hog_flow:read",
    doc="Workflows: what happens, step by step, to people who do something; archived ones included.",
    page_size=500,
    announced_by=("HogFlow",),
    fields=(
        *text(
            "id",
            "name",
            "key",
            "description",
            status="Its state: draft, active or archived.",
            origin_product="The part of PostHog that made it.",
            exit_condition="When somebody leaves it before its end.",
            abort_action="The step that is taken if it fails.",
        ),
        *integer("version"),
        *timestamp("created_at", "updated_at", draft_updated_at="When changes not yet in use were saved."),
        *json(
            trigger="What starts it.",
            trigger_masking="How often the same person may start it.",
            conversion="The goal that it has.",
            actions="Its steps.",
            draft="Changes that are not yet in use.",
            customer_keys=("value",),
            ignored_keys=(*COMPILED, "inputs", "mappings"),  # a webhook's address and headers
        ),
        *json(
            edges="Which step follows which.",
            variables="The values that its steps share.",
            email_sending_rate_limit="How many e-mails it may send in a minute or an hour.",
        ),
        *items(billable_action_types="The kinds of steps that cost money.", ordered=False),
        *person("created_by"),
        *ignored("user_access_level"),
    ),
)

EXPORTS = Endpoint(
    table="exports",
    group="pipelines",
    paths=("projects/{project_id}/exports/",),
    scope="export:read",
    doc="Files that the key's owner had made of insights, dashboards and replays, until they expire.",
    by_default=False,
    detects_deletes=False,
    fields=(
        *integer("id", dashboard="The dashboard that is in it.", insight="The insight that is in it."),
        *text(export_format="The type of the file."),
        *text(filename="The name of the file.", privacy="customer"),
        *text(exception="Why it could not be made.", privacy="customer"),
        *json(export_context="What else is in it, and how it was asked for.", privacy="customer"),
        *boolean(has_content="Whether the file is ready.", volatile=True),
        *timestamp("created_at", expires_after="When it is deleted."),
        *ignored("user_access_level"),
    ),
)

SUBSCRIPTIONS_SUMMARY_QUOTA = Endpoint(
    table="subscriptions_summary_quota",
    group="pipelines",
    paths=("projects/{project_id}/subscriptions/summary_quota/",),
    key=("project_id",),
    scope="subscription:read",
    doc="How many subscriptions with a summary an organization has and may have, in each project.",
    requires="402 on servers before May 2026 without the plan, 404 on older ones and on FOSS builds",
    pagination="object",
    rows_under="active_count",
    announced_by=("Subscription", "Organization"),
    fields=(
        *integer(
            active_count="How many subscriptions have a summary.",
            limit="How many may have one; null if any number may.",
            volatile=True,
        ),
        *boolean(at_limit="Whether no more may have one.", volatile=True),
    ),
)

HEALTH_ISSUES = Endpoint(
    table="health_issues",
    group="pipelines",
    paths=("projects/{project_id}/health_issues/",),
    scope="health_issue:read",
    doc="What PostHog's checks of a project found, such as an outdated library or an import that fails.",
    page_size=250,
    fields=(
        *text("id", kind="Which check found it.", severity="How severe it is: critical, warning or info."),
        *text(status="Whether it is active or resolved.", volatile=True),
        *boolean(dismissed="Whether somebody does not want to see it."),
        *json(payload="What was found.", privacy="customer", volatile=True),
        *timestamp("created_at", snoozed_until="Until when nobody wants to see it."),
        *timestamp("updated_at", resolved_at="When a check no longer found it.", volatile=True),
    ),
)
