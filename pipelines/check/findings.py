"""What `hogsync check` says: one finding for each thing that it looked at."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    about: str
    """settings, posthog, scopes, warehouse, or the name of a table."""
    ok: bool | None
    """Fine, not fine, or None for what is only good to know."""
    text: str
    """One sentence; of what is not fine also what to do."""
    exit_code: int = 0
    """With which `check` ends for this reason, if for no more urgent one; 0 where it is none."""


def fine(about: str, text: str) -> Finding:
    """Looked at and in order."""
    return Finding(about, ok=True, text=text)


def note(about: str, text: str) -> Finding:
    """Good to know."""
    return Finding(about, ok=None, text=text)


def wrong(about: str, text: str, exit_code: int = 0) -> Finding:
    """Not in order."""
    return Finding(about, ok=False, text=text, exit_code=exit_code)
