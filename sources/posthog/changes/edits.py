"""Tells whether rows of a partition came, went, or were edited in more than certain columns.

`TableChanges`, a partition and the columns to leave out -> True or False. Needs `TableChanges.finalize`.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any

import pyarrow as pa

from sources.posthog.catalogue.endpoint import Stamps
from sources.posthog.catalogue.fields import Type
from sources.posthog.changes.scratch import LOOKUP_KEYS
from sources.posthog.changes.sql import child_table, columns_of, quoted, select_or_null
from sources.posthog.changes.table_changes import TableChanges


def has_edits(changes: TableChanges, parent_ids: Stamps, without: Collection[str]) -> bool:
    """Return whether a partition's rows changed in more than the columns `without`."""
    if not changes.counts.written:
        return False
    condition, values = changes.partition_condition("c", parent_ids)
    changed, deleted = changes.name("changed"), changes.name("deleted")
    came_or_went = changes.scratch.rows(
        f"select 1 from {changed} c where (not stored or ends) and {condition} "
        f"union all select 1 from {deleted} c where deleted_at is null and {condition} limit 1",
        values * 2,
    )
    keys = f"select {columns_of('c', changes.shape.key)} from {changed} c where {condition}"
    return bool(came_or_went) or any(
        _edited(changes, some, without) for some in changes.scratch.batches(keys, values, size=LOOKUP_KEYS)
    )


def _edited(changes: TableChanges, keys: pa.Table, without: Collection[str]) -> bool:
    columns = {name: type_ for name, type_ in changes.shape.columns.items() if name not in without}
    lists = [name for name in changes.shape.child_columns if name not in without]
    stored = changes.stored.rows(changes.table, keys)
    before = changes.scratch.table(
        f"select {select_or_null(changes.shape.columns, stored.column_names, 't')} from stored t",
        stored=stored,
    )
    names = [select_or_null(changes.shape.columns, changes.staged, "t"), *map(quoted, lists)]
    after = changes.scratch.table(
        f"select {', '.join(names)} from {changes.name('staged')} t "
        f"semi join {changes.name('changed')} using (_sequence) semi join keys using ({changes.key})",
        keys=keys,
    ).to_pylist()
    known = {_key(changes, row): row for row in before.to_pylist()}
    pairs = [(known.get(_key(changes, row), {}), row) for row in after]
    return any(_differ(columns, *pair) for pair in pairs) or any(
        _items_differ(changes, child, keys, after) for child in lists
    )


def _key(changes: TableChanges, row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in changes.shape.key)


def _items_differ(changes: TableChanges, child: str, keys: pa.Table, after: list[dict[str, Any]]) -> bool:
    """Return whether the items of a split list are others than the stored ones, in any of these rows."""
    before = defaultdict[Any, list[dict[str, Any]]](list)
    columns = changes.shape.child_columns[child]
    stored = changes.stored.rows(child_table(changes.table, child), keys).to_pylist()
    for item in sorted(stored, key=lambda one: int(one["position"])):
        if item["_deleted_at"] is None:
            before[_key(changes, item)].append(item)
    for row in after:
        old, new = before[_key(changes, row)], row[child] or []
        if len(old) != len(new) or any(_differ(columns, *pair) for pair in zip(old, new, strict=True)):
            return True
    return False


def _differ(columns: Mapping[str, Type], before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Return whether any of these columns differs."""
    return any(
        before.get(name) != after[name]
        and not (type_ == "json" and _same_json(before.get(name), after[name]))
        for name, type_ in columns.items()
    )


def _same_json(*texts: str | None) -> bool:
    """Return whether two JSON texts say the same: Postgres orders the names of an object anew."""
    first, second = (json.loads(text) if text else text for text in texts)
    return bool(first == second)
