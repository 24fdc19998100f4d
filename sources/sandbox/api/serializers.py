"""How a kept row is shown: people as user-basic objects, tags in no order, reports to query keys only."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, cached_property

from sources.sandbox.api.auth import level_of, organizations_of
from sources.sandbox.company.canaries import written
from sources.sandbox.company.declared import DECLARED
from sources.sandbox.company.people import DETAIL_ONLY
from sources.sandbox.models import Record, Row
from sources.sandbox.state import WORLD, Key

BASIC = (
    "id",
    "uuid",
    "distinct_id",
    "first_name",
    "last_name",
    "email",
    "is_email_verified",
    "hedgehog_config",
    "role_at_organization",
)
PERSON_FIELDS = ("user", "created_by", "updated_by", "verified_by", "owner", "completed_by")


@dataclass(frozen=True)
class Showing:
    """Shows rows to one key; made anew for every request."""

    key: Key
    shuffled: bool = True

    @cached_property
    def people(self) -> dict[int, Row]:
        """Every user as a user-basic object."""
        rows = Record.objects.filter(table="users").values_list("data", flat=True)
        return {row["id"]: {name: row[name] for name in BASIC} for row in rows}

    def row(self, table: str, row: Row) -> Row:
        """The row as the list shows it; `row` itself is changed."""
        special = {"users": self.user, "organizations": self.organization, "projects": project}.get(table)
        if special:
            return special(row)
        for name in people_in(table):
            if isinstance(row.get(name), int):
                row[name] = self.people.get(row[name])
        if self.shuffled and row.get("tags"):
            random.shuffle(row["tags"])
        if endpoint := DECLARED.get(table):
            ignored = [one.name for one in endpoint.fields if one.role == "ignored"]
            row.update({name: random.random() for name in ignored if name not in row})
        if "ai_report" in row and not self.key.allows("query:read"):
            row.update(ai_report=None, ai_report_prompt=None, ai_report_diagnostics={})
        return row

    def organization(self, row: Row) -> Row:
        """With its teams and projects, each with a token, as the organizations list has them."""
        projects = [
            project(data)
            for data in Record.objects.filter(table="projects", organization=row["id"])
            .order_by("number")
            .values_list("data", flat=True)
        ]
        members = Record.objects.filter(table="organization_members", organization=row["id"]).count()
        return {
            **row,
            "membership_level": level_of(self.key.user, row["id"]),
            "teams": projects,
            "projects": [{**one, "organization_id": row["id"]} for one in projects],
            "member_count": members,
        }

    def user(self, row: Row) -> Row:
        """With current team and organization; session fields differ from request to request."""
        homes = [
            Record.objects.get(table="organizations", uid=ident).data for ident in organizations_of(row["id"])
        ]
        current = self.organization(homes[0]) if homes else None
        own = row["id"] == self.key.user
        soon = WORLD.now + timedelta(seconds=random.uniform(0, 7200))
        shown = {
            **{name: value for name, value in row.items() if name != "is_active"},
            "team": current["teams"][0] if current and current["teams"] else None,
            "organization": current,
            "organizations": [self._home(row["id"], home) for home in homes],
            "is_impersonated": False,
            "is_impersonated_until": None,
            "is_impersonated_read_only": None,
            "is_impersonated_reason": None,
            "sensitive_session_expires_at": written(soon),
            "fresh_reauth_expires_at": written(soon),
            "is_organization_first_user": row["id"] == 1 if own else None,
            "pending_invites": [],
        }
        if own:
            shown["notification_locks"] = []
            shown["pending_invites"] = [
                {
                    "id": f"{row['uuid'][:-12]}00000000abcd",
                    "target_email": "invited.canarysecret@partner.example",
                    "organization_id": row["uuid"],
                    "organization_name": "Partner",
                    "created_at": row["date_joined"],
                }
            ]
        return shown

    def _home(self, user: int, row: Row) -> Row:
        names = (
            "id",
            "name",
            "slug",
            "logo_media_id",
            "members_can_use_personal_api_keys",
            "is_active",
            "is_not_active_reason",
            "is_pending_deletion",
        )
        return {**{name: row[name] for name in names}, "membership_level": level_of(user, row["id"])}


@cache
def people_in(table: str) -> tuple[str, ...]:
    """The fields of a table that hold a user."""
    endpoint = DECLARED.get(table)
    return tuple(one.name for one in endpoint.fields if one.role == "person") if endpoint else PERSON_FIELDS


def project(row: Row) -> Row:
    """A project as lists show it: of the tokens only the public one."""
    return {name: value for name, value in row.items() if name not in DETAIL_ONLY}
