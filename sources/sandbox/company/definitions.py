"""Event and property definitions, group types."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count, product

from sources.sandbox.company.canaries import Pen, written
from sources.sandbox.company.vocabulary import AREAS, DEEDS, DEFAULT_EVENTS, PROPERTY_TYPES, TAGS, THINGS
from sources.sandbox.models import Row


def event_names() -> Iterator[str]:
    """Event names without end, each once."""
    yield from DEFAULT_EVENTS
    for round_ in count(1):
        for deed, area, thing in product(DEEDS, AREAS, THINGS):
            yield f"{area} {thing} {deed}" + (f" v{round_}" if round_ > 1 else "")


def property_names(known: Sequence[str], area: str) -> Iterator[str]:
    """Property names without end, each once: the well-known ones first."""
    yield from known
    for round_ in count(1):
        for thing, detail in product(
            THINGS, ("id", "count", "type", "name", "total", "is_new", "started_at", "seconds")
        ):
            yield f"{area}{thing}_{detail}" + (f"_{round_}" if round_ > 1 else "")


def event_definition(pen: Pen, name: str, people: list[int]) -> Row:
    """An event definition as Cloud shows it; what only actions have is left out, as there."""
    edited, verified = pen.chance(0.4), pen.chance(0.2)
    created = pen.ago(700)
    seen = pen.ago(1 if pen.chance(0.6) else 200).replace(hour=0, minute=0, second=0, microsecond=0)
    return {
        "id": pen.uuid(),
        "name": name,
        "owner": pen.one(people) if pen.chance(0.2) else None,
        "description": pen.one((None, "", f"Sent when {name} happens")) if edited else None,
        "tags": pen.some(TAGS, 3) if pen.chance(0.3) else [],
        "created_at": None if pen.chance(0.05) else written(created),
        "updated_at": written(pen.ago(300)) if edited or verified else None,
        "updated_by": pen.one(people) if edited else None,
        "last_seen_at": None if pen.chance(0.04) else written(seen),
        "verified": verified if edited else None,
        "verified_at": written(pen.ago(200)) if edited and verified else None,
        "verified_by": pen.one(people) if edited and verified else None,
        "hidden": pen.chance(0.05) if edited else None,
        "is_action": False,
        "post_to_slack": False,
        "default_columns": ["$browser", "plan"] if pen.chance(0.1) else [],
        "enforcement_mode": "allow",
        "primary_property": "plan" if pen.chance(0.05) else None,
        "media_preview_urls": [pen.secret("https://media.example/preview.png?signature=")]
        if pen.chance(0.06)
        else [],
    }


def property_definition(pen: Pen, name: str, people: list[int]) -> Row:
    """A property definition; which type it is of stands nowhere in the row."""
    edited = pen.chance(0.25)
    verified = edited and pen.chance(0.5)
    kind = pen.one(PROPERTY_TYPES)
    return {
        "id": pen.uuid(),
        "name": name,
        "description": f"The {name.replace('_', ' ')}" if edited else None,
        "tags": pen.some(TAGS, 3) if pen.chance(0.2) else [],
        "is_numerical": kind == "Numeric",
        "updated_at": written(pen.ago(300)) if edited else None,
        "updated_by": pen.one(people) if edited else None,
        "is_seen_on_filtered_events": None,
        "property_type": kind,
        "verified": verified if edited else None,
        "verified_at": written(pen.ago(200)) if verified else None,
        "verified_by": pen.one(people) if verified else None,
        "hidden": False if edited else None,
    }


GROUP_TYPES = (("organization", "Organization", "Organizations"), ("instance", None, None))


def group_type(pen: Pen, index: int) -> Row:
    """A group type; the second has never been named by anybody."""
    kind, singular, plural = GROUP_TYPES[index]
    return {
        "group_type": kind,
        "group_type_index": index,
        "name_singular": singular,
        "name_plural": plural,
        "detail_dashboard": 77 if singular else None,
        "default_columns": ["name", "arr"] if singular else None,
        "created_at": written(pen.ago(600)) if singular else None,
    }
