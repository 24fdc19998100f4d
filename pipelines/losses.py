"""What somebody took out of a warehouse between two runs, and how the next one makes up for it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress

from destinations.derived import listed, same
from destinations.history import DERIVABLE, VERSION, latest, named, regain_derivable
from destinations.warehouse import NoMemory, TableInUse, Types, Warehouse, WarehouseUnavailable, quoted
from pipelines.connect import policy
from pipelines.history import mark
from pipelines.records import EVER, PRIVACY, Memory
from pipelines.settings import Settings
from sources.posthog.catalogue import ENDPOINTS, stamp_types
from sources.posthog.delta import STAMPED
from sources.posthog.endpoint import Endpoint
from sources.posthog.listing import Listed
from sources.posthog.privacy import Policy
from sources.posthog.reading import Reading
from sources.posthog.shape import OURS, Shape
from sources.posthog.workspace import child_table

log = logging.getLogger("hogsync")
LOST = "lost"
"""The load of rows that lack what somebody dropped: it never ends, so they are not believed until they are written."""


def restore(memory: Memory, tables: Iterable[str], settings: Settings) -> bool:
    """Fill lost tables anew with what their histories say, and tell if there were any; needs the warehouse open.

    Lost is what was dropped, emptied, or robbed of a column without which nobody can tell its rows apart; of a list's
    table, what was dropped.

    These rows are not believed either, so the run writes or ends them by the rules for all others. Without them nobody
    would miss what vanished before the table was read anew, and its last version would live for ever; what dies in
    this run would have died without its lists.
    """
    told = {table: columns for table in tables if (columns := _told(memory, table, settings))}
    found = _lost(memory, told)
    for table in found:
        with _making_up(table):
            _restore(memory, ENDPOINTS[table], told[table])
    lists = [(table, *one) for table in told for one in _lost_lists(memory, table, settings).items()]
    for table, name, items in lists:
        with _making_up(child_table(table, name)):
            _restore_list(memory, ENDPOINTS[table], name, items)
    return bool(found or lists)


@contextmanager
def _making_up(table: str) -> Iterator[None]:
    """Fill a table from a history; what cannot be had from there is read anew all the same."""
    log.warning(
        "The rows of the table %s were dropped: its history says which it had, PostHog what they are now.",
        table,
    )
    try:
        yield
    except (NoMemory, TableInUse):
        raise  # it passes; but once the table is read anew, nobody would look for what it lacks
    except WarehouseUnavailable as refused:
        log.warning("What the table %s held cannot be had from its history: %s", table, refused)


def mend_versions(memory: Memory, tables: Iterable[str]) -> bool:
    """Derive what somebody dropped of histories' spans anew, and tell if there was any; needs the warehouse open.

    An empty column in its place would let all versions live, the dead ones too.
    """
    lost = [(ENDPOINTS[table], name) for table in tables for name in _underived(memory, table)]
    for endpoint, name in lost:
        said = "The column %s of the table %s was dropped: the other versions tell it."
        log.warning(said, name, endpoint.history)
        with suppress(WarehouseUnavailable):  # then the history has lost it still, and its run says so
            regain_derivable(memory.warehouse, endpoint.history, endpoint.key, name)
    return bool(lost)


def _underived(memory: Memory, table: str) -> tuple[str, ...]:
    """The one column of its versions that a history has lost and can tell by the others."""
    endpoint = ENDPOINTS[table]
    there = memory.tables.get(endpoint.history, {}).keys()
    lost = tuple(DERIVABLE.keys() - there)
    return lost if len(lost) == 1 and {*endpoint.key, "valid_from"} <= there else ()


def _lost(memory: Memory, tables: Iterable[str]) -> list[str]:
    """The tables without a row to be told, of which there are versions; asked at once, for every run asks."""
    name, asked = memory.warehouse.name, []
    for table in tables:
        endpoint = ENDPOINTS[table]
        had = f"exists (select 1 from {name(endpoint.history)})"
        holds = f" and not exists (select 1 from {name(table)})"
        told = {*endpoint.key} <= memory.tables.get(table, {}).keys()
        asked.append(f"select '{table}' where {had}{holds * told}")
    return [table for (table,) in memory.warehouse.rows(" union all ".join(asked))] if asked else []


def _told(memory: Memory, table: str, settings: Settings) -> dict[str, tuple[str, str]]:
    """The columns that a table had, their types and what its history calls them; none if that cannot tell the rows.

    Without a name are those that stay empty: what other privacy settings have left in a history must not come back.
    """
    endpoint = ENDPOINTS[table]
    there = memory.tables.get(endpoint.history, {})
    made = {name: type_ for name, type_ in memory.columns(table).items() if name not in OURS}
    names = named(made, _shape(endpoint, settings).child_columns)
    allowed = names.keys() if _is_of_today(memory, table, settings) else _kept(endpoint, policy(settings))
    told = {n: (made[n], here if n in allowed else "") for n, here in names.items() if here in there}
    return told if {*endpoint.key} <= told.keys() and VERSION.keys() <= there.keys() else {}


def _is_of_today(memory: Memory, table: str, settings: Settings) -> bool:
    """Whether a history says what its table held, and nothing of both was ever stored under other privacy settings.

    Of single versions that cannot be told: a death begins with the run that noticed it, whatever settings had stored
    the row, and so does all that a history finds at its beginning.
    """
    stored_under = memory.meta.get(f"{PRIVACY}{table}{EVER}")
    return bool(
        memory.meta.get(mark(ENDPOINTS[table].history)) and stored_under == settings.privacy.model_dump_json()
    )


def _shape(endpoint: Endpoint, settings: Settings) -> Shape:
    return Shape(endpoint, policy(settings), stamp_types(endpoint), {})


def _kept(endpoint: Endpoint, rules: Policy) -> frozenset[str]:
    """The columns of declared fields whose values are stored as they come, and those that the path gives."""
    whole = (
        field
        for field in endpoint.fields
        if rules.mode(endpoint.table, field.name, field.privacy) == "keep"
        and not (field.literals and rules.mode(endpoint.table, field.name, "customer") != "keep")
    )
    named = (f"{field.name}_id" if field.role in {"person", "reference"} else field.name for field in whole)
    return frozenset({*endpoint.key, *endpoint.stamps, *named})


def _restore(memory: Memory, endpoint: Endpoint, told: Mapping[str, tuple[str, str]]) -> None:
    warehouse, existing = memory.warehouse, memory.tables.get(endpoint.table, {})
    columns = {name: type_ for name, (type_, _) in told.items()}
    stamps: Types = {**STAMPED, "_dlt_load_id": "text"}
    filled = {name: here for name, (_, here) in told.items() if here}
    into = ", ".join(map(quoted, (*filled, "_synced_at", "_deleted_at", "_row_hash", "_dlt_load_id")))
    values = ", ".join(f"h.{quoted(here)}::{warehouse.types[columns[name]]}" for name, here in filled.items())
    warehouse.ensure(endpoint.table, {**columns, **stamps}, endpoint.key, existing)
    warehouse.execute(  # should it not come to this, the table is empty, and the next run finds it so
        f"insert into {warehouse.name(endpoint.table)} ({into}) "
        f"select {values}, h.valid_from, h.valid_to, '', '{LOST}' "  # only a death is a last version with an end
        f"from {latest(warehouse, endpoint.history, endpoint.key)} h"
    )


def _lost_lists(memory: Memory, table: str, settings: Settings) -> dict[str, Types]:
    """Lists whose tables are gone, as far as they may still be stored, and what their items hold."""
    endpoint, there = ENDPOINTS[table], memory.tables
    gone = [name for name in there[endpoint.history] if memory.columns(child_table(table, name))]
    gone = [name for name in gone if child_table(table, name) not in there]
    if not gone:
        return {}
    shape = _shape(endpoint, settings)
    kept = {*gone} if _is_of_today(memory, table, settings) else _kept(endpoint, policy(settings))
    return {name: shape.items(name) for name in gone if name in kept and name in shape.child_columns}


def _restore_list(memory: Memory, endpoint: Endpoint, name: str, items: Types) -> None:
    """Make a list's table anew, and its rows unknown: those of which the history lags behind lack their items."""
    warehouse, key, source = memory.warehouse, endpoint.key, memory.warehouse.name(endpoint.table)
    child, lists = child_table(endpoint.table, name), f"h.{quoted(name)}"
    made = memory.columns(endpoint.table)
    own = {**{column: made[column] for column in key}, "position": "bigint", **items}
    columns: Types = {**own, **STAMPED, "_dlt_load_id": "text"}
    values = [f"{_item(lists, column)}::{warehouse.types[type_]}" for column, type_ in items.items()]
    last = latest(warehouse, endpoint.history, key)
    with warehouse.transaction():
        warehouse.ensure(child, columns, (*key, "position"), {})
        warehouse.execute(
            f"insert into {warehouse.name(child)} ({', '.join(map(quoted, columns))}) "
            f"select {listed('t', key)}, p.position, {', '.join(values)}, h.valid_from, t._deleted_at, '', '{LOST}' "
            f"from {source} t join {last} h on {same('h', 't', key)} cross join lateral "
            f"generate_series(0, cast(json_array_length({lists}::json) as bigint) - 1) p(position)"
        )
        warehouse.execute(f"update {source} set _dlt_load_id = '{LOST}'")


