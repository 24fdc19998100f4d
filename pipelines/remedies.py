"""Advises what to do about a list that PostHog refuses: one sentence, the same in `sync` and in `check`.

The advice depends on status, code, the key's restrictions and scopes, and whether the list is below a project; never on
the message.
"""

from __future__ import annotations

from collections.abc import Mapping

from sources.posthog.catalogue.endpoint import Endpoint, Stamps
from sources.posthog.errors import Unavailable
from sources.posthog.extract.api_key import Key

BY_CODE: Mapping[str, str] = {
    "organization_deactivated": "The organization is deactivated: its owner or PostHog's support can change that.",
    "organization_pending_deletion": "The organization is about to be deleted.",
    "quota_limit_exceeded": "The organization has used up its quota: it can raise it, or wait for the next period.",
    "verified_domain_required": "The organization lets in only accounts of its verified domain: use such a key.",
}
RESTRICTED = "A key that is restricted to projects cannot read it; one without that restriction can."
PLAN = "It is not in this organization's plan."
ROLE = "The key's owner may not see it: ask an admin, or use a key of somebody who may."
ABSENT = "This PostHog does not have it."


def advice(refusal: Unavailable, endpoint: Endpoint, stamps: Stamps, key: Key | None) -> str:
    """Return why the key is refused the list of an endpoint below these parents, and what to do."""
    if refusal.code in BY_CODE:
        return BY_CODE[refusal.code]
    if refusal.status == 403 and key and key.projects and "project_id" not in stamps:
        return RESTRICTED
    if refusal.status == 403 and key and not key.may(endpoint.scope):
        return (
            f"The key lacks the scope {endpoint.scope}: add it, or leave the table out of [selection] tables."
        )
    why = {402: PLAN, 404: ABSENT}.get(refusal.status, ROLE)
    if refusal.status == 403 and endpoint.scope and (key is None or key.scopes is None):
        why = f"The key lacks the scope {endpoint.scope}, or its owner may not see it; which, PostHog does not tell."
    return f"{why} Known limits: {endpoint.requires}." if endpoint.requires else why
