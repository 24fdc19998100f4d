"""Queries what the key reaches: organizations, projects, and each table with the smallest possible request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from sources.posthog.catalogue import ENDPOINTS, parent_of, with_parents
from sources.posthog.catalogue.endpoint import Endpoint, Stamps, filled, query
from sources.posthog.client.client import Client
from sources.posthog.errors import PageFailed, Unavailable
from sources.posthog.extract.api_key import Key, current_key
from sources.posthog.paging.pagers import PAGERS, no_prefetch
from sources.posthog.redaction.text import redacted

PARENTS_ASKED = 20
"""The number of parents below which a table is queried.

A project takes a request per table, 7 today, so that even the most, some 150, stay within the 240 a minute that are
half of PostHog's limit.
"""
NAMED = ("organizations", "projects")
"""Read in full, for their names and for the tables below them; one row of another table is enough."""


@dataclass(frozen=True, slots=True)
class Probe:
    """The answer for a table below one parent row."""

    where: Stamps
    rows: Sequence[Mapping[str, Any]] = ()
    trouble: Unavailable | PageFailed | None = None


@dataclass(slots=True)
class TableAccess:
    """The answers for a table; `parents` is the number of its parent rows."""

    endpoint: Endpoint
    parents: int
    answers: list[Probe]
    blocked_by: str = ""
    """The parent table that is not readable, so that nothing could be queried."""

    @property
    def troubled(self) -> list[Probe]:
        """The answers that were refusals or failures."""
        return [answer for answer in self.answers if answer.trouble]

    @property
    def readable(self) -> bool:
        """True if any parent's rows are readable."""
        return len(self.answers) > len(self.troubled)

    @property
    def status(self) -> str:
        """`readable`, `partly`, `unavailable`, `failed`, or `empty` if there is no parent row."""
        if self.blocked_by:
            return "unavailable"
        if not self.answers:
            return "empty"
        if any(isinstance(answer.trouble, PageFailed) for answer in self.troubled):
            return "failed"
        return ("partly" if self.readable else "unavailable") if self.troubled else "readable"


@dataclass(slots=True)
class Access:
    """What a key reaches, table by table, parents before their children."""

    client: Client
    tables: Sequence[str]
    only: Sequence[int] = ()
    """Ids of the projects to check; empty: all."""
    in_flight: int = 8
    key: Key | None = None
    asked: dict[str, TableAccess] = field(default_factory=dict)
    names: dict[str, dict[Any, str]] = field(default_factory=lambda: {table: {} for table in NAMED})

    def explore(self) -> None:
        """Query everything; raises KeyRefused and Misdirected, and PageFailed if even the key cannot be read."""
        self.key = current_key(self.client.get)
        with ThreadPoolExecutor(self.in_flight, thread_name_prefix="hogsync-check") as pool:
            for table in with_parents(("projects", *self.tables)):
                self._ask(ENDPOINTS[table], pool)

    @property
    def projects(self) -> set[Any]:
        """Return the ids of the projects found, by their row or only by the key's restriction."""
        return {*self.names["projects"], *(self.key.projects if self.key else ())}

    def _ask(self, endpoint: Endpoint, pool: ThreadPoolExecutor) -> None:
        below = list(self._below(endpoint))
        parent = parent_of(endpoint.paths[0])
        asked = TableAccess(endpoint, len(below), [])
        if parent and not below and self.asked[parent.table].status in {"unavailable", "failed"}:
            asked.blocked_by = parent.table
        asked.answers = list(pool.map(lambda one: self._answer(endpoint, *one), below[:PARENTS_ASKED]))
        self.asked[endpoint.table] = asked
        for answer in asked.answers if endpoint.table in NAMED else ():
            self.names[endpoint.table] |= {row["id"]: _name(row) for row in answer.rows}

    def _below(self, endpoint: Endpoint) -> Iterator[tuple[str, str, Stamps]]:
        """Yield where a table is queried: path, pagination, parent ids.

        Only the first list of a table is queried: all of its lists have the same scope and requirements.
        """
        path = endpoint.paths[0]
        parent = parent_of(path)
        if endpoint.table == "projects" and self.key and self.key.projects:
            for project in self.key.projects:
                yield f"projects/{project}/", "object", {"project_id": project}
        elif parent is None:
            yield path, endpoint.pagination, {}
        else:
            for ids in self._rows(parent):
                yield filled(path, ids), endpoint.pagination, ids

    def _rows(self, parent: Endpoint) -> Iterator[Stamps]:
        """Yield the parent rows found; a project may be readable below even if its own row is refused."""
        for answer in self.asked[parent.table].answers:
            if answer.trouble and "project_id" in answer.where and parent.table == "projects":
                yield answer.where
            for row in answer.rows:
                if parent.table != "projects" or not self.only or row["id"] in self.only:
                    yield {**answer.where, parent.own_placeholder: row[parent.key[-1]]}

    def _answer(self, endpoint: Endpoint, path: str, pages: str, ids: Stamps) -> Probe:
        """Return the first row of a list, or all rows of a list whose names are needed."""
        named, column = endpoint.table in NAMED, endpoint.key[-1]
        rows: list[Mapping[str, Any]] = []
        trouble = None
        try:
            address, size = path.partition("?")[0], 100 if named else 1
            for page in PAGERS[pages](self.client.get, address, query(path), size, no_prefetch):
                rows += [row for row in page.rows if isinstance(row, dict) and _is_id(row.get(column))]
                if not named:
                    break
        except (Unavailable, PageFailed) as refused:
            trouble = refused
        return Probe(ids, rows if named else rows[:1], trouble)


def _is_id(value: Any) -> bool:
    return isinstance(value, int | str)


def _name(row: Mapping[str, Any]) -> str:
    return redacted(str(row.get("name") or "without a name"))[:80]
