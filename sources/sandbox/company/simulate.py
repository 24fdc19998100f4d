"""One day in the life of the company; the same days follow the same beginning."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from sources.sandbox.company.activity import entry
from sources.sandbox.company.canaries import Pen, written
from sources.sandbox.company.cohorts import cohort
from sources.sandbox.company.comments import comment
from sources.sandbox.company.definitions import event_definition, property_definition
from sources.sandbox.company.people import FULL_PROJECTS, MEMBER, NAMED, member, user
from sources.sandbox.company.subscriptions import PERIOD, delivery, outcome, subscription
from sources.sandbox.company.vocabulary import AREAS, COMMENTS, ROLES, SUBSCRIPTION_TITLES, TAGS, THINGS
from sources.sandbox.models import Record, insert
from sources.sandbox.state import DAY, World

# Days after which a deleted event is sent again.
AWAY = 2
# Of a very large company not a fifth of the events is sent every day: a day has to be short.
MOST_SEEN = 200
# Members of both organizations, who never leave.
AUTHORS = (1, 2)


def advance(world: World, until: datetime | None = None) -> None:
    """Let one day pass, as one change: nobody sees half of it. With `until` all of it happens by then."""
    with transaction.atomic():
        until = until or world.now + DAY
        world.step, world.now, world.stride = world.step + 1, until, until - world.now
        for project in FULL_PROJECTS:
            for part in PARTS:
                part(Pen.for_part(world, "day", world.step, project, part.__name__), project)
        staff_changes(Pen.for_part(world, "day", world.step, "staff"))
        activity(Pen.for_part(world, "day", world.step, "activity"))


def rows(table: str, project: int, **only: object) -> QuerySet[Record]:
    """A project's rows, oldest first."""
    return Record.objects.filter(table=table, project=project, **only).order_by("pk")


def some(pen: Pen, records: QuerySet[Record], number: int) -> Sequence[Record]:
    """So many of them, or all there are."""
    keys = list(records.values_list("pk", flat=True))
    chosen = pen.dice.sample(keys, min(number, len(keys)))
    return list(Record.objects.filter(pk__in=chosen).order_by("pk"))


def deliveries(pen: Pen, project: int) -> None:
    """What was under way ends, unless stuck for weeks; what is due goes out."""
    now = pen.world.now
    recent = now - timedelta(days=7)
    for record in rows("subscription_deliveries", project, data__status="starting", created_at__gt=recent):
        record.change(**outcome(pen, record.data, now - timedelta(hours=2), pen.one(("completed", "failed"))))
    for owner in rows("subscriptions", project, deleted=False, data__enabled=True):
        period = PERIOD[owner.data["frequency"]]
        if (pen.world.step + owner.data["id"]) % period:
            continue
        at = now - timedelta(seconds=pen.dice.uniform(600, 3600)) * (pen.world.stride / DAY)
        row = delivery(pen, owner.data, at, "starting" if pen.chance(0.3) else "completed")
        insert("subscription_deliveries", [row], project=project, parent=str(owner.data["id"]))
        owner.change(next_delivery_date=written(now + timedelta(days=period, hours=1)))


def subscriptions(pen: Pen, project: int) -> None:
    """One renamed, one retired, one taken back; every second day a new one."""
    for record in some(pen, rows("subscriptions", project, deleted=False), 1):
        record.change(title=f"{pen.one(SUBSCRIPTION_TITLES) or 'Untitled'} ({pen.world.step})")
    for record in some(pen, rows("subscriptions", project, deleted=False), 1):
        record.change(deleted=True)
    if pen.world.step % 2:
        for record in some(pen, rows("subscriptions", project, deleted=True), 1):
            record.change(deleted=False)
        new = {**subscription(pen, 0, list(AUTHORS)), "created_at": written(pen.ago(0.5))}
        insert("subscriptions", [new], project=project)


def cohorts(pen: Pen, project: int) -> None:
    """Every dynamic one is counted again; one edited, one deleted; by turns one comes back or is new."""
    for record in rows("cohorts", project, deleted=False, data__is_static=False):
        version = (record.data["version"] or 0) + 1
        record.change(
            version=version,
            pending_version=version,
            last_calculation=written(pen.ago(0.3)),
            count=max(0, (record.data["count"] or 0) + pen.dice.randint(-50, 80)),
        )
    for record in some(pen, rows("cohorts", project, deleted=False), 1):
        record.change(description=f"Reviewed on day {pen.world.step}")
    for record in some(pen, rows("cohorts", project, deleted=False), 1):
        record.change(deleted=True)
    if pen.world.step % 3 == 0:
        for record in some(pen, rows("cohorts", project, deleted=True), 1):
            record.change(deleted=False)
    if pen.world.step % 2:
        new = {**cohort(pen, pen.dice.randint(1, 6), list(AUTHORS)), "created_at": written(pen.ago(0.5))}
        insert("cohorts", [new], project=project)


