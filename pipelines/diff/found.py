"""The difference as data: by table the rows that were added, changed and removed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pipelines.query.cells import plain
from sources.posthog.catalogue.endpoint import Endpoint

Row = Mapping[str, Any]


@dataclass(slots=True)
class Changed:
    """A row that exists before and after, and the old and new value of each changed column."""

    row: Row
    columns: dict[str, tuple[Any, Any]]


@dataclass(slots=True)
class TableDiff:
    """The changes in one table."""

    endpoint: Endpoint
    begins: datetime | None
    """When its history begins, None while it is empty."""
    late: Sequence[str] = ()
    """Lists first read to their end after the comparison begins: rows found by then do not count as added."""
    behind: bool = False
    """True if rows were loaded whose versions are not derived yet."""
    added: list[Row] = field(default_factory=list)
    changed: list[Changed] = field(default_factory=list)
    removed: list[Row] = field(default_factory=list)

    def key(self, row: Row) -> dict[str, Any]:
        """Return the row's key."""
        return {name: plain(row[name]) for name in self.endpoint.key}

    def as_json(self) -> dict[str, Any]:
        """Return the keys of its rows, and the changed columns of changed rows."""
        return {
            **({"behind": True} if self.behind else {}),
            **({"late": list(self.late)} if self.late else {}),
            "table": self.endpoint.table,
            "added": [self.key(row) for row in self.added],
            "changed": [
                {
                    "key": self.key(one.row),
                    "columns": {n: {"old": plain(a), "new": plain(b)} for n, (a, b) in one.columns.items()},
                }
                for one in self.changed
            ],
            "removed": [self.key(row) for row in self.removed],
        }


@dataclass(frozen=True, slots=True)
class Diff:
    """The changes since a time, by table."""

    since: datetime
    tables: Sequence[TableDiff]

    @property
    def younger(self) -> dict[str, datetime]:
        """Return the tables whose history begins after the requested time, with that beginning."""
        return {
            one.endpoint.table: one.begins for one in self.tables if one.begins and one.begins > self.since
        }

    def as_json(self) -> dict[str, Any]:
        """Return `{"since", "tables": [{"table", "added", "changed", "removed"}]}`; a younger history adds `begins`."""
        begins = {table: {"begins": plain(at)} for table, at in self.younger.items()}
        tables = [one.as_json() | begins.get(one.endpoint.table, {}) for one in self.tables]
        return {"since": plain(self.since), "tables": tables}
