"""One run as it is recorded and shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sources.posthog.extract.run_warnings import RunWarning

RunStatus = Literal["ok", "partial", "failed", "refused", "interrupted"]
Trigger = Literal["manual", "schedule", "backfill"]
AlertKind = Literal[
    "failure",
    "refused_key",
    "warehouse",
    "stale",
    "lost_scope",
    "held_deletes",
    "rejected_rows",
    "row_drop",
    "watch",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run, as it is recorded."""

    run_id: str
    started_at: datetime
    finished_at: datetime
    status: RunStatus
    trigger: Trigger
    version: str
    error: str | None = None
    warnings: tuple[RunWarning, ...] = ()
