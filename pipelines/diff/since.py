"""Since when: the times and spans that a person writes."""

from __future__ import annotations

from datetime import datetime, timedelta

from pipelines.errors import UsageError
from pipelines.settings import notation


def parsed(text: str, now: datetime) -> datetime:
    """A time as ISO 8601 has it, of UTC unless it says otherwise, or a span until now: 30m, 12h, 2d, 1w."""
    try:
        found = _moment(text.strip(), now)
    except (ValueError, OverflowError):
        raise UsageError(
            f"--since is {text!r}, but must be a date, a time or a span: 2026-11-20, 2026-11-20T08:00:00Z or 2d."
        ) from None
    if found > now:
        raise UsageError(f"--since is {text!r}, which is still to come.")
    return found


def _moment(text: str, now: datetime) -> datetime:
    if text[-1:].isalpha() and text[-1:] not in "Zz":
        span = notation.span(text)
        return now - span if isinstance(span, timedelta) else now
    return notation.moment(text)
