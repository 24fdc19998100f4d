"""Limits how many requests leave, and when: one sliding log for all threads, runs and processes of one key.

A request -> a wait, if the log in SQLite or a pause that PostHog asked for demands one. SQLite is in Python, survives a
kill, and lets two processes share one log. DECISIONS 11 says why pyrate-limiter does not fit.
"""

from __future__ import annotations

import hashlib
import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import TypeVar

from sources.posthog.client.origin import is_cloud

log = logging.getLogger("hogsync")
T = TypeVar("T")

MINUTE, HOUR = 60.0, 3600.0
SECONDS_A_REQUEST, IN_FLIGHT = 0.3, 8
"""What a request usually takes, and how many are sent at a time: only where no limit makes them wait longer."""
SKEW = 5.0  # entries further in the future than this come from a clock that was moved back: not counted
DAMAGED = {
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_ERROR,
}  # SQLITE_ERROR: the table layout differs
TABLES = """
CREATE TABLE IF NOT EXISTS sent (budget TEXT NOT NULL, at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS sent_at ON sent (budget, at);
CREATE TABLE IF NOT EXISTS pauses (budget TEXT PRIMARY KEY, asked REAL NOT NULL, until REAL NOT NULL);
SELECT budget, at FROM sent LIMIT 1;
SELECT budget, asked, until FROM pauses LIMIT 1;
"""
NTH_NEWEST = """
SELECT at FROM sent WHERE budget = ? AND at > ? AND at <= ? ORDER BY at DESC LIMIT 1 OFFSET ?
"""


@dataclass(frozen=True, slots=True)
class Rate:
    """Requests allowed in any minute and in any hour; None is no limit until the first 429."""

    per_minute: int | None = None
    per_hour: int | None = None

    def __post_init__(self) -> None:
        if any(n is not None and n < 1 for n in (self.per_minute, self.per_hour)):
            raise ValueError("A rate must allow at least one request per minute and per hour.")

    def or_else(self, usual: Rate) -> Rate:
        """Return this rate, with the limits of `usual` where none is set."""
        return Rate(self.per_minute or usual.per_minute, self.per_hour or usual.per_hour)

    def minutes(self, requests: int) -> int:
        """Return about how many minutes so many requests take, one at least."""
        answered = requests * SECONDS_A_REQUEST / IN_FLIGHT / MINUTE
        full_hours = (requests - 1) // self.per_hour if self.per_hour else 0
        rest = requests - full_hours * (self.per_hour or 0)
        allowed = full_hours * HOUR / MINUTE + (rest / self.per_minute if self.per_minute else 0)
        return max(1, ceil(max(answered, allowed)))


NO_LIMIT = Rate()
CLOUD_RATE = Rate(per_minute=240, per_hour=2400)
"""Half of the limits that PostHog publishes: the key's team may have other programs."""


def rate_for(origin: str, asked: Rate) -> Rate:
    """Return the rate of requests to a server, by the limits that are set: PostHog's own has limits without them."""
    return asked.or_else(CLOUD_RATE) if is_cloud(origin) else asked


def budget_name(origin: str, key: str) -> str:
    """Return the name of a key's request log: a digest, the same on every machine."""
    return hashlib.sha256(f"{origin}\0{key}".encode()).hexdigest()[:32]


