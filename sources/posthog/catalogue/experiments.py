"""Endpoints of what people see on a customer's product: flags, experiments, early access, surveys."""

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
from sources.posthog.catalogue.product import LITERALS

FEATURE_FLAGS = Endpoint(
    table="feature_flags",
    group="experiments",
    paths=(
        "projects/{project_id}/feature_flags/?archived=false",
        "projects/{project_id}/feature_flags/?archived=true",
    ),
    scope="feature_flag:read",
    doc="Switches for features; archived ones are listed by a second pass, deleted ones by none.",
    announced_by=("FeatureFlag", "Experiment", "EarlyAccessFeature", "Survey", "Tag", "TaggedItem"),
    unannounced=(
        "experiment_set",
        "features",
        "usage_dashboard",
        "analytics_dashboards",
        "evaluation_contexts",
    ),
    fields=(
        *integer(
            "id", "version", rollout_percentage="For how many of 100 people it is on, if it is that simple."
        ),
        *text(
            "key",
            name="The description that a person wrote.",
            creation_context="Where in PostHog it was made.",
            evaluation_runtime="Whether servers, clients or both may ask for it.",
            bucketing_identifier="Whether people or devices are put into its groups.",
        ),
        *text("status", volatile=True),  # a flag for which nobody asks becomes stale by itself
        *json("filters", customer_keys=("value", "payloads")),
        *json(rollback_conditions="When it is switched off by itself.", customer_keys=LITERALS),
        *timestamp("created_at", "updated_at"),
        *timestamp(last_called_at="When a program last asked for it.", volatile=True),
        *boolean(
            "active",
            "archived",
            "deleted",
            is_simple_flag="Whether it has no conditions but a share of people.",
            ensure_experience_continuity="Whether people keep their value when they log in.",
            performed_rollback="Whether it was switched off by itself.",
            is_remote_configuration="Whether it only carries a value.",
            has_encrypted_payloads="Whether its values are encrypted.",
            has_enriched_analytics="Whether its use is counted in detail.",
            is_used_in_replay_settings="Whether it decides what is recorded.",
        ),
        *items("tags", ordered=False),
        *items(
            evaluation_contexts="The environments in which it is asked for.",
            evaluation_tags="The same on older servers.",
            ordered=False,
        ),
        *items(experiment_set="The experiments that use it.", type="bigint", ordered=False),
        *items(analytics_dashboards="The dashboards about it.", type="bigint", ordered=False),
        *integer(usage_dashboard="The dashboard about its use."),
        *json(
            surveys="The surveys that depend on it.",
            features="The early access features that it switches.",
            privacy="customer",
        ),
        *person("created_by", "last_modified_by"),
        *ignored("can_edit", "user_access_level", "_create_in_folder", "_should_create_usage_dashboard"),
        *ignored("experiment_set_metadata"),  # what the experiments say of themselves
    ),
)

SCHEDULED_CHANGES = Endpoint(
    table="scheduled_changes",
    group="experiments",
    paths=("projects/{project_id}/scheduled_changes/",),
    scope="feature_flag:read",
    doc="Changes of flags that will happen, or happened, at a given time.",
    announced_by=("ScheduledChange", "FeatureFlag"),
    fields=(
        *integer("id"),
        *text(
            model_name="The kind of object that is changed.",
            record_id="The id of the object that is changed.",
            recurrence_interval="How often it happens again.",
            cron_expression="When it happens again, as a crontab.",
            timezone="The time zone of that crontab.",
        ),
        *text(failure_reason="Why it could not be done.", privacy="customer"),
        *json(payload="What is changed.", privacy="text", values_about="model_name"),
        *timestamp(
            "created_at",
            "updated_at",
            "end_date",
            scheduled_at="When it is to happen.",
            executed_at="When it happened.",
            last_executed_at="When it last happened.",
        ),
        *boolean(is_recurring="Whether it happens again and again."),
        *person("created_by"),
        *ignored("team_id"),
    ),
)

EXPERIMENTS = Endpoint(
    table="experiments",
    group="experiments",
    paths=(
        "projects/{project_id}/experiments/?archived=false",
        "projects/{project_id}/experiments/?archived=true",
    ),
    scope="experiment:read",
    doc="Comparisons of variants behind a flag, without results, on newer servers without metrics, archived ones too.",
    requires="404 on FOSS builds",
    announced_by=("Experiment", "ExperimentHoldout", "ExperimentSavedMetric", "FeatureFlag"),
    unannounced=("feature_flag_id", "exposure_cohort", "holdout_id", "saved_metrics"),
    fields=(
        *integer(
            "id",
            exposure_cohort="The people who count as having seen it: a row of `cohorts`.",
        ),
        *text(
            "name",
            "description",
            ("type", "What it compares: web pages (web), or anything else (product)."),
            "status",
            feature_flag_key="The key of its flag.",
            conclusion="How somebody judged it in the end.",
        ),
        *text(conclusion_comment="Why somebody judged it so.", privacy="text"),
        *reference(
            feature_flag="Its flag.",
            holdout="The people who are kept out of it: a row of `experiment_holdouts`.",
            type="bigint",
        ),
        *json(
            parameters="Its variants and how many people it needs.",
            filters="What it measures, as older versions wrote it.",
            secondary_metrics="What else it measures, as older versions wrote it.",
            metrics="What it measures.",
            metrics_secondary="What else it measures.",
            exposure_criteria="Who counts as having seen it.",
            stats_config="How it is evaluated.",
            scheduling_config="When it is evaluated.",
            customer_keys=LITERALS,
        ),
        *json(
            saved_metrics="The rows of `experiment_saved_metrics` that it measures.", customer_keys=LITERALS
        ),
        *json(running_time_calculation="How long it is expected to run.", customer_keys=LITERALS),
        *items(excluded_variants="The variants that do not count.", ordered=False),
        *timestamp("created_at", "updated_at", "start_date", "end_date"),
        *boolean("archived", "deleted", is_legacy="Whether it is evaluated in the older way."),
        *person("created_by"),
        *ignored("user_access_level", "_create_in_folder"),
    ),
)

