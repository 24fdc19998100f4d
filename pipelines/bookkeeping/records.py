"""Writes the bookkeeping tables: origin, runs, positions, held deletes.

They are written in one transaction after the rows and versions that they describe: a killed run leaves old positions,
never new ones without rows. `record_made_tables` and `mark_before_load` write before the load: tables and rows of a
killed run have an owner and a key.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from destinations.warehouse import Types, Warehouse
from pipelines import signals
from pipelines.bookkeeping.schema import (
    ANNOUNCEMENTS,
    HELD,
    MADE,
    META,
    NAMED,
    PATHS,
    PRIVACY,
    ROWS,
    RUN_TABLES,
    RUNS,
    SCHEMA,
    SCHEMA_VERSION,
    TABLES,
)
from pipelines.bookkeeping.state import RUNS_LOOKED_AT, DatasetState, row_counts
from pipelines.run import Run
from sources.posthog.extract.extraction import Extraction
from sources.posthog.extract.results import TableResult
from sources.posthog.extract.walks import MIXED_KEYS, UNREAD, Announcement, Position


def clear_positions(warehouse: Warehouse, tables: Collection[str]) -> int:
    """Clear the positions of some tables' lists, so that the next run reads them in full; needs the warehouse open.

    The lists' fingerprints stay: they prevent deletes by a key that does not see the rows. Returns the number of lists.
    """
    existing = warehouse.columns().get(PATHS, {})
    places = [name for name in UNREAD if name in existing]
    if not places:
        return 0
    chosen = _is_of(tables, warehouse)
    ((lists,),) = warehouse.rows(f"select count(*) from {warehouse.name(PATHS)} where {chosen}", [*tables])
    changes = ", ".join(f"{name} = null" for name in places)
    warehouse.execute(f"update {warehouse.name(PATHS)} set {changes} where {chosen}", [*tables])
    return int(lists)


def clear_announcements(warehouse: Warehouse, tables: Collection[str]) -> None:
    """Forget the announcements of some tables, ended trust included; needs the warehouse open."""
    if ANNOUNCEMENTS in warehouse.columns():
        chosen = _is_of(tables, warehouse)
        warehouse.execute(f"delete from {warehouse.name(ANNOUNCEMENTS)} where {chosen}", [*tables])


def _is_of(tables: Collection[str], warehouse: Warehouse) -> str:
    """Return the condition that a bookkeeping row is about one of these tables; its parameters are the tables."""
    return f"table_name in ({', '.join(warehouse.placeholder for _ in tables)})"


def clear_hash_key(warehouse: Warehouse) -> None:
    """Clear the hash key's digest, so that the next run hashes the dataset with its key; needs the warehouse open."""
    if META not in warehouse.columns():
        return
    with warehouse.transaction():
        warehouse.execute(f"delete from {warehouse.name(META)} where key = 'hash_key'")
        stored_under = f"key like '{PRIVACY}%'"
        warehouse.execute(f"update {warehouse.name(META)} set value = '' where {stored_under}")


def move_origin(warehouse: Warehouse, origin: str, tables: Collection[str]) -> str:
    """Assign the dataset to the PostHog at `origin`; returns the former origin, empty if there was none.

    Only a person knows whether both are the same PostHog. If they are not, every stored row is missing in its lists: so
    a walk deletes nothing until one has found all rows, or the deletes are accepted. Needs the warehouse open.
    """
    if META not in warehouse.columns():
        return ""
    former = DatasetState(warehouse).meta.get("origin", "")
    with warehouse.transaction():
        write_meta(warehouse, {"origin": origin})
        if clear_positions(warehouse, tables):
            fingerprint = f"set fingerprint = {warehouse.placeholder} where fingerprint is not null"
            seen = f"update {warehouse.name(PATHS)} {fingerprint}"
            warehouse.execute(seen, [MIXED_KEYS])
    return former


