"""Project lists: subscriptions, deliveries, cohorts, comments, group types ."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from django.db.models import Case, F, Q, QuerySet, Value, When
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from sources.sandbox.api import paging
from sources.sandbox.api.auth import level_of
from sources.sandbox.api.responses import bad
from sources.sandbox.api.serializers import Showing
from sources.sandbox.api.views import Detail, Listing, Reading
from sources.sandbox.company.comments import HIDDEN_SCOPES
from sources.sandbox.company.people import ADMIN
from sources.sandbox.models import Record, Row, moment

STATUSES = ("starting", "completed", "failed", "skipped")
TARGETS = ("email", "slack", "webhook")
LONGEST_SEARCH = 200


class Subscriptions(Listing):
    """Newest first; deleted ones hidden, or alone with `deleted=true`."""

    scope, table = "subscription", "subscriptions"
    orderings = {
        "created_at": "created_at",
        "next_delivery_date": "next_delivery_date",
        "title": "name",
        "created_by__email": "email",
    }

    def narrow(self, records: QuerySet[Record]) -> QuerySet[Record]:
        """Filters as PostHog validates them."""
        asked = self.request.query_params
        records = records.filter(deleted=asked.get("deleted", "false").lower() in ("true", "1"))
        if "target_type" in asked:
            if asked["target_type"] not in TARGETS:
                raise bad("target_type", f'"{asked["target_type"]}" is not a valid choice.', "invalid_choice")
            records = records.filter(data__target_type=asked["target_type"])
        for name in ("insight", "dashboard"):
            if asked.get(name, "").isdecimal():
                records = records.filter(**{f"data__{name}": int(asked[name])})
        if "resource_type" in asked:
            records = records.filter(data__resource_type=asked["resource_type"])
        if "created_by" in asked:
            records = records.filter(data__created_by=_user(asked["created_by"]))
        if asked.get("search"):
            records = records.filter(
                Q(name__icontains=asked["search"]) | Q(data__resource_name__icontains=asked["search"])
            )
        return records

    def order(self, records: QuerySet[Record]) -> QuerySet[Record]:
        """`ordering`, else newest first; unknown names are ignored; the key settles ties."""
        word = self.request.query_params.get("ordering", "")
        column = self.orderings.get(word.lstrip("-"))
        if column is None:
            return records.order_by("-created_at", "-number")
        if column == "email":
            records = records.annotate(email=_email())
        return (
            records.order_by(f"-{column}", "-number")
            if word.startswith("-")
            else records.order_by(column, "number")
        )


def _email() -> Case:
    """The author's address, looked up: rows hold people by number."""
    users = Record.objects.filter(table="users").values_list("number", "data")
    return Case(*(When(data__created_by=number, then=Value(row["email"])) for number, row in users))


def _user(word: str) -> int:
    try:
        found = Record.objects.filter(table="users", data__uuid=str(uuid.UUID(word))).first()
    except ValueError as error:
        raise bad("created_by", "Must be a valid UUID.") from error
    return found.data["id"] if found else -1


class Subscription(Detail):
    """One subscription, deleted or not."""

    scope, table = "subscription", "subscriptions"


class Deliveries(Listing):
    """Newest first by cursor; of deleted subscriptions too; empty for one that does not exist."""

    scope, table, pager = "subscription", "subscription_deliveries", paging.Deliveries

    def below(self) -> dict[str, str]:
        """One subscription's."""
        return {"parent": self.kwargs["subscription"]}

    def narrow(self, records: QuerySet[Record]) -> QuerySet[Record]:
        """By status."""
        status = self.request.query_params.get("status")
        if status is None:
            return records
        if status not in STATUSES:
            raise bad("status", f'"{status}" is not a valid choice.', "invalid_choice")
        return records.filter(data__status=status)


class Delivery(Detail):
    """One delivery."""

    scope, table = "subscription", "subscription_deliveries"

    def below(self) -> dict[str, str]:
        """Of this subscription only."""
        return {"parent": self.kwargs["subscription"]}


