"""A company of a few rows per list, kept word for word, so that it stays the same whatever the sandbox learns."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

from tests.harness.little_posthog import CURRENT
from tests.sources.posthog.client.wire_server import Asked, Server, http, serving

FILE = Path(__file__).with_name("company.json")
CURSORS = ("deliveries/", "comments/")
BARE = "groups_types/"
Row = dict[str, Any]


@dataclass(slots=True)
class Company:
    """Rows by list, a list being named by its path and by what tells it from others of the same path."""

    lists: dict[str, list[Row]] = field(default_factory=lambda: json.loads(FILE.read_text("utf-8")))
    page: int = 1000
    """The most rows of one answer."""
    refused: str = ""
    """A list of which only the first page is answered."""

    def find(self, path: str, ident: str, value: object) -> Row:
        """Return a row of a list, to be changed."""
        return next(row for row in self.lists[path] if row[ident] == value)

    @contextmanager
    def serve(self) -> Iterator[Server]:
        """Answer for the company on a real socket."""

        def answer(conn: socket.socket, asked: Asked, _number: int) -> None:
            conn.sendall(self._answer(asked.target.removeprefix("/api/")))

        with serving(answer) as server:
            yield server

    def _answer(self, target: str) -> bytes:
        path, _, text = target.partition("?")
        query = dict(parse_qsl(text))
        if path == "personal_api_keys/@current/":
            return http(200, CURRENT)
        if path.endswith("/comments/count/"):
            return http(200, {"count": len(self.lists[path.removesuffix("count/")])})
        rows = self._rows(path, query)
        if rows is None:
            return http(
                404, {"type": "invalid_request", "code": "not_found", "detail": "Endpoint not found."}
            )
        if path.endswith(BARE):
            return http(200, rows)
        by = "cursor" if path.endswith(CURSORS) else "offset"
        first = int(query.get(by, 0))
        if first and path == self.refused:
            return http(400, {"type": "invalid_request", "code": "invalid_input", "detail": "No more."})
        last = first + min(int(query.get("limit", self.page)), self.page)
        following = (
            f"http://posthog/api/{path}?{urlencode({**query, by: last})}" if last < len(rows) else None
        )
        counted = {} if by == "cursor" else {"count": len(rows)}
        return http(200, {**counted, "next": following, "previous": None, "results": rows[first:last]})

    def _rows(self, path: str, query: dict[str, str]) -> list[Row] | None:
        told = [(name, query[name]) for name in ("type", "group_type_index", "deleted") if name in query]
        rows = self.lists.get(f"{path}?{urlencode(told)}", self.lists.get(path))
        since = query.get("start_date")
        return [row for row in rows if row["created_at"] >= since] if since and rows else rows
