"""Tells hogsync's tables and columns from others at the same names, and refuses to write to the others.

Relations of the dataset -> WarehouseProblem, or the entry `made` of `_hogsync_meta`, written before tables are made.

A table is hogsync's if `made` names it and it has half of its telling columns: not one that replaced it. Without `made`
(an older dataset, or `_hogsync_meta` was lost) it must have all of them. dlt's own tables may be another pipeline's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from destinations.derived.history import VERSION, named
from destinations.staging import foreign_schema, staging_of
from destinations.warehouse import Relation, Warehouse
from pipelines.bookkeeping.records import record_made_tables
from pipelines.bookkeeping.schema import META, TABLES
from pipelines.bookkeeping.state import DatasetState
from pipelines.errors import WarehouseProblem
from pipelines.from_settings import privacy_policy
from pipelines.settings import Settings
from pipelines.sync.derived_tables import with_history
from sources.posthog.catalogue import ENDPOINTS, PEOPLE, with_parents
from sources.posthog.catalogue.endpoint import Endpoint
from sources.posthog.catalogue.fields import TECHNICAL_COLUMNS
from sources.posthog.changes.sql import child_table
from sources.posthog.extract.run_warnings import first_few
from sources.posthog.shape.privacy import DEFAULTS, Policy
from sources.posthog.shape.row_shape import RowShape

DLT = {
    "_dlt_loads": frozenset({"load_id", "schema_name", "status", "inserted_at"}),
    "_dlt_version": frozenset({"schema_name", "schema", "version_hash", "inserted_at"}),
    "_dlt_pipeline_state": frozenset({"pipeline_name", "state", "created_at"}),
}
"""dlt's own tables, which all dlt pipelines into a dataset share."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table that hogsync may write."""

    telling: frozenset[str]
    """Columns that identify it as hogsync's."""
    columns: frozenset[str]


def expected_tables(tables: Iterable[str], settings: Settings) -> dict[str, Table]:
    """Return the tables that a sync of these PostHog tables may write."""
    endpoints = [ENDPOINTS[table] for table in with_parents(tuple(tables))]
    return _tables_by(privacy_policy(settings, hashing=False), endpoints, with_history(settings))


def _tables_by(policy: Policy, endpoints: Iterable[Endpoint], versioned: Collection[str]) -> dict[str, Table]:
    shapes = [RowShape(one, policy) for one in (*endpoints, PEOPLE)]
    return tables_of(shapes, versioned)


def tables_of(shapes: Iterable[RowShape], versioned: Collection[str]) -> dict[str, Table]:
    """Return the tables that rows of these shapes may be written to."""
    return {
        name: table for shape in shapes for name, table in _tables(shape, shape.endpoint.table in versioned)
    }


def _tables(shape: RowShape, versioned: bool) -> Iterator[tuple[str, Table]]:  # noqa: FBT001
    endpoint, technical = shape.endpoint, frozenset(TECHNICAL_COLUMNS)
    yield endpoint.table, Table(technical, technical | shape.columns.keys())
    for child, items in shape.child_columns.items():
        yield (
            child_table(endpoint.table, child),
            Table(technical, technical | {*shape.child_key_columns, *items}),
        )
    if versioned and endpoint.history:
        own = named(shape.columns, shape.child_columns).values()
        columns = frozenset({*own, *shape.child_columns, *VERSION})
        yield endpoint.history, Table(frozenset({*shape.key, *VERSION}), columns)
    for trend in endpoint.trends:
        numbers = frozenset(trend.named(endpoint).values())
        yield trend.table, Table(numbers, numbers)


def foreign_tables(
    held: Mapping[str, Relation],
    tables: Mapping[str, Table],
    made: Collection[str] | None,
    meta: Collection[str],
) -> list[str]:
    """Return the names of hogsync's tables that are taken by an object that hogsync did not make.

    `made` are the tables that hogsync has noted, None if nothing is noted; `meta` the keys of `_hogsync_meta`.
    """

    def is_ours(name: str, found: Relation) -> bool:
        if name in tables:
            return _is_ours(name, found, tables[name], made)
        if name == META:
            return _is_meta(found, meta)
        return _has(found, DLT[name], 1) if name in DLT else _has(found, TABLES[name][1], 0.5)

    ours = tables.keys() | DLT.keys() | TABLES.keys()
    return sorted(name for name in ours & held.keys() if not is_ours(name, held[name]))


