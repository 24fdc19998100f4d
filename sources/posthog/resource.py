"""Readings as dlt sources."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import dlt
from dlt.extract import DltResource

from sources.posthog.catalogue import ENDPOINTS
from sources.posthog.client import Client
from sources.posthog.delta import Delta
from sources.posthog.known import Nothing
from sources.posthog.listing import Rules
from sources.posthog.privacy import Policy
from sources.posthog.reading import Reading

Strategy = Literal["delete-insert", "upsert"]


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
) -> Iterator[DltResource]:
    """PostHog's lists for any dlt destination: every run reads everything and merges it by primary key.

    `hash_key` keys the hashes of external addresses. Deletions, delta loads and memory of earlier walks need to know
    the warehouse: that is what `hogsync sync` adds.
    """
    rules = Rules(started=datetime.now(UTC))
    policy = Policy(hash_key=hash_key.encode())
    reading = Reading(Client(host, key), tables, known=Nothing(), policy=policy, rules=rules)
    yield from _resources(reading, "delete-insert")


@dlt.source(schema=_schema(), max_table_nesting=0)
def changed(reading: Reading) -> Iterator[DltResource]:
    """What a reading found to differ from the warehouse that it knows."""
    yield from _resources(reading, "upsert")


def _resources(reading: Reading, strategy: Strategy) -> Iterator[DltResource]:
    """One resource per table and child table; the first that dlt pulls from starts the reading.

    Where nothing is stored yet there is nothing to merge with: keys come once in a delta, and no load is tried twice.
    """
    for outline in reading.outlines():
        yield dlt.resource(
            _items(reading, outline.table),
            name=outline.table,
            primary_key=list(outline.key),
            write_disposition="append" if outline.empty else {"disposition": "merge", "strategy": strategy},
        )


def _items(reading: Reading, table: str) -> Iterator[Any]:
    delta = reading.delta(table)
    if delta is None:
        return
    hints = dlt.mark.make_hints(columns=_columns(delta))
    for batch in delta.batches:
        yield dlt.mark.with_hints(batch, hints)


def _columns(delta: Delta) -> Any:
    """Every column with its type; said explicitly, because in Arrow JSON is but text."""
    key = delta.outline.key
    return {n: {"data_type": t, "nullable": n not in key} for n, t in delta.outline.columns.items()}
