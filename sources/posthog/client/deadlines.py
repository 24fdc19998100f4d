"""Ends a request that takes too long, or whose run is stopped: waits for its bytes in short steps.

httpx's own read time-out starts anew with every byte, so one byte a second in body or headers passes it.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Any

import httpcore

from sources.posthog.client.response import RetryableResponse

SLOW = "The server or the network is too slow; try again later, or ask for smaller pages ([lists] page_size)."
STEP = 0.2
"""Seconds after which a waiting read looks at the clock."""


class Connections(httpcore.SyncBackend):
    """Opens connections; a thread's request ends `seconds` after `begin`, or when `check_stopped` raises."""

    def __init__(self, seconds: float, check_stopped: Callable[[], None]) -> None:
        self._seconds = seconds
        self._check_stopped = check_stopped
        self._request = threading.local()

    def begin(self) -> None:
        """Start the time of this thread's request: when it connects, and again when it is sent."""
        self._check_stopped()
        self._request.end = time.monotonic() + self._seconds

    def check(self) -> None:
        """Raise what ends this thread's request, if it is to end."""
        self._check_stopped()
        if time.monotonic() > self._request.end:
            raise RetryableResponse(f"the answer took longer than {self._seconds:g} s", SLOW)

    def connect_tcp(self, *args: Any, **kwargs: Any) -> httpcore.NetworkStream:
        """Open a connection."""
        self.begin()
        return Connection(super().connect_tcp(*args, **kwargs), self.check)


class Connection(httpcore.NetworkStream):
    """A connection that calls `check` at each step of a read."""

    def __init__(self, stream: httpcore.NetworkStream, check: Callable[[], None]) -> None:
        self._stream = stream
        self._check = check
        # All but reading is the stream's own; a method for each would only forward.
        self.write = stream.write  # type: ignore[method-assign]
        self.close = stream.close  # type: ignore[method-assign]
        self.get_extra_info = stream.get_extra_info  # type: ignore[method-assign]

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return the next bytes; raises ReadTimeout if none come for `timeout` seconds."""
        given_up = time.monotonic() + (math.inf if timeout is None else timeout)
        while True:
            self._check()
            try:
                return self._stream.read(max_bytes, STEP)
            except httpcore.ReadTimeout:
                if time.monotonic() >= given_up:
                    raise

    def start_tls(self, *args: Any, **kwargs: Any) -> httpcore.NetworkStream:
        """Return this connection with TLS."""
        return Connection(self._stream.start_tls(*args, **kwargs), self._check)
