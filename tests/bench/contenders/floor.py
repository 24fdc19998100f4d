"""The floor: the same pages, as many in flight, the same Arrow, inserted natively. `python -m … URL WAREHOUSE`.

hogsync's own client, pagers and shape build the Arrow, so columns, hashes and child tables are the same. Nothing is
compared, remembered or proven, dlt is not imported. WAREHOUSE `nothing` ends with the Arrow in memory.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from sources.posthog.catalogue import ENDPOINTS
from sources.posthog.catalogue.endpoint import Endpoint, query
from sources.posthog.changes.scratch import ScratchDatabase
from sources.posthog.changes.sql import row_hash
from sources.posthog.client.client import Client
from sources.posthog.paging.page_size import PageSize
from sources.posthog.paging.pagers import PAGERS
from sources.posthog.paging.prefetch import Prefetcher
from sources.posthog.shape.privacy import Policy
from sources.posthog.shape.row_shape import RowShape
from tests.bench.contenders.lists import Part, parts
from tests.bench.serving import KEY

BATCH = 20
"""Pages that are inserted at once."""
STARTED = datetime.now(UTC)


class Into(Protocol):
    """Where the Arrow goes."""

    def insert(self, table: str, rows: pa.Table) -> None:
        """Take rows."""

    def close(self) -> None:
        """End."""


def shape_of(endpoint: Endpoint) -> RowShape:
    """hogsync's shape of an endpoint."""
    return RowShape(endpoint, Policy(hash_key=b"the hash key of a bench"))


def arrow(
    workspace: ScratchDatabase, shape: RowShape, pages: list[pa.Table]
) -> Iterator[tuple[str, pa.Table]]:
    """Pages as the Arrow of their table and of its child tables, with what every table has besides."""
    table, key = shape.endpoint.table, ", ".join(shape.key)
    rows = pa.concat_tables(pages, promote_options="default")
    columns = {name: type_ for name, type_ in shape.columns.items() if name in rows.column_names}
    ours = f"timestamptz '{STARTED}' as _synced_at, null::timestamptz as _deleted_at"
    hashed = f"{ours}, {row_hash(columns, shape.child_columns)} as _row_hash"
    yield table, workspace.table(f"select {', '.join(columns)}, {hashed} from pages", pages=rows)
    for child, columns in shape.child_columns.items():
        items = f"unnest({child}, recursive := true), generate_subscripts({child}, 1) - 1 as position"
        hashed = f"{ours}, {row_hash(columns)} as _row_hash"
        found = workspace.table(f"select *, {hashed} from (select {key}, {items} from pages)", pages=rows)
        yield f"{table}__{child}", found


def read(client: Client, part: Part, shape: RowShape, *, limit: int, ahead: Prefetcher, into: Into) -> None:
    """One list from its first page to its last."""
    waiting: list[pa.Table] = []
    path, workspace = part.path.split("?")[0], ScratchDatabase(Path())
    pages = PAGERS["offset"](client.get, path, query(part.path), PageSize(limit), ahead, "results")
    for number, page in enumerate(pages, 1):
        batch = shape.to_batch(page.rows, part.stamps)
        waiting.append(shape.table([batch.columns]))
        if page.last or number % BATCH == 0:
            for table, rows in arrow(workspace, shape, waiting):
                into.insert(table, rows)
            waiting.clear()


def main(url: str, warehouse: str, limit: str = "1000") -> None:
    """Read all definitions."""
    into = opened(warehouse)
    client = Client(url, KEY)
    ahead = Prefetcher(client.get, 7)
    shapes = {name: shape_of(ENDPOINTS[name]) for name in ("event_definitions", "property_definitions")}
    with ThreadPoolExecutor(8) as pool:
        jobs = [
            pool.submit(read, client, part, shapes[part.table], limit=int(limit), ahead=ahead, into=into)
            for part in parts(client.get)
        ]
        for job in jobs:
            job.result()
    ahead.close()
    client.close()
    into.close()


def opened(warehouse: str) -> Into:
    """What takes the Arrow."""
    if warehouse == "nothing":
        return Nothing()
    return IntoDuckDB(warehouse) if warehouse.startswith("duckdb:///") else IntoPostgres(warehouse)


class Nothing:
    """Takes Arrow and lets it go."""

    def insert(self, table: str, rows: pa.Table) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class IntoDuckDB:
    """`insert … select` from Arrow, committed at the end."""

    def __init__(self, url: str) -> None:
        import duckdb

        self._made: set[str] = set()
        self._lock = threading.Lock()
        self._connection = duckdb.connect(url.removeprefix("duckdb:///"))
        self._connection.execute("begin")

    def insert(self, table: str, rows: pa.Table) -> None:
        """Insert, making the table first if need be."""
        with self._lock:
            verb = f"insert into {table}" if table in self._made else f"create table {table} as"
            self._made.add(table)
            self._connection.register("batch", rows)
            self._connection.execute(f"{verb} select * from batch")

    def close(self) -> None:
        """Commit."""
        self._connection.execute("commit")
        self._connection.close()


class IntoPostgres:
    """ADBC's ingest, which is COPY, one connection for each thread's turn, committed at the end."""

    def __init__(self, url: str) -> None:
        from adbc_driver_postgresql import dbapi

        self._made: set[str] = set()
        self._lock = threading.Lock()
        self._connection = dbapi.connect(url)

    def insert(self, table: str, rows: pa.Table) -> None:
        """Append, making the table first if need be."""
        with self._lock, self._connection.cursor() as cursor:
            cursor.adbc_ingest(table, rows, mode="append" if table in self._made else "create")
            self._made.add(table)

    def close(self) -> None:
        """Commit."""
        self._connection.commit()
        self._connection.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
