"""Queries what the key reaches: organizations, projects, and each table with the smallest possible request."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sources.posthog.catalogue import parent_of, with_parents
from sources.posthog.catalogue.endpoint import Endpoint, Stamps, query
from sources.posthog.catalogue.organization import ORGANIZATIONS
from sources.posthog.client.client import Client
from sources.posthog.errors import PageFailed, Unavailable
from sources.posthog.extract.api_key import Key, current_key
from sources.posthog.extract.partitions import Partitions, partitions_of
from sources.posthog.extract.visibility import ADMIN
from sources.posthog.extract.walks import Partition
from sources.posthog.paging.page_size import PageSize
from sources.posthog.paging.pagers import PAGERS
from sources.posthog.paging.pages import no_prefetch
from sources.posthog.redaction.text import redacted
from sources.posthog.whole_numbers import whole

PARENTS_ASKED, REQUESTS = 20, 160
"""The most parents below which a table is queried, and about how many requests all tables may take together: they stay
within the 240 a minute that are half of PostHog's limit."""
NAMED = ("organizations", "projects")
"""Read in full, for their names and for the tables below them; one row of another table is enough."""


@dataclass(frozen=True, slots=True)
class Observe:
    """Functions that receive each answer and its rows, and the number of rows to ask for."""

    answered: Callable[[Endpoint, Any, float, int], None] = lambda *_: None
    """Takes the decoded answer, its seconds and its bytes."""
    listed: Callable[[Endpoint, Sequence[Any]], None] = lambda *_: None
    """Takes the rows of a page."""
    rows: int = 1


@dataclass(frozen=True, slots=True)
class Probe:
    """The answer of a partition's first list: all of its lists have the same scope and requirements."""

    partition: Partition
    rows: Sequence[Mapping[str, Any]] = ()
    trouble: Unavailable | PageFailed | None = None
    count: int | None = None
    """How many rows the list has; None if it does not tell."""

    @property
    def where(self) -> Stamps:
        """Return the ids of the parents below which the list is."""
        return self.partition.lists[0].parent_ids

    @property
    def idents(self) -> list[Any]:
        """Return the ids of the rows found; lists below a project may be readable even if its own row is refused."""
        if self.partition.lists[0].pagination == "object":
            return list(self.where.values())
        return [row[self.partition.endpoint.key[-1]] for row in self.rows]


@dataclass(slots=True)
class TableAccess:
    """The answers for a table; `parents` is the number of parent rows below which it could be queried."""

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
    observe: Observe = Observe()
    key: Key | None = None
    asked: dict[str, TableAccess] = field(default_factory=dict)
    names: dict[str, dict[Any, str]] = field(default_factory=lambda: {table: {} for table in NAMED})
    as_member: list[str] = field(default_factory=list)
    """The organizations in which the key's owner is no admin."""

    def explore(self) -> None:
        """Query everything; raises KeyRefused and Misdirected, and PageFailed if even the key cannot be read."""
        self.key = current_key(self.client.get)
        partitions = Partitions(with_parents(("projects", *self.tables)), frozenset(self.only))
        found = defaultdict[str, list[Partition]](list)
        for root in (*partitions_of(ORGANIZATIONS, None, {}), *partitions.roots(self.key.projects)):
            found[root.endpoint.table].append(root)
        with ThreadPoolExecutor(self.in_flight, thread_name_prefix="hogsync-check") as pool:
            for endpoint in partitions.endpoints:
                for probe in self._ask(endpoint, found[endpoint.table], pool):
                    for ident in probe.idents:
                        for one in _first_of_each(partitions.below(probe.partition, [ident]), endpoint):
                            found[one.endpoint.table].append(one)

    @property
    def most_parents(self) -> int:
        """Return below how many rows a table is queried: of many tables each is queried below fewer."""
        return max(2, min(PARENTS_ASKED, REQUESTS // max(1, len(self.tables))))

    @property
    def projects(self) -> set[Any]:
        """Return the ids of the projects found, by their row or only by the key's restriction."""
        return {*self.names["projects"], *(self.key.projects if self.key else ())}

    def _ask(self, endpoint: Endpoint, below: Sequence[Partition], pool: ThreadPoolExecutor) -> list[Probe]:
        parent = parent_of(endpoint.paths[0])
        asked = TableAccess(endpoint, len(below), list(pool.map(self._answer, below[: self.most_parents])))
        if parent and not below and self.asked[parent.table].status in {"unavailable", "failed"}:
            asked.blocked_by = parent.table
        self.asked[endpoint.table] = asked
        for answer in asked.answers if endpoint.table in NAMED else ():
            self.names[endpoint.table] |= {row["id"]: _name(row) for row in answer.rows}
        if endpoint is ORGANIZATIONS:
            rows = [row for answer in asked.answers for row in answer.rows]
            self.as_member = [
                _name(row) for row in rows if whole(row.get("membership_level")) in range(ADMIN)
            ]
        return asked.answers

    def _answer(self, partition: Partition) -> Probe:
        """Return the first row of a list, or all rows of a list whose names are needed."""
        one, endpoint = partition.lists[0], partition.endpoint
        named, column = endpoint.table in NAMED, endpoint.key[-1]
        rows: list[Mapping[str, Any]] = []
        trouble, count = None, None
        try:
            size = PageSize(100 if named else min(self.observe.rows, endpoint.page_size))
            get = partial(self._observed, endpoint)
            for page in PAGERS[one.pagination](
                get, one.url_path, query(one.path), size, no_prefetch, one.rows_under
            ):
                count = page.count
                self.observe.listed(endpoint, page.rows)
                rows += [row for row in page.rows if isinstance(row, dict) and _is_id(row.get(column))]
                if not named:
                    break
        except (Unavailable, PageFailed) as refused:
            trouble = refused
        return Probe(partition, rows if named else rows[:1], trouble, count)

    def _observed(self, endpoint: Endpoint, path: str, params: Mapping[str, str | int]) -> Any:
        """Request a page, and tell what it was and what it took."""
        took: list[tuple[float, int]] = []
        body = self.client.get(path, params, measured=lambda _, *cost: took.append(cost))
        self.observe.answered(endpoint, body, *took[-1])
        return body


def _first_of_each(below: Sequence[Partition], parent: Endpoint) -> Iterable[Partition]:
    """Return one partition of each endpoint whose first list is below this parent."""
    own = [one for one in reversed(below) if parent_of(one.endpoint.paths[0]) is parent]
    return {one.endpoint.table: one for one in own}.values()


def _is_id(value: Any) -> bool:
    return isinstance(value, int | str)


def _name(row: Mapping[str, Any]) -> str:
    return redacted(str(row.get("name") or "without a name"))[:80]
