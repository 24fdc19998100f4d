"""The dlt source: an extraction's deltas -> dlt resources, one per table and child table.

A table that is known to be empty is appended to, every other one is merged: an empty table cannot hold a row twice.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import dlt
import pyarrow as pa
from dlt.extract import DltResource

from sources.posthog.arguments import known_tables, policy_of
from sources.posthog.catalogue import ENDPOINTS
from sources.posthog.changes.delta import Delta
from sources.posthog.client.client import Client
from sources.posthog.client.rate_limit import Rate
from sources.posthog.extract.extraction import EmptyWarehouse, Extraction
from sources.posthog.extract.options import ReadOptions

Strategy = Literal["delete-insert", "upsert"]
Form = Callable[[str, pa.Table], pa.Table]
"""What becomes of some rows of a table."""


def _schema() -> dlt.Schema:
    """Names as `shape` made them: dlt's own convention would turn `name__2` into `name___2`."""
    return dlt.Schema("posthog", normalizers={"names": "direct", "json": {"module": RELATIONAL}})


RELATIONAL = "dlt.common.normalizers.json.relational"


@dlt.source(schema=_schema(), max_table_nesting=0)
def posthog(
    key: str = dlt.secrets.value,
    host: str = "https://us.posthog.com",
    tables: Sequence[str] = tuple(ENDPOINTS),
    hash_key: str = dlt.secrets.value,
    *,
    privacy: Mapping[str, str] | None = None,
    projects: Sequence[int] = (),
    per_minute: int | None = None,
    per_hour: int | None = None,
) -> Iterator[DltResource]:
    """PostHog's lists for any dlt destination: every run reads everything and merges it by primary key.

    `hash_key` keys the hashes of external addresses. `privacy` says keep, hash or drop for a class of data (person,
    recipient, text, customer) or a column: `{"person": "hash", "comments.content": "drop"}`. `projects` narrows the
    reading to these ids, `per_minute` and `per_hour` bound its requests. A ValueError names what is misspelt.

    Deletions, delta loads and memory of earlier walks need to know the warehouse, and that is what `hogsync sync`
    adds: here a row that PostHog no longer lists stays as it was. `_deleted_at` is filled only where PostHog itself
    lists a row as deleted.
    """
    rules = ReadOptions(started=datetime.now(UTC))
    extraction = Extraction(
        Client(host, key, rate=Rate(per_minute, per_hour)),
        known_tables(tables),
        stored=EmptyWarehouse(),
        policy=policy_of(privacy or {}, hash_key.encode()),
        options=rules,
        projects=projects,
    )
    extraction.load_stored()
    yield from _resources(extraction, "delete-insert")


@dlt.source(schema=_schema(), max_table_nesting=0)
def changed(extraction: Extraction, appendable: Form, *, again: bool = False) -> Iterator[DltResource]:
    """The rows in which an extraction differs from the warehouse that it knows.

    `appendable` converts the rows of an empty table for a direct insert; `again` tells
    that an earlier package may have brought some of them.
    """
    yield from _resources(extraction, "upsert", appendable, again=again)


def _resources(
    extraction: Extraction, strategy: Strategy, appendable: Form | None = None, *, again: bool = False
) -> Iterator[DltResource]:
    """Return one resource per table and child table; the first that dlt pulls from starts the extraction.

    Where nothing is stored yet there is nothing to merge with: keys come once in a delta, and no load is tried twice.
    """
    merge: Any = {"disposition": "merge", "strategy": strategy}
    HINTS_ARE_MEANT.tables.update(target.table for target in extraction.target_tables())
    logging.getLogger("dlt").addFilter(HINTS_ARE_MEANT)
    for target in extraction.target_tables():
        first = target.empty and not again
        yield dlt.resource(
            _items(extraction, target.table, appendable if first else None),
            name=target.table,
            primary_key=list(target.key),
            write_disposition="append" if first else merge,
        )


class HintsAreMeant(logging.Filter):
    """Drops dlt's warning, one for each of `tables`, that a hint differs from what Arrow says.

    Arrow has no JSON, and our batches do not say which columns are never empty: that is what the hints are for.
    """

    def __init__(self) -> None:
        super().__init__()
        self.tables: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every other record pass."""
        beginnings = tuple(f"In resource: {table}, when merging arrow schema" for table in self.tables)
        return record.funcName != "_compute_tables" or not str(record.msg).startswith(beginnings)


HINTS_ARE_MEANT = HintsAreMeant()
"""One filter for the process: a logger keeps its filters, and takes the same one only once."""


def _items(extraction: Extraction, table: str, form: Form | None) -> Iterator[Any]:
    delta = extraction.delta(table)
    if delta is None:
        return
    hints = dlt.mark.make_hints(columns=_columns(delta))
    for batch in delta.batches:
        yield dlt.mark.with_hints(form(table, batch) if form else batch, hints)


def _columns(delta: Delta) -> Any:
    """Return every column with its type; explicitly, because in Arrow JSON is only text."""
    key = delta.target.key
    return {n: {"data_type": t, "nullable": n not in key} for n, t in delta.target.columns.items()}
