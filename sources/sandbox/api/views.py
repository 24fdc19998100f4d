"""What every API view shares: where it is, whose key asks, how a list is answered."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

from django.db.models import QuerySet
from rest_framework.exceptions import NotFound
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from sources.sandbox.api.auth import MayRead, PersonalKey, organizations_of
from sources.sandbox.api.paging import Offset
from sources.sandbox.api.serializers import Showing
from sources.sandbox.models import Record, Row
from sources.sandbox.server.throttles import Burst, Sustained
from sources.sandbox.state import Key


class Reading(APIView):
    """A view that a personal API key may read; `scope` is PostHog's scope object, `table` what is read."""

    authentication_classes = (PersonalKey,)
    permission_classes = (MayRead,)
    throttle_classes: tuple[type, ...] = (Burst, Sustained)
    scope: ClassVar[str] = ""
    table: ClassVar[str] = ""

    @property
    def key(self) -> Key:
        """The key that asks."""
        key: Key = self.request.auth
        return key

    @property
    def project_word(self) -> str | None:
        """The project as the path names it; None where the path has none."""
        word: str | None = self.kwargs.get("project")
        return word

    @property
    def organization_word(self) -> str | None:
        """The organization as the path names it."""
        word: str | None = self.kwargs.get("organization")
        return word

    def scopes(self) -> list[str]:
        """The scopes that are needed."""
        return [f"{self.scope}:read"]

    @cached_property
    def project(self) -> Row:
        """The project that is asked for; a `token` or `api_key` in the query overrides the path."""
        token = self.request.query_params.get("token") or self.request.query_params.get("api_key")
        records = Record.objects.filter(table="projects")
        if token:
            found = records.filter(data__api_token=token).first()
        elif self.project_word == "@current":
            found = (
                records.filter(organization__in=organizations_of(self.key.user)[:1])
                .order_by("number")
                .first()
            )
        else:
            word = str(self.project_word)
            # More digits than an integer column holds are no id either.
            found = records.filter(number=int(word)).first() if word.isdecimal() and len(word) < 18 else None
        if found is None:
            raise NotFound("Project not found.")
        row: Row = found.data
        return row

    @cached_property
    def organization_id(self) -> str | None:
        """The organization that is asked for, by itself or through a project."""
        if self.project_word is not None:
            return str(self.project["organization"])
        word = self.organization_word
        if word == "@current":
            word = next(iter(organizations_of(self.key.user)), None)
        if word and not Record.objects.filter(table="organizations", uid=word).exists():
            raise NotFound("Organization not found.")
        return word

    def below(self) -> dict[str, str]:
        """What else of the path says whose rows these are."""
        return {"parent": ""}

    def records(self) -> QuerySet[Record]:
        """The rows below this path, before any parameter."""
        records = Record.objects.filter(table=self.table)
        if self.project_word is not None:
            return records.filter(project=self.project["id"], **self.below())
        return records.filter(organization=self.organization_id) if self.organization_word else records


class Listing(Reading):
    """One list: `narrow` and `order` are what its parameters do, `pager` how it is cut."""

    pager: ClassVar[type[BasePagination]] = Offset

    def narrow(self, records: QuerySet[Record]) -> QuerySet[Record]:
        """The rows that the parameters let through."""
        return records

    def order(self, records: QuerySet[Record]) -> QuerySet[Record]:
        """The rows in the list's order; cursor lists are ordered by their pager."""
        return records

    def get(self, request: Request, **_: Any) -> Response:
        """One page."""
        pager = self.pager()
        rows = self.order(self.narrow(self.records())).values("data", "created_at", "uid")
        page = pager.paginate_queryset(rows, request, view=self)
        show = Showing(self.key)
        return pager.get_paginated_response([self.shown(show.row(self.table, one["data"])) for one in page])

    def shown(self, row: Row) -> Row:
        """A last change to a row."""
        return row


class Detail(Reading):
    """One row of a list, by its id: lists hide, details mostly do not."""

    def get(self, request: Request, ident: str, **_: Any) -> Response:
        """The row, or 404."""
        del request
        records = self.records()
        found = (
            records.filter(number=int(ident)) if ident.isdecimal() else records.filter(uid=ident)
        ).first()
        if found is None:
            raise NotFound
        return Response(Showing(self.key).row(self.table, self.touched(found)))

    def touched(self, record: Record) -> Row:
        """The row, after what reading it does to it."""
        row: Row = record.data
        return row
