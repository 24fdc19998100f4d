"""Writes into the database what tables and columns mean: every tool that shows them shows it, too.

A comment is written again only when it changed, which `_hogsync_meta` tells. Comments never fail a run: a table may
have another owner by now.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from itertools import chain

from destinations.warehouse import Types, Warehouse, WarehouseUnavailable
from pipelines.bookkeeping.schema import COMMENTS
from sources.posthog.extract.extraction import Extraction
from sources.posthog.table_docs import table_meanings

log = logging.getLogger("hogsync")


def write_comments(
    warehouse: Warehouse, extraction: Extraction, existing: Mapping[str, Types], meta: Mapping[str, str]
) -> dict[str, str]:
    """Write the comments of the tables that were read, where they changed; returns the fact to note."""
    noted: dict[str, str] = json.loads(meta.get(COMMENTS) or "{}")
    now = dict(noted)
    shapes = [changes.shape for changes in (*extraction.changes.values(), extraction.people)]
    for table, meaning, columns in chain.from_iterable(map(table_meanings, shapes)):
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
