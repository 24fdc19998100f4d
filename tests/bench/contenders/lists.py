"""The lists of definitions, found as hogsync finds them: by the key's organizations and their projects."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

EVENTS = "projects/{project_id}/event_definitions/?ordering=name"
PROPERTIES = "projects/{project_id}/property_definitions/?type="


@dataclass(frozen=True, slots=True)
class Part:
    """One list, the table that it belongs to, and the columns that it gives to its rows."""

    table: str
    path: str
    stamps: dict[str, Any]


def parts(get: Callable[[str, Mapping[str, Any]], Any], limit: int = 1000) -> Iterator[Part]:
    """Every list of definitions."""
    get("personal_api_keys/@current/", {})
    page = {"limit": limit, "offset": 0}
    for organization in get("organizations/", page)["results"]:
        for project in get(f"organizations/{organization['id']}/projects/", page)["results"]:
            yield from of_project(get, project["id"])


def of_project(get: Callable[[str, Mapping[str, Any]], Any], project: int) -> Iterator[Part]:
    """One project's lists."""
    stamps = {"project_id": project}
    yield Part("event_definitions", EVENTS.format(**stamps), stamps)
    for kind in ("event", "person", "session"):
        path = PROPERTIES.format(**stamps) + kind
        yield Part("property_definitions", path, {**stamps, "type": kind})
    for one in get(f"projects/{project}/groups_types/", {}):
        index = one["group_type_index"]
        path = f"{PROPERTIES.format(**stamps)}group&group_type_index={index}"
        yield Part("property_definitions", path, {**stamps, "type": "group", "group_type_index": index})
