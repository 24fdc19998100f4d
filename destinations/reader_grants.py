"""Spells the statements that let a role of Postgres read some tables of a dataset, and asks what a role can do.

Tables are named one by one, because `all tables` would include dlt's and those of others. All rights on them are
revoked before some are granted, so that no earlier grant stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from destinations.warehouse import Warehouse, quoted

OWNERS = """
select current_user
 union select pg_get_userbyid(n.nspowner) from pg_namespace n where n.nspname = %s
 union select pg_get_userbyid(c.relowner) from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = %s
"""
RIGHTS = """
select c.relname, has_any_column_privilege(%s, c.oid, 'select'),
       has_any_column_privilege(%s, c.oid, 'insert, update') or has_table_privilege(%s, c.oid, 'delete, truncate')
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where n.nspname = %s and c.relkind in ('r', 'p')
"""


class Rights(NamedTuple):
    """What a role can do with a table, by a grant to it, to PUBLIC, to a role that it belongs to or otherwise."""

    reads: bool
    writes: bool


def role_exists(warehouse: Warehouse, role: str) -> bool:
    """True if the server has a role of this name."""
    return bool(warehouse.rows("select 1 from pg_roles where rolname = %s", [role]))


def writers(warehouse: Warehouse) -> set[str]:
    """Return the roles whose rights a sync needs: this session's, and the owners of the schema and what is in it."""
    return {name for (name,) in warehouse.rows(OWNERS, [warehouse.dataset, warehouse.dataset])}


def reading_grants(
    warehouse: Warehouse, role: str, readable: Sequence[str], others: Sequence[str], *, future: bool
) -> list[str]:
    """Return the statements after which `role` can read these tables, and none of `others`.

    With `future` the role can also read every table that this session's role creates later.
    """
    ((writer,),) = warehouse.rows("select current_user")
    schema, reader = f"schema {quoted(warehouse.dataset)}", quoted(role)
    default = f"alter default privileges for role {quoted(writer)} in {schema}"
    return [
        f"revoke all on {schema} from {reader}",
        f"revoke all on {_tables(warehouse, [*readable, *others])} from {reader}",
        f"{default} revoke all on tables from {reader}",
        f"grant usage on {schema} to {reader}",
        f"grant select on {_tables(warehouse, readable)} to {reader}",
        *[f"{default} grant select on tables to {reader}"] * future,
    ]


def _tables(warehouse: Warehouse, names: Sequence[str]) -> str:
    return f"table {', '.join(map(warehouse.name, names))}"


def rights(warehouse: Warehouse, role: str) -> Mapping[str, Rights]:
    """Return the rights of `role` on each table of the dataset."""
    found = warehouse.rows(RIGHTS, [role, role, role, warehouse.dataset])
    return {table: Rights(reads, writes) for table, reads, writes in found}


def schema_rights(warehouse: Warehouse, role: str) -> Rights:
    """Return whether `role` can use the dataset's schema, and create tables in it."""
    sql = "select has_schema_privilege(%s, %s, 'usage'), has_schema_privilege(%s, %s, 'create')"
    ((uses, creates),) = warehouse.rows(sql, [role, warehouse.dataset] * 2)
    return Rights(uses, creates)
