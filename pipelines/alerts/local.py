"""Keeps states that cannot be written to the warehouse, in `HOGSYNC_HOME/alerts.json`, until it can be written again.

If the warehouse is away for a night, hogsync tells so once, and tells once that the warehouse is back. If another
process holds the warehouse when a run ends, a later run tells the states of that run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from filelock import FileLock

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
    """Keep these states for the dataset of these settings, beside those of other keys."""
    given = list(alerts)
    keys = {alert.key for alert in given}
    _change(settings, lambda kept: [*(one for one in kept if one.key not in keys), *given])


def forget_alerts(settings: Settings, alerts: Iterable[Alert]) -> None:
    """Keep these states no longer; one that has changed meanwhile stays."""
    gone = list(alerts)
    _change(settings, lambda kept: [one for one in kept if one not in gone])


def _change(settings: Settings, change: Callable[[list[Alert]], list[Alert]]) -> None:
    """Rewrite the states of the dataset of these settings; other connections' processes write the same file."""
    file = settings.home / FILE
    with suppress(OSError):  # then each run tells anew: better than nobody
        file.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{file}.lock", mode=0o600):
            rows = [asdict(alert) for alert in change(kept_alerts(settings))]
            content = {**_content(file), name(settings): rows}
            kept = {place: states for place, states in content.items() if states}
            write_atomically(file, json.dumps(kept, default=str))


def _content(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _alert(row: dict[str, Any]) -> Alert:
    times = {key: datetime.fromisoformat(row[key]) if row[key] else None for key in TIMES}
    return Alert(**{**row, **times})
