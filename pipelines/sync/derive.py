"""Brings histories and trends up to date, each in a transaction of its own.

Rows that this run, or an earlier run without derivation, has written -> versions and numbers, and the key
`<table> until` of `_hogsync_meta`.

The key is blanked before rows of the source are loaded and holds the run's start once they are derived. While it is
blank, versions are missing, and the next run derives them from committed rows before it loads others over them. With
history off it stays blank. The key `<table> since` holds when a history began: first versions begin together, because
their rows do not tell when they came.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from destinations.derived.derived import Rows, finished, written_at
from destinations.derived.history import VERSION, History
from destinations.warehouse import DatabaseOutOfMemory, TableInUse, Types, Warehouse, WarehouseUnavailable
from pipelines.bookkeeping.records import write_meta
from pipelines.bookkeeping.state import DatasetState
from pipelines.sync.derived_tables import Derived, DerivedTables, Tables
from sources.posthog.changes.table_changes import TableChanges
from sources.posthog.extract.extraction import Extraction
from sources.posthog.shape.privacy import Policy
from sources.posthog.shape.refused_columns import refused_columns, refused_lists


def derived_until_key(target: str) -> str:
    """Return the key of `_hogsync_meta` that holds the time up to which a table is derived."""
    return f"{target} until"


def history_since_key(target: str) -> str:
    """Return the key of `_hogsync_meta` that holds when a history began."""
    return f"{target} since"


@dataclass(frozen=True, slots=True)
class Derivation:
    """The derivation of one run's derived tables."""

    warehouse: Warehouse
    extraction: Extraction
    state: DatasetState
    tables: DerivedTables
    former: Mapping[str, Policy] = field(default_factory=dict)
    """By table, the privacy settings under which all of its rows were stored, if this run has others."""
    troubles: dict[str, str] = field(default_factory=dict)
    """One sentence for each table that could not be written; the run's own rows and records do not need them."""

    def blanked(self) -> dict[str, str]:
        """Return the facts to write before rows are loaded, including those of histories that are switched off."""
        written = (one for changes in self._written() for one in changes.shape.endpoint.derived_tables)
        return {derived_until_key(name): "" for name in written}

    def derive_backlog(self) -> None:
        """Derive the rows that earlier runs loaded and did not derive; needs the warehouse open.

        This happens before this run's rows are loaded, because they would overwrite the only source of a missing
        version. A table is empty when it is made: the facts say so before. Values that the privacy settings refuse are
        emptied by then.
        """
        behind = self._behind()
        if not behind:
            return
        there = self.warehouse.columns()
        beginning = {history_since_key(one.target): "" for one in behind if self._begins(one)}
        write_meta(self.warehouse, {derived_until_key(one.target): "" for one in behind} | beginning)
        self._make(behind, there)
        for one in self._untroubled(behind):
            lists = (one.source_key, one.children) if isinstance(one, History) else ()
            self._derive(one, finished(self.warehouse, *lists))

    def derive(self, there: Tables) -> None:
        """Derive this run's rows, each table in a transaction of its own; `there` are the tables before derivation.

        A run that is killed in between leaves `until` blank, and the next run derives what is missing.
        """
        self._make(self._readable(there), there)
        write_meta(self.warehouse, self._begun_empty(there))
        for one in self._untroubled(self.tables.of(self._written(), there)):
            if not self._waits(one):
                self._restate(one)
                number = self.extraction.results[one.source].counts.written
                self._derive(one, written_at(self.extraction.options.started, number))
        self._end_missing(there)

    def sources(self, there: Tables) -> dict[str, str]:
        """Return the tables that this run may have written, each with the table that it was read or derived from."""
        targets = {target.table: target.parent for target in self.extraction.target_tables()}
        return targets | {one.target: one.source for one in self._untroubled(self._readable(there))}

    @contextmanager
    def _troubled_by(self, one: Derived) -> Iterator[None]:
        """Record a database error as this table's trouble, and go on; after a lost connection the next statement fails.

        The error's class is recorded, not its text, because the text may quote a row.
        """
        try:
            yield
        except DatabaseOutOfMemory:
            raise  # this process is short of memory: the table is not to blame
        except WarehouseUnavailable as error:
            where = f"{one.target} in {self.warehouse.label}"
            trouble = f"{where} could not be written{_why(error)}: the next sync makes up for what lacks"
            self.troubles[one.target] = trouble
            self.extraction.results[one.source].data_warnings.append(trouble)

    def _untroubled(self, derived: Iterable[Derived]) -> list[Derived]:
        return [one for one in derived if one.target not in self.troubles]

    def _written(self) -> list[TableChanges]:
        results = self.extraction.results
        return [one for table, one in self.extraction.changes.items() if results[table].counts.written]

    def _readable(self, there: Tables) -> Iterator[Derived]:
        """Yield the tables derived from readable tables, including empty ones."""
        results = self.extraction.results
        found = [changes for table, changes in self.extraction.changes.items() if results[table].readable]
        return self.tables.of(found, there)

    def _behind(self) -> list[Derived]:
        """Return the derived tables that miss rows of earlier runs, or that were dropped."""
        stocked = [
            changes
            for table, changes in self.extraction.changes.items()
            if not changes.stored_index.empty[table]
            and self.state.has(table, (*changes.shape.key, "_synced_at"))
        ]
        found = self.tables.of(stocked, self.state.tables)
        return [one for one in found if not self._is_up_to_date(one) and not self._waits(one)]

    def _waits(self, one: Derived) -> bool:
        """True if a history that is behind has lost a column: this run fills the column, the next run derives.

        The source table may just have got the column back, too, and gets its values with this run's rows.
        """
        return not self._is_up_to_date(one) and bool(self._lost(one, self.state.tables))

    def _is_up_to_date(self, one: Derived) -> bool:
        return self._is_kept(one) and bool(self.state.meta.get(derived_until_key(one.target)))

    def _begins(self, one: Derived) -> bool:
        """True if a history has not begun, or its table was dropped or emptied."""
        begun = self._is_kept(one) and self.state.meta.get(history_since_key(one.target))
        return isinstance(one, History) and not begun

    def _is_kept(self, one: Derived) -> bool:
        return _is_there(one, self.state.tables) and not self.state.lost_rows(one.target)

    def _lost(self, one: Derived, there: Tables) -> Types:
        """Return the columns that an existing history had and that were dropped since.

        A column that `made` names may never have been created. A field is new if no load has had its column yet, or no
        recorded run has.
        """
        before = self.state
        if not isinstance(one, History) or not _is_there(one, there):
            return {}
        fields = self.extraction.changes[one.source].shape.undeclared.named.values()
        news = {*fields} - {*before.column_names_of_fields(one.source).values()}
        had = {here for name, here in one.named.items() if name in before.columns(one.source).keys() - news}
        noted = (before.made or {}).get(one.target, frozenset())
        lost = ({*one.lists} | had) & noted - there[one.target].keys()
        return {name: one.columns[name] for name in lost}

    def _make(self, derived: Iterable[Derived], there: Tables) -> None:
        for one in self._untroubled(derived):
            existing, is_history = there.get(one.target, {}), isinstance(one, History)
            with self._troubled_by(one):
                if existing and isinstance(one, History):
                    existing = {**existing, **self._mend(one, there)}
                self.warehouse.ensure(one.target, one.columns, one.key, existing, primary=not is_history)

    def _mend(self, one: History, there: Tables) -> Types:
        """Empty a history that has lost its version columns, else fill its lost columns; returns the filled columns."""
        if not _is_there(one, there):
            self.warehouse.alter_table(one.target, f"truncate table {self.warehouse.name(one.target)}")
            return {}
        if lost := self._lost(one, there):
            one.fill(self.warehouse, lost)
        return lost

    def _derive(self, one: Derived, rows: Rows) -> None:
        """Derive one table and write its `until` fact, in one transaction."""
        now = self.extraction.options.started
        facts = {derived_until_key(one.target): now.isoformat()}
        with self._troubled_by(one), self.warehouse.transaction():
            if not isinstance(one, History):
                one.derive(self.warehouse, rows)
            elif one.derive(self.warehouse, rows, now if self._begins(one) else None):
                facts[history_since_key(one.target)] = now.isoformat()
            write_meta(self.warehouse, facts)

    def _restate(self, one: Derived) -> None:
        """Let a history say by this run's privacy settings what it said by others: that is no change of a row."""
        before, changes = self.former.get(one.source), self.extraction.changes[one.source]
        if before is None or not isinstance(one, History) or one.target not in self.state.tables:
            return
        endpoint, now = changes.shape.endpoint, changes.shape.policy
        either = ((before, now), (now, before))
        columns = {one.named[name] for two in either for name in refused_columns(endpoint, one.values, *two)}
        columns |= {name for two in either for name in refused_lists(endpoint, *two) if name in one.lists}
        if columns:
            with self._troubled_by(one):
                one.restate(self.warehouse, sorted(columns))

    def _begun_empty(self, there: Tables) -> dict[str, str]:
        """Return the `since` facts of histories whose source tables are still empty: later rows in them are new."""
        results, now = self.extraction.results, self.extraction.options.started.isoformat()
        empty = [
            changes
            for table, changes in self.extraction.changes.items()
            if changes.stored_index.empty[table]
            and results[table].readable
            and not results[table].counts.written
        ]
        found = self._untroubled(self.tables.of(empty, there))
        return {history_since_key(one.target): now for one in found if self._begins(one)}

    def _end_missing(self, there: Tables) -> None:
        """Close the versions of rows that were lost with a dropped table, because delete detection cannot see them.

        The first complete walk of their lists closes them, once. For a history that is behind, that walk may have been
        in a run that did not derive it.
        """
        now = self.extraction.options.started
        for one in self._untroubled(self._readable(there)):
            if not isinstance(one, History) or self._begins(one):
                continue
            partitions = self.extraction.complete_partitions(one.source, first=self._is_up_to_date(one))
            if partitions:
                with self._troubled_by(one), self.warehouse.transaction():
                    one.end_missing(self.warehouse, partitions, now)


def _why(error: WarehouseUnavailable) -> str:
    """Return the reason why a table could not be written, and what to do about it."""
    if isinstance(error, TableInUse):
        return " while somebody else's transaction uses it"
    kind = type(error.__cause__ or error).__name__
    return f" ({kind}); where it is not as hogsync made it, drop or rename it, else let this role change it"


def _is_there(one: Derived, there: Tables) -> bool:
    """True if a table has its key columns, and a history its version columns, too."""
    needed = {*one.key, *VERSION} if isinstance(one, History) else {*one.key}
    return needed <= there.get(one.target, {}).keys()
