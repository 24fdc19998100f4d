"""A deliberately naive reader: one request after the other, no memory, everything built anew each time.

It asks the same API as hogsync and shares no code with it; what its rows become is worked out by `expected`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from tests.harness.expected import Row, Tables, expected

REFUSED = {402, 403, 404}
PROJECT_AS_LISTED = (
    "id",
    "uuid",
    "project_id",
    "name",
    "timezone",
    "is_demo",
    "ingested_event",
    "access_control",
    "completed_snippet_onboarding",
    "has_completed_onboarding_for",
)
"""What lists show of a project, whose own page shows more."""


@dataclass(slots=True)
class Reader:
    """Reads whatever a key reaches."""

    url: str
    key: str
    rows: dict[str, list[Row]] = field(default_factory=dict)

    def tables(self, hash_key: str) -> Tables:
        """Everything, as rows of tables."""
        self.rows = {}
        self._read()
        return expected({"rows": self.rows}, hash_key)

    def _read(self) -> None:
        me = self._get("personal_api_keys/@current/")
        self._list("users", "users/")
        self._list("organizations", "organizations/")
        for organization in list(self.rows["organizations"]):
            below = {"organization_id": organization["id"]}
            base = f"organizations/{organization['id']}"
            self._list("organization_members", f"{base}/members/?order=joined_at", below)
            self._list("organization_activity_logs", f"{base}/advanced_activity_logs/", below)
            self._list("projects", f"{base}/projects/", below)
        for project in me["scoped_teams"]:
            if whole := self._get(f"projects/{project}/"):
                row = {name: whole[name] for name in PROJECT_AS_LISTED}
                self._keep("projects", [row], {"organization_id": whole["organization"]})
        for project in [row["id"] for row in self.rows.get("projects", ())]:
            self._read_project(f"projects/{project}", {"project_id": project})

    def _read_project(self, base: str, below: Row) -> None:
        for deleted in ("", "?deleted=true"):
            for row in self._list("subscriptions", f"{base}/subscriptions/{deleted}", below):
                address = f"{base}/subscriptions/{row['id']}/deliveries/"
                self._list("subscription_deliveries", address, {**below, "subscription_id": row["id"]})
        self._list("cohorts", f"{base}/cohorts/", below)
        self._list("comments", f"{base}/comments/?deleted=true", below)
        self._list("event_definitions", f"{base}/event_definitions/?ordering=name", below)
        groups = self._get(f"{base}/groups_types/") or []
        self._keep("group_types", groups, below)
        kinds: list[Row] = [{"type": kind} for kind in ("event", "person", "session")]
        kinds += [{"type": "group", "group_type_index": group["group_type_index"]} for group in groups]
        for kind in kinds:
            query = "&".join(f"{name}={value}" for name, value in kind.items())
            self._list("property_definitions", f"{base}/property_definitions/?{query}", {**below, **kind})

    def _list(self, table: str, address: str, below: Row | None = None) -> list[Row]:
        """All rows of a list; none if it is refused."""
        rows = [row for page in self._pages(address) for row in page["results"]]
        self._keep(table, rows, below or {})
        return rows

    def _keep(self, table: str, rows: list[Row], below: Row) -> None:
        self.rows.setdefault(table, []).extend({"_parents": below, "_listed": True, **row} for row in rows)

    def _pages(self, address: str) -> Iterator[Row]:
        page = self._get(address)
        while page:
            yield page
            page = self._get(page["next"]) if page["next"] else None

    def _get(self, address: str) -> Any:
        """What stands at an address below /api/ or at a `next` link; None where it is refused."""
        url = address if "://" in address else f"{self.url}/api/{address}"
        request = Request(url, headers={"Authorization": f"Bearer {self.key}"})  # noqa: S310 - http, to this machine
        try:
            with urlopen(request, timeout=60) as answer:  # noqa: S310
                return json.load(answer)
        except HTTPError as refusal:
            with refusal:
                if refusal.code not in REFUSED:
                    raise
            return None
