"""A company small enough for a hundred lives, and what happens in them behind the API's back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sources.sandbox import Sandbox
from tests.harness.expected import PEOPLE, Row

PROJECTS = (103, 201)
SMALL: Mapping[str, int] = {"cohorts": 5, "comments": 8, "event_definitions": 7, "property_definitions": 6}
"""How many rows of each list the second project keeps."""
SUBSCRIPTIONS = (4129, 4130, 4134)
"""A webhook with two pages of deliveries; a deleted one; an ordinary one."""
IDENT = {"event_definitions": "name", "property_definitions": "name", "group_types": "group_type_index"}
"""What a row is known by below its parents, where it is not `id`."""
BELOW_PROJECTS = ("subscriptions", "cohorts", "comments", "event_definitions", "property_definitions")
DELETED = ("subscriptions", "cohorts", "comments")
"""Tables whose rows can be deleted softly."""
KINDS = ({"type": "event"}, {"type": "person"}, {"type": "group", "group_type_index": 0})
CLOSED = (101, 102)
"""Projects that are not there, in which time goes on."""
KEYS = {"first": "owner", "second": "owner", "staff": "staff", "member": "member"}
"""Keys that syncs use, by label, and whose they are; only the second one's rights change."""


def shrink(posthog: Sandbox) -> dict[str, str]:
    """Make the sandbox's company small and keep it so; gives its keys by label."""
    rows = posthog.truth()["rows"]
    for project in CLOSED:
        posthog.edit("projects", where={"id": project}, delete=True)
        for table in (*BELOW_PROJECTS, "subscription_deliveries", "group_types"):
            posthog.clear(table, project)
    below = {"project_id": 201}
    for table, number in SMALL.items():
        own = [row for row in rows[table] if row["_parents"]["project_id"] == 201][:number]
        posthog.clear(table, 201)
        for row in own:
            posthog.edit(table, insert=[raw(row)], parents=row["_parents"])
    for row in rows["subscriptions"]:
        if row["_parents"] == below and row["id"] not in SUBSCRIPTIONS:
            posthog.edit("subscriptions", where={"id": row["id"]}, parents=below, delete=True)
            deliveries = {**below, "subscription_id": row["id"]}
            posthog.edit("subscription_deliveries", parents=deliveries, delete=True)
    for row in rows["organization_members"]:
        if row["user"]["id"] not in (1, 2, 3, 5, 16):
            posthog.edit("organization_members", where={"id": row["id"]}, delete=True)
    for kind in KINDS[1:]:
        posthog.edit("property_definitions", insert=[{"name": "plan"}], parents={**below, **kind})
    # Somebody in both organizations who sees every user: a witness of what there is.
    posthog.edit("users", where={"id": 2}, set={"is_staff": True})
    posthog.change_key("owner", user=2)
    keys = {label: posthog.new_key(label, user=user) for label, user in KEYS.items()}
    posthog.keep()
    return keys


def raw(row: Row) -> Row:
    """A row of the truth as the sandbox keeps it: people by their numbers."""
    kept = {name: value for name, value in row.items() if name[0] != "_"}
    return kept | {name: kept[name]["id"] for name in PEOPLE if isinstance(kept.get(name), dict)}


