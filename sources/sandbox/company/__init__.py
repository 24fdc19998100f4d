"""The company: founded the same from the same seed, and the same again at every start."""

from __future__ import annotations

from itertools import islice
from math import ceil, sqrt

from django.db import transaction

from sources.sandbox.company.activity import entry
from sources.sandbox.company.canaries import Pen
from sources.sandbox.company.cohorts import cohort
from sources.sandbox.company.comments import thread
from sources.sandbox.company.declared import add_declared
from sources.sandbox.company.definitions import (
    GROUP_TYPES,
    event_definition,
    event_names,
    group_type,
    property_definition,
    property_names,
)
from sources.sandbox.company.people import FULL_PROJECTS, MEMBERSHIPS, PROJECTS, add_people
from sources.sandbox.company.subscriptions import history, subscription
from sources.sandbox.company.vocabulary import (
    EVENT_PROPERTIES,
    GROUP_PROPERTIES,
    PERSON_PROPERTIES,
    SESSION_PROPERTIES,
)
from sources.sandbox.models import Record, insert
from sources.sandbox.state import World

# Kind of property, well-known names, prefix of the others, how many at size 1.
PROPERTIES = (
    ("event", EVENT_PROPERTIES, "", 300),
    ("person", PERSON_PROPERTIES, "person_", 60),
    ("session", SESSION_PROPERTIES, "$session_", 12),
    ("group:0", GROUP_PROPERTIES, "org_", 20),
    ("group:1", GROUP_PROPERTIES, "instance_", 20),
)
DELIVERIES = (130, 5, 75, 12, 51, 9, 28, 50, 100, 7, 60, 18)


def found(world: World) -> None:
    """Fill the empty table."""
    with transaction.atomic():
        add_people(world)
        _add_activity(world)
        world.numbers.update(subscriptions=4100, cohorts=7000)
        for number, organization, _ in PROJECTS:
            people = [person for person in MEMBERSHIPS[organization] if person != 1]
            size = world.size if number in FULL_PROJECTS else 0
            _add_definitions(world, number, people, size)
            if size:
                _add_subscriptions(world, number, people, size)
                pen = Pen.for_part(world, number, "cohorts")
                insert(
                    "cohorts",
                    [cohort(pen, at, people) for at in range(25 * ceil(sqrt(size)))],
                    project=number,
                )
                pen = Pen.for_part(world, number, "comments")
                insert("comments", thread(pen, 150 * size, people), project=number)
        add_declared(world)


def _add_activity(world: World) -> None:
    organizations = Record.objects.filter(table="organizations").order_by("pk").values_list("uid", flat=True)
    for people, organization in zip(MEMBERSHIPS, organizations, strict=True):
        pen = Pen.for_part(world, organization, "activity")
        moments = sorted(pen.ago(60) for _ in range(40 * world.size))
        rows = [entry(pen, str(organization), people, at) for at in moments]
        insert("organization_activity_logs", rows, organization=organization)


def _add_subscriptions(world: World, project: int, people: list[int], size: int) -> None:
    pen = Pen.for_part(world, project, "subscriptions")
    rows = [subscription(pen, at, people) for at in range(12 * ceil(sqrt(size)))]
    insert("subscriptions", rows, project=project)
    for at, row in enumerate(rows):
        sent = history(Pen.for_part(world, project, "deliveries", at), row, DELIVERIES[at % len(DELIVERIES)])
        insert("subscription_deliveries", sent, project=project, parent=str(row["id"]))


def _add_definitions(world: World, project: int, people: list[int], size: int) -> None:
    """The empty project has three events and a few of their properties."""
    pen = Pen.for_part(world, project, "definitions")
    events = [event_definition(pen, name, people) for name in islice(event_names(), 140 * size or 3)]
    insert("event_definitions", events, project=project)
    for kind, known, prefix, number in PROPERTIES[: None if size else 1]:
        rows = [
            property_definition(pen, name, people)
            for name in islice(property_names(known, prefix), number * size or 5)
        ]
        insert("property_definitions", rows, project=project, parent=kind)
    if size:
        insert("group_types", [group_type(pen, index) for index in range(len(GROUP_TYPES))], project=project)
