"""Changes made behind the API's back, for tests that need one exact row.

`edit(world, table, where={field: value}, parents={...}, ...)` with `set` (fields) and `unset` (field names),
or `soft_delete` (true marks, false revives), or `delete`, or `insert` (rows; what they lack is filled in).
`where` compares with the row as it is kept, people as integer ids. `parents` is what the path says:
project_id, organization_id, subscription_id, type, group_type_index.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import transaction

from sources.sandbox.company.activity import entry
from sources.sandbox.company.canaries import Pen, written
from sources.sandbox.company.cohorts import cohort
from sources.sandbox.company.comments import comment
from sources.sandbox.company.declared import DECLARED, draw, place_of
from sources.sandbox.company.definitions import event_definition, group_type, property_definition
from sources.sandbox.company.people import FULL_PROJECTS, MEMBER, PROJECTS, member, project, user
from sources.sandbox.company.subscriptions import delivery, subscription
from sources.sandbox.models import Record, Row, insert
from sources.sandbox.state import World

AUTHORS = [2]


def edit(
    world: World,
    table: str,
    where: Row | None = None,
    parents: Row | None = None,
    *,
    set: Row | None = None,  # noqa: A002
    unset: list[str] | None = None,
    delete: bool = False,
    soft_delete: bool | None = None,
    insert: list[Row] | None = None,
) -> int:
    """Change, remove or add rows; gives how many."""
    change = {**(set or {}), **({} if soft_delete is None else {"deleted": soft_delete})}
    with transaction.atomic():
        if insert is not None:
            return sum(add(world, table, row, parents or {}) for row in insert)
        records = list(matching(table, where or {}, parents or {}))
        for record in records:
            if delete:
                record.delete()
                continue
            for name in unset or ():
                record.data.pop(name, None)
            record.change(**change)
    return len(records)


def matching(table: str, where: Row, parents: Row) -> Iterator[Record]:
    """The rows below some parents whose fields have these values."""
    records = Record.objects.filter(table=table, **place(table, parents), **columns_of(where)).order_by("pk")
    return (
        record for record in records if all(record.data.get(name) == value for name, value in where.items())
    )


def columns_of(where: Row) -> Row:
    """What the columns of a row have that has these values: few rows are looked at instead of a whole table."""
    columns: Row = {}
    ident, name = where.get("id"), where.get("name")
    if type(ident) is int and abs(ident) < 2**63:
        columns["number"] = ident
    elif isinstance(ident, str):
        columns["uid"] = ident
    if isinstance(name, str) and name:
        columns["name"] = name
    return columns


def place(table: str, parents: Row) -> dict[str, Any]:
    """A path's parents as columns."""
    return place_of(table, parents) | _core_place(parents)


def _core_place(parents: Row) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    if "project_id" in parents:
        columns["project"] = parents["project_id"]
    if "organization_id" in parents:
        columns["organization"] = parents["organization_id"]
    if "subscription_id" in parents:
        columns["parent"] = str(parents["subscription_id"])
    if "type" in parents:
        index = parents.get("group_type_index", -1)
        columns["parent"] = parents["type"] if index in (None, -1) else f"{parents['type']}:{index}"
    return columns


def add(world: World, table: str, given: Row, parents: Row) -> int:
    """Add one row; what it lacks is drawn."""
    pen = Pen.for_part(world, "edit", world.next_number("edits"))
    columns = place(table, parents)
    if table in ("organization_members", "organization_activity_logs", "projects"):
        columns.setdefault("organization", Record.objects.filter(table="organizations").order_by("pk")[0].uid)
    elif table not in ("users", "organizations") and "organization" not in columns:
        columns.setdefault("project", FULL_PROJECTS[0])
    if table == "property_definitions":
        columns.setdefault("parent", "event")
    row = {**drawn(table, pen, given, columns), **given}
    if table == "organization_members" and "user" not in given:
        insert("users", [user(pen, row["user"])])
    return insert(table, [row], **columns)


def drawn(table: str, pen: Pen, given: Row, columns: Row) -> Row:  # noqa: C901, PLR0911 - one case per table
    """A believable row of a table, made today."""
    if endpoint := DECLARED.get(table):
        return draw(pen, endpoint, AUTHORS, 0)
    today = {"created_at": written(pen.world.now)}
    match table:
        case "subscriptions":
            return subscription(pen, 0, AUTHORS) | today
        case "subscription_deliveries":
            owner = Record.objects.get(table="subscriptions", number=int(columns["parent"]))
            return delivery(pen, owner.data, pen.world.now, "completed")
        case "cohorts":
            return cohort(pen, 3, AUTHORS) | today
        case "comments":
            return comment(pen, 1, AUTHORS, pen.world.now)
        case "event_definitions":
            return event_definition(pen, given["name"], AUTHORS) | today
        case "property_definitions":
            return property_definition(pen, given["name"], AUTHORS)
        case "group_types":
            return group_type(pen, 0)
        case "users":
            return user(pen, pen.world.next_number("users"))
        case "organization_members":
            return member(pen, given.get("user") or pen.world.next_number("users"), MEMBER)
        case "organization_activity_logs":
            return entry(pen, columns["organization"], AUTHORS, pen.world.now)
        case "projects":
            number = PROJECTS[-1][0] + pen.world.next_number("projects")
            return project(pen, number, columns["organization"], "New project")
    raise ValueError(f"no rows can be added to {table}")
