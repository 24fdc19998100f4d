"""Finds the partitions: those without a parent, and those below a row that was seen.

An endpoint and a parent's ids -> `Partition`s with the paths filled in. List paths whose rows have the same parent ids
and key constants are one partition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from sources.posthog.catalogue import ENDPOINTS, parent_of
from sources.posthog.catalogue.endpoint import Endpoint, Stamps, filled, placeholders, query
from sources.posthog.catalogue.organization import ORGANIZATIONS, PROJECTS
from sources.posthog.extract.walks import ListPath, Partition, PartitionResult


class Partitions:
    """The partitions of some tables, each once in a run; `projects` narrows them to these ids, unless it is empty."""

    def __init__(self, tables: Sequence[str], projects: frozenset[int]) -> None:
        self.endpoints = [ENDPOINTS[table] for table in tables]
        self.projects = projects
        self._met: set[str] = set()

    def roots(self, projects: Iterable[int]) -> Iterator[Partition]:
        """Yield the partitions without a parent row: root lists, and the projects that the key is scoped to.

        Such a key may not list projects, so each project is requested by its id.
        """
        for endpoint in self.endpoints:
            if endpoint is not ORGANIZATIONS:
                yield from partitions_of(endpoint, None, {})
        for project in projects if PROJECTS in self.endpoints else ():
            if not self.projects or project in self.projects:
                list_path = ListPath(
                    PROJECTS, f"projects/{project}/", {"project_id": project}, "object", "id"
                )
                yield Partition(PROJECTS, {}, (list_path,))

    def children(self, parent: Endpoint) -> list[Endpoint]:
        """Return the endpoints whose lists are below rows of `parent`."""
        return [e for e in self.endpoints if parent in map(parent_of, e.paths)]

    def below(
        self,
        partition: Partition,
        idents: Iterable[Any],
        is_read: Callable[[Endpoint, tuple[Any, ...]], bool] = lambda _child, _key: True,
    ) -> list[Partition]:
        """Return the partitions below these rows of a partition, without those that this run has already.

        `is_read` tells whether a child's list is read below the row with a key.
        """
        parent = partition.endpoint
        children = self.children(parent)
        found = [
            below
            for ident in idents
            if parent is not PROJECTS or not self.projects or ident in self.projects
            for child in children
            if is_read(child, (*partition.parent_ids.values(), ident))
            for below in partitions_of(child, parent, {**partition.parent_ids, parent.own_placeholder: ident})
            if below.lists[0].path not in self._met
        ]
        self._met.update(below.lists[0].path for below in found)
        return found


def joined(reads: Sequence[PartitionResult]) -> list[PartitionResult]:
    """Return the partitions; of a table whose rows may stand in several lists, those read completely are one.

    A row that left one list may still stand in another.
    """
    shared: dict[tuple[str, bool], list[PartitionResult]] = {}
    others: list[PartitionResult] = []
    for read in reads:
        endpoint, complete = read.partition.endpoint, all(one.complete for one in read.lists)
        (shared.setdefault((endpoint.table, complete), []) if endpoint.shared else others).append(read)
    return others + [_one(parts) for parts in shared.values()]


def _one(parts: Sequence[PartitionResult]) -> PartitionResult:
    lists = sorted((one for part in parts for one in part.lists), key=lambda one: one.list_path.path)
    paths = tuple(one.list_path for one in lists)
    return PartitionResult(Partition(parts[0].partition.endpoint, {}, paths), lists)


def partitions_of(endpoint: Endpoint, parent: Endpoint | None, ids: Stamps) -> list[Partition]:
    """Return an endpoint's partitions below one parent row; lists of the same rows are in one partition."""
    grouped: dict[tuple[tuple[str, Any], ...], list[ListPath]] = {}
    for path in endpoint.paths:
        if parent_of(path) is not parent:
            continue
        address = filled(path, ids)
        stamps = {name: ids[name] for name in placeholders(path)}
        stamps |= {n: v for n, v in query(address).items() if n in endpoint.key and n not in stamps}
        list_path = ListPath(endpoint, address, stamps, endpoint.pagination, endpoint.rows_under)
        grouped.setdefault(tuple(stamps.items()), []).append(list_path)
    return [Partition(endpoint, dict(stamps), tuple(lists)) for stamps, lists in grouped.items()]
