"""What came of a sync: its run, its tables, its exit code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pipelines.errors import (
    KeyProblem,
)
from pipelines.run import Run, RunStatus
from pipelines.sync.reach import leads_nowhere
from sources.posthog.catalogue import PEOPLE
from sources.posthog.extract.api_key import Key
from sources.posthog.extract.results import TableResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run did, as the run records say it too."""

    run: Run
    requests: int = 0
    tables: Sequence[TableResult] = field(default_factory=tuple)
    exit_code: int = 0
    key: Key | None = None
    """What PostHog told of the key."""
    standing: frozenset[str] = frozenset()
    """Tables with refusals of which their last run has told the same."""


def run_status(
    results: Sequence[TableResult], chosen: Sequence[str], *, refused: bool
) -> tuple[RunStatus, int]:
    """A run's status and exit code, from what came of its tables and of those that were asked for."""
    listed = [result for result in results if result.table != PEOPLE.table]
    unreadable = all(result.status == "unavailable" for result in listed if result.table in chosen)
    if refused or unreadable or leads_nowhere(results, chosen):
        return "refused", KeyProblem.exit_code
    if any(result.status == "failed" for result in results):
        return ("failed" if all(result.status == "failed" for result in listed) else "partial"), 1
    return "ok", 0
