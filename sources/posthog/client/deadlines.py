"""Which call reads from which socket, so that a stop or a deadline can end a read that goes on for minutes.

A read time-out cannot do this: one byte a second keeps it content, in a body and in headers alike.
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
    """One request; its time does not run while it waits for a connection that another one uses.

    Its socket is known once its headers are there.
    """

    since: float = math.inf
    sock: socket.socket | None = None
    overdue: bool = False

    def begin(self) -> None:
        """Its time runs from here: when it connects, and anew when it leaves."""
        self.since = time.monotonic()


class DeadlineGuard:
    """The sockets and calls of one client, and the guard that cuts what takes longer than `seconds`."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._lines: set[socket.socket] = set()
        self._calls: set[InFlightRequest] = set()
        self._over = threading.Event()
        self._guard: threading.Thread | None = None

    @contextmanager
    def request(self) -> Iterator[InFlightRequest]:
        """A call under guard, from here to the end of the block."""
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
        """A new connection; those that were closed meanwhile are forgotten."""
        with self._lock:
            self._lines = {known for known in self._lines if known.fileno() != -1} | {line}

    def shut_down(self) -> None:
        """End every read at once."""
        with self._lock:
            _shut_down(self._lines)

    def close(self) -> None:
        """End the guard."""
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
        """Where headers trickle, the socket is not known: it is one of those that no call has claimed.

        The few innocent ones among them lose one try.
        """
        return self._lines - {call.sock for call in self._calls if call.sock}


def _shut_down(lines: set[socket.socket]) -> None:
    for line in lines:
        with suppress(
            OSError
        ):  # closed already; and past SSLSocket.shutdown, which would take the reader's TLS away
            socket.socket.shutdown(line, socket.SHUT_RDWR)
