"""A web server that takes messages and pings, and remembers them: what Apprise's `json://` and `[service] ping` ask."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(slots=True)
class Listener:
    """What arrived, and how it answers."""

    port: int = 0
    status: int = 200
    hangs: threading.Event = field(default_factory=threading.Event)
    """While set, nobody gets an answer."""
    posted: list[dict[str, Any]] = field(default_factory=list)
    """Messages that were taken."""
    pinged: list[str] = field(default_factory=list)
    """Paths of pings, well answered or not."""

    @property
    def url(self) -> str:
        """As one of `[alerts] urls`; whoever has its path could write to the channel."""
        return f"json://127.0.0.1:{self.port}/a-secret-of-the-channel"

    @property
    def web(self) -> str:
        """As `[service] ping`."""
        return f"http://127.0.0.1:{self.port}/a-secret-of-the-switch"

    def told(self) -> list[str]:
        """Take the titles of the messages that came since the last look."""
        titles = [str(message["title"]).removeprefix("hogsync: default, ") for message in self.posted]
        self.posted.clear()
        return titles

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request, with the present status."""
        length = int(handler.headers.get("Content-Length", 0))
        body = handler.rfile.read(length)
        while self.hangs.is_set():
            threading.Event().wait(0.02)
        if handler.command == "GET":
            self.pinged.append(handler.path)
        elif self.status == 200:
            self.posted.append(json.loads(body))
        handler.send_response(self.status)
        handler.send_header("Content-Length", "0")
        handler.end_headers()


@contextmanager
def listening(port: int = 0) -> Iterator[Listener]:
    """A listener at a port, or at any that is free."""
    listener = Listener()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            listener.answer(self)

        do_POST = do_GET  # noqa: N815  the same

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        server.daemon_threads = True
        listener.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield listener
        finally:
            listener.hangs.clear()
            server.shutdown()
