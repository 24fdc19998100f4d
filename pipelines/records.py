"""The bookkeeping tables: what a dataset remembers of its origin, its runs and its lists.

They are written by one plain transaction after the rows they speak of: they may lag behind them, never lead.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

from destinations.stored import Stored
from destinations.warehouse import Types, Warehouse
from pipelines import stopping
from pipelines.errors import UsageError
from pipelines.followers import Tables
from pipelines.history import Following, Underivable
from pipelines.run import Run
from sources.posthog.listing import UNSETTLED, Position
from sources.posthog.reading import Reading
from sources.posthog.results import TableResult

T = TypeVar("T")
SCHEMA_VERSION = 2
"""Raised when an older hogsync would lose or garble something of a dataset: it leaves a higher one alone. 2: `made`,
`privacy within <table>` and `jsonb` are true only while every run heeds them."""
SCHEMA = "schema_version"
"""The key of `_hogsync_meta` under which it stands."""
META, RUNS, RUN_TABLES, PATHS, HELD = (
    "_hogsync_meta",
    "_hogsync_runs",
    "_hogsync_run_tables",
    "_hogsync_paths",
    "_hogsync_held",
)


LOOKED_BACK = 50
"""Runs in which the last one of a table is looked for."""
PLACES = ("watermark", "open_floor", "last_walk_at", "last_complete_at", "moved")
"""Of a list's position, what says how far it was read."""
PRIVACY = "privacy of "
"""Begins the keys of `_hogsync_meta` under which stands how each table was stored."""
MADE = "made"
"""The key of `_hogsync_meta` under which stands what hogsync made in the dataset: tables and their columns."""
ROWS = "rows"
"""The key of `_hogsync_meta` under which stands how many rows tables had: of a list's all, of others whether any."""
NAMED = "columns of "
"""Begins the keys of `_hogsync_meta` under which undeclared fields' columns stand."""


def _columns(spelled: str) -> Types:
    return dict(column.split() for column in spelled.split(","))


BOOKS: Mapping[str, tuple[tuple[str, ...], Types]] = {
    META: (("key",), _columns("key text, value text")),
    RUNS: (
        ("run_id",),
        _columns(
            "run_id text, started_at timestamp, finished_at timestamp, status text, trigger text, version text, "
            "error text, warnings json"
        ),
    ),
    RUN_TABLES: (
        ("run_id", "table_name"),
        _columns(
            "run_id text, table_name text, status text, paths bigint, paths_complete bigint, "
            "paths_unavailable bigint, paths_failed bigint, paths_spared bigint, requests bigint, pages bigint, "
            "pages_again bigint, rows_read bigint, inserted bigint, updated bigint, deleted bigint, "
            "deletes_held bigint, complete bool, "
            "watermark timestamp, detail text"
        ),
    ),
    PATHS: (
        ("path",),
        _columns(
            "path text, table_name text, watermark timestamp, open_floor timestamp, last_walk_at timestamp, "
            "last_complete_at timestamp, first_complete_at timestamp, fingerprint text, rows bigint, gap bigint, "
            "held bigint, moved text"
        ),
    ),
    HELD: (("path", "row_key"), _columns("path text, row_key text")),
}
"""Each table's key and columns."""


