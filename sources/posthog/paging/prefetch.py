"""Requests pages before their turn, several at a time.

Path and query -> a `PendingPage`, or None if no place is free. All lists of a run share the places, which bounds the
memory: a decoded page takes five times its text.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

Get = Callable[[str, Mapping[str, str | int]], Any]
"""Returns the decoded answer at a path below `/api/`, for a query."""
Measured = Callable[[Mapping[str, str | int], float, int], None]
"""Called with the query, the seconds and the bytes of each answer."""
ROWS_A_PLACE = 1000


@dataclass(frozen=True, slots=True)
class PendingPage:
    """A page that was requested ahead; it keeps its place among those in flight until it is taken or dropped."""

    page: Future[Any]
    leave: Callable[[], None]

    def take(self) -> Any:
        """Wait for the page; raises what its request raised."""
        try:
            return self.page.result()
        finally:
            self.leave()

    def drop(self) -> None:
        """Drop the page; a request that was not sent yet never is."""
        self.page.cancel()
        self.leave()


class Prefetcher:
    """Sends requests ahead of their turn; all lists of a run share `most` places, which bounds the memory."""

    def __init__(self, get: Callable[..., Any], most: int) -> None:
        self._get = get
        self._free = most
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(max(1, most), thread_name_prefix="hogsync-ahead")

    def __call__(
        self, path: str, params: Mapping[str, str | int], measured: Measured | None = None
    ) -> PendingPage | None:
        """Request a page; None if no place is free. A large page takes several places."""
        needed = max(1, int(params.get("limit", 0)) // ROWS_A_PLACE)
        if not self._take(needed):
            return None
        told = {} if measured is None else {"measured": measured}
        try:
            return PendingPage(
                self._pool.submit(self._get, path, params, **told), partial(self._give, needed)
            )
        except RuntimeError:  # there is no room for one more thread
            self._give(needed)
            return None

    def _take(self, places: int) -> bool:
        with self._lock:
            if places > self._free:
                return False
            self._free -= places
            return True

    def _give(self, places: int) -> None:
        with self._lock:
            self._free += places

    def close(self) -> None:
        """Send no more requests."""
        self._pool.shutdown(wait=False, cancel_futures=True)
