"""Lets a role of Postgres read the dataset, less the tables that are withheld from it, and nothing else.

Role and settings -> the statements, in one transaction. When they are applied, the server is asked before the commit
what the role can do then: a right that it has by PUBLIC, another role or as a superuser cannot be revoked from it.

Default privileges, by which the role can read the tables of later syncs, know no names: they would hand out a withheld
table that is created later, such as a new child table. So a role from which tables are withheld gets none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from destinations.reader_grants import (
    Rights,
    reading_grants,
    rights,
    role_exists,
    schema_rights,
    writers,
)
from destinations.warehouse import Warehouse, WarehouseUnavailable
from pipelines.bookkeeping.state import made_tables
from pipelines.errors import UsageError, WarehouseProblem
from pipelines.from_settings import open_warehouse, warehouse_problems
from pipelines.readers.withheld import is_withheld, refuse_unknown
from pipelines.settings import Settings
from pipelines.sync.ownership import DLT
from sources.posthog.extract.run_warnings import first_few

SCHEMA = "the schema"


def grant(settings: Settings, role: str, without: Sequence[str], *, apply: bool) -> list[str]:
    """Return the statements for one connection's dataset, executed if `apply`.

    Raises UsageError for an unknown table or role and on DuckDB, WarehouseProblem if the server refuses a statement, or
    if the role could do more, or less, after all of them; nothing is changed then.
    """
    refuse_unknown("--without", without)
    if settings.warehouse.kind != "postgresql":
        raise UsageError(
            "DuckDB has no grants: whoever opens the file reads all of it; publish a copy without the tables instead, "
            "by [publish] path and without."
        )
    warehouse = open_warehouse(settings)
    with warehouse_problems(), warehouse.opened():
        _refuse_role(warehouse, role)
        made = made_tables(warehouse)
        if not made:
            raise UsageError(
                f"The warehouse {warehouse.label} has no dataset {warehouse.dataset} yet; `hogsync sync` makes it."
            )
        readable = [table for table in made if not is_withheld(table, without)]
        there = warehouse.relations(warehouse.dataset)
        others = [table for table in (*made, *DLT) if table in there and table not in readable]
        statements = reading_grants(warehouse, role, readable, others, future=not without)
        if apply:
            _apply(warehouse, role, statements, readable, others)
    return ["begin", *statements, "commit"]


def _refuse_role(warehouse: Warehouse, role: str) -> None:
    if not role_exists(warehouse, role):
        raise UsageError(
            f"There is no role {role!r} in {warehouse.label}; create it first, as in: create role reader login."
        )
    if role in writers(warehouse):
        raise UsageError(
            f"The role {role} writes the dataset {warehouse.dataset} or owns it, and would lose the rights to do so; "
            "name a role that only reads."
        )


def _apply(
    warehouse: Warehouse, role: str, statements: Sequence[str], readable: Sequence[str], others: Sequence[str]
) -> None:
    try:
        with warehouse.transaction():
            for sql in statements:
                warehouse.execute(sql)
            _verify(warehouse, role, readable, others)
    except WarehouseUnavailable as refusal:
        raise WarehouseProblem(
            f"Nothing was changed: {str(refusal).rstrip('.')}; let the owner of the schema and its tables run what "
            "`hogsync grant` prints without --apply."
        ) from None


def _verify(warehouse: Warehouse, role: str, readable: Sequence[str], others: Sequence[str]) -> None:
    """Raise WarehouseProblem or WarehouseUnavailable if the role can do more or less than read these tables."""
    now = {**rights(warehouse, role), SCHEMA: schema_rights(warehouse, role)}
    if wrong := list(excess(now, [*readable, SCHEMA], others)):
        raise WarehouseProblem(
            f"Nothing was changed, because {role} could still {first_few(wrong, 5)}: as a superuser, by a role that it "
            "belongs to, or by what is granted to PUBLIC; change that first."
        )
    # Postgres only warns of a grant by a role that may not grant.
    if lacking := [table for table in (SCHEMA, *readable) if not now[table].reads]:
        raise WarehouseUnavailable(f"{warehouse.label} did not grant {first_few(lacking, 5)}")


def excess(now: Mapping[str, Rights], readable: Sequence[str], others: Sequence[str]) -> Iterator[str]:
    """Yield what a role can do beyond reading what is readable, as in `read people` or `write to the schema`."""
    for table in (*readable, *others):
        if now[table].reads and table in others:
            yield f"read {table}"
        if now[table].writes:
            yield f"write to {table}"
