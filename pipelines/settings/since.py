"""Parses the times and spans that a person writes on the command line."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from pipelines.errors import UsageError
from pipelines.settings import parse


def parse_since(option: str, text: str, now: datetime, *, whole_day: bool = False) -> datetime:
    """Return the time of an ISO 8601 text, UTC by default, or of a span before now: 30m, 12h, 2d, 1w.

    With `whole_day` a date without a time means the end of that day. Raises UsageError for other texts.
    """
    words = text.strip()
    try:
        if words[-1:].lower() in parse.SPAN:
            return now - parse.span(words)
        found = datetime.fromisoformat(words)
        found = found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC)
        is_date = re.fullmatch(r"[\dW-]+", words)
        return found + timedelta(days=1, microseconds=-1) if whole_day and is_date else found
    except (ValueError, OverflowError):
        raise UsageError(
            f"{option} is {text!r}, but must be a date, a time or a span: 2026-11-20, 2026-11-20T08:00:00Z or 2d."
        ) from None


def past(option: str, text: str, now: datetime) -> datetime:
    """Return the same as `parse_since`; raises UsageError for a time in the future."""
    found = parse_since(option, text, now)
    if found > now:
        raise UsageError(f"{option} is {text!r}, which is in the future; give a time that is past.")
    return found
