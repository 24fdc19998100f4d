"""Who asks, and what a personal API key may read: PostHog's rules and its exact sentences."""

from __future__ import annotations

from typing import Any

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, NotFound, PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from sources.sandbox.api.responses import PaymentRequired
from sources.sandbox.models import Record, Row
from sources.sandbox.state import WORLD, Key


class PersonalKey(BaseAuthentication):
    """`Authorization: Bearer phx_…`; the key of a request is `request.auth`."""

    def authenticate(self, request: Request) -> tuple[Row, Key] | None:
        """Find the key and its owner; None when the request carries no key."""
        word, _, token = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if word != "Bearer" or not token:
            return None
        key = WORLD.keys.get(token.strip())
        if key is None or key.revoked:
            raise AuthenticationFailed("Personal API key found in request Authorization header is invalid.")
        owner = person(key.user)
        if not owner["is_active"]:
            raise AuthenticationFailed(
                "User associated with personal API key found in request Authorization header is inactive."
            )
        return owner, key

    def authenticate_header(self, request: Request) -> str:
        """What a 401 says in `WWW-Authenticate`."""
        metadata = request.build_absolute_uri("/.well-known/oauth-protected-resource")
        return f'Bearer resource_metadata="{metadata}"'


def person(number: int) -> Row:
    """A user's own row."""
    row: Row = Record.objects.get(table="users", number=number).data
    return row


class MayRead(BasePermission):
    """PostHog's order: is there a key, do its restrictions fit, its scopes, the membership, the plan."""

    message = "You do not have permission to perform this action."

    def has_permission(self, request: Request, view: Any) -> bool:
        """True, or the refusal that PostHog would give."""
        if request.auth is None:
            return False
        if view.scope != "user":
            check_restrictions(request.auth, view)
        for scope in view.scopes():
            if not request.auth.allows(scope):
                raise PermissionDenied(f"API key missing required scope '{scope}'")
        check_membership(request.auth, view)
        check_gates(view)
        return True


def check_restrictions(key: Key, view: Any) -> None:
    """A key scoped to projects works on project routes only, one scoped to organizations only below these."""
    if key.scoped_teams:
        if view.project_word is None:
            raise PermissionDenied(
                "API keys with scoped projects are only supported on project-based endpoints."
            )
        if view.project["id"] not in key.scoped_teams:
            raise PermissionDenied(
                f"API key does not have access to the requested project: ID {view.project['id']}."
            )
    asked = view.organization_id if key.scoped_organizations else None
    if asked and asked not in key.scoped_organizations:
        raise PermissionDenied(f"API key does not have access to the requested organization: ID {asked}.")


def check_membership(key: Key, view: Any) -> None:
    """The key acts as its owner: only what the owner is a member of."""
    if view.project_word is not None and view.project["organization"] not in organizations_of(key.user):
        raise PermissionDenied("You don't have access to the project.")
    if view.organization_word is not None and view.organization_id not in organizations_of(key.user):
        raise PermissionDenied


def check_gates(view: Any) -> None:
    """Lists that are not to be had here."""
    for gate in WORLD.gates:
        here = gate.project is None or (view.project_word is not None and view.project["id"] == gate.project)
        if gate.table == view.table and here:
            raise {402: PaymentRequired(), 404: NotFound("Endpoint not found.")}.get(
                gate.status, PermissionDenied("You do not have viewer access to this resource.")
            )


def organizations_of(user: int) -> list[str]:
    """Ids of the organizations that a user is a member of, in the order of joining up here."""
    return list(
        Record.objects.filter(table="organization_members", data__user=user)
        .order_by("pk")
        .values_list("organization", flat=True)
    )


def level_of(user: int, organization: str) -> int | None:
    """A user's membership level: 1 member, 8 admin, 15 owner; None outside."""
    found = Record.objects.filter(
        table="organization_members", organization=organization, data__user=user
    ).first()
    return None if found is None else int(found.data["level"])
