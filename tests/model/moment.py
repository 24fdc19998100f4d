"""What a warehouse holds at one moment, rows and bookkeeping, and how lists and rows belong together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

from pipelines.sync.privacy_rewrite import WITHIN
from tests.harness.expected import KEYS, Row, Tables
from tests.harness.stored import own, rows, session, tables_in, there_is
from tests.harness.versions import wrong_versions_in

Key = tuple[Any, ...]
LISTS = {
    "organizations": "organizations/",
    "projects": "organizations/{organization_id}/projects/",
    "organization_members": "organizations/{organization_id}/members/",
    "organization_activity_logs": "organizations/{organization_id}/advanced_activity_logs/",
    "users": "users/",
    "subscriptions": "projects/{project_id}/subscriptions/",
    "subscription_deliveries": "projects/{project_id}/subscriptions/{subscription_id}/deliveries/",
    "cohorts": "projects/{project_id}/cohorts/",
    "comments": "projects/{project_id}/comments/",
    "event_definitions": "projects/{project_id}/event_definitions/",
    "group_types": "projects/{project_id}/groups_types/",
    "property_definitions": "projects/{project_id}/property_definitions/",
}
STREAMS = ("comments", "subscription_deliveries", "organization_activity_logs")
"""Tables whose lists may be read in part."""
DATASET = "posthog"


@dataclass(frozen=True, slots=True)
class Moment:
    """A warehouse's rows by table and key, when each was written and when it died, and its books."""

    rows: Tables
    stamps: dict[str, dict[Key, tuple[datetime, datetime | None]]]
    books: dict[str, list[Row]]
    wrong_versions: str = ""
    """How its histories contradict themselves or the rows."""

    def paths(self, scope: str) -> list[Row]:
        """What is remembered of a scope's lists."""
        return [path for path in self.books.get("_hogsync_paths", ()) if scope_of_path(path["path"]) == scope]

    def held(self, scope: str) -> set[str]:
        """Row keys whose death is held."""
        rows = self.books.get("_hogsync_held", ())
        return {row["row_key"] for row in rows if scope_of_path(row["path"]) == scope}

    def privacy(self) -> dict[str, str]:
        """The privacy settings that all stored rows obey, by table."""
        facts = self.books.get("_hogsync_meta", ())
        return {fact["key"]: fact["value"] for fact in facts if fact["key"].startswith(WITHIN)}

    def dead(self, table: str, key: Key) -> bool:
        """Whether a row is stored and dead."""
        return bool(self.rows.get(table, {}).get(key, {}).get("dead"))

    def living(self, table: str, scope: str) -> dict[Key, Row]:
        """A scope's rows that live."""
        rows = self.rows.get(table, {})
        return {
            key: row for key, row in rows.items() if not row["dead"] and scope_of_row(table, row) == scope
        }


def look(url: str) -> Moment:
    """Everything that a warehouse holds now; a key that stands twice is an error."""
    if not there_is(url):
        return Moment({}, {}, {}, "")
    found: Tables = {}
    stamps: dict[str, dict[Key, tuple[datetime, datetime | None]]] = {}
    with session(url) as answer:
        for table, held in tables_in(answer, DATASET):
            found[table] = {key: own(row) for key, row in held}
            assert len(found[table]) == len(held), f"{table} has a key twice"
            stamps[table] = {key: (row["_synced_at"], row["_deleted_at"]) for key, row in held}
        books = {
            name: rows(answer, name, columns, DATASET)
            for name, columns in answer.types(DATASET).items()
            if name.startswith("_hogsync")
        }
        return Moment(found, stamps, books, wrong_versions_in(answer))


def scope_of_row(table: str, row: Row) -> str:
    """The list, or the lists together, in which a row of a table stands; a child's are its parent's."""
    table = table.partition("__")[0]
    scope = LISTS[table].format_map(row)
    if table != "property_definitions":
        return scope
    group = f"&group_type_index={row['group_type_index']}" if row["type"] == "group" else ""
    return f"{scope}?type={row['type']}{group}"


def scope_of_path(path: str) -> str:
    """The scope of a remembered path."""
    address, _, query = path.partition("?")
    return path if "type" in parse_qs(query) else address


def parents_of(table: str, row: Row) -> list[tuple[str, Key]]:
    """The rows with which a row dies."""
    if table == "subscription_deliveries":
        return [("subscriptions", (row["project_id"], row["subscription_id"]))]
    if table == "property_definitions" and row["type"] == "group":
        return [("group_types", (row["project_id"], row["group_type_index"]))]
    return []


def family(table: str) -> bool:
    """Whether a table's rows are of a list, and not a list's parts or people."""
    return table in KEYS and table != "people"
