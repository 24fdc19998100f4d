"""A sync that kills itself: `python -m tests.harness.doomed ORDER`, see `tests/harness/cli.py`.

An order is JSON: `settings`, `tables`, `projects`, perhaps `asked` (flags of the selection) and `patience`,
and when to die: just before the `number`th event of a `kind`, which is a `request` to PostHog, a change to a `file`
(below `place`, else home), or a `statement` to the warehouse; only events that speak `of` something count, if that is
said. `signals` are what it gets there: SIGKILL, else what a person can send. A sync that lives writes its events,
`[kind, what]` in their order, to the file `told`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from adbc_driver_manager import dbapi
from dlt.destinations.impl.duckdb.sql_client import DuckDbSqlClient
from dlt.destinations.impl.postgres.sql_client import Psycopg2SqlClient

from destinations.duckdb import DuckDB
from destinations.postgres import Postgres
from pipelines import signals
from pipelines.errors import HogsyncError, Interrupted
from pipelines.settings import load
from pipelines.sync.selection import Selection
from pipelines.sync.sync import sync
from sources.posthog.client.client import Client
from sources.posthog.client.retry import RetryPolicy

WRITING = os.O_WRONLY | os.O_RDWR
FILES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "sqlite3.connect"}
OURS = ("execute", "rows", "batches", "matching", "upsert")
THEIRS = ("execute_query", "begin_transaction", "commit_transaction")
WATCHED: dict[type, tuple[str, tuple[str, ...]]] = {
    DuckDB: ("statement", OURS),
    Postgres: ("statement", OURS),
    DuckDbSqlClient: ("statement", THEIRS),
    Psycopg2SqlClient: ("statement", THEIRS),
    dbapi.Cursor: ("statement", ("adbc_ingest",)),
    dbapi.Connection: ("statement", ("commit",)),
    Client: ("request", ("_exchange",)),
}


class Doom:
    """Counts the events of all threads; the fatal one is the last."""

    def __init__(self, order: dict[str, Any]) -> None:
        self.fatal, self.of = (order["kind"], order["number"]), order.get("of", "")
        self.place: str = order.get("place", order["settings"]["HOGSYNC_HOME"])
        self.signals: list[int] = order.get("signals", [signal.SIGKILL])
        self.met: Counter[str] = Counter()
        self.told: list[tuple[str, str]] = []
        self.lock = threading.RLock()

    def meet(self, kind: str, what: str) -> None:
        with self.lock:
            self.met[kind] += self.of in what
            self.told.append((kind, what))
            if self.of in what and self.fatal == (kind, self.met[kind]):
                for number in self.signals:
                    os.kill(os.getpid(), number)

    def watch(self) -> None:
        """Be told of every event from now on."""
        for owner, (kind, names) in WATCHED.items():
            for name in names:
                setattr(owner, name, self._watched(getattr(owner, name), kind))
        sys.addaudithook(self._audit)

    def _watched(self, function: Callable[..., Any], kind: str) -> Callable[..., Any]:
        @wraps(function)
        def watched(*words: Any, **named: Any) -> Any:
            self.meet(kind, f"{function.__qualname__} {str(words[1:2])[:80]}")
            return function(*words, **named)

        return watched

    def _audit(self, event: str, words: tuple[Any, ...]) -> None:
        writes = event == "open" and isinstance(words[2], int) and words[2] & WRITING
        if event not in FILES and not writes:
            return
        path = str(words[0])
        within = (
            event in {"os.remove", "os.rmdir"} and words[-1] != -1
        )  # of an open folder: a tree is removed
        if within or path.startswith(self.place):
            self.meet("file", f"{event} {path.removeprefix(self.place)}")


def run(order: dict[str, Any]) -> None:
    """One sync, up to its event."""
    doom = Doom(order)
    signals.listen()
    doom.watch()
    chosen = Selection(
        tables=tuple(order["tables"]), projects=tuple(order["projects"]), **order.get("asked", {})
    )
    patience = RetryPolicy(**order["patience"]) if "patience" in order else None
    sync(load(order["settings"]), chosen, retry=patience)
    doom.fatal = ("none", 0)  # the sync has ended: what follows is this harness's own
    Path(order["told"]).write_text(json.dumps(doom.told))


def main() -> None:
    """Run the sync of the order, and end at once when it has ended."""
    code = 1
    try:
        run(json.loads(sys.argv[1]))
        code = 0
    except HogsyncError as error:
        code = error.exit_code
    except KeyboardInterrupt:  # before the run had begun
        code = Interrupted.exit_code
    except Exception:  # noqa: BLE001  a test is to see it
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
