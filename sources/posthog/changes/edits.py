"""Tells whether rows of a partition came, went, or were edited in more than certain columns.

`TableChanges`, a partition and the columns to leave out -> True or False. Needs `TableChanges.finalize`.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

import pyarrow as pa

from sources.posthog.catalogue.endpoint import Stamps
from sources.posthog.changes.scratch import LOOKUP_KEYS
from sources.posthog.changes.sql import columns_of, select_or_null
from sources.posthog.changes.table_changes import TableChanges, within


def has_edits(changes: TableChanges, parent_ids: Stamps, without: Collection[str]) -> bool:
    """Return whether a partition's rows changed in more than the columns `without`."""
    if not changes.counts.written:
        return False
    shared = changes.placed(parent_ids)
    place, values = within("c", shared), [*shared.values()]
    changed, deleted = changes.name("changed"), changes.name("deleted")
    came_or_went = changes.scratch.rows(
        f"select 1 from {changed} c where (not stored or ends){place} "
        f"union all select 1 from {deleted} c where deleted_at is null{place} limit 1",
        values * 2,
    )
    keys = f"select {columns_of('c', changes.shape.key)} from {changed} c where true{place}"
    return bool(came_or_went) or any(
        _edited(changes, some, without) for some in changes.scratch.batches(keys, values, size=LOOKUP_KEYS)
    )


def _edited(changes: TableChanges, keys: pa.Table, without: Collection[str]) -> bool:
    columns, stored = changes.shape.columns, changes.stored.rows(changes.table, keys)
    before = changes.scratch.table(
        f"select {select_or_null(columns, stored.column_names, 't')} from stored t", stored=stored
    )
    after = changes.scratch.table(
        f"select {select_or_null(columns, changes.staged, 't')} from {changes.name('staged')} t "
        f"semi join {changes.name('changed')} using (_sequence) semi join keys using ({changes.key})",
        keys=keys,
    )
    known = {_key(changes, row): row for row in before.to_pylist()}
    return any(_differ(changes, known.get(_key(changes, row), {}), row, without) for row in after.to_pylist())


def _key(changes: TableChanges, row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in changes.shape.key)


def _differ(
    changes: TableChanges, before: dict[str, Any], after: dict[str, Any], without: Collection[str]
) -> bool:
    """Return whether more than the columns `without` differ; if none differs, it is the items of a list that do."""
    differing = {
        name
        for name, type_ in changes.shape.columns.items()
        if before.get(name) != after[name]
        and not (type_ == "json" and _same_json(before.get(name), after[name]))
    }
    return not differing or not differing <= set(without)


def _same_json(*texts: str | None) -> bool:
    """Return whether two JSON texts say the same: Postgres orders the names of an object anew."""
    first, second = (json.loads(text) if text else text for text in texts)
    return bool(first == second)
