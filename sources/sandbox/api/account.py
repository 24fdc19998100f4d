"""What a key can find out first: itself, its owner, organizations, members, projects."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet
from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from sources.sandbox.api.auth import level_of, organizations_of
from sources.sandbox.api.serializers import Showing
from sources.sandbox.api.views import Listing, Reading
from sources.sandbox.company.canaries import written
from sources.sandbox.models import Record
from sources.sandbox.state import BEGINNING, WORLD

ADMIN = 8


class CurrentKey(Reading):
    """The key about itself; needs no scope."""

    scope, table = "user", "personal_api_keys"

    def scopes(self) -> list[str]:
        """None."""
        return []

    def get(self, request: Request, **_: Any) -> Response:
        """Never the value."""
        del request
        key = self.key
        return Response(
            {
                "id": f"sandboxkey{key.number}",
                "label": key.label,
                "value": None,
                "mask_value": f"phx_...{key.token[-4:]}",
                "created_at": written(BEGINNING - timedelta(days=30)),
                "last_used_at": written(WORLD.now),
                "last_rolled_at": None,
                "user_id": key.user,
                "scopes": key.scopes,
                "scoped_teams": key.scoped_teams,
                "scoped_organizations": key.scoped_organizations,
            }
        )


class KeyList(Reading):
    """The list of keys is for people, not for keys."""

    scope, table = "user", "personal_api_keys"

    def get(self, request: Request, **_: Any) -> Response:
        """Refused."""
        del request
        raise PermissionDenied("This action does not support personal API key access")


class Users(Listing):
    """By id: the owner alone, or all active users for a staff key. Reading is not throttled."""

    scope, table = "user", "users"
    throttle_classes = ()

    def records(self) -> QuerySet[Record]:
        """What this key may see."""
        owner = self.request.user
        users = super().records().filter(data__is_active=True)
        return users if owner["is_staff"] else users.filter(number=owner["id"])

    def narrow(self, records: QuerySet[Record]) -> QuerySet[Record]:
        """By exact address or staff."""
        asked = self.request.query_params
        if asked.get("email"):
            records = records.filter(data__email=asked["email"])
        if asked.get("is_staff") in ("true", "false"):
            records = records.filter(data__is_staff=asked["is_staff"] == "true")
        return records

    def order(self, records: QuerySet[Record]) -> QuerySet[Record]:
        """New users come last."""
        return records.order_by("number")


class User(Reading):
    """One user by uuid, or `@me`."""

    scope, table = "user", "users"
    throttle_classes = ()

    def get(self, request: Request, ident: str) -> Response:
        """Others only for staff."""
        own = ident in ("@me", request.user["uuid"])
        if not own and not request.user["is_staff"]:
            raise PermissionDenied(
                "As a non-staff user you're only allowed to access the `@me` user instance."
            )
        found = Record.objects.filter(
            table="users", data__is_active=True, data__uuid=request.user["uuid"] if own else ident
        ).first()
        if found is None:
            raise NotFound
        return Response(Showing(self.key).user(found.data))


class Organizations(Listing):
    """The owner's organizations, those that the key is scoped to; no order is promised."""

    scope, table = "organization", "organizations"

    def records(self) -> QuerySet[Record]:
        """Memberships decide, then the key."""
        seen = [
            ident
            for ident in organizations_of(self.key.user)
            if not self.key.scoped_organizations or ident in self.key.scoped_organizations
        ]
        return super().records().filter(uid__in=seen)


class Organization(Reading):
    """One organization."""

    scope, table = "organization", "organizations"

    def get(self, request: Request, **_: Any) -> Response:
        """As the list shows it."""
        del request
        found = Record.objects.get(table="organizations", uid=self.organization_id)
        return Response(Showing(self.key).row(self.table, found.data))


class Projects(Listing):
    """An organization's projects; no order is promised."""

    scope, table = "project", "projects"

    def narrow(self, records: QuerySet[Record]) -> QuerySet[Record]:
        """By words in the name."""
        words = self.request.query_params.get("search")
        return records.filter(name__icontains=words) if words else records


class AllProjects(Projects):
    """The root list: judged against the organization that the owner last looked at."""

    def records(self) -> QuerySet[Record]:
        """Of the current organization."""
        current = organizations_of(self.key.user)[:1]
        scoped = self.key.scoped_organizations
        for ident in current if scoped else []:
            if ident not in scoped:
                raise PermissionDenied(
                    f"API key does not have access to the requested organization: ID {ident}."
                )
        return super().records().filter(organization__in=current)


class Project(Reading):
    """One project, with its secret tokens."""

    scope, table = "project", "projects"

    def get(self, request: Request, **_: Any) -> Response:
        """Wider than the list's row."""
        del request
        return Response(self.project)


class Members(Listing):
    """An organization's active members, last joined first."""

    scope, table = "organization_member", "organization_members"

    def narrow(self, records: QuerySet[Record]) -> QuerySet[Record]:
        """By address, words, or time of the membership's last change."""
        asked = self.request.query_params
        users = Record.objects.filter(table="users", data__is_active=True)
        if asked.get("email"):
            users = users.filter(data__email=asked["email"])
        if asked.get("search"):
            words = asked["search"]
            users = users.filter(
                Q(data__email__icontains=words)
                | Q(data__first_name__icontains=words)
                | Q(data__last_name__icontains=words)
            )
        if "updated_after" in asked:
            # Text that is no time breaks PostHog with a 500; a raw + arrives as a space.
            records = records.filter(updated_at__gt=datetime.fromisoformat(asked["updated_after"]))
        if WORLD.options.members_hidden and (level_of(self.key.user, str(self.organization_id)) or 0) < ADMIN:
            users = users.filter(number=self.key.user)
        return records.filter(data__user__in=list(users.values_list("number", flat=True)))

    def order(self, records: QuerySet[Record]) -> QuerySet[Record]:
        """`order=joined_at` or `order=-joined_at`; the key settles ties."""
        up = self.request.query_params.get("order") == "joined_at"
        return records.order_by("created_at", "uid") if up else records.order_by("-created_at", "-uid")
