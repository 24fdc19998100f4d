"""Options of an extraction, as the user chose them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Window:
    """A range of time that is read again; both ends belong to it."""

    since: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """What the user asked of a run's reading."""

    started: datetime
    page_size: int = 1000
    full: bool = False
    full_every: timedelta = timedelta(days=1)
    full_every_of: Mapping[str, timedelta] = field(default_factory=dict)
    """By table, where it differs."""
    sweep_every: timedelta = timedelta(days=1)
    """How often a list below a row is asked at least: a delivery can be sent by hand."""
    accept_deletes: bool = False
    new_columns: int = 100
    window: Window | None = None
    """Of a backfill: what is read is loaded, nothing is concluded from what was not met, and no list's place moves."""
