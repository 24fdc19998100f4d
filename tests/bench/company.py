"""The company that is read: rows exactly as the sandbox's, as many as wanted, in some versions.

The sandbox's own code writes some thousand models; every row is one of them under an id, a name and times of its own.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

Row = dict[str, Any]

ORGANIZATION = "0197a5b0-0000-4000-8000-00000000b0a7"
CHANGED_OF = 100
"""In version `changed` somebody has edited one row of so many of version `base`."""
GONE = 3
"""In version `shorter` every list has lost so many rows."""
MODELS = 3000
SPREAD = {"event": 0.70, "person": 0.28, "session": 0.01, "group": 0.01}
"""How property definitions are spread over their types; PostHog has one list of each."""
ALONE = {"event": 1.0, "person": 0.0, "session": 0.0, "group": 0.0}
KINDS = {"spread": SPREAD, "one": ALONE}


@dataclass(frozen=True, slots=True)
class Listed:
    """One list: its path below `/api/`, the constants of its query, and its rows, encoded, in the order of the list."""

    path: str
    query: Mapping[str, str]
    rows: Sequence[Any]


@dataclass(frozen=True, slots=True)
class Company:
    """How large the company is: so many definitions in each project, the properties of one kind or of all four."""

    properties: int = 200_000
    events: int = 50_000
    projects: int = 1
    kinds: str = "spread"

    @property
    def rows(self) -> int:
        """All definitions."""
        return self.projects * (self.properties + self.events)

    def lists(self, version: str) -> Iterator[Listed]:
        """Every list that has pages."""
        events, properties = models()
        from sources.sandbox.company.definitions import event_names, property_names

        yield _whole("organizations/", [{"id": ORGANIZATION, "name": "Hedgebox", "membership_level": 15}])
        projects = [{"id": number, "name": f"Project {number}"} for number in range(1, self.projects + 1)]
        yield _whole(f"organizations/{ORGANIZATION}/projects/", projects)
        for project in range(1, self.projects + 1):
            base = f"projects/{project}"
            rows = _rows(version, self.events, event_names(), events)
            yield Listed(f"{base}/event_definitions/", {"ordering": "name"}, rows)
            for kind, share in KINDS[self.kinds].items():
                query = {"type": kind} | ({"group_type_index": "0"} if kind == "group" else {})
                names, length = property_names((), f"{kind}_"), round(self.properties * share)
                rows = _rows(version, length, names, properties)
                yield Listed(f"{base}/property_definitions/", query, rows)

    def others(self) -> Iterator[tuple[str, Any]]:
        """What has no pages: each path with its answer."""
        unscoped: dict[str, Any] = {"scoped_teams": [], "scoped_organizations": []}
        yield "personal_api_keys/@current/", {"user_id": 1, "scopes": ["*"], **unscoped}
        for project in range(1, self.projects + 1):
            yield f"projects/{project}/groups_types/", [{"group_type": "organization", "group_type_index": 0}]


def _whole(path: str, rows: list[Row]) -> Listed:
    return Listed(path, {}, rows)


def _rows(version: str, length: int, names: Iterator[str], models: list[Row]) -> list[msgspec.Raw]:
    """A list's rows, encoded, for there may be very many."""
    length = max(length - GONE, 0) if version == "shorter" else length
    named = enumerate(islice(names, length))
    rows = (_row(number, name, models, version) for number, name in named)
    return [msgspec.Raw(msgspec.json.encode(row)) for row in rows]


def _row(number: int, name: str, models: list[Row], version: str) -> Row:
    own = f"{number:08x}-5eed-4bed-8bad-{number * 2_654_435_761 % (1 << 48):012x}"
    row = {**models[number % len(models)], "id": own, "name": name}
    for moment in ("created_at", "updated_at"):
        if row.get(moment):
            row[moment] = f"{row[moment][:19]}.{number * 7919 % 1_000_000:06d}Z"
    if row["description"]:
        row["description"] = f"Means {name}"
    if version == "changed" and number % CHANGED_OF == CHANGED_OF // 2:
        tags = row["tags"] if number % 4 else [*row["tags"], "reviewed"]
        row |= {"description": f"{name}, reviewed", "tags": tags, "updated_at": "2026-11-02T07:00:00Z"}
    return row


@cache
def models() -> tuple[list[Row], list[Row]]:
    """Event and property definitions as the sandbox makes and shows them; not to be asked first in an event loop."""
    from sources.sandbox.server.django_setup import set_up

    with tempfile.TemporaryDirectory(prefix="hogsync-bench-") as folder:
        set_up(Path(folder))  # its models cannot be imported without
    from sources.sandbox.api.serializers import BASIC, PERSON_FIELDS
    from sources.sandbox.company.canaries import Pen
    from sources.sandbox.company.definitions import event_definition, property_definition
    from sources.sandbox.company.people import PEOPLE, user
    from sources.sandbox.state import World

    pen = Pen(World(), random.Random(4))
    users = [user(pen, number) for number in range(1, PEOPLE + 1)]
    people = {row["id"]: {name: row[name] for name in BASIC} for row in users}

    def shown(row: Row) -> Row:
        return row | {name: people[row[name]] for name in PERSON_FIELDS if row.get(name)}

    events = [shown(event_definition(pen, "", list(people))) for _ in range(MODELS)]
    return events, [shown(property_definition(pen, "", list(people))) for _ in range(MODELS)]
