"""Endpoints of error tracking: rules, releases, symbol sets and issues."""

from __future__ import annotations

from sources.posthog.catalogue.endpoint import Endpoint
from sources.posthog.catalogue.fields import (
    boolean,
    ignored,
    integer,
    json,
    reference,
    secret,
    text,
    timestamp,
)

ERROR_TRACKING_ASSIGNMENT_RULES = Endpoint(
    table="error_tracking_assignment_rules",
    group="product",
    paths=("projects/{project_id}/error_tracking/assignment_rules/",),
    scope="error_tracking:read",
    doc="Rules by which new issues are given to a person or a role.",
    announced_by=("ErrorTrackingAssignmentRule",),
    fields=(
        *text("id"),
        *json("filters", customer_keys=("value",)),
        *json(assignee="Who gets the issues: the kind, user or role, and the id."),
        *json(  # it quotes the error that broke the rule
            disabled_data="Why PostHog switched it off by itself; null if it did not.",
            privacy="customer",
            volatile=True,
        ),
        *integer(order_key="Its place in the order; the first rule that fits decides."),
        *timestamp("created_at", "updated_at"),
    ),
)

ERROR_TRACKING_GROUPING_RULES = Endpoint(
    table="error_tracking_grouping_rules",
    group="product",
    paths=("projects/{project_id}/error_tracking/grouping_rules/",),
    scope="error_tracking:read",
    doc="Rules by which errors become one issue.",
    pagination="unpaged",
    announced_by=("ErrorTrackingGroupingRule",),
    fields=(
        *text("id", "description"),
        *json("filters", customer_keys=("value",)),
        *json(assignee="Who gets the issue: the kind, user or role, and the id; null if nobody."),
        *json(  # it quotes the error that broke the rule
            disabled_data="Why PostHog switched it off by itself; null if it did not.",
            privacy="customer",
            volatile=True,
        ),
        *integer(order_key="Its place in the order; the first rule that fits decides."),
        *timestamp("created_at", "updated_at"),
        *reference(
            issue="The issue that it made; null until the first error fits.", type="text", volatile=True
        ),
    ),
)

ERROR_TRACKING_SUPPRESSION_RULES = Endpoint(
    table="error_tracking_suppression_rules",
    group="product",
    paths=("projects/{project_id}/error_tracking/suppression_rules/",),
    scope="error_tracking:read",
    doc="Rules by which errors are dropped when they come in.",
    announced_by=("ErrorTrackingSuppressionRule",),
    fields=(
        *text("id"),
        *json("filters", customer_keys=("value",)),
        *json(  # it quotes the error that broke the rule
            disabled_data="Why PostHog switched it off by itself; null if it did not.",
            privacy="customer",
            volatile=True,
        ),
        *integer(order_key="Its place in the order."),
        *integer(sampling_rate="Which share of the errors that fit is dropped, 0 to 1.", type="double"),
        *timestamp("created_at", "updated_at"),
    ),
)

ERROR_TRACKING_RELEASES = Endpoint(
    table="error_tracking_releases",
    group="product",
    paths=("projects/{project_id}/error_tracking/releases/",),
    scope="error_tracking:read",
    doc="Versions of the customer's programs, as their builds report them.",
    announced_by=("ErrorTrackingRelease",),
    fields=(
        *text(
            "id",
            hash_id="The id that the build gave it.",
            version="The program's version.",
            project="The program's name.",
        ),
        *json(metadata="What else the build reported, such as the branch and commit of the code."),
        *timestamp("created_at"),
        *ignored("team_id"),
    ),
)

ERROR_TRACKING_SYMBOL_SETS = Endpoint(
    table="error_tracking_symbol_sets",
    group="product",
    paths=("projects/{project_id}/error_tracking/symbol_sets/?order_by=created_at",),
    scope="error_tracking:read",
    doc="Files by which PostHog finds the lines of source code behind an error; thousands for each release.",
    by_default=False,
    page_size=100,
    fields=(
        *text(
            "id",
            ref="The file of the program to which it belongs: its address or id.",
            failure_reason="Why it cannot be used; null if it can.",
        ),
        *timestamp("created_at"),
        *timestamp(last_used="When it last explained an error.", volatile=True),
        *boolean(has_uploaded_file="Whether PostHog has the file."),
        *reference(release="The release to which it belongs.", type="text"),
        *secret("storage_ptr"),
        *ignored("team_id"),
    ),
)

ERROR_TRACKING_ISSUES = Endpoint(
    table="error_tracking_issues",
    group="product",
    paths=("projects/{project_id}/error_tracking/issues/",),
    scope="error_tracking:read",
    doc="Errors of the customer's programs that belong together, with who takes care of them.",
    requires="older servers refuse personal API keys",
    by_default=False,
    fields=(
        *text(
            "id",
            status="Its state: active, resolved, suppressed …",
            severity="How bad people or rules say it is; null if nobody said.",
        ),
        *text(
            name="The kind of error, unless people gave it another name.",
            description="The error's own message.",
            privacy="customer",
        ),
        *text(fingerprint="By what its errors are alike.", privacy="customer", volatile=True),
        *timestamp(first_seen="When the first of its errors came in."),
        *json(
            assignee="Who takes care of it: the kind, user or role, and the id; null if nobody.",
            external_issues="What was opened for it in GitHub, Linear and the like.",
        ),
        *reference(cohort="The cohort of people who met it.", type="bigint"),
    ),
)
