"""Keeps states that cannot be written to the warehouse, in `HOGSYNC_HOME/alerts.json`, until it can be written again.

So a warehouse that is away for a night is told once, and its return once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from pipelines.atomic_file import write_atomically
from pipelines.bookkeeping.alerts import Alert
from pipelines.bookkeeping.local_state import name
from pipelines.settings import Settings

FILE = "alerts.json"
TIMES = ("since", "told_at", "cleared_at")


def kept_alerts(settings: Settings) -> list[Alert]:
    """Return the states that are kept for the dataset of these settings; none if the file cannot be read."""
    return [_alert(row) for row in _content(settings.home / FILE).get(name(settings), ())]


def keep_alerts(settings: Settings, alerts: Iterable[Alert]) -> None:
    """Keep these states and no others for the dataset of these settings."""
    file, rows = settings.home / FILE, [asdict(alert) for alert in alerts]
    content = {**_content(file), name(settings): rows}
    with suppress(OSError):  # then each run tells anew: better than nobody
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(
            file, json.dumps({place: kept for place, kept in content.items() if kept}, default=str)
        )


def _content(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _alert(row: dict[str, Any]) -> Alert:
    times = {key: datetime.fromisoformat(row[key]) if row[key] else None for key in TIMES}
    return Alert(**{**row, **times})
