"""Event and property definitions."""

from __future__ import annotations

from typing import Any

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Length, Substr
from rest_framework.request import Request
from rest_framework.response import Response

from sources.sandbox.api import paging
from sources.sandbox.api.responses import bad
from sources.sandbox.api.views import Detail, Listing
from sources.sandbox.company.canaries import written
from sources.sandbox.company.vocabulary import VIRTUAL_PROPERTIES
from sources.sandbox.models import Record, Row
from sources.sandbox.state import WORLD

TYPES = ("event", "person", "group", "session")
EVENT_TYPES = ("event", "event_custom", "event_posthog", "all", "action_event")
# Made by ingestion itself: such event properties are never listed.
NEVER_LISTED = (
    "distinct_id",
    "$set",
    "$set_once",
    "$initial_referrer",
    "$initial_referring_domain",
    "$groups",
    "$group_type",
    "$group_key",
    "$group_set",
    *(f"$group_{index}" for index in range(5)),
)


def never_listed() -> Q:
    """The condition for event properties that the list hides."""
    return Q(parent="event") & (Q(name__in=NEVER_LISTED) | Q(name__startswith="$session_entry_"))


class EventDefinitions(Listing):
    """Last seen first, then by name; very large ones by name."""

    scope, table, pager = "event_definition", "event_definitions", paging.StrictCapped
    orderings = ("name", "last_seen_at", "last_seen_at::date", "created_at", "created_at::date")

    def narrow(self, records: QuerySet[Record]) -> QuerySet[Record]:
        """By words, kind, state, names."""
        asked = self.request.query_params
        kind = asked.get("event_type", "all")
        if kind not in EVENT_TYPES:
            raise bad("event_type", f'"{kind}" is not a valid choice.', "invalid_choice")
        if kind in ("event_custom", "event_posthog"):
            ours = Q(name__startswith="$")
            records = records.filter(ours if kind == "event_posthog" else ~ours)
        if asked.get("exclude_hidden") == "true":
            records = records.exclude(data__hidden=True)
        if asked.get("verified") in ("true", "false"):
            verified = Q(verified=True)
            records = records.filter(verified if asked["verified"] == "true" else ~verified)
        names = [name for value in asked.getlist("names") for name in value.split(",") if name]
        records = records.filter(name__in=names) if names else records
        return records.filter(name__icontains=asked["search"]) if asked.get("search") else records

    def order(self, records: QuerySet[Record]) -> QuerySet[Record]:
        """Nulls first in ascending order, last in descending; the name always settles ties."""
        words = [word for value in self.request.query_params.getlist("ordering") for word in value.split(",")]
        known = [word for word in words if word.lstrip("-") in self.orderings]
        if not known:
            large = records.count() > WORLD.options.name_order_above
            known = ["name"] if large else ["-last_seen_at::date", "name"]
            if self.request.query_params.get("search") and not large:
                return records.order_by(Length("name"), *map(_sorted_by, known), "name")
        return records.order_by(*map(_sorted_by, known), "name")


def _sorted_by(word: str) -> Any:
    column, _, day = word.lstrip("-").partition("::")
    # Times are kept as text that begins with the day; SQLite has no dates of its own.
    value = Substr(column, 1, 10) if day else F(column)
    return value.desc(nulls_last=True) if word.startswith("-") else value.asc(nulls_first=True)


class Definition(Detail):
    """One definition. Reading it writes: PostHog makes its enterprise row, and `updated_at` is now."""

    def touched(self, record: Record) -> Row:
        """The row with its new `updated_at`."""
        if record.data.get("updated_at") is None:
            record.change(updated_at=written(WORLD.now))
        row: Row = record.data
        return row


class EventDefinition(Definition):
    """One event definition."""

    scope, table = "event_definition", "event_definitions"


class PropertyDefinition(Definition):
    """One property definition."""

    scope, table = "property_definition", "property_definitions"

    def below(self) -> dict[str, str]:
        """Of any type."""
        return {}


class _Properties(paging.Capped):
    """Exact counts, unless the options say that this list is capped too."""

    def get_count(self, queryset: Any) -> int:
        count = super().get_count(queryset)
        self.capped = self.capped and WORLD.options.cap_properties
        return count


class PropertyDefinitions(Listing):
    """One type at a time (`event` unless asked), verified first, then by name."""

    scope, table, pager = "property_definition", "property_definitions", _Properties

    def kind(self) -> str:
        """Type, with the index for groups: `group:1`. The index is required there and forbidden elsewhere."""
        asked = self.request.query_params
        kind, index = asked.get("type", "event"), asked.get("group_type_index")
        if kind not in TYPES:
            raise bad("type", f'"{kind}" is not a valid choice.', "invalid_choice")
        if kind == "group" and index is None:
            raise bad("type", "`group_type_index` must be set for `group` type")
        if kind != "group" and index is not None:
            raise bad("type", "`group_type_index` must not be set unless `type` is `group`")
        if index is not None and index not in map(str, range(5)):
            raise bad(
                "group_type_index",
                "A valid integer is required."
                if not index.isdecimal()
                else "Ensure this value is less than or equal to 4.",
            )
        return kind if index is None else f"group:{index}"

    def below(self) -> dict[str, str]:
        """Of one type."""
        return {"parent": self.kind()}

    def narrow(self, records: QuerySet[Record]) -> QuerySet[Record]:
        """Less what is never listed."""
        asked = self.request.query_params
        records = records.exclude(never_listed())
        if asked.get("properties"):
            records = records.filter(name__in=asked["properties"].split(","))
        if asked.get("is_numerical") in ("true", "false"):
            records = records.filter(data__is_numerical=asked["is_numerical"] == "true")
        if asked.get("is_feature_flag") in ("true", "false"):
            flag = Q(name__startswith="$feature/")
            records = records.filter(flag if asked["is_feature_flag"] == "true" else ~flag)
        if asked.get("exclude_hidden") == "true":
            records = records.exclude(data__hidden=True)
        return records.filter(name__icontains=asked["search"]) if asked.get("search") else records

    def order(self, records: QuerySet[Record]) -> QuerySet[Record]:
        """Verified first, never looked at last; the name is unique."""
        return records.order_by(F("verified").desc(nulls_last=True), "name")

    def get(self, request: Request, **path: Any) -> Response:
        """The page; the last one is longer by the built-in virtual properties, which every count includes."""
        answer = super().get(request, **path)
        virtual = [row for row in virtual_rows(self.kind()) if self._wanted(row)]
        pager = self.pager()
        end = pager.get_offset(request) + len(answer.data["results"])
        if end >= answer.data["count"]:
            answer.data["results"] = [*answer.data["results"], *virtual]
        answer.data["count"] += len(virtual)
        return answer

    def _wanted(self, row: Row) -> bool:
        asked = self.request.query_params
        return asked.get("search", "").lower() in row["name"].lower() and row["name"] in asked.get(
            "properties", row["name"]
        ).split(",")


def virtual_rows(kind: str) -> list[Row]:
    """The properties that PostHog computes; their ids are no uuids and repeat in every project."""
    return [
        {
            "id": f"$builtin_{name}",
            "name": name,
            "is_numerical": type_ == "Numeric",
            "property_type": type_,
            "tags": [],
            "virtual": True,
        }
        for name, type_ in VIRTUAL_PROPERTIES.get(kind.partition(":")[0], ())
    ]
