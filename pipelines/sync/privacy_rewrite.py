"""Empties stored values that today's privacy settings refuse: in rows, tombstones, child tables and versions.

Stored tables and settings -> emptied columns, for every table of the catalogue, whether a run reads it or not.

`privacy within <table>` in `_hogsync_meta` holds the settings that all of a table obeys. It is written after the table
is emptied, so that a run after a kill empties again. Values are emptied and not cleaned: PostHog's rows come anew.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from destinations.derived.derived import equal
from destinations.derived.history import named
from destinations.warehouse import DatabaseOutOfMemory, Warehouse, WarehouseUnavailable, quoted
from pipelines.bookkeeping.records import write_meta
from pipelines.bookkeeping.schema import META, PRIVACY
from pipelines.bookkeeping.state import DatasetState
from pipelines.from_settings import privacy_policy
from pipelines.settings import Settings
from pipelines.sync.ownership import foreign_objects
from sources.posthog.catalogue import ENDPOINTS, PEOPLE
from sources.posthog.catalogue.endpoint import Endpoint
from sources.posthog.catalogue.fields import TECHNICAL_COLUMNS
from sources.posthog.changes.sql import child_table
from sources.posthog.extract.extraction import Extraction
from sources.posthog.shape.privacy import Policy
from sources.posthog.shape.refused_columns import LAXEST, RULES, refused_columns, refused_lists

log = logging.getLogger("hogsync")
WITHIN = "privacy within "
EVER = " ever"
"""Ends the keys under which an older hogsync noted the settings of all rows of a table; blank if these differ."""


@dataclass(frozen=True, slots=True)
class Rewrite:
    """Columns of a stored table whose values are refused."""

    table: str
    columns: Sequence[str]
    ends: bool = False
    """True if its live rows are deleted, because their list is no longer stored."""


def within(settings: Settings) -> dict[str, str]:
    """Return the facts that state that a table holds nothing that these settings refuse."""
    rules = f"{RULES} {settings.privacy.model_dump_json()}"
    return {f"{WITHIN}{endpoint.table}": rules for endpoint in (*ENDPOINTS.values(), PEOPLE)}


def not_yet_within(state: DatasetState, settings: Settings) -> dict[str, str]:
    """Return the facts that `_hogsync_meta` lacks about stored tables; empty while the settings stay the same."""
    stored = META in state.tables
    return {key: rules for key, rules in within(settings).items() if stored and state.meta.get(key) != rules}


def rewrite_refused(
    state: DatasetState, settings: Settings, behind: Mapping[str, str], started: datetime
) -> dict[str, int]:
    """Empty refused values, and return the number of emptied rows by table; needs the warehouse open.

    `behind` is the result of `not_yet_within`. Live rows lose their hashes, too, so that a full walk of their list
    stores them by the current settings.
    """
    now, counts, wiped = privacy_policy(settings), dict[str, int](), list[str]()
    foreign = frozenset(foreign_objects(state))
    for endpoint in (*ENDPOINTS.values(), PEOPLE):
        if f"{WITHIN}{endpoint.table}" not in behind:
            continue
        work = [one for one in _refused_of(state, endpoint, now) if one.table not in foreign]
        wiped += [one.table for one in work if one.table not in {trend.table for trend in endpoint.trends}]
        if number := _rewrite(state.warehouse, endpoint, work, started):
            counts[endpoint.table] = number
    if wiped:
        _wipe(state.warehouse, wiped)
    write_meta(state.warehouse, behind)
    return counts


def _wipe(warehouse: Warehouse, tables: Sequence[str]) -> None:
    """Take emptied values off the disk; if the database refuses that, they are still removed from the tables."""
    try:
        warehouse.wipe(tables)
    except DatabaseOutOfMemory:
        raise
    except WarehouseUnavailable as refused_it:
        log.warning(
            "What was emptied may still stand in blocks of %s that are free now: %s",
            warehouse.label,
            refused_it,
        )


def _before(state: DatasetState, endpoint: Endpoint) -> tuple[Policy, bool]:
    """Return the policy that a table's stored values satisfy, and whether the current rules applied it."""
    rules, _, modes = state.meta.get(f"{WITHIN}{endpoint.table}", "").partition(" ")
    modes = modes or state.meta.get(f"{PRIVACY}{endpoint.table}{EVER}", "")
    if not modes:
        return LAXEST, False
    return stored_policy(modes), rules == str(RULES)


