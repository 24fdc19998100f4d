"""The scratch DuckDB of one run: in memory, spilling into the run's folder, shared by threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from sources.posthog.changes.sql import literal
from sources.posthog.errors import NoRoom, Stopped

LOOKUP_KEYS = 20_000
"""Keys looked up in one query."""
IDLE_MEMORY = "8MB"
"""Memory limit of the scratch database while it is probably no longer needed."""
BATCH_ROWS = 60_000
"""Rows of one Arrow batch on its way to dlt, which checks the schema of each batch."""


class ScratchDatabase:
    """A DuckDB in memory that spills into the run's folder beyond its limit; safe to share between threads."""

    def __init__(self, folder: Path, memory: str = "160MB") -> None:
        self.lock = threading.RLock()
        self._held = threading.Lock()
        """Held while connections are closed or interrupted."""
        self._closed = False
        self._memory = memory
        with self._registered({}):
            self._connection = self._running = duckdb.connect(":memory:")
            for name, value in {
                "memory_limit": memory,
                "temp_directory": str(folder / "spill"),
                "TimeZone": "UTC",
            }.items():
                self._connection.execute(f"set global {name} = {literal(value)}")

    def run(self, sql: str, parameters: Sequence[Any] = (), **tables: pa.Table | pa.RecordBatch) -> None:
        """Execute one statement, with Arrow data registered as views under the given names."""
        with self._registered(tables):
            self._connection.execute(sql, list(parameters))

    def rows(self, sql: str, parameters: Sequence[Any] = (), **tables: pa.Table) -> list[tuple[Any, ...]]:
        """Return the result as Python tuples."""
        with self._registered(tables):
            return self._connection.execute(sql, list(parameters)).fetchall()

    def table(self, sql: str, parameters: Sequence[Any] = (), **tables: pa.Table) -> pa.Table:
        """Return the result as an Arrow table."""
        with self._registered(tables):
            return self._connection.sql(sql, params=list(parameters)).to_arrow_table()

    def batches(
        self, sql: str, parameters: Sequence[Any] = (), *, size: int = BATCH_ROWS
    ) -> Iterator[pa.Table]:
        """Yield the result as Arrow tables of `size` rows, read through a connection of its own."""
        with self._through(cursor := self._connection.cursor()):
            reader = cursor.sql(sql, params=list(parameters)).to_arrow_reader(size)
        while True:
            with self._through(cursor):
                batch = next(reader, None)
            if batch is None:
                return
            yield pa.Table.from_batches([batch])

    @contextmanager
    def _through(self, connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
        """Run one statement through another connection, or fetch one batch of its result."""
        with self._registered({}):
            self._running = connection
            try:
                yield
            finally:
                self._running = self._connection

    @contextmanager
    def shrink(self) -> Iterator[None]:
        """Spill the scratch tables into the folder for one block, which needs the memory more than the tables."""
        with suppress(NoRoom):
            self._limit(IDLE_MEMORY)
        try:
            yield
        finally:
            self._limit(self._memory)

    def _limit(self, memory: str) -> None:
        self.run(f"set global memory_limit = {literal(memory)}")

    def interrupt(self) -> None:
        """Interrupt the running statement of any thread, which then raises KeyboardInterrupt."""
        with self._held:
            if not self._closed:
                self._running.interrupt()

    def close(self) -> None:
        """Drop everything; a thread that still reads raises Stopped, or KeyboardInterrupt in mid-statement."""
        self.interrupt()
        with self.lock, self._held:
            self._closed = True
            self._connection.close()

    @contextmanager
    def _registered(self, tables: Mapping[str, Any]) -> Iterator[None]:
        """Register Arrow tables as views for one statement and unregister them afterwards, which frees their memory."""
        with self.lock:
            if self._closed:
                raise Stopped("The run is being stopped.")
            for name, data in tables.items():
                self._connection.register(name, data)
            try:
                yield
            except duckdb.InterruptException as stopped:
                raise KeyboardInterrupt from stopped
            except (duckdb.OutOfMemoryException, duckdb.IOException) as full:
                raise NoRoom(
                    f"hogsync's working data has no room: {str(full).splitlines()[0]}. "
                    "Free space below HOGSYNC_HOME, or give hogsync more memory."
                ) from full
            finally:
                for name in tables:
                    self._connection.unregister(name)
