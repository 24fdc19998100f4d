"""Advises what to do about a table's state: one sentence, from what its run records tell.

The most urgent state comes first: a run that failed explains why a table is stale, and a warning can wait.
"""

from __future__ import annotations

from collections.abc import Mapping

from pipelines.bookkeeping.run_facts import TableFacts
from pipelines.status.trouble import Trouble
from sources.posthog.catalogue import ENDPOINTS
from sources.posthog.extract.run_warnings import Kind

TROUBLES: Mapping[Trouble, str] = {
    "refused": "Run `hogsync check{connection}`, then mend or replace the key.",
    "failed run": "Run `hogsync check{connection}`: it says which of settings, PostHog and warehouse does not work.",
    "not derived": "Mend what the error names; the next sync writes what is missing.",
    "failed table": (
        "`hogsync sync{table}{options}` reads it again; if that fails, too, run `hogsync check{connection}`."
    ),
}
"""What to do about the trouble of a table's latest run."""
NEVER = "Run `hogsync sync{table}{options}`, or leave the table out of [selection] tables and of the groups."
STALE = (
    "Check that `hogsync schedule`, or the job that starts `hogsync sync`, still runs; "
    "`hogsync sync{options}` brings the rows of now."
)
UNAVAILABLE = (
    "Run `hogsync check{connection}`: it names the scope or plan that is missing; add that, or leave the table out of "
    "[selection] tables."
)
WARNINGS: Mapping[Kind, str] = {
    "deletes held": "Run `hogsync sync{table}{options} --accept-deletes` if these rows are really gone.",
    "lost access": UNAVAILABLE,
    "rejected rows": "Look up in PostHog the rows that the warning names; the next sync tries to store them again.",
}
"""What to do about a warning of a table."""


def remedy(
    table: str, facts: TableFacts, trouble: Trouble | None, *, stale: bool, options: str = ""
) -> str | None:
    """Return what to do about a table, None if nothing.

    `table` is empty if nothing was ever synced; `options` are those of `Settings.options`.
    """
    words = {
        "table": f" {table}" if table in ENDPOINTS else "",  # people cannot be named: every sync brings them
        "options": options,
        "connection": options.replace(" --sandbox", ""),  # `hogsync check` looks at no sandbox
    }
    advice = TROUBLES[trouble] if trouble else _advice(facts, stale=stale)
    return advice.format_map(words) if advice else None


def _advice(facts: TableFacts, *, stale: bool) -> str | None:
    if facts.last_success_at is None:
        return NEVER
    if stale:
        return STALE
    kinds = [warning["kind"] for warning in facts.warnings]
    found = next((advice for kind, advice in WARNINGS.items() if kind in kinds), None)
    return found or (UNAVAILABLE if facts.status == "unavailable" else None)
