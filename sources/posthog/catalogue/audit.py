"""Endpoints of what was changed, by project, and of changes that somebody must approve."""

from __future__ import annotations

from datetime import timedelta

from sources.posthog.catalogue.endpoint import Endpoint
from sources.posthog.catalogue.fields import (
    boolean,
    ignored,
    integer,
    items,
    json,
    person,
    text,
    timestamp,
)
from sources.posthog.catalogue.organization import ORGANIZATION_ACTIVITY_LOGS

ACTIVITY_LOG = Endpoint(
    table="activity_log",
    group="audit",
    paths=("projects/{project_id}/activity_log/?page_size=1000",),
    scope="activity_log:read",
    doc="Who changed what in a project, for servers that have no `advanced_activity_logs`.",
    requires="on Cloud a plan with audit logs",
    by_default=False,
    pagination="cursor",
    plan="stream",
    lookback=timedelta(hours=1),
    detects_deletes=False,
    fields=ORGANIZATION_ACTIVITY_LOGS.fields,
)

ADVANCED_ACTIVITY_LOGS = Endpoint(
    table="advanced_activity_logs",
    group="audit",
    paths=("projects/{project_id}/advanced_activity_logs/?ordering=created_at&page_size=1000",),
    scope="activity_log:read",
    doc="Who changed what in a project, for keys that do not read the log of the organization.",
    requires="on Cloud a plan with audit logs",
    by_default=False,
    pagination="cursor",
    plan="since",
    cursor_params=("start_date", "end_date"),
    lookback=timedelta(hours=1),
    detects_deletes=False,
    fields=ORGANIZATION_ACTIVITY_LOGS.fields,
)

CHANGE_REQUESTS = Endpoint(
    table="change_requests",
    group="audit",
    paths=("projects/{project_id}/change_requests/",),
    scope="approvals:read",
    doc="Changes that need, or needed, the approval of another person.",
    requires="on Cloud a plan with approvals",
    announced_by=("ChangeRequest", "Approval"),
    fields=(
        *integer(action_version="The version of the action that `action_key` names."),
        *text(
            "id",
            action_key="What is to be done.",
            resource_type="The kind of object that is to be changed.",
            resource_id="The id of the object that is to be changed.",
            state="Whether it waits, was approved, rejected, applied, or failed.",
            validation_status="Whether it can still be applied.",
        ),
        *json(
            intent="What is to be changed.",
            intent_display="What is to be changed, as people see it.",
            result_data="What the change brought.",
            privacy="text",
            values_about="resource_type",
        ),
        *json(policy_snapshot="The rule under which it was asked for."),
        *json(validation_errors="Why it cannot be applied.", privacy="customer"),
        *text(apply_error="Why it could not be applied.", privacy="customer"),
        *json(approvals="Who approved or rejected it, with reasons.", privacy="text"),
        *timestamp(
            "created_at",
            "updated_at",
            "expires_at",
            validated_at="When it was last tried.",
            applied_at="When it was done.",
        ),
        *person("created_by", applied_by="Who did it."),
        *ignored("is_requester", "user_decision", "can_approve", "can_cancel", "team", "organization"),
    ),
)

APPROVAL_POLICIES = Endpoint(
    table="approval_policies",
    group="audit",
    paths=("projects/{project_id}/approval_policies/",),
    scope="approvals:read",
    doc="Rules of which changes somebody must approve, and who.",
    requires="on Cloud a plan with approvals",
    announced_by=("ApprovalPolicy",),
    fields=(
        *text("id", action_key="What must be approved."),
        *json(
            "conditions",
            approver_config="Who may approve it, and how many must.",
            bypass_org_membership_levels="The levels that need no approval.",
        ),
        *items(bypass_roles="The roles that need no approval.", ordered=False),
        *text(expires_after="How long a request waits."),
        *boolean("enabled", allow_self_approve="Whether people may approve their own changes."),
        *timestamp("created_at", "updated_at"),
        *person("created_by"),
        *ignored("team", "organization"),
    ),
)
