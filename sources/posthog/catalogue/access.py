"""Endpoints of who may do what: invitations, domains, roles, access controls, keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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

ORGANIZATION_INVITES = Endpoint(
    table="organization_invites",
    group="access",
    paths=("organizations/{organization_id}/invites/",),
    scope="organization_member:read",
    doc="Invitations to an organization that nobody has accepted yet.",
    fields=(
        *text("id"),
        *text(
            target_email="The address that was invited.",
            first_name="The given name of whoever was invited.",
            privacy="person",
        ),
        *text(message="What was written to whoever was invited.", privacy="text"),
        *integer(("level", "The level that the new member gets: 1 member, 8 admin, 15 owner.")),
        *boolean(emailing_attempt_made="Whether PostHog tried to send it."),
        *boolean(is_expired="Whether it is too old to be accepted.", volatile=True),
        *json(
            private_project_access="The private projects to which the new member gets access, with levels."
        ),
        *timestamp("created_at", "updated_at"),
        *person("created_by"),
        *ignored("send_email", "combine_pending_invites"),
    ),
)

ORGANIZATION_DOMAINS = Endpoint(
    table="organization_domains",
    group="access",
    paths=("organizations/{organization_id}/domains/",),
    scope="organization:read",
    doc=(
        "Domains of e-mail addresses that an organization proved to be its own; the newest servers tell in "
        "`identity_provider_configs` how their people log in."
    ),
    fields=(
        *text(
            "id",
            domain="The domain.",
            sso_enforcement="The provider through which people of the domain must log in.",
            saml_entity_id="The name under which PostHog knows the provider.",
            saml_acs_url="The address to which the provider sends people back.",
            saml_identity_provider_config_id="The row of `identity_provider_configs` for logging in by SAML.",
            scim_identity_provider_config_id="The row of `identity_provider_configs` for accounts by SCIM.",
            id_jag_identity_provider_config_id="The row of `identity_provider_configs` for access by programs.",
            identity_provider_config="The row of `identity_provider_configs`, on servers with one for each domain.",
        ),
        *boolean(
            is_verified="Whether the organization proved that the domain is its own.",
            jit_provisioning_enabled="Whether people of the domain get an account when they first log in.",
            has_saml="Whether people can log in by SAML.",
            has_scim="Whether accounts can be managed by SCIM.",
            scim_enabled="Whether accounts are managed by SCIM.",
            has_id_jag="Whether programs can get access through the provider.",
        ),
        *timestamp(verified_at="When the domain was proved."),
        *secret("verification_challenge", "saml_x509_cert", "scim_base_url", "scim_bearer_token"),
    ),
)

IDENTITY_PROVIDER_CONFIGS = Endpoint(
    table="identity_provider_configs",
    group="access",
    paths=("organizations/{organization_id}/identity_provider_configs/",),
    scope="organization:read",
    doc="Providers through which an organization's people log in, or by which their accounts are managed.",
    fields=(
        *text(
            "id",
            "name",
            saml_entity_id="The name under which PostHog knows the provider.",
            saml_acs_url="The address to which the provider sends people back.",
            saml_relay_state="What the provider sends back with the person.",
            oidc_issuer_url="The provider's address for OpenID Connect.",
            oidc_client_id="The name under which the provider knows PostHog.",
            id_jag_issuer_url="The provider's address for access by programs.",
            id_jag_jwks_url="Where the provider shows its public keys for that.",
            domain_scope="Whether it holds for all domains or for some.",
            config_scope="For what it is used.",
        ),
        *items(
            organization_domain_ids="The rows of `organization_domains` for which it holds.",
            id_jag_allowed_clients="The programs that may get access through it.",
            ordered=False,
        ),
        *boolean(
            has_saml="Whether people can log in by SAML.",
            has_oidc="Whether people can log in by OpenID Connect.",
            has_oidc_client_secret="Whether PostHog has a secret for OpenID Connect.",  # noqa: S106  a sentence
            has_scim="Whether accounts can be managed by SCIM.",
            scim_enabled="Whether accounts are managed by SCIM.",
            has_id_jag="Whether programs can get access through it.",
        ),
        *timestamp("created_at", "updated_at"),
        *secret("saml_x509_cert", "scim_base_url", "scim_bearer_token", "oidc_client_secret"),
    ),
)

ROLES = Endpoint(
    table="roles",
    group="access",
    paths=("organizations/{organization_id}/roles/",),
    scope="organization:read",
    doc="Roles of an organization, to which access controls give rights.",
    requires="a plan with roles",
    fields=(
        *text("id", "name"),
        *boolean(is_default="Whether new members get it."),
        *timestamp("created_at"),
        *person("created_by"),
        *ignored("members"),  # role_memberships has them
    ),
)

ROLE_MEMBERSHIPS = Endpoint(
    table="role_memberships",
    group="access",
    paths=("organizations/{organization_id}/roles/{role_id}/role_memberships/",),
    scope="organization:read",
    doc="Who has which role.",
    requires="a plan with roles",
    fields=(
        *text("id"),
        *reference(organization_member="The row of `organization_members` that has the role.", type="text"),
        *person(user="The person who has the role."),
        *timestamp("updated_at", joined_at="When the person got the role."),
        *ignored("role_id", "user_uuid"),
    ),
)

CIMD_VERIFICATION_TOKENS = Endpoint(
    table="cimd_verification_tokens",
    group="access",
    paths=("organizations/{organization_id}/cimd_verification_tokens/",),
    scope="organization:read",
    doc="Tokens with which an organization proves to PostHog which programs are its own.",
    fields=(
        *text(
            "id",
            label="What somebody called it.",
            mask_value="The token's first and last letters.",
            cimd_url="The address at which the program describes itself.",
        ),
        *timestamp("created_at"),
        *timestamp("last_used_at", volatile=True),
        *person("created_by"),
        *ignored("value"),  # told once, when it is made
    ),
)

ORGANIZATION_OAUTH_APPLICATIONS = Endpoint(
    table="organization_oauth_applications",
    group="access",
    paths=("organizations/{organization_id}/oauth_applications/",),
    scope="organization:read",
    doc="Programs to which people of an organization may give access to PostHog.",
    fields=(
        *text("id", "name", client_id="The name by which PostHog knows the program."),
        *items(redirect_uris_list="Where people are sent after they gave access.", ordered=False),
        *boolean(
            is_verified="Whether PostHog knows whose program it is.",
            is_first_party="Whether it is PostHog's own.",
            is_dcr_client="Whether it registered itself.",
        ),
        *timestamp(created="When it was registered.", updated="When it was last changed."),
        *timestamp("created_at", "updated_at"),  # other servers call them so
        *person("created_by"),
        *ignored("redirect_uris"),
        *secret("client_secret", "hash_client_secret"),
    ),
)

PROJECT_SECRET_API_KEYS = Endpoint(
    table="project_secret_api_keys",
    group="access",
    paths=("projects/{project_id}/project_secret_api_keys/",),
    scope="project:read",
    doc="Keys of a project that belong to no person.",
    requires="admins of the project",
    announced_by=("ProjectSecretAPIKey",),
    fields=(
        *text("id", label="What somebody called it.", mask_value="The key's first and last letters."),
        *items(scopes="What the key may do.", ordered=False),
        *timestamp("created_at", last_rolled_at="When its secret was last replaced."),
        *timestamp("last_used_at", volatile=True),
        *person("created_by"),
        *ignored("value"),  # told once, when it is made
    ),
)

# PostHog's `AccessControlSerializer` sends no id; a rule that is set again replaces the one with these values.
RULE_KEY = ("role", "organization_member", "resource", "resource_id")
RULE = (
    *text(
        ("role", "The row of `roles` for which it holds; null for a member or for all."),
        access_level="What the rule allows: none, member, viewer, editor, manager or admin.",
        resource="The kind of object for which it holds.",
        resource_id="The id of the one object for which it holds; null for all of the kind.",
        organization_member="The row of `organization_members` for which it holds; null for a role or for all.",
    ),
    *timestamp("created_at", "updated_at"),
    *person("created_by"),
)

OBJECTS: Mapping[str, tuple[str, Any]] = {
    "dashboards": ("dashboard_id", -1),
    "insights": ("insight_id", -1),
    "feature_flags": ("feature_flag_id", -1),
    "experiments": ("experiment_id", -1),
    "actions": ("action_id", -1),
    "surveys": ("survey_id", ""),
    "notebooks": ("notebook_short_id", ""),
}
"""Kinds of objects with rules of their own, each with its column and the value that says "none of this kind"."""

OBJECT_ACCESS_CONTROLS = Endpoint(
    table="object_access_controls",
    group="access",
    paths=tuple(
        f"projects/{{project_id}}/{kind}/{{{column}}}/access_controls/"
        for kind, (column, _) in OBJECTS.items()
    ),
    key=("project_id", *dict(OBJECTS.values()), "content_id"),
    key_defaults=dict(OBJECTS.values()),
    content_key=RULE_KEY,
    scope="access_control:read",
    doc="Rules of who may do what with one object, whose column is neither -1 nor empty; a request for each object.",
    requires="a plan with access controls",
    by_default=False,
    pagination="unpaged",
    rows_under="access_controls",
    fields=RULE,
)

PROJECT_ACCESS_CONTROLS = Endpoint(
    table="project_access_controls",
    group="access",
    paths=("projects/{project_id}/access_controls/",),
    key=("project_id", "content_id"),
    content_key=RULE_KEY,
    scope="access_control:read",
    doc="Rules of who may open a project, and as what.",
    requires="a plan with access controls",
    pagination="unpaged",
    rows_under="access_controls",
    announced_by=("AccessControl", "Role", "OrganizationMembership", "Team"),
    fields=RULE,
)

RESOURCE_ACCESS_CONTROLS = Endpoint(
    table="resource_access_controls",
    group="access",
    paths=("projects/{project_id}/resource_access_controls/",),
    key=("project_id", "content_id"),
    content_key=RULE_KEY,
    scope="access_control:read",
    doc="Rules of who may do what with all objects of a kind in a project.",
    requires="a plan with access controls",
    pagination="unpaged",
    rows_under="access_controls",
    announced_by=("AccessControl", "Role", "OrganizationMembership", "Team"),
    fields=RULE,
)