EXPERIMENT_HOLDOUTS = Endpoint(
    table="experiment_holdouts",
    group="experiments",
    paths=("projects/{project_id}/experiment_holdouts/",),
    scope="experiment_holdout:read",
    doc="Groups of people who are kept out of experiments.",
    requires="404 on FOSS builds",
    announced_by=("ExperimentHoldout", "Experiment"),
    fields=(
        *integer("id"),
        *text("name", "description"),
        *json("filters", customer_keys=LITERALS),
        *timestamp("created_at", "updated_at"),
        *person("created_by"),
        *ignored("user_access_level"),
    ),
)

EXPERIMENT_SAVED_METRICS = Endpoint(
    table="experiment_saved_metrics",
    group="experiments",
    paths=("projects/{project_id}/experiment_saved_metrics/",),
    scope="experiment_saved_metric:read",
    doc="Measures that several experiments share.",
    requires="404 on FOSS builds",
    announced_by=("ExperimentSavedMetric", "Experiment"),
    fields=(
        *integer("id"),
        *text("name", "description"),
        *json("query", customer_keys=LITERALS),
        *timestamp("created_at", "updated_at"),
        *items("tags", ordered=False),
        *person("created_by"),
        *ignored("user_access_level"),
    ),
)

EARLY_ACCESS_FEATURES = Endpoint(
    table="early_access_features",
    group="experiments",
    paths=("projects/{project_id}/early_access_feature/",),
    scope="early_access_feature:read",
    doc="Features that a customer's users may switch on for themselves.",
    announced_by=("EarlyAccessFeature", "FeatureFlag"),
    fields=(
        *text(
            "id",
            "name",
            "description",
            stage="How far it is: draft, concept, alpha, beta, general availability or archived.",
            documentation_url="Where it is explained.",
        ),
        *reference(feature_flag="The flag that switches it.", type="bigint"),
        *json("payload", privacy="customer"),
        *json(assignee="The person or the role that is responsible for it."),
        *timestamp("created_at"),
        *person("created_by"),
        *ignored("user_access_level", "_create_in_folder"),
    ),
)

OF_ACTIONS = ("last_calculated_at", "is_calculating", "bytecode_error", "slack_message_format", "pinned_at")
"""Of the whole actions in the conditions of a survey: what changes by itself, repeats `actions`, or is secret."""

SURVEYS = Endpoint(
    table="surveys",
    group="experiments",
    paths=("projects/{project_id}/surveys/",),
    scope="survey:read",
    doc="Questions to a customer's users, without their answers.",
    announced_by=("Survey", "FeatureFlag"),
    fields=(
        *text(
            "id",
            "name",
            "description",
            ("type", "How people are asked, such as popover or api."),
            schedule="How often PostHog may show the survey to the same person.",
        ),
        *integer(
            linked_flag_id="The flag on which it depends.",
            linked_insight_id="The insight on which it stands.",
            responses_limit="How many answers end it.",
            iteration_count="How many rounds it has.",
            iteration_frequency_days="How many days lie between two rounds.",
            current_iteration="The round that it is in.",
            response_sampling_interval="In how many steps it is spread over time.",
            response_sampling_limit="How many answers each of the steps may bring.",
        ),
        *json(questions="What is asked.", customer_keys=LITERALS),
        *json(
            conditions="Who is asked, and where; events and actions that show it are data about customers.",
            customer_keys=(*LITERALS, "url"),
            ignored_keys=OF_ACTIONS,
        ),
        *json(form_content="The text of a page with the survey alone.", privacy="text"),
        *json(
            appearance="How it looks.",
            translations="What is asked in other languages.",
            feature_flag_keys="The flags that it depends on or makes.",
        ),
        *json(
            targeting_flag="The flag that chooses who is asked.",
            internal_targeting_flag="The flag that keeps people from being asked twice.",
            linked_flag="The flag on which it depends, as it is.",
            customer_keys=("value", "payloads"),
        ),
        *text(response_sampling_interval_type="What a step is: a day, a week or a month."),
        *timestamp(
            "created_at",
            "updated_at",
            "start_date",
            "end_date",
            current_iteration_start_date="When the round began that it is in.",
            response_sampling_start_date="From when on it is spread over time.",
        ),
        *items(iteration_start_dates="When each round begins.", type="timestamp"),
        *boolean(
            "archived",
            enable_partial_responses="Whether answers count before the last question.",
            enable_iframe_embedding="Whether it may stand inside other pages.",
        ),
        *person("created_by"),
        *ignored("targeting_flag_filters", "response_sampling_daily_limits", "user_access_level"),
        *ignored("_create_in_folder"),
        *secret("submission_token"),
    ),
)
