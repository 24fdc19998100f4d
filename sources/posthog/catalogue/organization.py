"""Endpoints of organizations, their members and projects, and the table of people whom all rows name."""

from __future__ import annotations

from datetime import timedelta

from sources.posthog.catalogue.endpoint import Endpoint
from sources.posthog.catalogue.fields import (
    boolean,
    identity,
    ignored,
    integer,
    json,
    person,
    reference,
    secret,
    text,
    timestamp,
)

PEOPLE = Endpoint(
    table="people",
    paths=(),
    key=("id",),
    scope="",
    doc="Everybody who appears as author, owner, member or user, once, gathered from all rows of a run.",
    detects_deletes=False,
    fields=(
        *integer("id"),
        *text("uuid", "role_at_organization"),
        *text("distinct_id", "email", "first_name", "last_name", privacy="person"),
        *boolean("is_email_verified"),
        *json("hedgehog_config", privacy="person"),
    ),
)

ORGANIZATIONS = Endpoint(
    table="organizations",
    paths=("organizations/",),
    key=("id",),
    scope="organization:read",
    doc="Organizations that the key reaches; not readable with a key that is restricted to projects.",
    detects_deletes=False,
    fields=(
        *text("id", "name", "slug", "logo_media_id", "default_experiment_stats_method", "default_role_id"),
        *text("is_not_active_reason"),
        *timestamp("created_at", "updated_at"),
        *integer("membership_level", "plugins_access_level"),
        *integer("member_count", volatile=True),
        *boolean("enforce_2fa", "members_can_invite", "members_can_use_personal_api_keys", "is_active"),
        *boolean("is_member_join_email_enabled", "allow_publicly_shared_resources", "default_anonymize_ips"),
        *boolean("is_ai_data_processing_approved", "is_pending_deletion"),
        *json("available_product_features", "metadata"),
        *secret("customer_id"),
        *ignored("teams", "projects"),
    ),
)

PROJECTS = Endpoint(
    table="projects",
    paths=("organizations/{organization_id}/projects/",),
    key=("id",),
    scope="project:read",
    doc="Projects that the key reaches; a project's id is its team id.",
    detects_deletes=False,
    fields=(
        *integer("id", "project_id"),
        *text("uuid", "name", "timezone"),
        *boolean("is_demo", "ingested_event", "access_control", "completed_snippet_onboarding"),
        *json("has_completed_onboarding_for"),
        *secret("api_token", "secret_api_token", "secret_api_token_backup"),
        *ignored("organization"),
    ),
)

ORGANIZATION_MEMBERS = Endpoint(
    table="organization_members",
    paths=("organizations/{organization_id}/members/?order=joined_at",),
    scope="organization_member:read",
    doc="Who belongs to an organization and at which level (1 member, 8 admin, 15 owner).",
    requires="an organization may hide members from non-admins",
    people_rank=1,
    fields=(
        *text("id"),
        *person("user"),
        *integer("level"),
        *timestamp("joined_at", "updated_at"),
        *timestamp("last_login", volatile=True),
        *boolean("is_2fa_enabled", "has_social_auth"),
    ),
)

ORGANIZATION_ACTIVITY_LOGS = Endpoint(
    table="organization_activity_logs",
    paths=("organizations/{organization_id}/advanced_activity_logs/?ordering=created_at&page_size=1000",),
    scope="activity_log:read",
    doc="Who changed what in an organization and all its projects, as far back as the plan looks.",
    requires="admins and owners of the organization; on Cloud a plan with audit logs",
    pagination="cursor",
    plan="since",
    cursor_params=("start_date", "end_date"),
    lookback=timedelta(hours=1),
    detects_deletes=False,
    fields=(
        *text("id", "activity", "item_id", "scope", "client"),
        *text("ip_address", privacy="person"),
        *person("user"),
        *timestamp("created_at"),
        *boolean("was_impersonated", "is_system"),
        *json("detail", privacy="text", values_about="scope"),
        *ignored("unread", "organization_id"),
    ),
)

USERS = Endpoint(
    table="users",
    paths=("users/",),
    key=("uuid",),
    page_size=100,
    scope="user:read",
    doc="Users visible to the key: its owner, or everybody on a self-hosted instance with a staff key.",
    people_rank=2,
    fields=(
        *integer("id"),
        *text("uuid", "toolbar_mode", "theme_mode", "shortcut_position"),
        *timestamp("date_joined"),
        *reference("organization", type="text"),
        *reference("team", type="bigint"),
        *boolean("is_staff", "has_password", "is_2fa_enabled", "has_social_auth", "has_sso_enforcement"),
        *boolean("anonymize_data", "allow_impersonation", "allow_sidebar_suggestions"),
        *boolean("passkeys_enabled_for_2fa", "hide_mcp_hints", "is_organization_first_user"),
        *boolean("requires_credential_review"),
        *json("has_seen_product_intro_for", "scene_personalisation", "active_realtime_notification_types"),
        *json("notification_settings", "events_column_config", "ui_configuration", privacy="person"),
        *identity("distinct_id", "first_name", "last_name", "email", "is_email_verified"),
        *identity("hedgehog_config", "role_at_organization"),
        *secret("password", "current_password"),
        *ignored("is_impersonated", "is_impersonated_until", "is_impersonated_read_only"),
        *ignored("is_impersonated_reason", "sensitive_session_expires_at", "fresh_reauth_expires_at"),
        *ignored("pending_email", "pending_invites", "notification_locks", "organizations"),
    ),
)
