"""Writes into the database what tables and columns mean: every tool that shows them shows it, too.

A comment is written again only when it changed, which `_hogsync_meta` tells. Comments never fail a run: a table may
have another owner by now.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping

from destinations.warehouse import Types, Warehouse, WarehouseUnavailable
from pipelines.bookkeeping.schema import COMMENTS
from sources.posthog.catalogue import column_meanings
from sources.posthog.changes.sql import child_table
from sources.posthog.extract.extraction import Extraction
from sources.posthog.table_docs import CHILD, HISTORY, ITEM_MEANINGS, ROW_MEANINGS, TREND, VERSION_MEANINGS

log = logging.getLogger("hogsync")
Comments = Mapping[str, tuple[str, Mapping[str, str]]]
"""For each table its meaning, and that of each of its columns."""


def write_comments(
    warehouse: Warehouse, extraction: Extraction, existing: Mapping[str, Types], meta: Mapping[str, str]
) -> dict[str, str]:
    """Write the comments of the tables that were read, where they changed; returns the fact to note."""
    noted: dict[str, str] = json.loads(meta.get(COMMENTS) or "{}")
    now = dict(noted)
    for table, (meaning, columns) in comments(extraction).items():
        there = {name: text for name, text in columns.items() if name in existing.get(table, {})}
        digest = hashlib.sha256(json.dumps([meaning, there]).encode()).hexdigest()[:12]
        if not there or noted.get(table) == digest:
            continue
        try:
            with warehouse.transaction():
                warehouse.comment(table, meaning, there)
            now[table] = digest
        except WarehouseUnavailable as refused:
            log.debug("%s has no comments: %s", table, refused, extra={"table": table})
    return {COMMENTS: json.dumps(now)} if now != noted else {}


def comments(extraction: Extraction) -> Comments:
    """Return the comments of every table that the run may have written."""
    return dict(_comments(extraction))


def _comments(extraction: Extraction) -> Iterator[tuple[str, tuple[str, Mapping[str, str]]]]:
    for changes in (*extraction.changes.values(), extraction.people):
        endpoint, shape = changes.shape.endpoint, changes.shape
        own = {**column_meanings(endpoint), **ROW_MEANINGS}
        yield endpoint.table, (endpoint.doc, own)
        for name in shape.child_columns:
            meaning = f"{CHILD.format(name)} {own.get(name, '')}".strip()
            yield child_table(endpoint.table, name), (meaning, own | ITEM_MEANINGS)
        if endpoint.history:
            yield endpoint.history, (HISTORY.format(endpoint.table), own | VERSION_MEANINGS)
        for trend in endpoint.trends:
            numbers = ", ".join(trend.measures)
            named = {here: own[name] for name, here in trend.named(endpoint).items() if name in own}
            yield trend.table, (TREND.format(numbers, trend.source_time), named)
