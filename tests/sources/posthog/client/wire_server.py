"""A server of a few lines on a real socket: a function of each test writes the answers, byte by byte."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it arrived."""

    at: float
    verb: str
    target: str
    headers: dict[str, str]


@dataclass(slots=True)
class Server:
    """`answer(conn, asked, n)` is called for the n-th request (from 0) and writes raw bytes."""

    origin: str
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0


Answer = Callable[[socket.socket, Asked, int], None]


def http(status: int = 200, body: bytes | Any = b"", **headers: str) -> bytes:
    """A well-formed answer; anything but bytes becomes JSON; underscores in header names become hyphens."""
    kind = "text/html"
    if not isinstance(body, bytes):
        body, kind = json.dumps(body).encode(), "application/json"
    fields = {"Content-Type": kind, "Content-Length": str(len(body))}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} X\r\n{head}\r\n".encode() + body


def zipped(body: Any) -> bytes:
    return http(200, gzip.compress(json.dumps(body).encode()), Content_Encoding="gzip")


def in_turn(*answers: bytes) -> Answer:
    """The answers one after the other, the last one for ever."""
    return lambda conn, _, n: conn.sendall(answers[min(n, len(answers) - 1)])


@contextmanager
def serving(answer: Answer, wrap: Callable[[socket.socket], socket.socket] | None = None) -> Iterator[Server]:
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    scheme = "https" if wrap else "http"
    server = Server(f"{scheme}://127.0.0.1:{listener.getsockname()[1]}")
    lock, open_lines = threading.Lock(), set[socket.socket]()

    def serve(conn: socket.socket) -> None:
        with suppress(OSError, ValueError):
            conn = wrap(conn) if wrap else conn
            with lock:
                open_lines.add(conn)
            with conn, conn.makefile("rb") as lines:
                while request := lines.readline().decode():
                    verb, target, _ = request.split(" ", 2)
                    headers = {}
                    while (line := lines.readline().decode().strip()) != "":
                        name, _, value = line.partition(":")
                        headers[name.strip().lower()] = value.strip()
                    with lock:
                        number = len(server.asked)
                        asked = Asked(time.monotonic(), verb, target, headers)
                        server.asked.append(asked)
                    answer(conn, asked, number)

    def accept() -> None:
        with suppress(OSError):
            while True:
                conn, _ = listener.accept()
                server.connections += 1
                threading.Thread(target=serve, args=(conn,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for conn in open_lines:
            with suppress(OSError):
                conn.shutdown(socket.SHUT_RDWR)
        thread.join(5)
