"""Serves /livez, /readyz and /metrics for probes and Prometheus, in threads of the service."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from pipelines.errors import UsageError
from pipelines.schedule.metrics import CONTENT_TYPE, Metrics

TEXT = "text/plain; charset=utf-8"
Page = tuple[int, str, bytes]


@dataclass(slots=True)
class Health:
    """Whether settings, keys and warehouses were good at the last look, by connection."""

    problems: dict[str, str] = field(default_factory=dict)

    def learn(self, connection: str, problem: str | None) -> None:
        """Take in the result of a look, or of a run: a sentence, or None if all was good."""
        if problem:
            self.problems[connection] = problem
        else:
            self.problems.pop(connection, None)

    def page(self) -> Page:
        """Return the answer to /readyz: 200, or 503 with the reasons."""
        if not self.problems:
            return 200, TEXT, b"ready\n"
        lines = "".join(f"{name}: {problem}\n" for name, problem in {**self.problems}.items())
        return 503, TEXT, lines.encode()


class Listener:
    """The server; it ends with `close`, or with the process."""

    def __init__(self, place: str, metrics: Metrics, health: Health) -> None:
        """Listen at `address:port`; raises UsageError if that is not possible."""
        pages: Mapping[str, Callable[[], Page]] = {
            "/livez": lambda: (200, TEXT, b"alive\n"),
            "/readyz": health.page,
            "/metrics": lambda: (200, CONTENT_TYPE, metrics.text()),
        }
        address, _, port = place.rpartition(":")
        try:
            self._server = _Server((address.strip("[]"), int(port)), _handler(pages))
        except OSError as error:
            raise UsageError(
                f"[service] listen is {place}, where the service cannot listen ({error.strerror}); "
                "give another address or port, or end what listens there."
            ) from None
        threading.Thread(target=self._server.serve_forever, name="hogsync-listener", daemon=True).start()

    @property
    def port(self) -> int:
        """Return the port on which the server listens."""
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Stay silent: a reader who goes away in the middle is no trouble of the service."""


def _handler(pages: Mapping[str, Callable[[], Page]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10
        server_version = "hogsync"
        sys_version = ""

        def do_GET(self) -> None:
            """Answer one request."""
            found = pages.get(self.path.partition("?")[0])
            code, kind, body = found() if found else (404, TEXT, b"There are /livez, /readyz and /metrics.\n")
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with suppress(OSError):
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Log nothing: probes come every few seconds."""

    return Handler
