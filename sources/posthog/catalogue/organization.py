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
    group="core",
    paths=(),
    key=("id",),
    scope="",
    doc="Everybody who appears as author, owner, member or user, once, gathered from all rows of a run.",
    detects_deletes=False,
    fields=(
        *integer("id"),
        *text("uuid", role_at_organization="The job that the person stated."),
        *text(
            distinct_id="The id under which PostHog counts the person's own events.",
            email="The address to which PostHog writes.",
            first_name="The given name.",
            last_name="The family name.",
            privacy="person",
        ),
        *boolean(
            is_email_verified="Whether the person proved that the address is theirs; null if nobody asked."
        ),
        *json(hedgehog_config="How the person's hedgehog looks.", privacy="person"),
    ),
)

ORGANIZATIONS = Endpoint(
    table="organizations",
    group="core",
    paths=("organizations/",),
    key=("id",),
    scope="organization:read",
    doc="Organizations that the key reaches; not readable with a key that is restricted to projects.",
    detects_deletes=False,
    fields=(
        *text(
            "id",
            "name",
            slug="The name in addresses.",
            logo_media_id="The uploaded picture that is its logo.",
            default_experiment_stats_method="How new experiments are evaluated: Bayesian or frequentist.",
            default_role_id="The role that new members get.",
            is_not_active_reason="Why it is not active.",
        ),
        *timestamp("created_at", "updated_at"),
        *integer(
            membership_level="The level of the key's owner in it: 1 member, 8 admin, 15 owner.",
            plugins_access_level="What its members may do with plugins: 0 nothing, 3 configure, 6 install, 9 all.",
        ),
        *integer(member_count="How many members it has.", volatile=True),
        *boolean(
            enforce_2fa="Whether members must use two factors to log in.",
            members_can_invite="Whether members who are no admins may invite others.",
            members_can_use_personal_api_keys="Whether members who are no admins may use personal API keys.",
            is_active="Whether it may be used.",
            is_member_join_email_enabled="Whether members receive an e-mail when a person joins the organization.",
            allow_publicly_shared_resources="Whether dashboards and the like may be shared with everybody.",
            default_anonymize_ips="Whether new projects drop visitors' IP addresses.",
            is_ai_data_processing_approved="Whether its data may be sent to makers of language models.",
            is_pending_deletion="Whether it is being deleted.",
        ),
        *json(available_product_features="What its plan includes."),
        *json(metadata="What PostHog notes about it, such as its groups of users.", privacy="person"),
        *secret("customer_id"),
        *ignored("teams", "projects"),
    ),
)

PROJECTS = Endpoint(
    table="projects",
    group="core",
    paths=("organizations/{organization_id}/projects/",),
    key=("id",),
    scope="project:read",
    doc="Projects that the key reaches; a project's id is its team id.",
    detects_deletes=False,
    fields=(
        *integer("id", project_id="The project's id once more."),
        *text("uuid", "name", timezone="The time zone in which its days begin."),
        *boolean(
            is_demo="Whether it holds PostHog's example data.",
            ingested_event="Whether any event ever came in.",
            access_control="Whether it is private, by the older kind of access control.",
            completed_snippet_onboarding="Whether a member completed the onboarding steps.",
        ),
        *json(has_completed_onboarding_for="The products whose onboarding steps a member completed."),
        *secret("api_token", "secret_api_token", "secret_api_token_backup"),
        *ignored("organization"),
    ),
)

ORGANIZATION_MEMBERS = Endpoint(
    table="organization_members",
    group="core",
    paths=("organizations/{organization_id}/members/?order=joined_at",),
    scope="organization_member:read",
    doc="Who belongs to an organization and at which level (1 member, 8 admin, 15 owner).",
    requires="an organization may hide members from non-admins",
    people_rank=1,
    fields=(
        *text(id="PostHog's id of the membership."),
        *person("user"),
        *integer(("level", "What the person may do in the organization: 1 member, 8 admin, 15 owner.")),
        *timestamp("updated_at", joined_at="When the person became a member."),
        *timestamp(last_login="When the person last logged in.", volatile=True),
        *boolean(
            is_2fa_enabled="Whether the person logs in with two factors.",
            has_social_auth="Whether the person logs in through Google, GitHub or the like.",
        ),
        *ignored("search_match_type"),
    ),
)

