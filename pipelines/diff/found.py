"""The difference as data: by table the rows that were added, changed and removed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pipelines.query.cells import plain, written
from sources.posthog.catalogue.endpoint import Endpoint

Row = Mapping[str, Any]


@dataclass(slots=True)
class Changed:
    """A row that is there before and after, and each column's value of then and of now."""

    row: Row
    columns: dict[str, tuple[Any, Any]]


@dataclass(slots=True)
class TableDiff:
    """What has changed in one table."""

    endpoint: Endpoint
    begins: datetime | None
    """When its history begins, None while it is empty."""
    late: Sequence[str] = ()
    """Lists that were not known as a whole when the comparison begins: what they held once they were is not added."""
    behind: bool = False
    """Whether rows were loaded of which no versions are derived yet."""
    added: list[Row] = field(default_factory=list)
    changed: list[Changed] = field(default_factory=list)
    removed: list[Row] = field(default_factory=list)

    def key(self, row: Row) -> dict[str, Any]:
        """What a row is known by."""
        return {name: plain(row[name]) for name in self.endpoint.key}

    def as_json(self) -> dict[str, Any]:
        """The keys of its rows, and of changed ones what has changed."""
        changed = [
            {
                "key": self.key(one.row),
                "columns": {n: {"old": plain(a), "new": plain(b)} for n, (a, b) in one.columns.items()},
            }
            for one in self.changed
        ]
        gone = [self.key(row) for row in self.removed]
        late = {"late": list(self.late)} if self.late else {}
        return (
            ({"behind": True} if self.behind else {})
            | late
            | {
                "table": self.endpoint.table,
                "added": [self.key(row) for row in self.added],
                "changed": changed,
                "removed": gone,
            }
        )


@dataclass(frozen=True, slots=True)
class Diff:
    """What has changed since a time, table by table."""

    since: datetime
    tables: Sequence[TableDiff]

    @property
    def younger(self) -> dict[str, datetime]:
        """Tables whose history begins later than was asked for, and when."""
        return {
            one.endpoint.table: one.begins for one in self.tables if one.begins and one.begins > self.since
        }

    @property
    def behind(self) -> list[str]:
        """Tables whose history is not kept up, because it is switched off or a run broke off."""
        return [one.endpoint.table for one in self.tables if one.behind]

    @property
    def late(self) -> list[str]:
        """Tables of which some lists were known as a whole only after the comparison begins."""
        return [one.endpoint.table for one in self.tables if one.late]

    def beginnings(self) -> list[tuple[str, list[str]]]:
        """The same the other way round, the times as text."""
        times = sorted(set(self.younger.values()))
        return [(written(at), [table for table, its in self.younger.items() if its == at]) for at in times]

    def as_json(self) -> dict[str, Any]:
        """`{"since", "tables": [{"table", "added", "changed", "removed"}]}`, `begins` where history is younger."""
        begins = {table: {"begins": plain(at)} for table, at in self.younger.items()}
        tables = [one.as_json() | begins.get(one.endpoint.table, {}) for one in self.tables]
        return {"since": plain(self.since), "tables": tables}
