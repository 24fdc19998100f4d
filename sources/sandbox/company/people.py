"""Organizations, projects, users and memberships."""

from __future__ import annotations

from typing import Any

from sources.sandbox.company.canaries import Pen, written
from sources.sandbox.company.vocabulary import FIRST_NAMES, LAST_NAMES, ROLES
from sources.sandbox.models import Row, insert
from sources.sandbox.state import World

MEMBER, ADMIN, OWNER = 1, 8, 15
ORGANIZATIONS = (("Hedgebox", "hedgebox"), ("Kaffeerösterei Nord GmbH", "kaffeeroesterei-nord"))
# Project id, organization, name; the third has nothing in it but a few definitions.
PROJECTS = (
    (101, 0, "Hedgebox production"),
    (102, 0, "Hedgebox mobile 📱"),
    (103, 0, "Playground"),
    (201, 1, "Webshop"),
)
FULL_PROJECTS = (101, 102, 201)
PEOPLE = 17
DEACTIVATED = 15
# Who is where: positions in the list of people. The first two are in both; the third is the instance's admin.
MEMBERSHIPS: tuple[tuple[int, ...], ...] = (tuple(range(1, 16)), (1, 2, 16, 17))
NAMED = {"owner": 1, "staff": 3, "member": 5}


def add_people(world: World) -> None:
    """Everybody, everywhere."""
    pen = Pen.for_part(world, "people")
    ids = [pen.uuid() for _ in ORGANIZATIONS]
    world.people.update(NAMED)
    world.numbers["users"] = PEOPLE
    insert("users", [user(pen, number) for number in range(1, PEOPLE + 1)])
    for index, organization in enumerate(ids):
        insert("organizations", [_organization(pen, organization, index)])
        insert(
            "organization_members",
            [
                member(pen, person, OWNER if person == 1 else ADMIN if person <= 3 else MEMBER)
                for person in MEMBERSHIPS[index]
            ],
            organization=organization,
        )
    for number, index, name in PROJECTS:
        insert("projects", [project(pen, number, ids[index], name)], organization=ids[index])


def user(pen: Pen, number: int) -> Row:
    """A user's own fields; team and organizations are added when the row is shown."""
    first, last = FIRST_NAMES[(number - 1) % len(FIRST_NAMES)], LAST_NAMES[(number * 7) % len(LAST_NAMES)]
    domain = "hedgebox.example" if number <= DEACTIVATED else "nord-kaffee.example"
    return {
        "date_joined": written(pen.ago(900)),
        "uuid": pen.uuid(),
        "distinct_id": None if number == 9 else pen.handle(pen.uuid()),
        "first_name": pen.person(first),
        "last_name": pen.person(last) if number != 11 else "",
        "email": pen.handle(f"person{number}@{domain}"),
        "pending_email": pen.handle(f"new{number}@{domain}") if number % 8 == 1 else None,
        "is_email_verified": pen.one((True, True, None, False)),
        "notification_settings": {
            "plugin_disabled": True,
            "all_weekly_digest_disabled": pen.chance(0.5),
            "project_weekly_digest_disabled": {},
        },
        "anonymize_data": pen.chance(0.1),
        "allow_impersonation": pen.one((True, None)),
        "toolbar_mode": pen.one(("toolbar", "disabled", None)),
        "has_password": True,
        "id": number,
        "is_staff": number == NAMED["staff"],
        "is_active": number != DEACTIVATED,
        "events_column_config": {"active": "DEFAULT"},
        "is_2fa_enabled": pen.chance(0.6),
        "has_social_auth": pen.chance(0.4),
        "has_sso_enforcement": False,
        "has_seen_product_intro_for": {"surveys": True} if pen.chance(0.5) else None,
        "scene_personalisation": [{"scene": "Insights", "dashboard": 12}] if pen.chance(0.3) else [],
        "theme_mode": pen.one(("light", "dark", "system", None)),
        "hedgehog_config": {"skin": pen.person("spiderhog"), "enabled": True} if pen.chance(0.4) else None,
        "allow_sidebar_suggestions": pen.chance(0.8),
        "shortcut_position": "above",
        "role_at_organization": pen.one(ROLES),
        "passkeys_enabled_for_2fa": pen.one((True, False, None)),
        "hide_mcp_hints": False,
        "ui_configuration": {"sidebar": "wide"},
        "onboarding_skipped_at": None,
        "onboarding_skipped_reason": None,
        "onboarding_skipped_organization": None,
        "onboarding_delegated_to": None,
        "onboarding_delegated_at": None,
        "onboarding_delegation_accepted_at": None,
        "active_realtime_notification_types": ["comment_mention"],
        "requires_credential_review": False,
    }