def stored_policy(settings: str) -> Policy:
    """Return the policy of privacy settings as `_hogsync_meta` spells them."""
    privacy = json.loads(settings)
    columns = privacy.pop("columns", {})
    return Policy(modes={"open": "keep", **privacy}, columns=columns)


def _refused_of(state: DatasetState, endpoint: Endpoint, now: Policy) -> Iterator[Rewrite]:
    """Yield the refused columns of a table, its lists and its derived tables."""
    before, judged = _before(state, endpoint)
    table = endpoint.table
    own = [name for name in state.columns(table) if name not in TECHNICAL_COLUMNS]
    refused = refused_columns(endpoint, own, before, now)
    refused |= {field.name for field in endpoint.fields if field.values_about and not judged}
    lists = refused_lists(endpoint, before, now)
    for name, what in lists.items():
        child = child_table(table, name)
        held = [c for c in state.columns(child) if c not in {*TECHNICAL_COLUMNS, *endpoint.key, "position"}]
        gone = [c for c in held if what == "all" or c in {"address", "detail"}]
        yield from _rewrites(state, child, gone, ends=what == "all")
    yield from _rewrites(state, table, refused)
    if endpoint.history:
        history = state.tables.get(endpoint.history, {})
        here = named(own, [name for name in history if child_table(table, name) in state.tables])
        versions = [here[name] for name in refused if name in here]
        yield from _rewrites(state, endpoint.history, [*versions, *lists])
    for trend in endpoint.trends:
        yield from _rewrites(state, trend.table, refused.intersection(trend.measures))


def _rewrites(
    state: DatasetState, table: str, columns: Collection[str], *, ends: bool = False
) -> Iterator[Rewrite]:
    """Yield the rewrite of those columns that exist, if any does."""
    present = [name for name in state.tables.get(table, {}) if name in columns]
    if present:
        yield Rewrite(table, present, ends=ends)


def _rewrite(warehouse: Warehouse, endpoint: Endpoint, work: Sequence[Rewrite], started: datetime) -> int:
    """Empty a table and its child and derived tables in one transaction; returns the number of emptied rows."""
    with warehouse.transaction():
        count = sum(_rewrite_table(warehouse, endpoint, one, started) for one in work)
        if work and endpoint is not PEOPLE:  # its lists are read in full when they are read next
            write_meta(warehouse, {f"{PRIVACY}{endpoint.table}": ""})
    return count


def _rewrite_table(warehouse: Warehouse, endpoint: Endpoint, one: Rewrite, started: datetime) -> int:
    name = warehouse.name
    filled = [f"{quoted(column)} is not null" for column in one.columns]
    met = " or ".join([*filled, *["_deleted_at is null"] * one.ends])
    ((rows,),) = warehouse.rows(f"select count(*) from {name(one.table)} where {met}")
    if not rows:
        return 0
    is_list = one.table.startswith(f"{endpoint.table}__")
    if is_list or one.table == endpoint.history:  # the row is written anew, and its living version with it
        those = f"(select * from {name(one.table)} where {met})"
        warehouse.execute(
            f"update {name(endpoint.table)} t set _row_hash = '' "
            f"where exists (select 1 from {those} c where {equal('c', 't', endpoint.key)})"
        )
    changes = [f"{quoted(column)} = null" for column in one.columns]
    changes += ["_row_hash = ''"] * (is_list or one.table == endpoint.table)
    changes += [f"_deleted_at = coalesce(_deleted_at, {warehouse.placeholder})"] * one.ends
    warehouse.execute(f"update {name(one.table)} set {', '.join(changes)} where {met}", [started] * one.ends)
    return int(rows)


def record_rewrites(extraction: Extraction) -> None:
    """Add to the run's record how many stored rows were emptied, for each table that the run reads."""
    state = extraction.stored
    for table, rows in state.rewritten.items() if isinstance(state, DatasetState) else ():
        rewritten = f"{rows:,} stored rows emptied of what the privacy settings refuse"
        log.info("%s: %s", table, rewritten, extra={"table": table})
        if table in extraction.results:
            extraction.results[table].data_warnings.append(rewritten)
