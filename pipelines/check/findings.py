"""Findings of `hogsync check`: one for each check."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from pipelines.errors import HogsyncError


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check."""

    about: str
    """settings, posthog, scopes, warehouse, or the name of a table."""
    text: str
    """One sentence; if something is not in order, it also says what to do."""
    exit_code: int = 0
    """The exit code of `check` if no finding is more urgent; 0 for none."""
    ok: bool | None = False
    """True: in order, False: not in order, None: for information."""


wrong = Finding
fine = partial(Finding, ok=True)
note = partial(Finding, ok=None)


def refused(about: str, problem: HogsyncError) -> Finding:
    """Return a finding with the text and the exit code of an error."""
    return wrong(about, str(problem), problem.exit_code)
