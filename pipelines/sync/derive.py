"""When a run derives what follows the tables that it loads: histories and trends.

`_hogsync_meta` has a key for each of them. It is blanked before rows of its source are loaded and holds the run's start
once they are derived; while it is blank, some rows' versions lack, and a run makes up for them before it loads others.
Of a history another key tells since when it is kept: that is where what came can first be told from what was there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from destinations.derived.derived import Derived, Rows, derive, finished, written_at
from destinations.derived.history import VERSION, History
from destinations.warehouse import DatabaseOutOfMemory, TableInUse, Types, Warehouse, WarehouseUnavailable
from pipelines.sync.derived_tables import DatasetBefore, DerivedTables, Tables
from sources.posthog.changes.table_changes import TableChanges
from sources.posthog.extract.extraction import Extraction


def derived_until_key(target: str) -> str:
    """The key of `_hogsync_meta` under which stands until when a table has been derived."""
    return f"{target} until"


def history_since_key(target: str) -> str:
    """The key of `_hogsync_meta` under which stands when a history began."""
    return f"{target} since"


class Underivable(Exception):
    """A table that follows others could not be written; from now on it is among the troubles and left alone."""


@dataclass(frozen=True, slots=True)
class Derivation:
    """The tables that follow those of one run."""

    warehouse: Warehouse
    reading: Extraction
    before: DatasetBefore
    followers: DerivedTables
    after_loading: bool = False
    """Whether what lacks is derived after this run's rows are loaded, and not before: with other privacy settings the
    stored rows still hold what may be kept no longer."""
    troubles: dict[str, str] = field(default_factory=dict)
    """Of tables that could not be written, a sentence each. The run's own rows and records do without them."""

    @contextmanager
    def _troubled_by(self, one: Derived) -> Iterator[None]:
        """Take a database's refusal for this table's trouble; with a lost connection the next statement fails as well.

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
            self.reading.results[one.source].data_warnings.append(said)
            raise Underivable from error

    def _untroubled(self, derived: Iterable[Derived]) -> list[Derived]:
        return [one for one in derived if one.target not in self.troubles]

    def behind(self) -> list[Derived]:
        """What lacks rows that earlier runs have loaded, or was dropped by somebody."""
        there = self.before.tables
        found = self.followers.of(self._stocked(), there)
        return [one for one in found if not self._is_up_to_date(one, there) and not self._waits(one)]

    def _waits(self, one: Derived) -> bool:
        """Whether a history that lags has lost a column: it is filled in this run and derived by the next.

        Its table may just have got the column back, too, and gets the values with this run's rows.
        """
        there = self.before.tables
        return _is_there(one, there) and not self._is_up_to_date(one, there) and bool(self._lost(one, there))

    def _stocked(self) -> list[TableChanges]:
        """The tables that hold rows which earlier runs have loaded."""
        return [
            changes
            for table, changes in self.reading.changes.items()
            if not changes.stored_index.empty[table]
            and self.before.has(table, (*changes.shape.key, "_synced_at"))
        ]

    def _is_up_to_date(self, one: Derived, there: Tables) -> bool:
        told = self.before.meta.get(derived_until_key(one.target)) and not self.before.lost_rows(one.target)
        return bool(told) and _is_there(one, there)

    def _lost(self, one: Derived, there: Tables) -> Types:
        """Columns of its rows that a history, which is there, once had and somebody has dropped.

        What is noted as made may never have come to be. A field is news if no load has had its column yet, or no run
        that was recorded.
        """
        if not isinstance(one, History):
            return {}
        before, fields = self.before, self.reading.changes[one.source].shape.undeclared.named.values()
        news = {*fields} - {*before.column_names_of_fields(one.source).values()}
        had = {here for name, here in one.named.items() if name in before.columns(one.source).keys() - news}
        noted = (before.made or {}).get(one.target, frozenset())
        lost = ({*one.lists} | had) & noted - there.get(one.target, {}).keys()
        return {name: one.columns[name] for name in lost}

    def _begins(self, one: Derived, there: Tables) -> bool:
        """Whether a history has not begun, or somebody has taken away what it held."""
        kept = self.before.meta.get(history_since_key(one.target)) and not self.before.lost_rows(one.target)
        kept = kept and _is_there(one, there)
        return isinstance(one, History) and not kept

    def making(self, behind: Iterable[Derived]) -> dict[str, str]:
        """What `_hogsync_meta` must say before these are made: a table that is made anew is empty until derived."""
        there = self.before.tables
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
            with suppress(Underivable), self._troubled_by(one):
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
        results = self.reading.results
        found = [changes for table, changes in self.reading.changes.items() if results[table].readable]
        return self.followers.of(found, there)

    def catch_up(self, behind: Iterable[Derived], there: Tables) -> dict[str, str]:
        """Derive what earlier runs have loaded; gives what `_hogsync_meta` shall say in the same transaction.

        `there` is what there was before anything was made.
        """
        work = self._untroubled(behind)
        return self._derived(((one, finished(self.warehouse, one)) for one in work), there)

    def derive(self, there: Tables) -> dict[str, str]:
        """Derive what this run has loaded; gives what `_hogsync_meta` shall say in the same transaction.

        `there` is what there was before anything was made.
        """
        behind = {one.target for one in self.behind()} if self.after_loading else set()
        followers = self._untroubled(self.followers.of(self._written(), there))
        work = (
            (one, finished(self.warehouse, one) if one.target in behind else self._own_rows(one))
            for one in followers
            if not self._waits(one)
        )
        facts = self._begun_empty(there) | self._derived(work, there)
        self._end_missing(there)
        return facts

    def _end_missing(self, there: Tables) -> None:
        """Tell the deaths of rows that went with a dropped table, for nothing else can miss them.

        Once, by the first complete reading of their lists; where a history lags behind, that may have been in a run
        that did not derive it.
        """
        now = self.reading.options.started
        for one in self._untroubled(self.readable(there)):
            if not isinstance(one, History) or self._begins(one, there):
                continue
            scopes = self.reading.complete_partitions(
                one.source, first=self._is_up_to_date(one, self.before.tables)
            )
            if scopes:
                with self._troubled_by(one):
                    one.end_missing(self.warehouse, scopes, now)

    def _own_rows(self, one: Derived) -> Rows:
        """The rows of its source that this run has written."""
        number = self.reading.results[one.source].counts.written
        return written_at(self.warehouse, self.reading.options.started, number)

    def _derived(self, work: Iterable[tuple[Derived, Rows]], there: Tables) -> dict[str, str]:
        facts, now = {}, self.reading.options.started
        for one, rows in work:
            with self._troubled_by(one):
                began = derive(self.warehouse, one, rows, now if self._begins(one, there) else None)
            facts[derived_until_key(one.target)] = now.isoformat()
            if began:
                facts[history_since_key(one.target)] = now.isoformat()
        return facts

    def _begun_empty(self, there: Tables) -> dict[str, str]:
        """Since when there are histories of tables that hold nothing yet: what comes to these later is new."""
        results, now = self.reading.results, self.reading.options.started.isoformat()
        empty = [
            changes
            for table, changes in self.reading.changes.items()
            if changes.stored_index.empty[table]
            and results[table].readable
            and not results[table].counts.written
        ]
        found = self._untroubled(self.followers.of(empty, there))
        return {history_since_key(one.target): now for one in found if self._begins(one, there)}

    def _written(self) -> list[TableChanges]:
        results = self.reading.results
        return [one for table, one in self.reading.changes.items() if results[table].counts.written]


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