def bookable(row: Mapping[str, Any], types: Types) -> dict[str, Any]:
    """Return a row with values that every database takes: a record must not fail over its content."""
    return {name: _bookable(value, types[name]) for name, value in row.items()}


def _bookable(value: Any, type_: str) -> Any:
    if value is None:
        return None
    if type_ == "text":  # without NUL and lone surrogates, which Postgres refuses; file names may hold some
        return value.replace("\0", "").encode("utf-8", "replace").decode()
    return max(-(2**63), min(value, 2**63 - 1)) if type_ == "bigint" else value


def _put(warehouse: Warehouse, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Insert or replace rows of a bookkeeping table."""
    key, types = TABLES[table]
    warehouse.upsert(table, key, [bookable(row, types) for row in rows])


def record_made_tables(warehouse: Warehouse, made: Mapping[str, Iterable[str]]) -> None:
    """Record which tables and columns hogsync makes, and the schema version; needs the warehouse open."""
    existing = warehouse.columns()
    made_json = json.dumps({table: sorted(columns) for table, columns in sorted(made.items())})
    with warehouse.transaction():  # without one of these rows such a table would count as foreign
        ensure(warehouse, META, existing)
        write_meta(warehouse, {MADE: made_json, SCHEMA: str(SCHEMA_VERSION)})


def mark_before_load(warehouse: Warehouse, meta: Mapping[str, str], extraction: Extraction) -> None:
    """Write the dataset's owner and the key's fingerprints before the first row is loaded; needs `_hogsync_meta`.

    Not before PostHog has answered: a misspelt POSTHOG_HOST would lock out the right one for good.

    Tables that must be stored anew, because of other privacy settings or missing columns, lose the positions of all
    their lists: this run may leave out some of them, below other projects.
    """
    write_meta(warehouse, meta)
    listed = (one for result in extraction.results.values() for one in result.lists)
    claims = {
        one.position_before_load.path: one.position_before_load for one in listed if one.position_before_load
    }
    if claims:
        ensure(warehouse, PATHS, warehouse.columns())
        _put(warehouse, PATHS, map(_path_row, claims.values()))
    from_start = [
        table
        for table, changes in extraction.changes.items()
        if meta.get(f"{PRIVACY}{table}") == "" or not changes.stored_index.whole
    ]
    if from_start:  # after the claims, which hold positions, too
        clear_positions(warehouse, from_start)


def record_run(
    warehouse: Warehouse,
    run: Run,
    extraction: Extraction | None = None,
    facts: Mapping[str, str] | None = None,
) -> None:
    """Record a run, its lists' positions and further facts in one transaction; the rows must be loaded.

    The run can be stopped until the commit.
    """
    existing = warehouse.columns()
    for table in TABLES:
        ensure(warehouse, table, existing)
    own = {SCHEMA: str(SCHEMA_VERSION), "hogsync_version": run.version, **_named(extraction)}
    with warehouse.transaction():
        write_meta(warehouse, {**own, **(facts or {})})
        _write_run(warehouse, run, list(extraction.results.values()) if extraction else [])
        if extraction:
            _put(warehouse, ANNOUNCEMENTS, map(_announcement_row, extraction.announcements.changed.values()))
            signals.check_stop()


def rows_noted(state: DatasetState, extraction: Extraction, sources: Mapping[str, str]) -> dict[str, str]:
    """Return the fact that holds how many rows tables have; empty if nothing changed.

    `sources` are the tables that this run may have written, each with the table that it was read or derived from.
    """
    changed = [
        table
        for table, source in sources.items()
        if (result := extraction.results[source]).readable
        and (result.counts.written or table not in state.rows_noted or state.lost_rows(table))
    ]
    noted = state.rows_noted | row_counts(state.warehouse, changed)
    return {ROWS: json.dumps(noted)} if noted != state.rows_noted else {}


def _write_run(warehouse: Warehouse, run: Run, results: Sequence[TableResult]) -> None:
    warnings = [{n: _bookable(v, "text") for n, v in asdict(warning).items()} for warning in run.warnings]
    row = {name: getattr(run, name) for name in TABLES[RUNS][1]}
    _put(warehouse, RUNS, [{**row, "warnings": json.dumps(warnings, ensure_ascii=False)}])
    _put(warehouse, RUN_TABLES, [run_table_row(run.run_id, r) for r in results])
    listed = [one for result in results for one in result.lists if one.position]
    # One per path: a project that moved between two organizations is listed, and its lists are read, below both.
    positions = {one.position.path: one.position for one in listed if one.position}
    _put(warehouse, PATHS, map(_path_row, positions.values()))
    _write_held(warehouse, {one.list_path.path: one.held_keys for one in listed if one.held_keys is not None})


def ensure(warehouse: Warehouse, table: str, existing: Mapping[str, Types]) -> None:
    """Create a bookkeeping table, or the columns that it lacks; `existing` are the dataset's tables."""
    key, columns = TABLES[table]
    warehouse.ensure(table, columns, key, existing.get(table, {}), primary=True)


def write_meta(warehouse: Warehouse, facts: Mapping[str, str]) -> None:
    """Write facts to `_hogsync_meta`, which must exist."""
    _put(warehouse, META, [{"key": key, "value": value} for key, value in facts.items()])


def _named(extraction: Extraction | None) -> dict[str, str]:
    """Return the columns that undeclared fields got, by table, so that they keep them in any order of arrival."""
    changes = extraction.changes.items() if extraction else ()
    named = {table: own.shape.undeclared.named for table, own in changes}
    return {f"{NAMED}{table}": json.dumps(columns) for table, columns in named.items() if columns}


def _path_row(position: Position) -> dict[str, Any]:
    return {name: getattr(position, "table" if name == "table_name" else name) for name in TABLES[PATHS][1]}


def _announcement_row(one: Announcement) -> dict[str, Any]:
    found = asdict(one)
    return {"table_name": found.pop("table"), **found}


def _write_held(warehouse: Warehouse, held: Mapping[str, Iterable[str]]) -> None:
    stored = {path for (path,) in warehouse.rows(f"select distinct path from {warehouse.name(HELD)}")}
    for path in stored & held.keys():
        warehouse.execute(f"delete from {warehouse.name(HELD)} where path = {warehouse.placeholder}", [path])
    rows = [{"path": path, "row_key": key} for path, keys in held.items() for key in keys]
    _put(warehouse, HELD, rows)


def standing_warnings(warehouse: Warehouse, results: Iterable[TableResult]) -> frozenset[str]:
    """Return the tables whose last run reported the same refusals; needs the warehouse open and the run unrecorded."""
    refused = {one.table: one.detail for one in results if one.parent_status or one.count("unavailable")}
    there = warehouse.columns()
    if not refused or any(TABLES[book][1].keys() - there.get(book, {}).keys() for book in (RUNS, RUN_TABLES)):
        return frozenset()
    latest = f"select run_id, started_at from {warehouse.name(RUNS)} order by started_at desc limit {RUNS_LOOKED_AT}"
    sql = (
        f"select t.table_name, t.detail from {warehouse.name(RUN_TABLES)} t join ({latest}) r "
        "on r.run_id = t.run_id order by r.started_at"
    )
    last = dict(warehouse.rows(sql))
    return frozenset(table for table, detail in refused.items() if last.get(table) == detail)


def run_table_row(run_id: str, result: TableResult) -> dict[str, Any]:
    """Return one row of `_hogsync_run_tables`."""
    marks = [one.position.watermark for one in result.lists if one.position and one.position.watermark]
    return {
        "run_id": run_id,
        "table_name": result.table,
        "status": result.status,
        "paths": len(result.lists),
        "paths_complete": sum(one.complete for one in result.lists),
        "paths_unavailable": result.count("unavailable"),
        "paths_failed": result.count("failed"),
        "paths_spared": result.skipped,
        "paths_postponed": result.postponed,
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
