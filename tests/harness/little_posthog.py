"""A PostHog of a few lines whose every answer a test may write byte by byte: an organization, projects, lists."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from pipelines.settings import load
from pipelines.sync.outcome import Outcome
from pipelines.sync.selection import Selection
from pipelines.sync.sync import sync
from tests.harness.scene import HASH_KEY
from tests.sources.posthog.client.wire_server import Asked, Server, http, serving

KEY = "phx_NotAKeyOfAnyone0123456789"
CURRENT = {"user_id": 1, "scopes": ["*"], "scoped_teams": [], "scoped_organizations": []}
Lists = Callable[[int, str, dict[str, str], int], Any]
"""`lists(project, table, query, n)` answers the n-th request (from 0) to one list: raw bytes, or what becomes JSON."""


def page(rows: Sequence[Any], following: Any = None, count: int | None = None) -> dict[str, Any]:
    """An offset list's page; by default the only one."""
    return {"count": len(rows) if count is None else count, "next": following, "results": list(rows)}


@contextmanager
def little_posthog(projects: int, lists: Lists) -> Iterator[Server]:
    """A server with projects 1, 2, …; bytes are sent as they are, and then the connection ends."""
    times: Counter[str] = Counter()
    known = {
        "personal_api_keys/@current/": CURRENT,
        "organizations/": page([{"id": "o", "membership_level": 15}]),
        "organizations/o/projects/": page([{"id": n + 1} for n in range(projects)]),
    }

    def answer(conn: socket.socket, asked: Asked, _number: int) -> None:
        path, _, query = asked.target.removeprefix("/api/").partition("?")
        if path in known:
            conn.sendall(http(200, known[path]))
            return
        _, project, table, *_ = path.split("/")
        n = times[path]
        times[path] += 1
        body = lists(int(project), table, dict(parse_qsl(query)), n)
        conn.sendall(body if isinstance(body, bytes) else http(200, body))
        if isinstance(body, bytes):
            conn.shutdown(socket.SHUT_RDWR)
            # Nothing more is read: the client's next request may lie in this connection's buffer already.
            raise ConnectionAbortedError

    with serving(answer) as server:
        yield server


def settings(server: Server, home: Path) -> dict[str, str]:
    """It and `hogsync.duckdb` of that folder, as settings."""
    return {
        "POSTHOG_HOST": server.origin,
        "POSTHOG_PERSONAL_API_KEY": KEY,
        "WAREHOUSE_URL": f"duckdb:///{home / 'hogsync.duckdb'}",
        "HOGSYNC_HASH_KEY": HASH_KEY,
        "HOGSYNC_HOME": str(home / "home"),
    }


def synced(server: Server, home: Path, *tables: str, **more: Any) -> Outcome:
    """One sync of it into `hogsync.duckdb` of that folder."""
    return sync(load({**settings(server, home), **more}), Selection(tables=tables))