def _item(place: str, column: str) -> str:
    """What an item of a JSON list says of a column, as text; see `History` for how items are written."""
    at = "p.position::int"
    return f"({place} ->> {at})" if column == "value" else f"({place} -> {at} ->> '{column}')"


def distrust(warehouse: Warehouse, reading: Reading, existing: Mapping[str, Types]) -> None:
    """Make rows unknown that have lost a column or a list, or items of it, before they get an empty one in its place.

    Their hashes still speak of the lost values: the rows of a list that fails now, or of a run that dies before it has
    written them, would count as unchanged ever after. Nor is a row without its values a version. What has lost a column
    of its key loses its rows as it gets that column again.
    """
    keys = {outline.table: outline.key for outline in reading.outlines()}
    for outline in reading.outlines():
        lost = reading.known.columns(outline.table).keys() & outline.columns.keys()
        lost -= existing.get(outline.table, {}).keys()
        emptied = bool(outline.child) and reading.known.lost_rows(outline.table)
        # Where a child table is gone, or rows of it, its parents are meant: with them their lists are written again.
        table = outline.parent if emptied or outline.table not in existing else outline.table
        told_apart = {*keys[table], "_dlt_load_id"} <= existing.get(table, {}).keys()
        if (lost or emptied) and told_apart:
            warehouse.execute(f"update {warehouse.name(table)} set _dlt_load_id = '{LOST}'")


