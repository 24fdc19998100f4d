"""SQL texts for the scratch DuckDB: quoted names, column definitions, the row hash, join conditions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from sources.posthog.catalogue.fields import Type

SQL_TYPES: Mapping[Type, str] = {
    "bigint": "BIGINT",
    "text": "VARCHAR",
    "bool": "BOOLEAN",
    "timestamp": "TIMESTAMPTZ",
    "double": "DOUBLE",
    "json": "VARCHAR",
}


def quoted(name: str) -> str:
    """Return a name as an SQL identifier."""
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


def scratch_table(table: str, kind: str, child: str = "") -> str:
    """Return a scratch table of a table, as an SQL identifier."""
    return quoted(f"{kind} {table} {child}".rstrip())


def child_table(table: str, child: str) -> str:
    """Return the child table of a split list."""
    return f"{table}__{child}"


def literal(value: str) -> str:
    """Return a text as an SQL literal."""
    escaped = value.replace("'", "''")
    return f"'{escaped}'"


def column_definitions(columns: Mapping[str, Type]) -> str:
    """Return columns with their types, as `create table` lists them."""
    return ", ".join(f"{quoted(name)} {SQL_TYPES[type_]}" for name, type_ in columns.items())


def struct_list(columns: Mapping[str, Type]) -> str:
    """Return the SQL type of a list of items with these columns."""
    return f"STRUCT({column_definitions(columns)})[]"


def row_hash(columns: Mapping[str, Type], lists: Iterable[str] = ()) -> str:
    """Return the SQL of an MD5 over names and values of all columns and split lists that are not null, in name order.

    A text is preceded by its length, so that no two rows give the same input; nothing depends on a time zone.
    """
    parts = {name: _labelled(name, type_) for name, type_ in columns.items()}
    parts |= {name: _labelled(name, "list") for name in lists}
    return f"md5(concat({', '.join(part for _, part in sorted(parts.items()))}))"


def _labelled(name: str, type_: Type | Literal["list"]) -> str:
    column = quoted(name)
    if type_ in {"text", "json"}:
        return f"{literal(name)} || strlen({column}) || ':' || {column}"
    spelled = {"list": f"to_json({column})", "timestamp": f"epoch_us({column})"}.get(type_, column)
    return f"{literal(f'{name}:')} || {spelled}"


def columns_of(alias: str, names: Iterable[str]) -> str:
    """Return columns of one table of a join."""
    return ", ".join(f"{alias}.{quoted(name)}" for name in names)


def equal(left: str, right: str, names: Iterable[str]) -> str:
    """Return the condition that two rows agree in these columns."""
    return " and ".join(f"{left}.{quoted(name)} = {right}.{quoted(name)}" for name in names)


def select_or_null(columns: Mapping[str, Type], there: Iterable[str], alias: str) -> str:
    """Return these columns of a table, null for those that it does not have."""
    existing = set(there)
    return ", ".join(
        f"{f'{alias}.{quoted(n)}' if n in existing else 'null'}::{SQL_TYPES[t]} as {quoted(n)}"
        for n, t in columns.items()
    )
