"""What is remembered of a list between runs: how far it was read, and with which key."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """What is remembered of a list path between runs (`_hogsync_paths`)."""

    path: str
    table: str
    watermark: datetime | None = None
    open_floor: datetime | None = None
    last_walk_at: datetime | None = None
    last_complete_at: datetime | None = None
    first_complete_at: datetime | None = None
    """When it was first known as a whole: what it held by then may be older than that."""
    fingerprint: str | None = None
    rows: int = 0
    gap: int = 0
    held: int = 0
    moved: str | None = None
    """What the row above it said when it was last walked (`Endpoint.parent_cursor`), and to which key."""


MIXED_KEYS = "several keys"
"""The fingerprint of a list whose stored rows were seen by several keys: no key's walk may end them."""


class PositionStore(Protocol):
    """What is remembered of list paths."""

    def position(self, path: str) -> Position | None:
        """The path's position, if it was ever read."""

    def was_read(self, table: str) -> bool:
        """Whether any list of the table was ever read."""

    def held(self, path: str) -> frozenset[str]:
        """Row keys whose death the last complete walk held."""
