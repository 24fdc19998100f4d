"""The HTTP server: threaded, keep-alive, HTTP/1.1, on Django's own WSGI server."""

from __future__ import annotations

import gzip
import socketserver
import time
from collections.abc import Callable, Iterable
from typing import Any

from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application

from sources.sandbox.control.faults import FAULTS, Answer, Rule, instead, pieces, reset, spoilt
from sources.sandbox.state import WORLD

Environ = dict[str, Any]
WORTH_PACKING = 500
ALIAS = "/api/environments/"


class Handler(WSGIRequestHandler):
    """One connection: no delay, and an answer in as few packets as possible."""

    wbufsize = -1
    disable_nagle_algorithm = True

    def get_environ(self) -> Environ:
        """With the way back to the socket, for faults that happen there."""
        return {**super().get_environ(), "sandbox.connection": self}

    def log_message(self, format: str, *words: Any) -> None:  # noqa: A002 - the name is given
        """The control interface has the log; stderr stays quiet."""


class Server(ThreadedWSGIServer):
    """Listens on one address."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int]) -> None:
        """Bind and listen."""
        super().__init__(address, Handler)
        self.set_app(Front(get_wsgi_application()))

    def server_bind(self) -> None:
        """As the framework does, but never ask the name service for this machine's name."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]
        self.setup_environ()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is nothing to talk about."""


class Front:
    """What stands before the framework: the alias, the log, latency, packing."""

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        """Wrap the framework."""
        self.application = application

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request, truthfully or as a fault's rule says."""
        path = environ["PATH_INFO"]
        if path.startswith("/_sandbox/"):
            return list(self.application(environ, start_response))
        address = f"{path}?{environ['QUERY_STRING']}" if environ["QUERY_STRING"] else path
        rule, seen = FAULTS.take(address), WORLD.log
        time.sleep(WORLD.options.latency)
        if rule and rule.kind in ("reset", "hang"):
            log(seen, environ, path, 0)
            rule.wait(3600 if rule.kind == "hang" else 0)
            reset(environ["sandbox.connection"])
        if rule and rule.kind == "latency":
            rule.wait(1)
        status, headers, body = (rule and instead(rule, address)) or self.truthful(environ, path, rule)
        log(seen, environ, path, int(status[:3]))
        headers, body = packed(environ, headers, body, broken=rule is not None and rule.kind == "gzip_broken")
        if rule and rule.kind == "truncated":
            environ["sandbox.connection"].close_connection = True
            body = body[: len(body) // 2]
        start_response(status, headers)
        return pieces(rule, body)

    def truthful(self, environ: Environ, path: str, rule: Rule | None) -> Answer:
        """The framework's answer, under the alias too, with what a rule does to its JSON."""
        if path.startswith(ALIAS):
            environ["PATH_INFO"] = f"/api/projects/{path.removeprefix(ALIAS)}"
        status, headers, body = self.answered(environ)
        if path.startswith(ALIAS):
            headers += [
                ("Deprecation", "true"),
                ("Sunset", "Thu, 31 Dec 2026 00:00:00 GMT"),
                ("Link", f'<{environ["PATH_INFO"]}>; rel="successor-version"'),
            ]
        url = f"http://{environ['HTTP_HOST']}{environ['PATH_INFO']}?{environ['QUERY_STRING']}"
        return spoilt(rule, (status, headers, body), url) if rule else (status, headers, body)

    def answered(self, environ: Environ) -> Answer:
        """Status, headers and body as the framework gives them."""
        head: list[Any] = []
        answer = self.application(environ, lambda status, headers, _=None: head.extend((status, headers)))
        body = b"".join(answer)
        getattr(answer, "close", lambda: None)()
        return head[0], list(head[1]), body


def log(seen: list[dict[str, Any]], environ: Environ, path: str, status: int) -> None:
    """Keep what was asked, by whom (the key's label, never the key) and what was answered."""
    key = WORLD.keys.get(environ.get("HTTP_AUTHORIZATION", "").partition(" ")[2])
    with WORLD.lock:
        seen.append(
            {
                "method": environ["REQUEST_METHOD"],
                "path": path,
                "query": environ["QUERY_STRING"],
                "status": status,
                "key": key and key.label,
            }
        )


def packed(
    environ: Environ, headers: list[tuple[str, str]], body: bytes, *, broken: bool
) -> tuple[list[tuple[str, str]], bytes]:
    """The body gzipped for those who take it (or damaged, for all); its length in the headers."""
    kept = [(name, value) for name, value in headers if name.lower() != "content-length"]
    if broken or ("gzip" in environ.get("HTTP_ACCEPT_ENCODING", "") and len(body) > WORTH_PACKING):
        body = gzip.compress(body, 1, mtime=0)
        kept += [("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding")]
    if broken:
        middle = len(body) // 2
        body = (
            body[:middle] + bytes(256 - 1 - byte for byte in body[middle : middle + 20]) + body[middle + 20 :]
        )
    return [*kept, ("Content-Length", str(len(body)))], body
