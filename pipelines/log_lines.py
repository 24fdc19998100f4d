"""Formats log records that hold no secret: as text for a person, or as JSON for a collector of logs.

Each line says which run, connection and table it is about: a record's `extra` if it has one, else this process.
"""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime

from pipelines.console import as_json

ABOUT = ("run_id", "connection", "table")

concerned: dict[str, str] = {}
"""What the lines of this process are about, and under `prefix` how a line of text begins."""


class JsonLines(logging.Formatter):
    """One JSON object per line, with null for what the line is not about."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a redacted record."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {
            "time": at.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **{name: getattr(record, name, None) or concerned.get(name) for name in ABOUT},
        }
        return as_json(line | ({"exception": record.exc_text} if record.exc_text else {}))


class TextLines(logging.Formatter):
    """Lines for a person; where there are several connections, each begins with that of this process."""

    def __init__(self, *, bare: bool) -> None:
        """`bare` omits time and level, for a terminal."""
        head = "" if bare else "%(asctime)s %(levelname)s "
        super().__init__(f"{head}%(prefix)s%(message)s", "%Y-%m-%dT%H:%M:%SZ")
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines of a redacted record."""
        record.prefix = concerned.get("prefix", "")
        return super().format(record)
