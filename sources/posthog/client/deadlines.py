"""Enforces deadlines: knows which request reads from which socket, and shuts it down on a stop or after too long.

A read time-out cannot do this: it starts anew with every byte, so one byte a second in body or headers passes it.
"""

from __future__ import annotations

import math
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass


@dataclass(slots=True, eq=False)
class InFlightRequest:
    """One request; its time does not run while it waits for a connection that another request uses.

    Its socket is known once its headers have come.
    """

    since: float = math.inf
    sock: socket.socket | None = None
    overdue: bool = False

    def begin(self) -> None:
        """Start its time: when it connects, and again when it is sent."""
        self.since = time.monotonic()


class DeadlineGuard:
    """The sockets and requests of one client; a thread shuts down requests that take longer than `seconds`."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._lines: set[socket.socket] = set()
        self._calls: set[InFlightRequest] = set()
        self._over = threading.Event()
        self._guard: threading.Thread | None = None

    @contextmanager
    def request(self) -> Iterator[InFlightRequest]:
        """Guard a request until the end of the block."""
        call = InFlightRequest()
        with self._lock:
            self._calls.add(call)
            if self._guard is None:
                self._guard = threading.Thread(target=self._watch, name="hogsync-deadlines", daemon=True)
                self._guard.start()
        try:
            yield call
        finally:
            with self._lock:
                self._calls.discard(call)

    def add_socket(self, line: socket.socket) -> None:
        """Add a new connection; closed ones are forgotten."""
        with self._lock:
            self._lines = {known for known in self._lines if known.fileno() != -1} | {line}

    def shut_down(self) -> None:
        """End every read at once."""
        with self._lock:
            _shut_down(self._lines)

    def close(self) -> None:
        """Stop the thread."""
        self._over.set()
        if self._guard is not None:
            self._guard.join()

    def _watch(self) -> None:
        while not self._over.wait(min(1.0, self._seconds / 4)):
            oldest = time.monotonic() - self._seconds
            with self._lock:
                for call in [c for c in self._calls if c.since < oldest and not c.overdue]:
                    call.overdue = True
                    _shut_down({call.sock} if call.sock else self._unclaimed())

    def _unclaimed(self) -> set[socket.socket]:
        """Return the sockets that no request has claimed.

        Where headers come in slowly, the request's socket is one of these; the few other requests among them lose one
        try.
        """
        return self._lines - {call.sock for call in self._calls if call.sock}


def _shut_down(lines: set[socket.socket]) -> None:
    for line in lines:
        with suppress(
            OSError
        ):  # closed already. Not SSLSocket.shutdown, which would drop the TLS state that the reader needs
            socket.socket.shutdown(line, socket.SHUT_RDWR)
