"""Rows of the lists that have no drawing of their own: each field is drawn by its declaration in the catalogue."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sources.posthog.catalogue import ENDPOINTS, parent_of
from sources.posthog.catalogue.endpoint import Endpoint, placeholders
from sources.posthog.catalogue.fields import Field
from sources.sandbox.company.canaries import Pen, written
from sources.sandbox.company.people import FULL_PROJECTS, MEMBERSHIPS, PROJECTS
from sources.sandbox.company.vocabulary import NAMES, TAGS, THINGS
from sources.sandbox.models import Record, Row, insert
from sources.sandbox.state import World

DRAWN = frozenset(
    {
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
    }
)
"""Lists that have a drawing and views of their own."""
DECLARED = {table: endpoint for table, endpoint in ENDPOINTS.items() if table not in DRAWN}
PLACES = ("organization_id", "project_id")
ROWS, ROWS_BELOW = 5, 2
"""How many rows a list has, and how many one below a row has."""
GONE_EVERY = 5
"""The last of so many rows is deleted: PostHog keeps it and lists it no more."""


def add_declared(world: World) -> None:
    """Fill every declared list, parents before the rows below them."""
    for endpoint in DECLARED.values():
        for place in places(endpoint):
            pen = Pen.for_part(world, endpoint.table, *place.values())
            single = endpoint.pagination == "object"
            number = 1 if single else ROWS_BELOW if place["parent"] else ROWS
            people = people_at(place)
            rows = [draw(pen, endpoint, people, at) | listed(endpoint, place) for at in range(number)]
            insert(endpoint.table, rows, **place)


def places(endpoint: Endpoint) -> Iterator[dict[str, Any]]:
    """Where an endpoint has lists: an organization or a project, and the row of another table above it."""
    organizations = Record.objects.filter(table="organizations").order_by("pk").values_list("uid", flat=True)
    for parent in parents_above(endpoint).values():
        if parent is ENDPOINTS["organizations"]:
            yield from ({"organization": one, "project": None, "parent": ""} for one in organizations)
        elif parent is ENDPOINTS["projects"]:
            every = [number for number, _, _ in PROJECTS]
            chosen = every if endpoint.pagination == "object" else FULL_PROJECTS
            yield from ({"organization": None, "project": one, "parent": ""} for one in chosen)
        else:
            for record in Record.objects.filter(table=parent.table).order_by("pk"):
                if not record.deleted and below_it(endpoint, record.data):
                    own = marked(endpoint, parent.own_placeholder, record.data[parent.key[-1]])
                    yield {"organization": record.organization, "project": record.project, "parent": own}


def listed(endpoint: Endpoint, place: dict[str, Any]) -> Row:
    """What a project's settings repeat of its row in the list of projects."""
    if endpoint.table != "project_detail_settings":
        return {}
    row: Row = Record.objects.get(table="projects", number=place["project"]).data
    return row


def parents_above(endpoint: Endpoint) -> dict[str, Endpoint]:
    """The tables directly above an endpoint's lists, by the placeholder of their rows."""
    return {one.own_placeholder: one for one in map(parent_of, endpoint.paths) if one}


def marked(endpoint: Endpoint, placeholder: str, ident: object) -> str:
    """The id of a row above as a record keeps it: with its placeholder where rows of several tables may be above."""
    return f"{placeholder}:{ident}" if len(parents_above(endpoint)) > 1 else str(ident)


def above(endpoint: Endpoint, record: Any) -> tuple[Endpoint, Any] | None:
    """The table and the id of the row above a record; None if it hangs on an organization or a project."""
    if not record.parent:
        return None
    name, _, ident = record.parent.rpartition(":")
    known = parents_above(endpoint)
    parent = known[name] if name in known else next(iter(known.values()))
    types = {one.name: one.type for one in parent.fields}
    return parent, int(ident) if types.get(parent.key[-1]) == "bigint" else ident


def below_it(endpoint: Endpoint, row: Row) -> bool:
    """Whether a list is read below a row."""
    if endpoint.below_only is None:
        return True
    name, values = endpoint.below_only
    return row.get(name) in values


def people_at(place: dict[str, Any]) -> Sequence[int]:
    """The people of an organization, or of a project's."""
    if place["project"] is not None:
        index = next(index for number, index, _ in PROJECTS if number == place["project"])
    else:
        organizations = Record.objects.filter(table="organizations").order_by("pk")
        index = list(organizations.values_list("uid", flat=True)).index(place["organization"])
    return [person for person in MEMBERSHIPS[index] if person != 1]