def _is_ours(name: str, found: Relation, table: Table, made: Collection[str] | None) -> bool:
    if made is None:
        return _has(found, table.telling, 1)
    return name in made and _has(found, table.telling, 0.5)  # some columns may have been dropped


def _has(found: Relation, columns: Collection[str], share: float) -> bool:
    there = len(found.columns & frozenset(columns))
    return found.is_table and there >= share * len(columns)


def _is_meta(found: Relation, keys: Collection[str]) -> bool:
    """True if a table is hogsync's `_hogsync_meta`; a table without rows may be one that was emptied."""
    return _has(found, TABLES[META][1], 1) and (not keys or not {"origin", "schema_version"}.isdisjoint(keys))


def refuse_others(state: DatasetState, tables: Mapping[str, Table]) -> None:
    """Raise WarehouseProblem if a sync would write to an object that hogsync did not make; needs the warehouse open."""
    warehouse = state.warehouse
    _refuse_spellings(warehouse)
    where, held = f"in {warehouse.label}", warehouse.relations(warehouse.dataset)
    if names := foreign_tables(held, tables, state.made, state.meta):
        raise WarehouseProblem(
            f"The dataset {warehouse.dataset} {where} holds {first_few(names, 5)}, which hogsync did not make and "
            "would write to; rename or drop that, or give hogsync a dataset of its own by HOGSYNC_DATASET."
        )
    if name := foreign_schema(warehouse):
        raise WarehouseProblem(
            f"The schema {staging_of(warehouse.dataset)} {where} holds {name}, which hogsync did not make, and each "
            "load empties the tables of that schema; rename it, or choose another dataset by HOGSYNC_DATASET."
        )
    for name in (tables.keys() & held.keys()) if state.made is not None else ():
        if taken := tables[name].columns & held[name].columns - state.own_columns(name):
            raise WarehouseProblem(
                f"The table {name} of the dataset {warehouse.dataset} {where} has a column {min(taken)} that hogsync "
                "did not make, and one of PostHog's has that name; rename yours."
            )


def _refuse_spellings(warehouse: Warehouse) -> None:
    """Raise WarehouseProblem if a schema's name differs from hogsync's only in case: dlt would not find the schema."""
    for schema in (warehouse.dataset, staging_of(warehouse.dataset)):
        for other in warehouse.same_names(schema):
            raise WarehouseProblem(
                f"The schema {other} in {warehouse.label} has the name {schema} in another spelling, so hogsync cannot "
                "make its own; drop it, or choose another dataset by HOGSYNC_DATASET."
            )


def claim_tables(state: DatasetState, shapes: Iterable[RowShape], versioned: Collection[str]) -> None:
    """Note the tables and columns that are about to be created, before they are; needs the warehouse open.

    Raises WarehouseProblem if an object that hogsync did not make took one of their names since the run began.
    """
    tables = tables_of(shapes, versioned)
    refuse_others(state, tables)
    made = _adopted(state) if state.made is None else state.made
    made = made | {name: state.own_columns(name) | table.columns for name, table in tables.items()}
    if made != state.made:
        record_made_tables(state.warehouse, made)


def foreign_objects(state: DatasetState) -> list[str]:
    """Return all names that hogsync may ever write and that are taken by an object that hogsync did not make."""
    held = state.warehouse.relations(state.warehouse.dataset)
    return foreign_tables(held, _every_table(), state.made, state.meta)


def _every_table() -> dict[str, Table]:
    return _tables_by(Policy(modes=dict.fromkeys(DEFAULTS, "keep")), ENDPOINTS.values(), ENDPOINTS)


def _adopted(state: DatasetState) -> dict[str, frozenset[str]]:
    """Return hogsync's tables and columns in a dataset that has no `made` entry yet."""
    tables, held = _every_table(), state.warehouse.relations(state.warehouse.dataset)
    ours = [name for name in tables if name in held and _is_ours(name, held[name], tables[name], None)]
    return {name: tables[name].columns | state.own_columns(name) for name in ours}
