"""Locks one warehouse for one process, on DuckDB and on Postgres, and names the holder to those who wait.

DuckDB: the operating system locks `<file>.lock`; the file stays and never needs removal.
Postgres: an open transaction holds an advisory lock; the server ends it with the connection.
"""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from pipelines.errors import UsageError, WarehouseProblem
from pipelines.settings import Settings
from pipelines.settings.hosts import WarehouseUrl

ANYONE = "another process"
APPLICATION_NAME = 63  # bytes of an application name that Postgres keeps


def holder_text(who: str, room: int = 200) -> str:
    """Return the text that names the holder, of at most `room` bytes: a long host name is cut, not the time."""
    since = f", since {datetime.now(UTC):%H:%M} UTC"
    start = f"{who}, process {os.getpid()} on "
    host = socket.gethostname().encode("ascii", "replace").decode()
    return f"{start}{host[: max(0, room - len(start) - len(since))]}{since}"[:room]


class FileLoadLock:
    """A lock on a DuckDB file: the operating system's lock on `<file>.lock` beside it, one for all symlinks.

    `purpose` is empty for loading; another purpose has a lock of its own.
    """

    def __init__(self, warehouse: WarehouseUrl, who: str, purpose: str = "") -> None:
        self._label, self._who = warehouse.label, who
        self._path = Path(f"{os.path.realpath(warehouse.path)}{purpose and f'.{purpose}'}.lock")
        # No soft fallback: a lock that is only a file would outlive its holder.
        self._lock = FileLock(self._path, mode=0o600, thread_local=False, fallback_to_soft=False)

    def acquire(self) -> bool:
        """Lock the file, and write the holder into it."""
        try:
            self._path.parent.stat()  # acquire would create the folder, and hide that its name is misspelt
            self._lock.acquire(blocking=False)
        except Timeout:
            return False
        except OSError as error:
            raise WarehouseProblem(
                f"The warehouse {self._label} cannot be locked by {self._path} ({error.strerror}); "
                "its folder must exist, and hogsync must be allowed to write there."
            ) from error
        with suppress(OSError):  # only informs waiting processes; the load reports a full disk
            self._path.write_text(holder_text(self._who), "utf-8")
        return True

    def holder(self) -> str:
        """Return the text that the holder wrote."""
        try:
            text = self._path.read_bytes()[:200].decode("utf-8", "replace")
        except OSError:
            return ANYONE
        return "".join(letter for letter in text if letter.isprintable()) or ANYONE

    def verify(self) -> None:
        """Do nothing: a lock of the operating system cannot be lost."""

    def release(self) -> None:
        """Unlock the file; it stays."""
        if self._lock.is_locked:
            with suppress(OSError):
                self._path.write_bytes(b"")
            self._lock.release()


# Settings and lock belong to the transaction, not the session: behind PgBouncer those of a session would stay with a
# connection that others get next, and the lock would outlive its holder. A transaction that wrote nothing holds no
# snapshot between statements, so vacuum goes on. Keep-alives let the server notice that the holder's machine is down.
TRANSACTION_SETTINGS = """
SELECT set_config(name, value, true)
  FROM (VALUES ('application_name', %(name)s),
               ('idle_in_transaction_session_timeout', '0'),
               ('transaction_timeout', '0'),
               ('tcp_keepalives_idle', '60'),
               ('tcp_keepalives_interval', '10'),
               ('tcp_keepalives_count', '6')) AS wanted (name, value)
  JOIN pg_settings USING (name)
"""
TRY_LOCKS = "SELECT bool_and(pg_try_advisory_xact_lock(key)) FROM unnest(%(keys)s) AS key"
HOLDER = """
SELECT application_name
  FROM pg_locks JOIN pg_stat_activity USING (pid)
 WHERE locktype = 'advisory' AND granted AND objsubid = 1
   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
   AND (classid::bigint << 32 | objid::bigint) = ANY (%(keys)s)
"""


NOTICING_A_DEAD_SERVER: Mapping[str, str | int] = {
    "application_name": "hogsync",
    "connect_timeout": 10,
    "keepalives_idle": 60,
    "keepalives_interval": 10,
    "keepalives_count": 6,
}
"""How the lock's connection is made; options in the URL take precedence."""


def lock_number(dataset: str, purpose: str = "") -> int:
    """Return the number of the advisory lock of `dataset`: 64 bits, the same on every machine; unique per database."""
    name = f"hogsync {dataset}{purpose and f' {purpose}'}"
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)


class AdvisoryLoadLock:
    """A lock on datasets in Postgres, all or none: a transaction's advisory locks, on a connection of its own."""

    def __init__(self, warehouse: WarehouseUrl, datasets: Sequence[str], who: str, purpose: str = "") -> None:
        self._warehouse, self._who = warehouse, who
        self._keys = [lock_number(dataset, purpose) for dataset in datasets]
        with _as_problem(warehouse):
            from destinations.postgres_connection import connect

            self._connection, _ = connect(warehouse.dsn.get_secret_value(), NOTICING_A_DEAD_SERVER)

    def acquire(self) -> bool:
        """Lock the datasets for this transaction, and leave the transaction open."""
        with _as_problem(self._warehouse):
            taken = bool(self._ask(TRY_LOCKS))
            if taken:
                self._ask(TRANSACTION_SETTINGS)
            else:
                self._connection.rollback()
        return taken

    def holder(self) -> str:
        """Return the application name of the session that holds the lock."""
        with _as_problem(self._warehouse):
            name = self._ask(HOLDER)
            self._connection.rollback()
        return str(name or ANYONE)

    def verify(self) -> None:
        """Query over the connection whose transaction holds the lock: the lock is lost only with the connection."""
        with _as_problem(self._warehouse):
            self._ask("SELECT 1")

    def release(self) -> None:
        """Close the connection, which ends the transaction and the lock."""
        self._connection.close()

    def _ask(self, question: str) -> Any:
        """Return the first value of the result, None without one."""
        with self._connection.cursor() as cursor:
            cursor.execute(question, {"keys": self._keys, "name": holder_text(self._who, APPLICATION_NAME)})
            row = cursor.fetchone()
        return row and row[0]


LoadLock = FileLoadLock | AdvisoryLoadLock


def new_lock(settings: Settings, who: str, purpose: str = "", datasets: Sequence[str] = ()) -> LoadLock:
    """Return the lock of the warehouse and of these datasets, or that of the settings; it is not taken yet."""
    place = settings.warehouse
    if place.kind == "duckdb":
        return FileLoadLock(place, who, purpose)
    return AdvisoryLoadLock(place, datasets or [settings.dataset], who, purpose)


@contextmanager
def _as_problem(warehouse: WarehouseUrl) -> Iterator[None]:
    """Raise errors of Postgres as a UsageError or WarehouseProblem with the same text, without the password."""
    from destinations.postgres_connection import InvalidUrl, translated
    from destinations.warehouse import WarehouseUnavailable

    try:
        with translated():
            yield
    except WarehouseUnavailable as error:
        message = str(error)
        for secret in warehouse.secrets:
            message = message.replace(secret, "…")
        if isinstance(error, InvalidUrl):
            raise UsageError(f"WAREHOUSE_URL is not what Postgres understands: {message}.") from None
        raise WarehouseProblem(
            f"The warehouse {warehouse.label} cannot be used: {message}; check WAREHOUSE_URL and the server."
        ) from None