def comments(pen: Pen, project: int) -> None:
    """Four new ones; an old one edited, one deleted, a task done."""
    moments = sorted(pen.ago(0.9) for _ in range(4))
    for record in some(pen, rows("comments", project, deleted=False), 1):
        record.change(content=pen.text(f"{pen.one(COMMENTS)} (edited)"), version=record.data["version"] + 1)
    for record in some(pen, rows("comments", project, deleted=False), 1):
        record.change(deleted=True)
    open_tasks = rows("comments", project, deleted=False, data__is_task=True, data__completed_at=None)
    for record in some(pen, open_tasks, 1):
        record.change(completed_at=written(pen.ago(0.5)), completed_by=pen.one(AUTHORS))
    insert(
        "comments",
        [comment(pen, index, list(AUTHORS), at) for index, at in enumerate(moments)],
        project=project,
    )


def events(pen: Pen, project: int) -> None:
    """A fifth is seen again; one is edited; one deleted, to return with a new id; one is new."""
    today = written(pen.world.now.replace(hour=0))
    everything = rows("event_definitions", project)
    for record in some(pen, everything, min(MOST_SEEN, everything.count() // 5)):
        created = record.data["created_at"] or today
        record.change(last_seen_at=today, created_at=created)
    for record in some(pen, everything, 1):
        record.change(
            description=f"Checked on day {pen.world.step}",
            tags=pen.dice.sample(TAGS, 2),
            updated_at=written(pen.ago(0.5)),
            updated_by=pen.one(AUTHORS),
        )
    for record in some(pen, everything, 1):
        record.delete()
        pen.world.returning.append((pen.world.step + AWAY, project, record.name))
    back = [name for step, place, name in pen.world.returning if (step, place) == (pen.world.step, project)]
    for name in [*back, f"{pen.one(AREAS)} {pen.one(THINGS)} tried on day {pen.world.step}"]:
        row = event_definition(pen, name, list(AUTHORS)) | {
            "created_at": written(pen.ago(0.5)),
            "last_seen_at": today,
        }
        insert("event_definitions", [row], project=project)


def properties(pen: Pen, project: int) -> None:
    """One verified, one tagged, one deleted, one new, of any type."""
    everything = rows("property_definitions", project)
    for record in some(pen, everything.exclude(verified=True), 1):
        record.change(
            verified=True,
            verified_at=written(pen.ago(0.5)),
            verified_by=pen.one(AUTHORS),
            updated_at=written(pen.ago(0.4)),
            updated_by=pen.one(AUTHORS),
            hidden=False,
        )
    for record in some(pen, everything, 1):
        record.change(tags=pen.dice.sample(TAGS, 2))
    for record in some(pen, everything, 1):
        record.delete()
    new = property_definition(pen, f"{pen.one(THINGS)}_on_day_{pen.world.step}", list(AUTHORS))
    insert(
        "property_definitions",
        [new],
        project=project,
        parent=pen.one(("event", "event", "person", "group:0")),
    )


def staff_changes(pen: Pen) -> None:
    """A profile changes; by turns somebody leaves, somebody joins, an organization is renamed."""
    organization = Record.objects.filter(table="organizations").order_by("pk")[0]
    members = Record.objects.filter(table="organization_members", organization=organization.uid).order_by(
        "pk"
    )
    ordinary = members.exclude(data__user__in=[*NAMED.values(), *AUTHORS])
    for record in some(pen, ordinary, 1):
        changed = Record.objects.get(table="users", number=record.data["user"])
        changed.change(role_at_organization=pen.one(ROLES), theme_mode=pen.one(("dark", "light")))
        record.change(last_login=written(pen.ago(0.5)))
    if pen.world.step % 3 == 1:
        for record in some(pen, ordinary, 1):
            record.delete()
    if pen.world.step % 3 == 2:
        number = pen.world.next_number("users")
        joined = written(pen.ago(0.5))
        insert("users", [{**user(pen, number), "date_joined": joined}])
        insert(
            "organization_members",
            [{**member(pen, number, MEMBER), "joined_at": joined, "updated_at": joined}],
            organization=organization.uid,
        )
    if pen.world.step % 3 == 0:
        organization.change(name=f"Hedgebox {pen.world.step // 3}", updated_at=written(pen.ago(0.5)))


def activity(pen: Pen) -> None:
    """What was done today, as the audit log has it."""
    for organization in Record.objects.filter(table="organizations").order_by("pk"):
        moments = sorted(pen.ago(0.9) for _ in range(3))
        rows = [entry(pen, str(organization.uid), AUTHORS, at) for at in moments]
        insert("organization_activity_logs", rows, organization=organization.uid)


PARTS: tuple[Callable[[Pen, int], None], ...] = (
    deliveries,
    subscriptions,
    cohorts,
    comments,
    events,
    properties,
)