class Memory(Stored):
    """What the dataset holds and what it remembers, read once at the start of a run."""

    def __init__(self, warehouse: Warehouse) -> None:
        """Needs the warehouse open."""
        super().__init__(warehouse)
        self.meta: dict[str, str] = {row[0]: row[1] for row in self._book(META)}
        self.emptied: Mapping[str, int] = {}
        """How many stored rows of a table this run has emptied of what the privacy settings refuse."""
        made = self.meta.get(MADE)
        self.made: dict[str, frozenset[str]] | None = (
            {table: frozenset(columns) for table, columns in json.loads(made).items()} if made else None
        )
        """The tables that hogsync noted before it made them, with their columns; None where it noted nothing."""
        self.rows_noted: dict[str, int] = json.loads(self.meta.get(ROWS) or "{}")
        now = _rows(warehouse, [table for table in self.rows_noted if table in self.tables])
        self._lost_rows = {table for table, rows in self.rows_noted.items() if now.get(table, 0) < rows}
        self._positions = {row[0]: _position(row) for row in self._book(PATHS)}
        self._held: dict[str, set[str]] = defaultdict(set)
        for path, row_key in self._book(HELD):
            self._held[path].add(row_key)

    def _book(self, table: str) -> list[tuple[Any, ...]]:
        there = self.tables.get(table, {})  # what a newer hogsync has come to remember is not there yet
        names = ", ".join(name if name in there else f"null as {name}" for name in BOOKS[table][1])
        return self.warehouse.rows(f"select {names} from {self.warehouse.name(table)}") if there else []

    def named(self, table: str) -> Mapping[str, str]:
        """The columns that undeclared fields got in earlier runs."""
        return dict(json.loads(self.meta.get(f"{NAMED}{table}", "{}")))

    def lost_rows(self, table: str) -> bool:
        """Whether somebody has taken all rows of a table away, or any of a split list's."""
        return table in self._lost_rows

    def ours(self, table: str) -> frozenset[str]:
        """The columns that hogsync made of a table; a history has its table's, too."""
        made = self.made or {}
        return frozenset(
            column
            for one in {table, table.removesuffix("_history")}
            for column in (*made.get(one, ()), *self.columns(one), *self.named(one).values())
        )

    def theirs(self, table: str) -> frozenset[str]:
        """The columns that somebody else made on a table, in lower case; none where hogsync's are not known."""
        known = self.columns(table) if self.made is None else self.made
        there = {column.lower() for column in self.tables.get(table, ())}
        return frozenset(there - self.ours(table)) if known else frozenset()

    def position(self, path: str) -> Position | None:
        """The path's position, if it was ever read."""
        return self._positions.get(path)

    def was_read(self, table: str) -> bool:
        """Whether any list of the table was ever read."""
        return any(position.table == table for position in self._positions.values())

    def positions(self) -> Iterable[Position]:
        """What is remembered of every list."""
        return self._positions.values()

    def lacks(self, run_id: str | None) -> bool:
        """Whether a run that was recorded here is recorded no longer: then this is an older state of the dataset."""
        if run_id is None or "run_id" not in self.tables.get(RUNS, {}):
            return False
        sql = f"select 1 from {self.warehouse.name(RUNS)} where run_id = {self.warehouse.mark}"
        return not self.warehouse.rows(sql, [run_id])

    def held(self, path: str) -> frozenset[str]:
        """Row keys whose death the last complete walk held."""
        return frozenset(self._held.get(path, ()))

    def check(self, expected: Mapping[str, str]) -> None:
        """Refuse a dataset that belongs to another PostHog, another hash key or a newer hogsync."""
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
                "put the former key back, or start another dataset by HOGSYNC_DATASET."
            )


def _position(row: tuple[Any, ...]) -> Position:
    found = dict(zip(BOOKS[PATHS][1], row, strict=True))
    return Position(table=found.pop("table_name"), **found)


def forget(warehouse: Warehouse, tables: Collection[str]) -> int:
    """Forget where the lists of some tables stand, so that the next run reads them in full; needs the warehouse open.

    What is known of the key that saw them stays: it keeps rows alive that another key does not see. Gives the number
    of lists.
    """
    existing = warehouse.columns().get(PATHS, {})
    places = [name for name in PLACES if name in existing]
    if not places:
        return 0
    marks = ", ".join(warehouse.mark for _ in tables)
    chosen = f"table_name in ({marks})"
    ((lists,),) = warehouse.rows(f"select count(*) from {warehouse.name(PATHS)} where {chosen}", [*tables])
    changes = ", ".join(f"{name} = null" for name in places)
    warehouse.execute(f"update {warehouse.name(PATHS)} set {changes} where {chosen}", [*tables])
    return int(lists)


def forget_hashes(warehouse: Warehouse) -> None:
    """Let the dataset be hashed anew with the next run's key; needs the warehouse open."""
    if META not in warehouse.columns():
        return
    with warehouse.transaction():
        warehouse.execute(f"delete from {warehouse.name(META)} where key = 'hash_key'")
        stored_under = f"key like '{PRIVACY}%'"
        warehouse.execute(f"update {warehouse.name(META)} set value = '' where {stored_under}")


def move(warehouse: Warehouse, origin: str, tables: Collection[str]) -> str:
    """Let the dataset belong to the PostHog at `origin`; give the former one, empty if it has none yet.

    Whether it is the same PostHog only a person knows. If it is not, its lists lack every row: so no walk ends any
    before one has found them all, or somebody accepts the deletes. Needs the warehouse open.
    """
    if META not in warehouse.columns():
        return ""
    former = Memory(warehouse).meta.get("origin", "")
    with warehouse.transaction():
        note(warehouse, {"origin": origin})
        if forget(warehouse, tables):
            seen = f"update {warehouse.name(PATHS)} set fingerprint = {warehouse.mark} where fingerprint is not null"
            warehouse.execute(seen, [UNSETTLED])
    return former


def catch_up(warehouse: Warehouse, following: Following) -> None:
    """Derive what earlier runs have loaded and did not live to derive; needs the warehouse open.

    Before this run's rows are loaded: they would overwrite the only witness of a version that lacks.
    """
    behind = [] if following.after_loading else following.behind()
    if not behind:
        return
    existing = warehouse.columns()
    _ensure(warehouse, META, existing)
    note(warehouse, following.making(behind))
    following.make(behind, existing)
    _together(warehouse, lambda: note(warehouse, following.catch_up(behind, existing)))


