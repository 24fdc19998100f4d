"""Defines the findings of `hogsync check`: one for each check."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check."""

    about: str
    """settings, posthog, scopes, warehouse, or the name of a table."""
    ok: bool | None
    """True: in order, False: not in order, None: for information."""
    text: str
    """One sentence; if something is not in order, it also says what to do."""
    exit_code: int = 0
    """The exit code of `check` if no finding is more urgent; 0 for none."""


def fine(about: str, text: str) -> Finding:
    """Return a finding that is in order."""
    return Finding(about, ok=True, text=text)


def note(about: str, text: str) -> Finding:
    """Return a finding for information."""
    return Finding(about, ok=None, text=text)


def wrong(about: str, text: str, exit_code: int = 0) -> Finding:
    """Return a finding that is not in order."""
    return Finding(about, ok=False, text=text, exit_code=exit_code)