class RateLimiter:
    """The request log of one key at one origin; thread-safe. Without a file it lives in memory."""

    def __init__(self, rate: Rate, origin: str, key: str, file: Path | None = None) -> None:
        self._rate = rate
        self._name = budget_name(origin, key)
        self._lock = threading.Lock()
        self._until = 0.0  # end of the pause, on the monotonic clock
        self._announced = 0.0
        self._closed = False
        self._used: float | None = None
        self._db = _open(file)

    def acquire(self) -> float:
        """Return 0 if one request may leave now, and log it; else the seconds after which to ask again."""
        with self._lock:
            delay, why = self._safely(self._take)
            if delay > SKEW and time.monotonic() >= self._announced:
                self._announced = time.monotonic() + min(delay, MINUTE)
                log.warning("%s: waiting %s", why, _span(delay))
            return delay

    def paused(self) -> float:
        """Return the seconds left of the pause that PostHog asked for; 0 or less if there is none."""
        return self._until - time.monotonic()

    def pause(self, seconds: float) -> None:
        """Let no request leave for that long, from any thread, process or later run."""
        with self._lock:
            if seconds <= self.paused():
                return
            self._until = time.monotonic() + seconds
            if self._until > self._announced + 1:
                log.warning("PostHog asks to wait %s", _span(seconds))
            self._announced = max(self._announced, self._until)
            now = time.time()
            row = (self._name, now, now + seconds)
            self._safely(lambda: self._db.execute("REPLACE INTO pauses VALUES (?, ?, ?)", row))

    def apply_published_limits(self) -> None:
        """Apply half of the published limits for the rest of the run where no limit was set; called after a 429."""
        with self._lock:
            self._rate = self._rate.or_else(CLOUD_RATE)

    @property
    def per_hour(self) -> int | None:
        """Return how many requests may leave in an hour; None is no limit."""
        return self._rate.per_hour

    def used(self) -> float | None:
        """Return which part of the budget is used, the minute's or the hour's, the larger one; None without one.

        After `close` it is the part that was used then.
        """
        with self._lock:
            if self._closed:
                return self._used
            now, limits = time.time(), ((MINUTE, self._rate.per_minute), (HOUR, self._rate.per_hour))
            return max(
                (self._sent_within(now, span) / limit for span, limit in limits if limit), default=None
            )

    def left(self) -> int | None:
        """Return how many requests may leave at once before the hour's budget is spent; None if it has no limit."""
        limit = self._rate.per_hour
        if limit is None:
            return None
        with self._lock:
            return max(0, limit - self._sent_within(time.time(), HOUR))

    def _sent_within(self, now: float, seconds: float) -> int:
        sql = "SELECT count(*) FROM sent WHERE budget = ? AND at > ?"
        found = self._safely(lambda: self._db.execute(sql, (self._name, now - seconds)).fetchone())
        return int(found[0])

    def close(self) -> None:
        """Close the file."""
        used = self.used()
        with self._lock:
            self._used, self._closed = used, True
            self._db.close()

    def _take(self) -> tuple[float, str]:
        now = time.time()
        self._db.execute("BEGIN IMMEDIATE")
        self._db.execute("DELETE FROM sent WHERE budget = ? AND at <= ?", (self._name, now - HOUR))
        delay, why = max(
            (self._pause_left(now), "PostHog asked for a pause"),
            (
                self._window_left(now, MINUTE, self._rate.per_minute),
                "The request budget of this minute is spent",
            ),
            (self._window_left(now, HOUR, self._rate.per_hour), "The request budget of this hour is spent"),
        )
        if delay <= 0:
            self._db.execute("INSERT INTO sent VALUES (?, ?)", (self._name, now))
        self._db.execute("COMMIT")
        return max(delay, 0.0), why

    def _pause_left(self, now: float) -> float:
        row = self._db.execute("SELECT asked, until FROM pauses WHERE budget = ?", (self._name,)).fetchone()
        if row and row[0] <= now + SKEW and row[1] - now > self.paused() + 1:  # of another process or run
            self._until = time.monotonic() + row[1] - now
        return self.paused()

    def _window_left(self, now: float, seconds: float, limit: int | None) -> float:
        """Return the seconds until the limit-th newest request leaves the window."""
        if limit is None:
            return 0.0
        row = self._db.execute(NTH_NEWEST, (self._name, now - seconds, now + SKEW, limit - 1)).fetchone()
        return float(row[0]) + seconds - now if row else 0.0

    def _safely(self, work: Callable[[], T]) -> T:
        """Do `work`; after a full disk or a damaged file, do it with a log in memory, so that the run does not end."""
        try:
            return work()
        except sqlite3.Error as error:
            log.warning("The request budget can no longer be written (%s): this run counts for itself", error)
            self._db.close()
            self._db = _connect(":memory:")
            return work()


def _open(file: Path | None) -> sqlite3.Connection:
    """Open the log's file; a damaged one is replaced, and if there can be no file, the log is in memory."""
    if file is None:
        return _connect(":memory:")
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.touch(mode=0o600)
        try:
            return _connect(str(file))
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode not in DAMAGED:
                raise
        log.warning("The request budget in %s was damaged and starts afresh", file)
        for part in (file, Path(f"{file}-journal")):
            part.unlink(missing_ok=True)
        file.touch(mode=0o600)
        return _connect(str(file))
    except (OSError, sqlite3.Error) as error:
        log.warning("The request budget cannot be kept in %s (%s): this run counts for itself", file, error)
        return _connect(":memory:")


def _connect(place: str) -> sqlite3.Connection:
    db = sqlite3.connect(place, timeout=5, isolation_level=None, check_same_thread=False)
    try:
        # Not waiting for the disk is safe against a kill; after a power cut a damaged log is dropped.
        db.executescript(f"PRAGMA synchronous = OFF; PRAGMA journal_mode = TRUNCATE; {TABLES}")
    except sqlite3.Error:
        db.close()
        raise
    return db


def _span(seconds: float) -> str:
    """Return `36 min, until 14:05`, in local time."""
    until = time.localtime(time.time() + seconds)
    if seconds < 2 * MINUTE:
        return f"{ceil(seconds)} s, until {time.strftime('%H:%M:%S', until)}"
    return f"{ceil(seconds / MINUTE)} min, until {time.strftime('%H:%M', until)}"
