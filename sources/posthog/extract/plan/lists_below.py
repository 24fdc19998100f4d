"""Decides below which rows of a parent table a list is read, by a field of those rows (`Endpoint.below_only`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sources.posthog.catalogue import parent_of
from sources.posthog.catalogue.endpoint import Endpoint
from sources.posthog.changes.table_changes import TableChanges
from sources.posthog.shape.batch import Batch

Key = tuple[Any, ...]


class ListsBelow:
    """An observer of pages: notes the parent rows below which a list is not read."""

    def __init__(self, changes: Mapping[str, TableChanges]) -> None:
        self._children: dict[str, list[Endpoint]] = {}
        self._unread: dict[str, set[Key]] = {}
        for child in (one.shape.endpoint for one in changes.values()):
            parent = parent_of(child.paths[0]) if child.below_only else None
            # If a setting drops the field, the list is read below every row.
            if parent and child.below_only and child.below_only[0] in changes[parent.table].shape.columns:
                self._children.setdefault(parent.table, []).append(child)

    def note(self, endpoint: Endpoint, batch: Batch) -> None:
        """Note which rows of a page have another value; a row without one may have the list, so it is read."""
        for child in self._children.get(endpoint.table, ()):
            name, values = child.below_only or ("", ())
            keys = zip(*map(batch.values, endpoint.key), strict=True)
            unread = self._unread.setdefault(child.table, set())
            for key, value in zip(keys, batch.values(name), strict=True):
                (unread.discard if value is None or value in values else unread.add)(key)

    def is_read(self, child: Endpoint, key: Key) -> bool:
        """Return whether a list is read below the row with this key."""
        return key not in self._unread.get(child.table, ())

    def unread(self, table: str) -> list[Key]:
        """Return the keys of the parent rows below which a table's list is not read."""
        return list(self._unread.get(table, ()))
