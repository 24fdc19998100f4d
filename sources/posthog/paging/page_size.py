"""Decides how many rows a page is asked for: as many as the server sends within a second, for requests are metered.

A list begins with 1,000 rows, or with what it ended with in the run before. Each full page tells how long the next one
may take and how large it may be; a slow server is asked for no smaller pages than before, unless it times out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

USUAL_ROWS, MOST_ROWS = 1000, 10_000
SMALLEST_PAGE = 25
QUICK = 1.0
"""Seconds that a page may always take."""
PART_OF_LIMIT = 4
"""A page may have a quarter of the bytes from which on it is refused."""


def next_rows(rows: int, seconds: float, size: int, *, usual: float, most: int, max_bytes: int) -> int:
    """Return how many rows to ask for after a full page of `rows`, which took `seconds` and had `size` bytes.

    `usual` is how long 1,000 rows take: a page may take a second, or twice that where it is more.
    """
    in_time = rows * max(QUICK, 2 * usual) / max(seconds, 0.001)
    in_size = rows * max_bytes / PART_OF_LIMIT / max(size, 1)
    return max(USUAL_ROWS, int(min(in_time, in_size, most)) // USUAL_ROWS * USUAL_ROWS)


@dataclass(slots=True)
class PageSize:
    """The size of one list's pages; safe to measure from several threads, for each page has its own entry."""

    rows: int
    """How many rows the next page is asked for."""
    most: int = 0
    """How many a page may have; 0 if the size does not follow the answers."""
    max_bytes: int = 256 << 20
    _usual: float = 0.0
    _answers: dict[int, tuple[float, int]] = field(default_factory=dict)

    def measured(self, params: Mapping[str, str | int], seconds: float, size: int) -> None:
        """Note how long the answer to a request took, and how many bytes it had."""
        self._answers[int(params.get("offset", 0))] = seconds, size

    def follow(self, offset: int, asked: int, rows: int, step: int) -> None:
        """Let the next page follow from the one at an offset: so many rows were asked for, came, and are passed."""
        seconds, size = self._answers.pop(offset, (0.0, 0))
        if step < asked:  # the server has a maximum of its own
            self.rows = self.most = min(self.rows, max(step, 1))
        elif self.most > USUAL_ROWS and seconds and rows >= asked:
            if rows <= USUAL_ROWS:
                self._usual = self._usual or seconds * USUAL_ROWS / max(rows, 1)
            if not self._usual and seconds > QUICK:
                self.rows = USUAL_ROWS  # a larger page does not tell how long 1,000 rows take
                return
            self.rows = next_rows(
                rows, seconds, size, usual=self._usual, most=self.most, max_bytes=self.max_bytes
            )

    @property
    def worth_keeping(self) -> int | None:
        """Return what the next run may begin with; None if it is to begin as usual."""
        return max(self.rows, USUAL_ROWS) if self.most else None

    def shrink(self, asked: int, *, timed_out: bool) -> bool:
        """Ask for less after a page of so many rows failed, and never for more; return whether less can be asked for.

        A page that timed out has a quarter of the rows next, any other one of more than 1,000 rows has 1,000.
        """
        least = SMALLEST_PAGE if timed_out else USUAL_ROWS
        if asked <= least:
            return False
        self.rows = self.most = min(self.rows, max(least, asked // 4) if timed_out else least)
        return True