def accept(warehouse: Warehouse, reading: Reading) -> None:
    """Believe what a walk of all of a list has not met, where that ends no row: PostHog lists it no more, or hides it.

    Nothing would ever write these rows, and to look for them all of the list would be read in every run. Without their
    hashes they are written all the same should they be met again. Needs the rows loaded.
    """
    walked = [
        (changes, one.listing.stamps)
        for table, changes in reading.changes.items()
        for one in reading.results[table].listed
        if one.complete and _ends_nothing(changes.shape.endpoint, one)
    ]
    doubted = [(one, stamps) for one, stamps in walked if one.stock.doubtful(stamps, revived=False)]
    if not doubted or "_dlt_loads" not in warehouse.columns():
        return
    finished = f"select load_id from {warehouse.name('_dlt_loads')} where status = 0"
    newest = f"{finished} order by inserted_at desc limit 1"  # of this run, if it made one
    for changes, stamps in doubted:
        scope = {name: value for name, value in stamps.items() if name in changes.shape.key}
        within = "".join(f" and {quoted(name)} = {warehouse.mark}" for name in scope)
        # With its lists: what hangs on a row and is not believed makes that row doubtful again.
        for table in changes.stock.empty:
            warehouse.execute(
                f"update {warehouse.name(table)} set _row_hash = '', _dlt_load_id = ({newest}) "
                f"where exists ({finished}) and (_dlt_load_id in ({finished})) is not true{within}",
                [*scope.values()],
            )


def _ends_nothing(endpoint: Endpoint, listed: Listed) -> bool:
    """Whether a list's next walks will end no more rows than this one has: what is held under a key stays so."""
    held = listed.held > 0 and not listed.held_keys
    return endpoint.plan != "snapshot" and (held or not endpoint.mortal)
