"""Tests whether a warehouse can be written as a sync writes it: tries it in both schemas and rolls back.

On Postgres it also holds, as data, which rights a role must be granted, for the docs and for error messages.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from uuid import uuid4

from destinations.staging import staging_of
from destinations.warehouse import Warehouse, WarehouseUnavailable, quoted

OWN_SCHEMAS = ("grant connect, create on database {database} to {role}",)
"""For a role that may create the two schemas itself."""
READY_MADE = (
    "create schema if not exists {dataset}",
    "create schema if not exists {staging}",
    "grant connect on database {database} to {role}",
    "grant usage, create on schema {dataset}, {staging} to {role}",
)
"""For a role that gets the two schemas and may write nowhere else; the database's owner runs these."""

RIGHTS = """
select case when n.oid is null then has_database_privilege(current_database(), 'create')
            else has_schema_privilege(n.oid, 'usage') and has_schema_privilege(n.oid, 'create') end
  from (select 1) one left join pg_namespace n on n.nspname = %s
"""
FOREIGN_TABLES = """
select c.relname, pg_get_userbyid(c.relowner)
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where n.nspname = %s and c.relkind = 'r' and not pg_has_role(c.relowner, 'usage')
 order by 1
"""


def grants(statements: Sequence[str], *, role: str, database: str, dataset: str) -> list[str]:
    """Return the statements for this role, database and dataset."""
    names = {"role": role, "database": database, "dataset": dataset, "staging": staging_of(dataset)}
    return [statement.format_map({n: quoted(name) for n, name in names.items()}) for statement in statements]


def try_write(warehouse: Warehouse, schema: str) -> None:
    """Create the schema if it is missing, a table in it and a row in that; roll all of it back.

    Raises WarehouseUnavailable if this is refused; needs the warehouse open.
    """
    table = f"{quoted(schema)}.{quoted(f'_hogsync_check_{uuid4().hex}')}"
    warehouse.execute("begin")
    try:
        warehouse.create_schema(schema)
        warehouse.execute(f"create table {table} (id bigint)")
        warehouse.execute(f"insert into {table} values (1)")
        warehouse.execute(f"drop table {table}")
    finally:
        with suppress(WarehouseUnavailable):  # a lost connection has rolled back already
            warehouse.execute("rollback")


def may_write(warehouse: Warehouse, schema: str) -> bool:
    """Return whether the role has the rights that this schema needs; Postgres only."""
    return bool(warehouse.rows(RIGHTS, [schema])[0][0])


def missing_grants(warehouse: Warehouse) -> list[str]:
    """Return the statements that the database's owner should run for this role; Postgres only."""
    role, database = warehouse.rows("select current_user, current_database()")[0]
    return grants(READY_MADE, role=role, database=database, dataset=warehouse.dataset)


def tables_of_others(warehouse: Warehouse, schema: str) -> list[tuple[str, str]]:
    """Return tables that this role does not own, with their owners; only an owner can add a column. Postgres only."""
    return [(str(table), str(owner)) for table, owner in warehouse.rows(FOREIGN_TABLES, [schema])]