ORGANIZATION_ACTIVITY_LOGS = Endpoint(
    table="organization_activity_logs",
    group="audit",
    paths=("organizations/{organization_id}/advanced_activity_logs/?ordering=created_at&page_size=1000",),
    scope="activity_log:read",
    doc=(
        "Who changed what in an organization and all its projects, as far back as the plan looks; comments and what "
        "else PostHog logs without an organization are in `advanced_activity_logs` only."
    ),
    requires="admins and owners of the organization; on Cloud a plan with audit logs",
    pagination="cursor",
    plan="since",
    cursor_params=("start_date", "end_date"),
    lookback=timedelta(hours=1),
    detects_deletes=False,
    fields=(
        *text(
            "id",
            activity="What was done: created, updated, deleted and the like.",
            item_id="The id of the object to which it was done.",
            scope="The kind of that object.",
            client="The program through which it was done.",
        ),
        *text(ip_address="From where it was done.", privacy="person"),
        *person(user="Who did it; null for PostHog itself."),
        *timestamp(created_at="When it was done."),
        *boolean(
            was_impersonated="Whether PostHog's staff did it in the person's name.",
            is_system="Whether PostHog did it by itself.",
        ),
        *json(
            detail="The object's name, and each changed field with its value before and after.",
            privacy="text",
            values_about="scope",
        ),
        *ignored("unread", "organization_id"),
    ),
)

USERS = Endpoint(
    table="users",
    group="core",
    paths=("users/",),
    key=("uuid",),
    page_size=100,
    scope="user:read",
    doc="Users visible to the key: its owner, or everybody on a self-hosted instance with a staff key.",
    people_rank=2,
    fields=(
        *integer(id="The person's id, which is that of `people`."),
        *text(
            "uuid",
            toolbar_mode="Whether PostHog's toolbar is shown on the person's pages.",
            theme_mode="Light, dark or as the system.",
            shortcut_position="Where shortcuts are shown.",
        ),
        *timestamp(date_joined="When the account was made."),
        *reference(organization="The organization in which the person works at the moment.", type="text"),
        *reference(team="The project in which the person works at the moment.", type="bigint"),
        *boolean(
            ("has_password", "Whether the person can log in with a password."),
            is_staff="Whether the person may administer this PostHog.",
            is_2fa_enabled="Whether the person logs in with two factors.",
            has_social_auth="Whether the person logs in through Google, GitHub or the like.",
            has_sso_enforcement="Whether the person must log in through the organization's provider.",
            anonymize_data="Whether the person's own use of PostHog is counted without a name.",
            allow_impersonation="Whether PostHog's staff may act in the person's name.",
            allow_sidebar_suggestions="Whether PostHog suggests pages to the person.",
            passkeys_enabled_for_2fa="Whether passkeys count as a second factor.",
            hide_mcp_hints="Whether hints about language models are hidden.",
            is_organization_first_user="Whether the person founded the organization; known of the key's owner only.",
            requires_credential_review="Whether the person is asked to look through keys and passwords.",
        ),
        *json(
            has_seen_product_intro_for="The products whose introduction the person has seen.",
            scene_personalisation="The dashboards that the person put on pages.",
        ),
        *json(
            active_realtime_notification_types="The kinds of immediate notifications that the server knows.",
            volatile=True,
        ),
        *json(
            notification_settings="The e-mails that the person wants.",
            events_column_config="The columns in which the person lists events.",
            ui_configuration="How the person arranged PostHog's interface.",
            privacy="person",
        ),
        *identity("distinct_id", "first_name", "last_name", "email", "is_email_verified"),
        *identity("hedgehog_config", "role_at_organization"),
        *secret("password", "current_password"),
        *ignored("is_impersonated", "is_impersonated_until", "is_impersonated_read_only"),
        *ignored("is_impersonated_reason", "sensitive_session_expires_at", "fresh_reauth_expires_at"),
        *ignored("pending_email", "pending_invites", "notification_locks", "organizations"),
    ),
)