@dataclass(slots=True)
class Company:
    """The company in one life; a number chooses among whatever there is, so that lives can be told again."""

    posthog: Sandbox
    gone: list[tuple[str, Row]] = field(default_factory=list)
    """Rows that went and may return."""
    made: int = 0

    def happens(self, event: str, number: int) -> None:
        """One event of `EVENTS`."""
        self.made += 1
        EVENTS[event](self, number)

    def rows(self, *tables: str) -> list[tuple[str, Row]]:
        """The rows of some tables that somebody could change."""
        truth = self.posthog.truth()["rows"]
        return [
            (table, row)
            for table in tables
            for row in truth[table]
            if not row.get("virtual") and row["_parents"].get("project_id") not in CLOSED
        ]

    def one(self, number: int, *tables: str) -> tuple[str, Row] | None:
        """One row of them: the table first, so that small lists are not forgotten."""
        filled = [found for table in tables if (found := self.rows(table))]
        if not filled:
            return None
        rows = filled[number % len(filled)]
        return rows[number // len(filled) % len(rows)]

    def project(self, number: int) -> Row:
        """The parents of rows in one project, which may have vanished."""
        projects = sorted({*PROJECTS, *(row["id"] for _, row in self.rows("projects"))})
        return {"project_id": projects[number % len(projects)]}

    def edit(self, table: str, row: Row, **change: Any) -> None:
        """Change one row."""
        ident = IDENT.get(table, "id")
        self.posthog.edit(table, where={ident: row[ident]}, parents=row["_parents"], **change)

    def edited(self, number: int) -> None:
        """A row says something else, and so do its lists."""
        if found := self.one(number, *EDITS):
            table, row = found
            self.edit(table, row, set=EDITS[table](self.made, row))

    def added(self, number: int) -> None:
        """Some rows are new, seldom very many."""
        table = (*BELOW_PROJECTS, "group_types", "organization_members")[number % 7]
        many = 1 + number // 7 % 3 if number % 5 else 26
        parents = self.project(number // 7)
        names = [{"name": f"new {self.made} {at}"} for at in range(many)]
        if table in ("event_definitions", "property_definitions"):
            parents |= KINDS[number // 7 % 3] if table == "property_definitions" else {}
            self.posthog.edit(table, insert=names, parents=parents)
        elif table == "group_types":
            taken = [row["group_type_index"] for _, row in self.rows(table) if row["_parents"] == parents]
            free = [index for index in range(3) if index not in taken][:1]
            rows = [{"group_type_index": index, "group_type": f"kind {index}"} for index in free]
            self.posthog.edit(table, insert=rows, parents=parents)
        else:
            parents = {} if table == "organization_members" else parents
            self.posthog.edit(table, insert=[{}] * min(many, 3), parents=parents)

    def delivered(self, number: int) -> None:
        """A report goes out."""
        if found := self.one(number, "subscriptions"):
            parents = {**found[1]["_parents"], "subscription_id": found[1]["id"]}
            self.posthog.edit("subscription_deliveries", insert=[{}], parents=parents)

    def removed(self, number: int) -> None:
        """A few rows that stand together are gone."""
        if found := self.one(number, *BELOW_PROJECTS, "subscription_deliveries", "group_types"):
            table, row = found
            together = [one for _, one in self.rows(table) if one["_parents"] == row["_parents"]]
            at = together.index(row)
            for gone in together[at : at + (1, 1, 2, 30)[number % 4]]:
                self.gone.append((table, gone))
                self.edit(table, gone, delete=True)

    def left(self, number: int) -> None:
        """Somebody leaves an organization, but not those whose keys are in use."""
        others = [
            row for _, row in self.rows("organization_members") if row["user"]["id"] not in (1, 2, 3, 5)
        ]
        if others:
            self.edit("organization_members", others[number % len(others)], delete=True)

    def emptied(self, number: int) -> None:
        """A whole list is gone at once."""
        if found := self.one(number, *BELOW_PROJECTS, "subscription_deliveries", "group_types"):
            table, row = found
            self.gone += [pair for pair in self.rows(table) if pair[1]["_parents"] == row["_parents"]]
            self.posthog.edit(table, parents=row["_parents"], delete=True)

    def returned(self, number: int) -> None:
        """Rows that were gone are there again, the last ones first."""
        for _ in range(1 + number % 20):
            if self.gone:
                table, row = self.gone.pop()
                ident = IDENT.get(table, "id")
                there = [one for _, one in self.rows(table) if one["_parents"] == row["_parents"]]
                if self.has_owner(row) and row[ident] not in [one[ident] for one in there]:
                    self.posthog.edit(table, insert=[raw(row)], parents=row["_parents"])

    def has_owner(self, row: Row) -> bool:
        """Whether the subscription of a delivery is there; other rows have none."""
        owner = row["_parents"].get("subscription_id")
        return owner is None or owner in [one["id"] for _, one in self.rows("subscriptions")]

    def softly(self, number: int) -> None:
        """A row is marked as deleted, or that is taken back."""
        if found := self.one(number, *DELETED):
            self.edit(*found, soft_delete=not found[1]["deleted"])

    def vanished(self, number: int) -> None:
        """A project is listed no more; its rows stay where they are."""
        if found := self.one(number, "projects"):
            self.gone.append(found)
            self.edit(*found, delete=True)

    def founded(self, number: int) -> None:
        """A new project, with something in it."""
        owner = self.rows("organizations")[number % 2][1]
        self.posthog.edit("projects", insert=[{}], parents={"organization_id": owner["id"]})
        newest = max(row["id"] for _, row in self.rows("projects"))
        for table in ("cohorts", "comments"):
            self.posthog.edit(table, insert=[{}], parents={"project_id": newest})

    def promoted(self, number: int) -> None:
        """The owner's level in an organization changes, and with it what a key may see."""
        own = [row for _, row in self.rows("organization_members") if row["user"]["id"] == 1]
        row = own[number % len(own)]
        self.edit("organization_members", row, set={"level": 1 if row["level"] == 15 else 15})

    def flagged(self, _number: int) -> None:
        """Somebody becomes staff, or is staff no longer."""
        user = next(row for _, row in self.rows("users") if row["id"] == 3)
        self.edit("users", user, set={"is_staff": not user["is_staff"]})

    def slept(self, number: int) -> None:
        """Days pass."""
        self.posthog.advance(1 + 4 * (number % 2))


EVENTS: Mapping[str, Callable[[Company, int], None]] = {
    "edited": Company.edited,
    "added": Company.added,
    "delivered": Company.delivered,
    "removed": Company.removed,
    "left": Company.left,
    "emptied": Company.emptied,
    "returned": Company.returned,
    "softly deleted": Company.softly,
    "vanished": Company.vanished,
    "founded": Company.founded,
    "promoted": Company.promoted,
    "flagged": Company.flagged,
    "slept": Company.slept,
}
EDITS: Mapping[str, Callable[[int, Row], Row]] = {
    "cohorts": lambda n, _: {"description": f"edit {n}", "experiment_set": [5, 6, 7][: n % 4]},
    "event_definitions": lambda n, _: {"description": f"edit {n}", "tags": ["a", "b", f"{n}"][: n % 4]},
    "property_definitions": lambda n, _: {"tags": ["b", "a", f"{n}"][: n % 4], "updated_by": 1 + n % 3},
    "comments": lambda n, row: {"content": f"edit {n}", "version": row["version"] + 1},
    "subscriptions": lambda n, _: {"title": f"edit {n}", "byweekday": ["monday", "friday"][: n % 3] or None},
    "subscription_deliveries": lambda n, _: {
        "change_summary": f"edit {n}",
        "exported_asset_ids": [1, 2][: n % 3],
    },
    "group_types": lambda n, _: {"name_singular": f"edit {n}"},
    "organization_members": lambda n, _: {"has_social_auth": bool(n % 2)},
    "projects": lambda n, _: {"name": f"edit {n}"},
    "organizations": lambda n, _: {"name": f"edit {n}"},
    "users": lambda n, _: {"last_name": f"Edit {n}", "theme_mode": "dark" if n % 2 else None},
}
