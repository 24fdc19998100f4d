"""A dataset as SQL that makes it again, whatever format files have by then: a statement to a line, rows in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import duckdb
import psycopg2

from tests.harness.stored import session

Ask = Callable[[str], list[tuple[Any, ...]]]
DATASET = "posthog"
OURS = f"like '{DATASET}%'"

DUCKDB = f"""
    select 0, 'create schema "' || schema_name || '"' from duckdb_schemas() where schema_name {OURS}
    union all select 1, sql from duckdb_tables() where schema_name {OURS}
    union all select 2, 'comment on table "' || schema_name || '"."' || table_name || '" is '
        || '''' || replace(comment, '''', '''''') || ''''
        from duckdb_tables() where schema_name {OURS} and comment is not null
    union all select 2, 'comment on column "' || schema_name || '"."' || table_name || '"."' || column_name || '" is '
        || '''' || replace(comment, '''', '''''') || ''''
        from duckdb_columns() where schema_name {OURS} and comment is not null
    order by 1, 2
"""
POSTGRES = f"""
    with here as (select oid, nspname from pg_namespace where nspname {OURS}),
    tables as (
        select c.oid, format('%I.%I', nspname, relname) as name from pg_class c join here on here.oid = relnamespace
        where relkind = 'r'
    )
    select 1 as step, format('create schema %I', nspname) from here
    union all select 2, format('create table %s (%s)', name, (
        select string_agg(
            format('%I %s', attname, format_type(atttypid, atttypmod))
                || case when attnotnull then ' not null' else '' end,
            ', ' order by attnum
        ) from pg_attribute where attrelid = tables.oid and attnum > 0 and not attisdropped
    )) from tables
    union all select 3, format('alter table %s add constraint %I %s', name, conname, pg_get_constraintdef(c.oid))
        from pg_constraint c join tables on tables.oid = conrelid where contype <> 'n'
    union all select 4, indexdef from pg_index i join tables on tables.oid = indrelid,
        pg_get_indexdef(indexrelid) as indexdef
        where not exists (select from pg_constraint where conindid = indexrelid)
    union all select 5, format('comment on table %s is %L', name, obj_description(oid, 'pg_class'))
        from tables where obj_description(oid, 'pg_class') is not null
    union all select 5, format('comment on schema %I is %L', nspname, obj_description(oid, 'pg_namespace'))
        from here where obj_description(oid, 'pg_namespace') is not null
    union all select 5, format('comment on column %s.%I is %L', name, attname, col_description(oid, attnum))
        from tables join pg_attribute on attrelid = oid where attnum > 0 and col_description(oid, attnum) is not null
    order by 1, 2
"""


def dumped(url: str) -> str:
    """Return a dataset as statements, each on a line of its own."""
    with session(url) as ask:
        shapes = ask(DUCKDB if url.startswith("duckdb:") else POSTGRES)
        statements = [" ".join(sql.split()).removesuffix(";") for _, sql in shapes]
        return "".join(f"{statement};\n" for statement in [*statements, *_rows(ask)])


def _rows(ask: Ask) -> Iterator[str]:
    columns = f"select table_schema, table_name, column_name from information_schema.columns where table_schema {OURS}"
    tables: dict[str, list[str]] = {}
    for schema, table, column in ask(f"{columns} order by table_schema, table_name, ordinal_position"):
        tables.setdefault(f'"{schema}"."{table}"', []).append(f'"{column}"')
    for table, names in tables.items():
        texts = ", ".join(f"cast({name} as varchar)" for name in names)
        for row in sorted(ask(f"select {texts} from {table}"), key=str):
            yield f"insert into {table} values ({', '.join(map(_literal, row))})"


def _literal(text: str | None) -> str:
    """A value as SQL on one line."""
    assert text is None or "\n" not in text
    return "null" if text is None else "'" + text.replace("'", "''") + "'"


def restore(text: str, url: str) -> None:
    """Make a dataset in an empty warehouse."""
    with _executing(url) as execute:
        for statement in text.splitlines():
            execute(statement)


@contextmanager
def _executing(url: str) -> Iterator[Callable[[str], Any]]:
    if url.startswith("duckdb:"):
        with duckdb.connect(url.removeprefix("duckdb:///")) as file:
            file.execute("set TimeZone = 'UTC'")
            yield file.execute
        return
    with closing(psycopg2.connect(url)) as server, server.cursor() as cursor:
        server.autocommit = True
        cursor.execute("set TimeZone = 'UTC'")
        yield cursor.execute