class Cohorts(Listing):
    """Newest first, rows without a date before all others; deleted ones are never listed."""

    scope, table = "cohort", "cohorts"

    def narrow(self, records: QuerySet[Record]) -> QuerySet[Record]:
        """By type, author, words."""
        asked = self.request.query_params
        records = records.filter(deleted=False)
        if asked.get("type") in ("static", "dynamic"):
            records = records.filter(data__is_static=asked["type"] == "static")
        if asked.get("created_by_id", "").isdecimal():
            records = records.filter(data__created_by=int(asked["created_by_id"]))
        if asked.get("hide_behavioral_cohorts") == "true":
            records = records.exclude(data__cohort_type="behavioral")
        if len(asked.get("search", "")) > LONGEST_SEARCH:
            raise bad("search", "Ensure this field has no more than 200 characters.")
        return records.filter(name__icontains=asked["search"]) if asked.get("search") else records

    def order(self, records: QuerySet[Record]) -> QuerySet[Record]:
        """As Postgres sorts: in descending order nulls come first."""
        return records.order_by(F("created_at").desc(nulls_first=True), "-number")

    def shown(self, row: Row) -> Row:
        """`basic=true` leaves the definition out."""
        if self.request.query_params.get("basic") != "true":
            return row
        return {name: value for name, value in row.items() if name not in ("filters", "query", "groups")}


class Cohort(Detail):
    """One cohort, deleted or not."""

    scope, table = "cohort", "cohorts"


class Comments(Listing):
    """Newest first by cursor; any `deleted` but `false` shows live and deleted ones together."""

    scope, table, pager = "comment", "comments", paging.Comments

    def scopes(self) -> list[str]:
        """Tickets need their own scope."""
        ticket = self.request.query_params.get("scope") in HIDDEN_SCOPES[:2]
        return [*super().scopes(), *(["ticket:read"] if ticket else [])]

    def narrow(self, records: QuerySet[Record]) -> QuerySet[Record]:
        """Support tickets and other products' threads show only when asked for."""
        asked = self.request.query_params
        if asked.get("deleted", "false") == "false":
            records = records.filter(deleted=False)
        columns = {"scope": "scope", "item_id": "data__item_id", "source_comment": "data__source_comment"}
        records = records.filter(
            **{column: asked[name] for name, column in columns.items() if asked.get(name)}
        )
        if not asked.get("scope"):
            records = records.exclude(scope__in=HIDDEN_SCOPES)
        if asked.get("kind") in ("comment", "task"):
            records = records.filter(data__is_task=asked["kind"] == "task")
            if asked["kind"] == "task" and asked.get("completed") in ("open", "completed"):
                done = ~Q(data__completed_at=None)
                records = records.filter(done if asked["completed"] == "completed" else ~done)
        if asked.get("exclude_emoji_reactions") == "true":
            records = records.exclude(data__item_context__is_emoji=True)
        return records.filter(data__content__icontains=asked["search"]) if asked.get("search") else records


class CommentCount(Comments):
    """How many the same parameters would list."""

    def get(self, request: Request, **_: Any) -> Response:
        """One number."""
        del request
        return Response({"count": self.narrow(self.records()).count()})


class Thread(Comments):
    """The replies to one comment."""

    def records(self) -> QuerySet[Record]:
        """By their source."""
        return super().records().filter(data__source_comment=self.kwargs["ident"])


class Comment(Detail):
    """One comment, deleted or not."""

    scope, table = "comment", "comments"


class ActivityLogs(Listing):
    """An organization's audit log, for its admins; both ends of a range of time are inclusive."""

    scope, table, pager = "activity_log", "organization_activity_logs", paging.ActivityLogs

    def narrow(self, records: QuerySet[Record]) -> QuerySet[Record]:
        """By time, scope, activity."""
        if (level_of(self.key.user, str(self.organization_id)) or 0) < ADMIN:
            raise PermissionDenied
        asked = self.request.query_params
        for name, column in (("start_date", "created_at__gte"), ("end_date", "created_at__lte")):
            if name in asked:
                records = records.filter(**{column: _time(name, asked[name])})
        if asked.getlist("scopes"):
            records = records.filter(scope__in=asked.getlist("scopes"))
        return records


def _time(name: str, word: str) -> datetime:
    """A time as PostHog reads it: a raw + arrives as a blank, and that is no time."""
    found = moment(word) if " " not in word else None
    if found is None:
        formats = "YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z]"
        raise bad(name, f"Datetime has wrong format. Use one of these formats instead: {formats}.")
    return found


class GroupTypes(Reading):
    """A bare array, by index."""

    scope, table = "group", "group_types"

    def get(self, request: Request, **_: Any) -> Response:
        """All of them."""
        del request
        show = Showing(self.key)
        rows = self.records().order_by("number").values_list("data", flat=True)
        return Response([show.row(self.table, row) for row in rows])
