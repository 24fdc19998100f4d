"""The exact truth, for tests: every row there is, as the API would show it to one key.

`_parents` holds what the path says and the row does not: organization_id, project_id, subscription_id; for
property definitions type and, for groups only, group_type_index. `_listed` says whether some list shows the
row today to this key with all scopes, the pass with `deleted=true` included.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sources.posthog.catalogue.endpoint import Endpoint
from sources.sandbox.api.auth import level_of, organizations_of
from sources.sandbox.api.definition_lists import never_listed, virtual_rows
from sources.sandbox.api.serializers import Showing
from sources.sandbox.company.canaries import written
from sources.sandbox.company.comments import HIDDEN_SCOPES
from sources.sandbox.company.declared import DECLARED, above, below_it, parents_of
from sources.sandbox.company.people import ADMIN
from sources.sandbox.models import Record, Row
from sources.sandbox.state import WORLD, Key

TABLES = (
    "organizations",
    "projects",
    "organization_members",
    "organization_activity_logs",
    "users",
    "subscriptions",
    "subscription_deliveries",
    "cohorts",
    "comments",
    "event_definitions",
    "property_definitions",
    "group_types",
)


COLUMNS = ("pk", "table", "project", "organization", "parent", "number", "data")


def truth(key: Key, tables: Collection[str] = TABLES) -> dict[str, Any]:
    """All rows of these tables by table, as a key sees them."""
    show = Showing(key, shuffled=False)
    see = _Sight(key)
    rows: dict[str, list[Row]] = {table: [] for table in (*TABLES, *DECLARED) if table in tables}
    records = Record.objects.filter(table__in=rows).order_by("pk")
    for record in records.values_list(*COLUMNS, named=True).iterator():
        if record.table == "users" and not (see.staff or record.number == key.user):
            continue
        listed = see.listed(record)  # before the row is shown: showing changes it
        row = show.row(record.table, record.data)
        rows[record.table].append({"_parents": _parents(record), "_listed": listed, **row})
    if "property_definitions" in rows:
        rows["property_definitions"] += _virtual(sorted(see.projects))
    return {"rows": rows, "now": written(WORLD.now)}


class _Sight:
    """What one key sees, looked up once."""

    def __init__(self, key: Key) -> None:
        users = dict(Record.objects.filter(table="users").values_list("number", "data"))
        self.staff = users[key.user]["is_staff"]
        self.active = {number for number, row in users.items() if row["is_active"]}
        self.organizations = set(organizations_of(key.user))
        self.administered = {o for o in self.organizations if (level_of(key.user, o) or 0) >= ADMIN}
        self.projects = set(
            Record.objects.filter(table="projects", organization__in=self.organizations).values_list(
                "number", flat=True
            )
        )
        self.never = set(
            Record.objects.filter(never_listed(), table="property_definitions").values_list("pk", flat=True)
        )

    def listed(self, record: Any) -> bool:
        """Whether some list shows the row."""
        row = record.data
        if endpoint := DECLARED.get(record.table):
            place = record.organization in self.organizations or record.project in self.projects
            return place and row.get("deleted") is not True and self._above(endpoint, record)
        return self._drawn_listed(record)

    def _drawn_listed(self, record: Any) -> bool:
        row = record.data
        if record.table == "users":
            return record.number in self.active
        if record.table == "organizations":
            return row["id"] in self.organizations
        if record.table == "organization_members":
            return record.organization in self.organizations and row["user"] in self.active
        if record.table == "organization_activity_logs":
            return record.organization in self.administered
        if record.table == "projects":
            return record.number in self.projects
        hidden = (
            (record.table == "cohorts" and row["deleted"])
            or (record.table == "comments" and row["scope"] in HIDDEN_SCOPES)
            or record.pk in self.never
        )
        return record.project in self.projects and not hidden

    def _above(self, endpoint: Endpoint, record: Any) -> bool:
        """Whether the row above is listed, and its list is read."""
        found = above(endpoint, record)
        if found is None or found[0].table not in DECLARED:
            return True
        parent, ident = found
        row = Record.objects.filter(table=parent.table, **{f"data__{parent.key[-1]}": ident}).first()
        return row is not None and self.listed(row) and below_it(endpoint, row.data)


def _parents(record: Any) -> dict[str, Any]:
    if endpoint := DECLARED.get(record.table):
        ids = parents_of(endpoint, record)
        is_shared = endpoint.shared and record.data[endpoint.shared[0]] in endpoint.shared[1]
        return dict.fromkeys(ids) if is_shared else ids
    if record.table in ("projects", "organization_members", "organization_activity_logs"):
        return {"organization_id": record.organization}
    if record.project is None:
        return {}
    parents: dict[str, Any] = {"project_id": record.project}
    if record.table == "subscription_deliveries":
        parents["subscription_id"] = int(record.parent)
    if record.table == "property_definitions":
        parents |= _type(record.parent)
    return parents


def _type(kind: str) -> dict[str, Any]:
    name, _, index = kind.partition(":")
    return {"type": name, "group_type_index": int(index)} if index else {"type": name}


def _virtual(projects: list[int]) -> list[Row]:
    """A list has them even where it is otherwise empty; group lists are those of the live group types."""
    rows = []
    for project in projects:
        groups = Record.objects.filter(table="group_types", project=project).values_list("number", flat=True)
        for kind in ("person", *(f"group:{index}" for index in sorted(groups))):
            rows += [
                {"_parents": {"project_id": project, **_type(kind)}, "_listed": True, **row}
                for row in virtual_rows(kind)
            ]
    return rows
