"""The tables of a dataset that holds a whole company: columns, types and keys on both databases."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from tests.harness.stored import ask

COLUMNS = """
    select table_name, column_name, data_type, is_nullable from information_schema.columns
    where table_schema = 'posthog' and table_name not like '\\_dlt\\_%' escape '\\' order by 1, 2
"""
KEYS = """
    select table_name, column_name from information_schema.key_column_usage where table_schema = 'posthog'
"""
Columns = dict[str, dict[str, str]]


def columns(duckdb: str, postgres: str) -> str:
    """Each table, and for each of its columns the type on DuckDB and the one on Postgres."""
    here, there = _columns(duckdb), _columns(postgres)
    parts = [f"{table}\n{''.join(_lines(table, here, there))}" for table in sorted({*here, *there})]
    return "\n".join(parts)


def _lines(table: str, here: Columns, there: Columns) -> Iterator[str]:
    """Yield a line for each column of a table; a history's are told beside those of the table that it follows."""
    source = table.removesuffix("_history")
    shown = {name: _line(table, name, here, there) for name in sorted({*here[table], *there[table]})}
    if source != table:
        followed = {name: _line(source, name, here, there) for name in {*here[source], *there[source]}}
        common = {name for name, line in shown.items() if followed.get(name) == line}
        left_out = "".join(f", without {name}" for name in sorted({*followed} - {*shown}))
        yield f"  the columns of {source}{left_out}\n"
        shown = {name: line for name, line in shown.items() if name not in common}
    yield from shown.values()


def _line(table: str, name: str, here: Columns, there: Columns) -> str:
    return f"  {name}: {here[table].get(name, 'missing')} | {there[table].get(name, 'missing')}\n"


def _columns(url: str) -> Columns:
    keys = set(ask(url, KEYS))
    found: Columns = defaultdict(dict)
    for table, column, type_, nullable in ask(url, COLUMNS):
        more = " not null" * (nullable == "NO") + " key" * ((table, column) in keys)
        found[table][column] = f"{type_}{more}"
    return found
