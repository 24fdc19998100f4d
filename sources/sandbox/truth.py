"""The exact truth, for tests: every row there is, as the API would show it to one key.

`_parents` holds what the path says and the row does not (organization_id, project_id, subscription_id; for property
definitions type and, for groups only, group_type_index). `_listed` says whether some list shows the row today to a
key with all scopes, the pass with `deleted=true` included.
"""

from __future__ import annotations

from typing import Any

from sources.sandbox.company.comments import HIDDEN_SCOPES
from sources.sandbox.company.marks import written
from sources.sandbox.definition_lists import never_listed, virtual_rows
from sources.sandbox.keys import organizations_of
from sources.sandbox.records import Record, Row
from sources.sandbox.showing import Showing
from sources.sandbox.world import WORLD, Key

TABLES = ("organizations", "projects", "organization_members", "users", "subscriptions", "subscription_deliveries",
          "cohorts", "comments", "event_definitions", "property_definitions", "group_types")


def truth(key: Key) -> dict[str, Any]:
    """All rows by table, as a key sees them."""
    show = Showing(key, shuffled=False)
    rows: dict[str, list[Row]] = {table: [] for table in TABLES}
    hidden = set(Record.objects.filter(never_listed(), table="property_definitions").values_list("pk", flat=True))
    active = {number for number, row in Record.objects.filter(table="users").values_list("number", "data")
              if row["is_active"]}
    mine = set(organizations_of(key.user))
    projects = set(Record.objects.filter(table="projects", organization__in=mine).values_list("number", flat=True))
    for record in Record.objects.order_by("pk").iterator():
        listed = _listed(record, key, active) and record.pk not in hidden and (
            record.project in projects if record.project else record.table in ("users", "organizations")
            or record.organization in mine)
        if record.table == "users" and not _sees(key, record):
            continue
        row = show.row(record.table, record.data)
        rows[record.table].append({"_parents": _parents(record), "_listed": listed, **row})
    rows["property_definitions"] += _virtual(sorted(projects))
    return {"rows": rows, "now": written(WORLD.now)}


def _sees(key: Key, record: Record) -> bool:
    staff = Record.objects.get(table="users", number=key.user).data["is_staff"]
    return staff or record.number == key.user


def _listed(record: Record, key: Key, active: set[int]) -> bool:
    table, row = record.table, record.data
    if table == "cohorts":
        return not row["deleted"]
    if table == "comments":
        return row["scope"] not in HIDDEN_SCOPES
    if table == "organization_members":
        return row["user"] in active
    if table == "organizations":
        return row["id"] in organizations_of(key.user)
    return record.number in active if table == "users" else True


def _parents(record: Record) -> dict[str, Any]:
    if record.table in ("projects", "organization_members"):
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
            rows += [{"_parents": {"project_id": project, **_type(kind)}, "_listed": True, **row}
                     for row in virtual_rows(kind)]
    return rows
