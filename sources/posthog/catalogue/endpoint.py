"""An endpoint: a list of PostHog's API and the table that it becomes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal
from urllib.parse import parse_qsl, quote, urlsplit

from sources.posthog.catalogue.fields import Field

Pagination = Literal[
    "offset", "cursor", "page", "has_next", "logs", "newest", "embedded", "array", "unpaged", "object"
]
"""How a list is walked: the names of `paging.pagers.PAGERS`."""
Group = Literal[
    "core", "definitions", "access", "product", "experiments", "pipelines", "warehouse", "audit", "customer"
]
"""A subject of the catalogue; `sync --group` takes its tables together."""
Stamps = Mapping[str, Any]
"""Values that a list's path gives to all of its rows: parents' ids and key constants."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """A table beside an endpoint's, in which volatile numbers are kept over time: one row per row and time."""

    table: str
    source_time: str
    """The field with the time to which the numbers belong."""
    time_column: str
    """The name of its column in the trend."""
    measures: tuple[str, ...]

    def named(self, endpoint: Endpoint) -> dict[str, str]:
        """Return the endpoint's columns in the trend, with their names there: key, time, numbers."""
        own = {name: name for name in (*endpoint.key, self.source_time, *self.measures)}
        return {**own, endpoint.key[-1]: endpoint.own_placeholder, self.source_time: self.time_column}


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A list of PostHog's API and the table that it becomes."""

    table: str
    group: Group
    paths: tuple[str, ...]
    """Relative to `/api/`, placeholders are parents' ids; several paths are several lists of the same table."""
    fields: tuple[Field, ...]
    scope: str
    doc: str
    by_default: bool = True
    """Whether a sync reads it without a selection. It does not if the list holds data of the customer's own users, is
    long, costs a request for each of many objects or a computation, or serves only older servers or certain keys."""
    requires: str = ""
    """What the list needs besides the scope: a plan, a role, a server version."""
    key: tuple[str, ...] = ()
    key_defaults: Stamps = field(default_factory=dict)
    """Values of key columns that a path does not give."""
    pagination: Pagination = "offset"
    rows_under: str = "results"
    """The key of an answer under which its rows stand; of a list of one object, a key that the object has."""
    page_size: int = 1000
    """The most rows to request per page."""
    plan: Literal["snapshot", "stream", "since"] = "snapshot"
    """How the list is read: in full in each run; newest first, down to the watermark; by PostHog's filter on time."""
    cursor_field: str = "created_at"
    """Of a stream or `since` list: the time field by which its rows are ordered."""
    lookback: timedelta = timedelta(days=3)
    """Of these: how far behind the newest row a walk still reads, for rows that change or appear late."""
    cursor_params: tuple[str, str] | None = None
    """Of a `since` list: the query parameters for the first and for the last time, both inclusive."""
    full_every: timedelta | None = None
    """Of a stream or `since` list: how often it is walked in full; None as the settings say."""
    in_progress: tuple[str, tuple[str, ...]] | None = None
    """Of a stream: the field and its values by which a row is in progress, so that it will still change."""
    in_progress_limit: timedelta = timedelta(days=30)
    """Of a stream: a row in progress for longer is stuck; only full walks read it again."""
    count_path: str = ""
    """Of a stream: the path that tells how many rows it lists, with the same filters."""
    parent_cursor: str = ""
    """Of a list below a row: field of the parent row; while its value is unchanged, the child list is skipped."""
    below_only: tuple[str, tuple[Any, ...]] | None = None
    """Of a list below a row: the field of the parent row, and its values for which the list is read."""
    shared: tuple[str, tuple[Any, ...]] | None = None
    """The field and its values by which a row is listed under several parents: it is stored once, without a parent."""
    content_key: tuple[str, ...] = ()
    """Of rows without an id: the fields that together identify one; their digest is the column `content_id`."""
    announced_by: tuple[str, ...] = ()
    """Scopes of the audit log: while it has no new entry of them, the list is skipped for `sweep_every` at most.

    That a server writes such entries is not assumed: a change without one ends it."""
    unannounced: tuple[str, ...] = ()
    """Of these: fields that change without an entry."""
    detects_deletes: bool = True
    """Whether a walk may delete its rows; organizations and projects are deleted on a person's word only."""
    people_rank: int = 0
    """How rich its embedded users are; the richest source of a run wins."""
    trends: tuple[Trend, ...] = ()
    """Tables that keep what would otherwise be overwritten: history makes no versions of volatile fields."""

    def __post_init__(self) -> None:
        if not self.key:
            object.__setattr__(self, "key", (*self.placeholders, "id"))

    @property
    def placeholders(self) -> tuple[str, ...]:
        """Return the parents' id columns, outermost first, over all paths."""
        return tuple(dict.fromkeys(name for path in self.paths for name in placeholders(path)))

    @property
    def parent_columns(self) -> tuple[str, ...]:
        """Return the columns that the path gives: parents' ids and key constants."""
        constants = (name for path in self.paths for name in query(path) if name in self.key)
        return tuple(dict.fromkeys((*self.placeholders, *constants, *self.key_defaults)))

    def without_parent(self, columns: Iterable[str]) -> Stamps:
        """Return the values of these columns by which a row has no parent: not all rows have one."""
        return {name: value for name, value in self.key_defaults.items() if name in columns}

    @property
    def history(self) -> str:
        """Return the table of its rows' versions; empty for a stream, whose rows are events, and without a list."""
        return f"{self.table}_history" if self.plan == "snapshot" and self.paths else ""

    @property
    def derived_tables(self) -> tuple[str, ...]:
        """Return the tables that are derived from it."""
        return (*filter(None, [self.history]), *(trend.table for trend in self.trends))

    @property
    def volatile(self) -> frozenset[str]:
        """Return the columns that change without an edit."""
        return frozenset(field.column for field in self.fields if field.volatile)

    @property
    def own_placeholder(self) -> str:
        """Return the placeholder by which other paths name a row of this table."""
        last = self.key[-1]
        return f"{self.table.removesuffix('s')}_{last}" if last in {"id", "short_id"} else last


def placeholders(path: str) -> tuple[str, ...]:
    """Return the `{names}` of a path, in order."""
    return tuple(re.findall(r"{(\w+)}", path))


def query(path: str) -> dict[str, str]:
    """Return the query constants of a path."""
    return dict(parse_qsl(urlsplit(path).query))


def filled(path: str, ids: Stamps) -> str:
    """Return a path with its placeholders filled; an id that is itself a path, or has a query, stays one segment."""
    return path.format_map({name: quote(str(value), safe="") for name, value in ids.items()})
