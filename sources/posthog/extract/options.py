"""Options of an extraction, as the user chose them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal


@dataclass(frozen=True, slots=True)
class Window:
    """A range of time that is read again, both ends included."""

    since: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """The options of one extraction."""

    started: datetime
    page_size: int = 1000
    page_bytes: int = 256 << 20
    """A larger page is refused."""
    full: bool = False
    anew: frozenset[str] = frozenset()
    """Tables whose lists are read in full, because their rows must be stored anew."""
    full_every: timedelta = timedelta(days=1)
    full_every_of: Mapping[str, timedelta] = field(default_factory=dict)
    """By table, where it differs."""
    sweep_every: timedelta = timedelta(days=1)
    """Longest time between two requests of a list that shows no change: a delivery can be sent by hand."""
    announcements: Literal["auto", "always", "never"] = "never"
    """Whether lists are skipped of which the audit log announces no change."""
    accept_deletes: bool = False
    new_columns: int = 100
    window: Window | None = None
    """Of a backfill: its rows are loaded, but no deletion is concluded and no position changes."""

    def reads_all(self, table: str) -> bool:
        """Return whether the lists of a table are read in full."""
        return self.full or table in self.anew
