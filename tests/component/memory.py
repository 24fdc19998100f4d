"""A warehouse in memory: it does with a extraction's rows what dlt's merge does with them, and remembers its lists."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from sources.posthog.catalogue.fields import Type
from sources.posthog.changes.delta import TargetTable
from sources.posthog.extract.extraction import Extraction
from sources.posthog.extract.walks import Announcement, Position
from sources.posthog.shape.types import ARROW
from tests.harness.expected import Row, Tables
from tests.harness.stored import own, plain

Key = tuple[Any, ...]
LOAD = "_dlt_load_id"
"""The column of a row that says which load has written it."""


@dataclass(slots=True)
class Table:
    """A table: its columns, those of them that loads have named, and its rows by primary key."""

    columns: dict[str, Type] = field(default_factory=dict)
    loaded: dict[str, Type] = field(default_factory=dict)
    rows: dict[Key, Row] = field(default_factory=dict)


class Warehouse:
    """What the extraction wants to know of a warehouse; `load` puts its rows and positions in."""

    def __init__(self) -> None:
        self.tables: dict[str, Table] = {}
        self.positions: dict[str, Position] = {}
        self._held: dict[str, frozenset[str]] = {}
        self.announced: dict[tuple[str, str], Announcement] = {}
        self._named: dict[str, dict[str, str]] = {}
        self.finished: set[int] = set()
        self._loads, self._lost = 0, set[str]()

    # -- what is remembered of lists

    def position(self, path: str) -> Position | None:
        return self.positions.get(path)

    def was_read(self, table: str) -> bool:
        return any(position.table == table for position in self.positions.values())

    def paths(self, table: str) -> frozenset[str]:
        return frozenset(path for path, position in self.positions.items() if position.table == table)

    def held(self, path: str) -> frozenset[str]:
        return self._held.get(path, frozenset())

    def announcements(self) -> Mapping[tuple[str, str], Announcement]:
        return self.announced

    # -- what is stored

    def columns(self, table: str) -> Mapping[str, Type]:
        return self._table(table).loaded

    def column_names_of_fields(self, table: str) -> Mapping[str, str]:
        return self._named.get(table, {})

    def foreign_columns(self, table: str) -> Collection[str]:  # noqa: ARG002  nobody else makes columns here
        return ()

    def has(self, table: str, columns: Iterable[str]) -> bool:
        return {*columns} <= self._table(table).columns.keys()

    def empty(self, table: str) -> bool:
        return not self._table(table).rows

    def lost_rows(self, table: str) -> bool:
        return table in self._lost

    def index(self, table: str, key: Sequence[str]) -> Iterator[pa.RecordBatch]:
        if self.has(table, key):
            rows = [*self._table(table).rows.values()]
            found = self._arrow(table, (*key, "_row_hash", "_deleted_at"), rows)
            named = found.rename_columns([*key, "row_hash", "deleted_at"])
            yield from named.append_column("committed", self._committed(rows)).to_batches()

    def last_written(self, table: str) -> datetime | None:
        return max((row["_synced_at"] for row in self._table(table).rows.values()), default=None)

    def delete_orphans(
        self,
        table: str,
        columns: Sequence[str],
        parent: str,
        key: Sequence[str],
        no_parent: Mapping[str, Any],
    ) -> None:
        if self.has(table, columns) and self.has(parent, key):
            parents = {tuple(row[name] for name in key) for row in self._table(parent).rows.values()}
            self.tables[table].rows = {
                ident: row
                for ident, row in self._table(table).rows.items()
                if row[LOAD] in self.finished
                or any(row[name] == value for name, value in no_parent.items())
                or tuple(row[name] for name in columns) in parents
            }

    def uncommitted(self, table: str, columns: Sequence[str]) -> pa.Table:
        rows = self._table(table).rows.values()
        torn = [row for row in rows if row[LOAD] not in self.finished]
        return self._arrow(table, columns, torn)

    def rows(self, table: str, keys: pa.Table) -> pa.Table:
        if not self.has(table, names := keys.column_names):
            return keys.slice(0, 0)
        wanted = {tuple(key.values()) for key in keys.to_pylist()}
        rows = self._table(table).rows.values()
        found = [row for row in rows if tuple(row[name] for name in names) in wanted]
        return self._arrow(table, self._table(table).columns, found).append_column(
            "_committed", self._committed(found)
        )

    # -- what is put in

    def load(self, extraction: Extraction, until: str = "") -> None:
        """Put in what a extraction has found; with `until`, no more than a process loads that dies after that table."""
        listed = [one for result in extraction.results.values() for one in result.lists]
        self.positions |= {
            one.position_before_load.path: one.position_before_load
            for one in listed
            if one.position_before_load
        }
        self.forget([name for name, changes in extraction.changes.items() if not changes.stored_index.whole])
        self._loads += 1
        for outline in extraction.target_tables():
            if extraction.results[outline.parent].readable:
                self.tables.setdefault(outline.table, Table()).columns |= outline.columns
                self._lost.discard(outline.table)
        for outline in extraction.target_tables():
            self._upsert(extraction, outline)
            if outline.table == until:
                return
        self.finished.add(self._loads)
        self.positions |= {one.position.path: one.position for one in listed if one.position}
        for one in listed:
            if one.held_keys is not None:
                self._held[one.list_path.path] = frozenset(one.held_keys)
        self.announced |= extraction.announcements.changed
        self._named |= {name: dict(one.shape.undeclared.named) for name, one in extraction.changes.items()}

    def _upsert(self, extraction: Extraction, outline: TargetTable) -> None:
        """Replace whole rows by their keys: what a row lacks becomes null."""
        delta = extraction.delta(outline.table)
        if delta is None:
            return
        table, keys = self.tables[outline.table], set[Key]()
        table.loaded |= outline.columns
        for row in (row for batch in delta.batches for row in batch.to_pylist()):
            key = tuple(row[name] for name in outline.key)
            assert None not in key, f"{outline.table}: a row without its key"
            assert key not in keys, f"{outline.table}: {key} comes twice, which dlt would append twice"
            keys.add(key)
            table.rows[key] = {**dict.fromkeys(table.columns), **row, LOAD: self._loads}

    # -- what others do to it

    def drop(self, table: str) -> None:
        """Drop a table; the items of its lists go too, as before a load."""
        for name in [name for name in self.tables if name.partition("__")[0] == table]:
            self.tables[name].rows.clear()
        self.tables[table].columns.clear()
        self._lost.add(table)

    def drop_column(self, table: str, column: str) -> None:
        """Drop a column; hashes that speak of it are blanked, as before a load."""
        del self.tables[table].columns[column]
        for row in self.tables[table].rows.values():
            row |= {column: None, "_row_hash": ""}

    def tear(self, table: str, chosen: Callable[[Key], bool]) -> None:
        """Leave rows as a load does that never finishes."""
        for key, row in self.tables[table].rows.items():
            row[LOAD] = 0 if chosen(key) else row[LOAD]

    def forget(self, tables: Collection[str]) -> None:
        """Of lists whose tables have lost something, forget how far they were read."""
        nowhere = dict.fromkeys(("watermark", "open_floor", "last_walk_at", "last_complete_at", "moved"))
        for path, one in self.positions.items():
            if one.table in tables:
                self.positions[path] = replace(one, **nowhere)  # type: ignore[arg-type]

    def age(self, table: str, **moments: timedelta) -> None:
        """Make positions older than they are."""
        for path, one in self.positions.items():
            if one.table == table:
                older = {
                    name: getattr(one, name) - span for name, span in moments.items() if getattr(one, name)
                }
                self.positions[path] = replace(one, **older)

    # -- what tests ask for

    def stored(self, *names: str) -> Tables:
        """All tables, or some, as `tests.harness.stored` reads them from a database."""
        return {
            name: {
                key: own({column: plain(row.get(column), type_) for column, type_ in table.columns.items()})
                for key, row in table.rows.items()
            }
            for name, table in self.tables.items()
            if name in names or not names
        }

    def _table(self, table: str) -> Table:
        return self.tables.get(table, Table())

    def _committed(self, rows: Iterable[Row]) -> pa.Array:
        return pa.array([row[LOAD] in self.finished for row in rows], pa.bool_())

    def _arrow(self, table: str, columns: Iterable[str], rows: Sequence[Row]) -> pa.Table:
        types = self._table(table).columns
        arrays = {
            name: pa.array([row.get(name) for row in rows], ARROW[types[name]])
            for name in columns
            if name in types
        }
        return pa.table(arrays)