def member(pen: Pen, person: int, level: int) -> Row:
    """A membership; `user` is shown as the complete user-basic object."""
    joined = pen.ago(800)
    return {
        "id": pen.uuid(),
        "user": person,
        "level": level,
        "joined_at": written(joined),
        "updated_at": written(joined if pen.chance(0.6) else pen.ago(100)),
        "is_2fa_enabled": pen.chance(0.6),
        "has_social_auth": pen.chance(0.4),
        "last_login": written(pen.ago(30)) if pen.chance(0.9) else None,
    }


def project(pen: Pen, number: int, organization: str, name: str) -> Row:
    """A project as its detail shows it; the list leaves some out (`DETAIL_ONLY`)."""
    return {
        "id": number,
        "uuid": pen.uuid(),
        "organization": organization,
        "project_id": number,
        "api_token": pen.secret("phc_"),
        "name": name,
        "completed_snippet_onboarding": True,
        "has_completed_onboarding_for": {"product_analytics": True},
        "ingested_event": number != PROJECTS[2][0],
        "is_demo": False,
        "timezone": pen.one(("UTC", "Europe/Berlin", "America/New_York")),
        "access_control": False,
        "created_at": written(pen.ago(900)),
        "updated_at": written(pen.ago(30)),
        "product_description": None,
        "app_urls": ["https://hedgebox.example"],
        "anonymize_ips": True,
        "slack_incoming_webhook": pen.secret("https://hooks.slack.example/services/T0/B0/"),
        "secret_api_token": pen.secret("phs_"),
        "secret_api_token_backup": pen.secret("phs_"),
        "live_events_token": pen.secret("eyJ0eXAiOiJKV1QifQ."),
        "test_account_filters": [
            {
                "key": "email",
                "type": "person",
                "operator": "not_icontains",
                "value": pen.customer("someone@hedgebox.example"),
            }
        ],
        "data_attributes": ["data-attr"],
        "person_display_name_properties": ["email"],
        "week_start_day": 1,
        "session_recording_opt_in": True,
        "autocapture_opt_out": False,
        "heatmaps_opt_in": None,
        "effective_membership_level": OWNER,
        "group_types": [],
    }


# What only a project's detail shows.
DETAIL_ONLY = frozenset(
    (
        "created_at",
        "updated_at",
        "product_description",
        "app_urls",
        "anonymize_ips",
        "slack_incoming_webhook",
        "secret_api_token",
        "secret_api_token_backup",
        "live_events_token",
        "test_account_filters",
        "data_attributes",
        "person_display_name_properties",
        "week_start_day",
        "session_recording_opt_in",
        "autocapture_opt_out",
        "heatmaps_opt_in",
        "effective_membership_level",
        "group_types",
    )
)


def _organization(pen: Pen, ident: str, index: int) -> Row:
    name, slug = ORGANIZATIONS[index]
    row: dict[str, Any] = {
        "id": ident,
        "name": name,
        "slug": slug,
        "logo_media_id": pen.uuid() if index == 0 else None,
        "created_at": written(pen.ago(1000)),
        "updated_at": written(pen.ago(20)),
        "plugins_access_level": 3,
        "available_product_features": [
            {"key": "subscriptions", "name": "Subscriptions"},
            {"key": "tagging", "name": "Tags"},
            {"key": "ingestion_taxonomy", "name": "Taxonomy"},
        ],
        "is_member_join_email_enabled": True,
        "metadata": {"instance_tag": "none"},
        "customer_id": f"cus_{pen.dice.getrandbits(48):x}",
        "enforce_2fa": pen.one((True, None)),
        "members_can_invite": True,
        "members_can_use_personal_api_keys": True,
        "allow_publicly_shared_resources": True,
        "is_ai_data_processing_approved": pen.one((True, False, None)),
        "default_experiment_stats_method": "bayesian",
        "default_anonymize_ips": False,
        "default_role_id": None,
        "is_active": True,
        "is_not_active_reason": None,
        "is_pending_deletion": False,
    }
    return row
