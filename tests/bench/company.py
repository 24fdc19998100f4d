"""The company that is read: rows exactly as the sandbox's, as many as wanted, in two versions.

The sandbox's own code writes some thousand models; every row is one of them under an id, a name and times of its own.
Version `changed` is version `base` after somebody has edited one row in a hundred.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

Row = dict[str, Any]
Names = Callable[[], Iterator[str]]

VERSIONS = ("base", "changed")
ORGANIZATION = "0197a5b0-0000-4000-8000-00000000b0a7"
CHANGED_OF = 100
"""One row of so many is edited."""
MODELS = 3000
SHARES = {"event": 0.70, "person": 0.28, "session": 0.01, "group": 0.01}
"""How the property definitions are spread over their types; PostHog has one list of each."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One list: its path below `/api/`, the constants of its query, and how its rows are made."""

    path: str
    query: Mapping[str, str]
    length: int
    names: Names
    models: list[Row]

    def rows(self, version: str) -> Iterator[Row]:
        """The rows in the order in which PostHog lists them."""
        for number, name in enumerate(islice(self.names(), self.length)):
            row = {**self.models[number % len(self.models)], "id": _uuid(number), "name": name}
            for moment in ("created_at", "updated_at"):
                if row.get(moment):
                    row[moment] = f"{row[moment][:19]}.{number * 7919 % 1_000_000:06d}Z"
            if row["description"]:
                row["description"] = f"Means {name}"
            if version == "changed" and number % CHANGED_OF == CHANGED_OF // 2:
                tags = row["tags"] if number % 4 else [*row["tags"], "reviewed"]
                row |= {
                    "description": f"{name}, reviewed",
                    "tags": tags,
                    "updated_at": "2026-11-02T07:00:00Z",
                }
            yield row


@dataclass(frozen=True, slots=True)
class Company:
    """How large the company is; the definitions are those of each project."""

    properties: int = 200_000
    events: int = 50_000
    projects: int = 1

    @property
    def rows(self) -> int:
        """All definitions."""
        return self.projects * (self.properties + self.events)

    def lists(self) -> Iterator[Listed]:
        """Every list of definitions."""
        events, properties = models()
        from sources.sandbox.company.definitions import event_names, property_names

        for project in range(1, self.projects + 1):
            base = f"projects/{project}"
            yield Listed(f"{base}/event_definitions/", {"ordering": "name"}, self.events, event_names, events)
            for kind, share in SHARES.items():
                query = {"type": kind} | ({"group_type_index": "0"} if kind == "group" else {})
                length = round(self.properties * share)
                names: Names = lambda prefix=kind: property_names((), f"{prefix}_")  # type: ignore[misc]  # noqa: E731
                yield Listed(f"{base}/property_definitions/", query, length, names, properties)

    def small(self) -> Iterator[tuple[str, Any]]:
        """What is asked for to find the lists: each path with its whole answer."""
        yield (
            "personal_api_keys/@current/",
            {"user_id": 1, "scopes": ["*"], "scoped_teams": [], "scoped_organizations": []},
        )
        for project in range(1, self.projects + 1):
            yield f"projects/{project}/groups_types/", [{"group_type": "organization", "group_type_index": 0}]

    def parents(self) -> Iterator[tuple[str, list[Row]]]:
        """The short lists above: each path with its rows."""
        yield "organizations/", [{"id": ORGANIZATION, "name": "Hedgebox", "membership_level": 15}]
        projects = [{"id": number, "name": f"Project {number}"} for number in range(1, self.projects + 1)]
        yield f"organizations/{ORGANIZATION}/projects/", projects


def _uuid(number: int) -> str:
    return f"{number:08x}-5eed-4bed-8bad-{number * 2_654_435_761 % (1 << 48):012x}"


@cache
def models() -> tuple[list[Row], list[Row]]:
    """Event and property definitions as the sandbox makes and shows them; not to be asked first in an event loop."""
    from sources.sandbox.framework import set_up

    with tempfile.TemporaryDirectory(prefix="hogsync-bench-") as folder:
        set_up(Path(folder))  # its models cannot be imported without
    from sources.sandbox.company.definitions import event_definition, property_definition
    from sources.sandbox.company.marks import Pen
    from sources.sandbox.company.people import PEOPLE, user
    from sources.sandbox.showing import BASIC, PERSON_FIELDS
    from sources.sandbox.world import World

    pen = Pen(World(), random.Random(4))
    people = {n: {name: row[name] for name in BASIC} for n in range(1, PEOPLE + 1) if (row := user(pen, n))}
    ids = list(people)

    def shown(row: Row) -> Row:
        return row | {name: people[row[name]] for name in PERSON_FIELDS if row.get(name)}

    events = [shown(event_definition(pen, "", ids)) for _ in range(MODELS)]
    return events, [shown(property_definition(pen, "", ids)) for _ in range(MODELS)]
