"""The tables as documentation: the catalogue's part of TABLES.md, which `pipelines.tables_page` writes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sources.posthog.catalogue import ENDPOINTS, PEOPLE, column_meanings, parent_of
from sources.posthog.catalogue.endpoint import Endpoint
from sources.posthog.catalogue.fields import TECHNICAL_COLUMNS, Field, Type
from sources.posthog.catalogue.not_synced import NOT_SYNCED
from sources.posthog.changes.sql import child_table

if TYPE_CHECKING:
    from sources.posthog.shape.row_shape import RowShape

FILE = Path(__file__).with_name("TABLES.md")
DBT_FILE = Path(__file__).parents[2] / "deploy" / "dbt" / "posthog.yml"
DBT_START = """\
# Written by `make docs` from the catalogue (sources/posthog/catalogue/). Copy it into `models/` of a dbt project; if
# the dataset has another name (HOGSYNC_DATASET), change `schema`. Tables that you do not sync may stay in it.
version: 2
sources:
  - name: posthog
    description: PostHog's admin metadata, as hogsync keeps it.
    schema: posthog
    tables:"""
START = """\
# The tables

Written by `make docs` from the catalogue (`sources/posthog/catalogue/`) and, for hogsync's own
[bookkeeping](#bookkeeping) and [exit codes](#exit-codes), from `pipelines/`; change it there, not here.

Besides its own columns every table has `_synced_at` (when the run began that wrote this version), `_deleted_at` (null
until the row is deleted), `_row_hash` and `_dlt_load_id`. A column that ends in `_id` and is of class *person* leads to
`people.id`. A list inside a row is a table of its own, `<table>__<field>`, joined by the key of its row.

On Postgres every table has its key as primary key (a history its table's key and `valid_from`, a list's table its row's
key and `position`), and a column of the type json is `jsonb`; on DuckDB it is `JSON`, and no key is declared.

A `<table>_history` has a row for each version of a row: its own columns, its lists as JSON (arrays of values, or of
objects where the list's table has several columns; null without items), `valid_from`, `valid_to` (null while the
version holds, else when the next one began) and `op` (`insert`, `update`, `delete`; a deletion is a row of its own that
holds no time). Columns marked *volatile* make no version and stand as they were when it began.

A class is what the settings under `[privacy]` decide about: """
CHILD = "One row for each item of a row's `{}`."
HISTORY = "The versions of the rows of `{}`: one row for each."
TREND = "The {} of each row by the time of its calculation (`{}`)."
ROW_MEANINGS = {name: one.meaning for name, one in TECHNICAL_COLUMNS.items()}
VERSION_MEANINGS = {
    "valid_from": "When this version began.",
    "valid_to": "When the next version began; null while this one holds.",
    "op": "What made the version: insert, update or delete.",
}
ITEM_MEANINGS = {
    "position": "Its place in the list, from 0.",
    "value": "The item.",
    "kind": "Whether it is an e-mail address, a channel of Slack or a webhook.",
    "domain": "The address's domain, or the webhook's host.",
    "address_hash": "A hash of the address: equal addresses have equal hashes.",
    "address": "The address itself.",
    "status": "Whether it arrived.",
    "detail": "What else PostHog says of it.",
}
EXAMPLE = """\
Which subscriptions does each project have that are not deleted? The same question on DuckDB and Postgres:

```sql
select p.name as project, s.title, people.email as made_by
from subscriptions s
join projects p on p.id = s.project_id
left join people on people.id = s.created_by_id
where s._deleted_at is null
order by p.name, s.title
```
"""


def overview() -> list[dict[str, Any]]:
    """Each table with its group, key, plan, scope and meaning, as `hogsync tables` shows them.

    Lists that are no table follow; their plan is `gone`, `unreadable` or `omitted`, their meaning the reason.
    """
    synced = [
        {
            "table": endpoint.table,
            "group": endpoint.group,
            "default": endpoint.by_default,
            "key": list(endpoint.key),
            "plan": plan(endpoint),
            "scope": endpoint.scope,
            "gate": endpoint.requires,
            "derived": list(endpoint.derived_tables),
            "meaning": endpoint.doc,
        }
        for endpoint in (*ENDPOINTS.values(), PEOPLE)
    ]
    none: dict[str, Any] = {"default": False, "key": [], "scope": "", "gate": "", "derived": []}
    others = [
        none | {"table": one.name, "group": one.group, "plan": one.status, "meaning": one.reason}
        for one in NOT_SYNCED
    ]
    return synced + others


def plan(endpoint: Endpoint) -> str:
    """Return how the table is read; `people` is collected from the others."""
    return endpoint.plan if endpoint.paths else "gathered"


def table_meanings(shape: RowShape) -> Iterator[tuple[str, str, Mapping[str, str]]]:
    """Yield a table, the tables of its rows' lists, its history and its trends: name, meaning, and that of columns."""
    endpoint = shape.endpoint
    stored = shape.columns.keys() | shape.child_columns.keys()
    declared = {name: text for name, text in column_meanings(endpoint).items() if name in stored}
    own = {**declared, **ROW_MEANINGS}
    yield (
        endpoint.table,
        endpoint.doc,
        {name: text for name, text in own.items() if name not in shape.child_columns},
    )
    for name, columns in shape.child_columns.items():
        meanings = own | ITEM_MEANINGS
        there = [*shape.child_key_columns, *columns, *ROW_MEANINGS]
        meaning = f"{CHILD.format(name)} {own.get(name, '')}".strip()
        yield (
            child_table(endpoint.table, name),
            meaning,
            {one: meanings[one] for one in there if one in meanings},
        )
    if endpoint.history:
        yield endpoint.history, HISTORY.format(endpoint.table), own | VERSION_MEANINGS
    for trend in endpoint.trends:
        named = {here: own[name] for name, here in trend.named(endpoint).items() if name in own}
        yield trend.table, TREND.format(", ".join(trend.measures), trend.source_time), named


def dbt_sources() -> str:
    """Return all tables as sources of dbt, with their meanings."""
    from sources.posthog.shape.refused_columns import LAXEST
    from sources.posthog.shape.row_shape import RowShape

    lines = [DBT_START]
    for endpoint in (*ENDPOINTS.values(), PEOPLE):
        shape = RowShape(endpoint, LAXEST)
        for table, meaning, columns in table_meanings(shape):
            lines += [f"      - name: {table}", f"        description: {_yaml(meaning)}", "        columns:"]
            for name, text in columns.items():
                lines += [f"          - name: {name}", f"            description: {_yaml(text)}"]
    return "\n".join([*lines, ""])


def _yaml(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def document() -> str:
    """Return all of TABLES.md."""
    from sources.posthog.shape.privacy import DEFAULTS

    classes = ", ".join(f"`{name}` ({mode})" for name, mode in DEFAULTS.items() if name != "open")
    parts = [f"{START}{classes}.\n", EXAMPLE]
    tables = (*ENDPOINTS.values(), PEOPLE)
    for group in dict.fromkeys(endpoint.group for endpoint in tables):
        own = [endpoint for endpoint in tables if endpoint.group == group]
        parts += [
            f"# Subject: {group}\n",
            "\n".join(_diagram(own)),
            *("\n".join(_section(one)) for one in own),
        ]
    return "\n".join(parts)


def _diagram(endpoints: Sequence[Endpoint]) -> Iterator[str]:
    """Yield which row belongs to which, and where a person stands, as a diagram of entities in Mermaid."""
    yield "```mermaid"
    yield "erDiagram"
    for endpoint in endpoints:
        for parent in {one.table: one for one in map(parent_of, endpoint.paths) if one}.values():
            yield f"    {parent.table} ||--o{{ {endpoint.table} : {parent.own_placeholder}"
        people = [one.column for one in endpoint.fields if one.role == "person"]
        if people:
            yield f'    people |o--o{{ {endpoint.table} : "{", ".join(people)}"'
    yield "```\n"


def _section(endpoint: Endpoint) -> Iterator[str]:
    from sources.posthog.shape.refused_columns import LAXEST
    from sources.posthog.shape.row_shape import RowShape

    shape = RowShape(endpoint, LAXEST)
    types = {
        child_table(endpoint.table, name): shape.child_key_columns | own
        for name, own in shape.child_columns.items()
    }
    for trend in endpoint.trends:
        types[trend.table] = {here: shape.columns[name] for name, here in trend.named(endpoint).items()}
    for table, meaning, meanings in table_meanings(shape):
        if table == endpoint.table:
            yield f"## {table}\n"
            yield f"{meaning}\n"
            yield from _facts(endpoint)
            yield ""
            yield from _columns(shape.columns, _classes(endpoint), meanings)
        elif table in types:  # a history has the columns of its table
            yield f"\n### {table}\n"
            yield f"{meaning}\n"
            yield from _columns(types[table], {"address": "recipient, only if kept"}, meanings)
    yield ""


def _facts(endpoint: Endpoint) -> Iterator[str]:
    facts = {
        "read from": "<br>".join(f"`/api/{path}`" for path in endpoint.paths)
        or "the rows of all other tables",
        "key": ", ".join(f"`{name}`" for name in endpoint.key),
        "plan": plan(endpoint),
        "scope": f"`{endpoint.scope}`" if endpoint.scope else "none of its own",
        "besides": endpoint.requires,
        "history": f"`{endpoint.history}`" if endpoint.history else "none",
    }
    yield "| | |"
    yield "|---|---|"
    yield from (f"| {name} | {text} |" for name, text in facts.items() if text)


def _columns(
    columns: Mapping[str, Type], classes: Mapping[str, str], meanings: Mapping[str, str]
) -> Iterator[str]:
    yield "| column | type | class | meaning |"
    yield "|---|---|---|---|"
    for name, type_ in columns.items():
        yield f"| `{name}` | {type_} | {classes.get(name, '')} | {meanings.get(name, '')} |"


def _classes(endpoint: Endpoint) -> dict[str, str]:
    """Return what the last column says of each column."""
    return {
        field.column: ", ".join(filter(None, [_privacy(field), "volatile" * field.volatile]))
        for field in endpoint.fields
    }


def _privacy(field: Field) -> str:
    if field.role == "person":
        return "person"
    if field.values_about:
        return f"{field.privacy}, and each value the class of what it is about"
    if field.customer_keys:
        return f"customer under {', '.join(f'`{key}`' for key in field.customer_keys)}"
    return "" if field.privacy == "open" else field.privacy
