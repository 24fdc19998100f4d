"""Reads, once at the start of a run, the origin, the rows and the list positions that a dataset records."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from destinations.dataset import Dataset
from destinations.warehouse import Warehouse
from pipelines.bookkeeping.schema import (
    ANNOUNCEMENTS,
    HELD,
    MADE,
    META,
    NAMED,
    PATHS,
    ROWS,
    RUNS,
    SCHEMA,
    SCHEMA_VERSION,
    TABLES,
)
from pipelines.errors import UsageError
from pipelines.settings import Settings
from sources.posthog.extract.walks import Announcement, Position
from sources.posthog.shape.types import digest

RUNS_LOOKED_AT = 50
"""The number of latest runs in which a table's last run is searched."""


class DatasetState(Dataset):
    """The rows and the bookkeeping of a dataset, read once at the start of a run."""

    def __init__(self, warehouse: Warehouse) -> None:
        """Read the bookkeeping tables; needs the warehouse open."""
        super().__init__(warehouse)
        self.meta: dict[str, str] = {row[0]: row[1] for row in self._book(META)}
        self.rewritten: Mapping[str, int] = {}
        """By table, the number of stored rows from which this run emptied values that the privacy settings refuse."""
        self.former_meta = self.meta
        """`_hogsync_meta` before this run emptied anything."""
        made = self.meta.get(MADE)
        self.made: dict[str, frozenset[str]] | None = (
            {table: frozenset(columns) for table, columns in json.loads(made).items()} if made else None
        )
        """The tables that hogsync noted before it created them, with their columns; None if it noted nothing."""
        self.rows_noted: dict[str, int] = json.loads(self.meta.get(ROWS) or "{}")
        now = row_counts(warehouse, [table for table in self.rows_noted if table in self.tables])
        self._lost_rows = {table for table, rows in self.rows_noted.items() if now.get(table, 0) < rows}
        self._positions = {row[0]: _position(row) for row in self._book(PATHS)}
        self._held: dict[str, set[str]] = defaultdict(set)
        for path, row_key in self._book(HELD):
            self._held[path].add(row_key)

    def _book(self, table: str) -> list[tuple[Any, ...]]:
        there = self.tables.get(table, {})  # a dataset of an older hogsync lacks newer columns
        names = ", ".join(name if name in there else f"null as {name}" for name in TABLES[table][1])
        return self.warehouse.rows(f"select {names} from {self.warehouse.name(table)}") if there else []

    def column_names_of_fields(self, table: str) -> Mapping[str, str]:
        """Return the columns that undeclared fields got in earlier runs."""
        return dict(json.loads(self.meta.get(f"{NAMED}{table}", "{}")))

    def lost_rows(self, table: str) -> bool:
        """True if a table lost all of its rows since the last run, or a child table any of its rows."""
        return table in self._lost_rows

    def own_columns(self, table: str) -> frozenset[str]:
        """Return the columns of a table that hogsync made; a history has those of its table, too."""
        made = self.made or {}
        return frozenset(
            column
            for one in {table, table.removesuffix("_history")}
            for column in (*made.get(one, ()), *self.columns(one), *self.column_names_of_fields(one).values())
        )

    def foreign_columns(self, table: str) -> frozenset[str]:
        """Return a table's columns that hogsync did not make, in lower case; none if hogsync's columns are unknown."""
        known = self.columns(table) if self.made is None else self.made
        there = {column.lower() for column in self.tables.get(table, ())}
        return frozenset(there - self.own_columns(table)) if known else frozenset()

    def position(self, path: str) -> Position | None:
        """Return the position of a path, None if it was never read."""
        return self._positions.get(path)

    def ask_again(self, tables: Collection[str]) -> None:
        """Let this run skip no list of these tables."""
        for path, one in self._positions.items():
            if one.table in tables:
                self._positions[path] = replace(one, moved=None)

    def was_read(self, table: str) -> bool:
        """True if any list of the table was ever read."""
        return any(position.table == table for position in self._positions.values())

    def paths(self, table: str) -> frozenset[str]:
        """Return the list paths of a table that were ever read."""
        return frozenset(path for path, position in self._positions.items() if position.table == table)

    def positions(self) -> Iterable[Position]:
        """Return the positions of all lists."""
        return self._positions.values()

    def misses_run(self, run_id: str | None) -> bool:
        """True if a run that was recorded here is no longer recorded: then this is an older state of the dataset."""
        if run_id is None or "run_id" not in self.tables.get(RUNS, {}):
            return False
        sql = f"select 1 from {self.warehouse.name(RUNS)} where run_id = {self.warehouse.placeholder}"
        return not self.warehouse.rows(sql, [run_id])

    def announcements(self) -> Mapping[tuple[str, str], Announcement]:
        """Return what is remembered of the audit logs' announcements, by organization and table."""
        found = (_named(ANNOUNCEMENTS, row) for row in self._book(ANNOUNCEMENTS))
        known = [Announcement(table=one.pop("table_name"), **one) for one in found]
        return {(one.organization_id, one.table): one for one in known}

    def held(self, path: str) -> frozenset[str]:
        """Return the keys of rows whose deletion the last complete walk held back."""
        return frozenset(self._held.get(path, ()))

    def check_owner(self, expected: Mapping[str, str]) -> None:
        """Raise UsageError if the dataset belongs to another PostHog, another hash key or a newer hogsync."""
        where = f"The dataset {self.warehouse.dataset} in {self.warehouse.label}"
        schema = self.meta.get(SCHEMA, "0")
        if schema.isdigit() and int(schema) > SCHEMA_VERSION:
            message = f"{where} was written by a newer hogsync ({self.meta.get('hogsync_version')}); upgrade hogsync."
            raise UsageError(message)
        origin = self.meta.get("origin", expected["origin"])
        if origin != expected["origin"]:
            raise UsageError(
                f"{where} holds the PostHog at {origin}, not the one at {expected['origin']}; "
                "give each PostHog a dataset of its own by HOGSYNC_DATASET, or, if the same PostHog has moved there, "
                "say so by `hogsync reset --origin`."
            )
        if self.meta.get("hash_key", expected["hash_key"]) != expected["hash_key"]:
            raise UsageError(
                f"{where} was hashed with another HOGSYNC_HASH_KEY, and hashes of two keys cannot be joined; "
                "put the former key back, forget it by `hogsync reset --hash-key`, or start another dataset by "
                "HOGSYNC_DATASET."
            )


