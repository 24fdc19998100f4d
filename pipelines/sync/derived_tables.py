"""Lists the histories and trends of the tables that a run reads, with their columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from destinations.derived.history import History
from destinations.derived.trends import Trend
from destinations.warehouse import Types
from pipelines.bookkeeping.state import DatasetState
from pipelines.errors import UsageError
from pipelines.settings import Settings
from pipelines.settings.layers import did_you_mean
from sources.posthog.catalogue import ENDPOINTS
from sources.posthog.catalogue.fields import TECHNICAL_COLUMNS
from sources.posthog.changes.sql import child_table
from sources.posthog.changes.table_changes import TableChanges
from sources.posthog.shape.undeclared import VARIANT

Derived = History | Trend
Tables = Mapping[str, Types]
"""Every table of the dataset with its columns."""


def with_history(settings: Settings) -> frozenset[str]:
    """Return the tables that have a history by these settings; raises UsageError for an unknown name."""
    for name in settings.history.without:
        if name not in ENDPOINTS:
            near = did_you_mean(name, list(ENDPOINTS))
            raise UsageError(f"[history] without: there is no table {name!r}{near}")
    chosen = ENDPOINTS.keys() - set(settings.history.without) if settings.history.enabled else ()
    return frozenset(table for table in chosen if ENDPOINTS[table].history)


@dataclass(frozen=True, slots=True)
class DerivedTables:
    """The derived tables that the settings ask for."""

    state: DatasetState
    versioned: frozenset[str]
    """The tables that have a history."""

    def of(self, sources: Sequence[TableChanges], there: Tables) -> Iterator[Derived]:
        """Yield the tables derived from these sources, with the columns that exist."""
        for changes in sources:
            if changes.table in self.versioned:
                yield self._history(changes, there)
            yield from self._trends(changes, there)

    def _types(self, changes: TableChanges, there: Tables) -> Types:
        """Return the columns that loads have made, and their types; includes those whose field is no longer stored."""
        known = {**self.state.columns(changes.table), **changes.shape.columns}
        return {
            name: known[name]
            for name in there.get(changes.table, {})
            if name in known.keys() - TECHNICAL_COLUMNS.keys()
        }

    def _history(self, changes: TableChanges, there: Tables) -> History:
        shape, endpoint = changes.shape, changes.shape.endpoint
        complete = {
            child: names
            for child, names in shape.child_columns.items()
            if {*shape.child_key_columns, *names, "_deleted_at", "_dlt_load_id"}
            <= there.get(child_table(changes.table, child), {}).keys()
        }
        types = self._types(changes, there)
        return History(
            target=endpoint.history,
            source=changes.table,
            source_key=shape.key,
            values=types,
            lists=complete,
            volatile=frozenset(name for name in types if name.removesuffix(VARIANT) in endpoint.volatile),
        )

    def _trends(self, changes: TableChanges, there: Tables) -> Iterator[Trend]:
        endpoint, types = changes.shape.endpoint, self._types(changes, there)
        for trend in endpoint.trends:
            names = trend.named(endpoint)
            if names.keys() <= types.keys():  # a setting may drop the numbers
                yield Trend(
                    target=trend.table,
                    source=changes.table,
                    key=tuple(names[name] for name in (*endpoint.key, trend.source_time)),
                    columns={here: types[name] for name, here in names.items()},
                    names=names,
                )
