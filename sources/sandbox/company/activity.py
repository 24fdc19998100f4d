"""The organization's audit log: who changed what, and from where."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sources.sandbox.company.canaries import Pen, written
from sources.sandbox.company.vocabulary import SUBSCRIPTION_TITLES
from sources.sandbox.models import Row

CHANGES = (
    ("Subscription", "updated", "title"),
    ("Cohort", "updated", "description"),
    ("FeatureFlag", "created", "key"),
    ("Organization", "updated", "name"),
    ("PersonalAPIKey", "created", "label"),
)


def entry(pen: Pen, organization: str, people: Sequence[int], at: datetime) -> Row:
    """One change; a tenth of them is the system's own doing."""
    scope, activity, field = pen.one(CHANGES)
    system = pen.chance(0.1)
    after = pen.text(pen.one(SUBSCRIPTION_TITLES) or "Untitled")
    return {
        "id": pen.uuid(),
        "user": None if system else pen.one(people),
        "unread": True,
        "organization_id": organization,
        "was_impersonated": False,
        "is_system": system,
        "client": None if system else pen.one(("web", "api", "mcp")),
        "ip_address": None if system else pen.handle(f"203.0.113.{pen.dice.randint(1, 254)}"),
        "activity": activity,
        "item_id": str(pen.dice.randint(1, 9000)),
        "scope": scope,
        "detail": {
            "name": after,
            "type": None,
            "short_id": None,
            "trigger": None,
            "changes": [
                {
                    "type": scope,
                    "action": "changed",
                    "field": field,
                    "before": pen.text("Draft"),
                    "after": after,
                }
            ],
        },
        "created_at": written(at),
    }