def owner_of(settings: Settings) -> dict[str, str]:
    """Return to which PostHog and hash key the dataset of the settings belongs; makes a hash key if there is none."""
    return {"origin": settings.origin_name, "hash_key": digest(settings.hash_key_bytes().hex())}


def _position(row: tuple[Any, ...]) -> Position:
    found = _named(PATHS, row)
    return Position(table=found.pop("table_name"), **found)


def _named(table: str, row: tuple[Any, ...]) -> dict[str, Any]:
    return dict(zip(TABLES[table][1], row, strict=True))


def row_counts(warehouse: Warehouse, tables: Iterable[str]) -> dict[str, int]:
    """Return how many rows each child table has, and 1 or 0 for other tables; one query, because every run asks."""
    limits = {table: "" if "__" in table else " limit 1" for table in tables}
    asked = [
        f"select '{table}', count(*) from (select 1 from {warehouse.name(table)}{limit}) r"
        for table, limit in limits.items()
    ]
    return dict(warehouse.rows(" union all ".join(asked))) if asked else {}


def made_tables(warehouse: Warehouse) -> list[str]:
    """Return the tables of the dataset that hogsync made, its bookkeeping included; needs the warehouse open.

    A view is none: who may read a table that a view selects from is a question of its own.
    """
    held = warehouse.relations(warehouse.dataset)
    if META not in held:
        return []
    noted = warehouse.rows(f"select value from {warehouse.name(META)} where key = '{MADE}'")
    ours = {*TABLES, *(json.loads(noted[0][0]) if noted else ())}
    return sorted(name for name, relation in held.items() if relation.is_table and name in ours)