def place_of(table: str, parents: Row) -> dict[str, Any]:
    """The id of the row above as a column, from what a path says."""
    found = [(name, value) for name, value in parents.items() if name.endswith("_id") and name not in PLACES]
    if not found:
        return {}
    endpoint = DECLARED.get(table)
    return {"parent": marked(endpoint, *found[-1]) if endpoint else str(found[-1][1])}


def parents_of(endpoint: Endpoint, record: Any) -> Row:
    """What the path of a row's list says: the ids above it, by placeholder."""
    own = above(endpoint, record)
    ids = {"organization_id": record.organization, "project_id": record.project}
    if own:
        ids[own[0].own_placeholder] = own[1]
    path = next(
        one
        for one in endpoint.paths
        if set(placeholders(one)) <= {n for n, v in ids.items() if v is not None}
    )
    return {name: ids[name] for name in placeholders(path)}


def draw(pen: Pen, endpoint: Endpoint, people: Sequence[int], at: int) -> Row:
    """A row; its place among its list's rows decides its kind."""
    row = {
        one.name: _value(pen, endpoint, one, people, at) for one in endpoint.fields if one.role != "ignored"
    }
    if endpoint.shared:
        name, values = endpoint.shared
        row[name] = values[at % len(values)] if at % 2 else "project"
    for child in DECLARED.values():
        if child.below_only and parent_of(child.paths[0]) is endpoint and at % 2 == 0:
            name, values = child.below_only
            row[name] = values[0]
    return row


def _value(pen: Pen, endpoint: Endpoint, one: Field, people: Sequence[int], at: int) -> Any:
    if one.name in {"id", endpoint.key[-1], *endpoint.content_key[:1]}:
        return pen.world.next_number(endpoint.table) if one.type == "bigint" else pen.uuid()
    if one.name == endpoint.rows_under:
        return _plain(pen, endpoint, one, at) or 0
    if one.name not in {endpoint.cursor_field, "deleted", "archived"} and pen.chance(0.15):
        return None
    match one.role:
        case "person":
            value: Any = pen.one(people)
        case "reference":
            value = {"id": pen.dice.randint(1, 999) if one.type == "bigint" else pen.uuid(), "name": "it"}
        case "items":
            value = _items(pen, one)
        case "secret":
            value = pen.secret(f"{one.name}_")
        case _:
            value = _json(pen, one, at) if one.type == "json" else _plain(pen, endpoint, one, at)
    return value


def _plain(pen: Pen, endpoint: Endpoint, one: Field, at: int) -> Any:
    match one.type:
        case "bool":
            return (
                at % GONE_EVERY == GONE_EVERY - 1 if one.name == "deleted" else bool((at + len(one.name)) % 2)
            )
        case "bigint":
            return pen.dice.randint(0, 900)
        case "double":
            return pen.dice.randint(0, 9000) / 8
        case "timestamp":
            return written(pen.ago(20 if one.name == endpoint.cursor_field else 300))
        case _:
            return _text(pen, endpoint, one, at)


def _text(pen: Pen, endpoint: Endpoint, one: Field, at: int) -> str:
    if one.name in {"name", "title", "key", "label", "template_name"}:
        names = NAMES.get(endpoint.table, THINGS)
        return f"{names[at % len(names)]}{f' {at}' * (at >= len(names))}"
    if endpoint.in_progress and one.name == endpoint.in_progress[0]:
        return pen.one(endpoint.in_progress[1]) if at == 0 else "Completed"
    return classed(pen, one, f"{one.name.replace('_', ' ')} {pen.one(THINGS)}")


def classed(pen: Pen, one: Field, text: str) -> str:
    """A text of a field's class, marked where marks are asked for."""
    match one.privacy:
        case "person":
            return pen.person(text)
        case "recipient":
            return f"{pen.recipient('sam')}@partner.example did not answer"
        case "text":
            return pen.text(text)
        case "customer":
            return pen.customer(text.replace(" ", "-"))
        case _:
            return text


def _json(pen: Pen, one: Field, at: int) -> Any:
    if one.customer_keys:
        literal = pen.customer(f"visitor{at}@customer.example")
        return {"properties": [{"key": "plan", "operator": "exact", one.customer_keys[0]: literal}], "n": at}
    return {"note": classed(pen, one, pen.one(THINGS)), "n": at}


def _items(pen: Pen, one: Field) -> list[Any]:
    match one.type:
        case "bigint":
            return [pen.dice.randint(1, 999) for _ in range(pen.dice.randint(0, 3))]
        case "timestamp":
            return sorted(written(pen.ago(90)) or "" for _ in range(2))
        case _:
            return pen.some(TAGS, 3)