def bookable(row: Mapping[str, Any], types: Types) -> dict[str, Any]:
    """A row of a bookkeeping table, whatever came into it: a record must not fail over what it tells of."""
    return {name: BOOKABLE.get(types[name], _as_it_is)(value) for name, value in row.items()}


def _as_it_is(value: Any) -> Any:
    return value


def _text(value: str | None) -> str | None:
    """Without NUL and halves of characters, which Postgres does not take; a name of a file may hold some."""
    return None if value is None else value.replace("\0", "").encode("utf-8", "replace").decode()


def _number(value: int | None) -> int | None:
    """The nearest number of 64 bits."""
    return None if value is None else max(-(2**63), min(value, 2**63 - 1))


BOOKABLE: Mapping[str, Callable[[Any], Any]] = {"text": _text, "bigint": _number}


def _put(warehouse: Warehouse, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Insert or replace rows of a bookkeeping table."""
    key, types = BOOKS[table]
    warehouse.upsert(table, key, [bookable(row, types) for row in rows])


def _together(warehouse: Warehouse, work: Callable[[], T]) -> T:
    """Do something in one transaction, and all of it again where a table that follows others could not be written."""
    while True:
        try:
            with warehouse.transaction():
                return work()
        except Underivable:
            continue


def note_made(warehouse: Warehouse, made: Mapping[str, Iterable[str]]) -> None:
    """Say which tables, with which columns, are hogsync's, and of which version; needs the warehouse open."""
    existing = warehouse.columns()
    told = json.dumps({table: sorted(columns) for table, columns in sorted(made.items())})
    with warehouse.transaction():  # a table of this name without a row of hogsync's would be somebody else's
        _ensure(warehouse, META, existing)
        note(warehouse, {MADE: told, SCHEMA: str(SCHEMA_VERSION)})


def claim(warehouse: Warehouse, meta: Mapping[str, str], reading: Reading) -> None:
    """Say whose rows the dataset holds and which key saw them, before the first of them; needs the warehouse open.

    A run that brought no row must not: with a misspelt POSTHOG_HOST it would shut out the right one for good.

    Of tables that are to be stored anew, by other privacy settings or with columns that lack, every list is forgotten:
    those that this run leaves out, below other projects, are to be read in full by whichever run reads them.
    """
    existing = warehouse.columns()
    _ensure(warehouse, META, existing)
    note(warehouse, meta)
    listed = (one for result in reading.results.values() for one in result.listed)
    claims = {one.claimed.path: one.claimed for one in listed if one.claimed}
    if claims:
        _ensure(warehouse, PATHS, existing)
        _put(warehouse, PATHS, map(_path_row, claims.values()))
    anew = [
        table
        for table, changes in reading.changes.items()
        if meta.get(f"{PRIVACY}{table}") == "" or not changes.stock.whole
    ]
    if anew:  # claims say where their lists stood
        forget(warehouse, anew)


def write(
    warehouse: Warehouse,
    told: Callable[[], Run],
    reading: Reading | None,
    facts: Mapping[str, str] | None = None,
    following: Following | None = None,
) -> Run:
    """Record a run, where its lists stand and what else holds from now on; needs the warehouse open, rows loaded.

    What follows the loaded tables is derived in the same transaction; the run is told after that and given back. Until
    its commit the run can be stopped.
    """
    existing = warehouse.columns()
    for table in BOOKS:
        _ensure(warehouse, table, existing)
    if following:
        following.make(following.readable(existing), existing)

    def work() -> Run:
        derived = following.derive(existing) if following else {}
        run = told()
        own = {SCHEMA: str(SCHEMA_VERSION), "hogsync_version": run.version, **_named(reading)}
        rows = _rows_of(reading, following, existing) if reading and following else {}
        note(warehouse, {**own, **derived, **rows, **(facts or {})})
        _write_run(warehouse, run, list(reading.results.values()) if reading else [])
        if reading:
            stopping.heed()
        return run

    return _together(warehouse, work)


def _rows_of(reading: Reading, following: Following, there: Tables) -> dict[str, str]:
    """What `_hogsync_meta` shall say of the rows of this run's tables; nothing if all is as before."""
    memory = following.before
    derived = {
        one.target: one.source for one in following.readable(there) if one.target not in following.troubles
    }
    sources = {outline.table: outline.parent for outline in reading.outlines()} | derived
    changed = [
        table
        for table, source in sources.items()
        if (result := reading.results[source]).readable
        and (result.counts.written or table not in memory.rows_noted or memory.lost_rows(table))
    ]
    noted = memory.rows_noted | _rows(following.warehouse, changed)
    return {ROWS: json.dumps(noted)} if noted != memory.rows_noted else {}


def _rows(warehouse: Warehouse, tables: Iterable[str]) -> dict[str, int]:
    """How many rows each split list's table holds, and whether others hold any; asked at once, for every run asks."""
    limits = {table: "" if "__" in table else " limit 1" for table in tables}
    asked = [
        f"select '{table}', count(*) from (select 1 from {warehouse.name(table)}{limit}) r"
        for table, limit in limits.items()
    ]
    return dict(warehouse.rows(" union all ".join(asked))) if asked else {}


def _write_run(warehouse: Warehouse, run: Run, results: Sequence[TableResult]) -> None:
    told = [{name: _text(value) for name, value in asdict(warning).items()} for warning in run.warnings]
    row = {name: getattr(run, name) for name in BOOKS[RUNS][1]}
    _put(warehouse, RUNS, [{**row, "warnings": json.dumps(told, ensure_ascii=False)}])
    _put(warehouse, RUN_TABLES, [run_table(run.run_id, r) for r in results])
    listed = [one for result in results for one in result.listed if one.position]
    # One each: a project that moved between two organizations is listed, and its lists are read, below both.
    positions = {one.position.path: one.position for one in listed if one.position}
    _put(warehouse, PATHS, map(_path_row, positions.values()))
    _write_held(warehouse, {one.listing.path: one.held_keys for one in listed if one.held_keys is not None})


def _ensure(warehouse: Warehouse, table: str, existing: Mapping[str, Types]) -> None:
    key, columns = BOOKS[table]
    warehouse.ensure(table, columns, key, existing.get(table, {}), primary=True)


def note(warehouse: Warehouse, facts: Mapping[str, str]) -> None:
    """Write facts into `_hogsync_meta`, which must be there."""
    _put(warehouse, META, [{"key": key, "value": value} for key, value in facts.items()])


def _named(reading: Reading | None) -> dict[str, str]:
    """Which columns undeclared fields got, by table, so that they keep them whatever comes first next time."""
    changes = reading.changes.items() if reading else ()
    named = {table: own.shape.undeclared.named for table, own in changes}
    return {f"{NAMED}{table}": json.dumps(columns) for table, columns in named.items() if columns}


def _path_row(position: Position) -> dict[str, Any]:
    return {name: getattr(position, "table" if name == "table_name" else name) for name in BOOKS[PATHS][1]}


def _write_held(warehouse: Warehouse, held: Mapping[str, Iterable[str]]) -> None:
    stored = {path for (path,) in warehouse.rows(f"select distinct path from {warehouse.name(HELD)}")}
    for path in stored & held.keys():
        warehouse.execute(f"delete from {warehouse.name(HELD)} where path = {warehouse.mark}", [path])
    rows = [{"path": path, "row_key": key} for path, keys in held.items() for key in keys]
    _put(warehouse, HELD, rows)


def standing(warehouse: Warehouse, results: Iterable[TableResult]) -> frozenset[str]:
    """The tables with refusals of which their last run has told the same; the warehouse is open, the run unrecorded."""
    refused = {one.table: one.detail for one in results if one.blocked or one.count("unavailable")}
    there = warehouse.columns()
    if not refused or any(BOOKS[book][1].keys() - there.get(book, {}).keys() for book in (RUNS, RUN_TABLES)):
        return frozenset()
    latest = (
        f"select run_id, started_at from {warehouse.name(RUNS)} order by started_at desc limit {LOOKED_BACK}"
    )
    sql = (
        f"select t.table_name, t.detail from {warehouse.name(RUN_TABLES)} t join ({latest}) r "
        "on r.run_id = t.run_id order by r.started_at"
    )
    last = dict(warehouse.rows(sql))
    return frozenset(table for table, detail in refused.items() if last.get(table) == detail)


def run_table(run_id: str, result: TableResult) -> dict[str, Any]:
    """One row of `_hogsync_run_tables`."""
    marks = [one.position.watermark for one in result.listed if one.position and one.position.watermark]
    return {
        "run_id": run_id,
        "table_name": result.table,
        "status": result.status,
        "paths": len(result.listed),
        "paths_complete": sum(one.complete for one in result.listed),
        "paths_unavailable": result.count("unavailable"),
        "paths_failed": result.count("failed"),
        "paths_spared": result.spared,
        "requests": result.requests,
        "pages": result.pages,
        "pages_again": result.pages_again,
        "rows_read": result.rows_read,
        "inserted": result.counts.inserted,
        "updated": result.counts.updated,
        "deleted": result.counts.deleted,
        "deletes_held": result.deletes_held,
        "complete": result.complete,
        "watermark": max(marks, default=None),
        "detail": result.detail or None,
    }
