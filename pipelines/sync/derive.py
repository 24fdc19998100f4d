"""Brings histories and trends up to date, each in a transaction of its own.

Rows that this run, or an earlier run without derivation, has written -> versions and numbers, and the key
`<table> until` of `_hogsync_meta`.

The key is blanked before rows of the source are loaded and holds the run's start once they are derived. While it is
blank, versions are missing, and the next run derives them from committed rows before it loads others over them. With
history off it stays blank. The key `<table> since` holds when a history began: first versions begin together, because
their rows do not tell when they came.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from destinations.derived.derived import Derived, Rows, derive, finished, written_at
from destinations.derived.history import VERSION, History
from destinations.warehouse import DatabaseOutOfMemory, TableInUse, Types, Warehouse, WarehouseUnavailable
from pipelines.bookkeeping.records import write_meta
from pipelines.bookkeeping.state import DatasetState
from pipelines.sync.derived_tables import DerivedTables, Tables
from sources.posthog.changes.table_changes import TableChanges
from sources.posthog.extract.extraction import Extraction


def derived_until_key(target: str) -> str:
    """The key of `_hogsync_meta` under which stands until when a table has been derived."""
    return f"{target} until"


def history_since_key(target: str) -> str:
    """The key of `_hogsync_meta` under which stands when a history began."""
    return f"{target} since"


@dataclass(frozen=True, slots=True)
class Derivation:
    """The tables that follow those of one run."""

    warehouse: Warehouse
    extraction: Extraction
    state: DatasetState
    tables: DerivedTables
    after_loading: bool = False
    """Whether what lacks is derived after this run's rows are loaded, and not before: with other privacy settings the
    stored rows still hold what may be kept no longer."""
    troubles: dict[str, str] = field(default_factory=dict)
    """Of tables that could not be written, a sentence each. The run's own rows and records do without them."""

    @contextmanager
    def _troubled_by(self, one: Derived) -> Iterator[None]:
        """Record a database's refusal as this table's trouble; with a lost connection the next statement fails, too.

        The database's words may quote a row, its class does not.
        """
        try:
            yield
        except DatabaseOutOfMemory:
            raise  # this process's trouble: nothing is to be done about the table
        except WarehouseUnavailable as error:
            where = f"{one.target} in {self.warehouse.label}"
            self.troubles[one.target] = said = (
                f"{where} could not be written{_why(error)}: the next sync makes up for what lacks"
            )
            self.extraction.results[one.source].data_warnings.append(said)

    def _untroubled(self, derived: Iterable[Derived]) -> list[Derived]:
        return [one for one in derived if one.target not in self.troubles]

    def behind(self) -> list[Derived]:
        """What lacks rows that earlier runs have loaded, or was dropped by somebody."""
        there = self.state.tables
        found = self.tables.of(self._stocked(), there)
        return [one for one in found if not self._is_up_to_date(one, there) and not self._waits(one)]

    def _waits(self, one: Derived) -> bool:
        """Whether a history that lags has lost a column: it is filled in this run and derived by the next.

        Its table may just have got the column back, too, and gets the values with this run's rows.
        """
        there = self.state.tables
        return _is_there(one, there) and not self._is_up_to_date(one, there) and bool(self._lost(one, there))

    def _stocked(self) -> list[TableChanges]:
        """The tables that hold rows which earlier runs have loaded."""
        return [
            changes
            for table, changes in self.extraction.changes.items()
            if not changes.stored_index.empty[table]
            and self.state.has(table, (*changes.shape.key, "_synced_at"))
        ]

    def _is_up_to_date(self, one: Derived, there: Tables) -> bool:
        told = self.state.meta.get(derived_until_key(one.target)) and not self.state.lost_rows(one.target)
        return bool(told) and _is_there(one, there)

    def _lost(self, one: Derived, there: Tables) -> Types:
        """Columns of its rows that a history, which is there, once had and somebody has dropped.

        What is noted as made may never have come to be. A field is news if no load has had its column yet, or no run
        that was recorded.
        """
        if not isinstance(one, History):
            return {}
        before, fields = self.state, self.extraction.changes[one.source].shape.undeclared.named.values()
        news = {*fields} - {*before.column_names_of_fields(one.source).values()}
        had = {here for name, here in one.named.items() if name in before.columns(one.source).keys() - news}
        noted = (before.made or {}).get(one.target, frozenset())
        lost = ({*one.lists} | had) & noted - there.get(one.target, {}).keys()
        return {name: one.columns[name] for name in lost}

    def _begins(self, one: Derived, there: Tables) -> bool:
        """Whether a history has not begun, or somebody has taken away what it held."""
        kept = self.state.meta.get(history_since_key(one.target)) and not self.state.lost_rows(one.target)
        kept = kept and _is_there(one, there)
        return isinstance(one, History) and not kept

    def making(self, behind: Iterable[Derived]) -> dict[str, str]:
        """What `_hogsync_meta` must say before these are made: a table that is made anew is empty until derived."""
        there = self.state.tables
        beginning = {history_since_key(one.target): "" for one in behind if self._begins(one, there)}
        return {derived_until_key(one.target): "" for one in behind} | beginning

    def blanked(self) -> dict[str, str]:
        """What `_hogsync_meta` must say before rows are loaded, of histories that are switched off too."""
        return {
            derived_until_key(name): ""
            for changes in self._written()
            for name in changes.shape.endpoint.derived_tables
        }

    def make(self, derived: Iterable[Derived], there: Tables) -> None:
        """See to it that these tables are there with all of their columns."""
        work = self._untroubled(derived)
        for one in work:
            existing = there.get(one.target, {})
            with self._troubled_by(one):
                if existing and isinstance(one, History):
                    existing = {**existing, **self._mend(one, there)}
                self.warehouse.ensure(one.target, one.columns, one.key, existing, primary=one.primary)

    def _mend(self, one: History, there: Tables) -> Types:
        """Empty a history whose versions cannot be told, else fill the columns that it has lost; gives these."""
        if not _is_there(one, there):
            self.warehouse.alter_table(one.target, f"truncate table {self.warehouse.name(one.target)}")
            return {}
        if lost := self._lost(one, there):
            one.fill(self.warehouse, lost)
        return lost

    def readable(self, there: Tables) -> Iterator[Derived]:
        """What follows the tables that could be read, empty ones too."""
        results = self.extraction.results
        found = [changes for table, changes in self.extraction.changes.items() if results[table].readable]
        return self.tables.of(found, there)

    def derive_backlog(self) -> None:
        """Derive what earlier runs have loaded and not derived; needs the warehouse open.

        Before this run's rows are loaded: they would overwrite the only source of a version that is missing.
        """
        behind = [] if self.after_loading else self.behind()
        if not behind:
            return
        there = self.warehouse.columns()
        write_meta(self.warehouse, self.making(behind))
        self.make(behind, there)
        for one in self._untroubled(behind):
            self._derive(one, finished(self.warehouse, one), there)

    def derive(self, there: Tables) -> None:
        """Derive what this run has loaded, each table in a transaction of its own; `there` is what was there before.

        A run that is killed in between leaves its `until` blank, and the next run derives what is missing.
        """
        self.make(self.readable(there), there)
        behind = {one.target for one in self.behind()} if self.after_loading else set()
        write_meta(self.warehouse, self._begun_empty(there))
        for one in self._untroubled(self.tables.of(self._written(), there)):
            if not self._waits(one):
                rows = finished(self.warehouse, one) if one.target in behind else self._own_rows(one)
                self._derive(one, rows, there)
        self._end_missing(there)

    def _derive(self, one: Derived, rows: Rows, there: Tables) -> None:
        """Bring one table up to date, and note until when, in one transaction."""
        now = self.extraction.options.started
        with self._troubled_by(one), self.warehouse.transaction():
            began = derive(self.warehouse, one, rows, now if self._begins(one, there) else None)
            facts = [derived_until_key(one.target), *[history_since_key(one.target)] * began]
            write_meta(self.warehouse, dict.fromkeys(facts, now.isoformat()))

    def _end_missing(self, there: Tables) -> None:
        """Close the versions of rows that went with a dropped table, for nothing else can miss them.

        Once, by the first complete reading of their lists; where a history lags behind, that may have been in a run
        that did not derive it.
        """
        now = self.extraction.options.started
        for one in self._untroubled(self.readable(there)):
            if not isinstance(one, History) or self._begins(one, there):
                continue
            partitions = self.extraction.complete_partitions(
                one.source, first=self._is_up_to_date(one, self.state.tables)
            )
            if partitions:
                with self._troubled_by(one), self.warehouse.transaction():
                    one.end_missing(self.warehouse, partitions, now)

    def sources(self) -> dict[str, str]:
        """The tables that this run may have written, and of each the table that it was read or derived from."""
        there = self.warehouse.columns()
        derived = [one for one in self._untroubled(self.readable(there)) if one.target in there]
        targets = {target.table: target.parent for target in self.extraction.target_tables()}
        return targets | {one.target: one.source for one in derived}

    def _own_rows(self, one: Derived) -> Rows:
        """The rows of its source that this run has written."""
        number = self.extraction.results[one.source].counts.written
        return written_at(self.warehouse, self.extraction.options.started, number)

    def _begun_empty(self, there: Tables) -> dict[str, str]:
        """Since when there are histories of tables that hold nothing yet: what comes to these later is new."""
        results, now = self.extraction.results, self.extraction.options.started.isoformat()
        empty = [
            changes
            for table, changes in self.extraction.changes.items()
            if changes.stored_index.empty[table]
            and results[table].readable
            and not results[table].counts.written
        ]
        found = self._untroubled(self.tables.of(empty, there))
        return {history_since_key(one.target): now for one in found if self._begins(one, there)}

    def _written(self) -> list[TableChanges]:
        results = self.extraction.results
        return [one for table, one in self.extraction.changes.items() if results[table].counts.written]


def _why(error: WarehouseUnavailable) -> str:
    """What to do about a table that could not be written."""
    if isinstance(error, TableInUse):
        return " while somebody else's transaction uses it"
    kind = type(error.__cause__ or error).__name__
    return f" ({kind}); where it is not as hogsync made it, drop or rename it, else let this role change it"


def _is_there(one: Derived, there: Tables) -> bool:
    """Whether its rows can be told apart, and a history's versions from each other."""
    needed = {*one.key, *VERSION} if isinstance(one, History) else {*one.key}
    return needed <= there.get(one.target, {}).keys()
