"""Decides what went wrong in a table's latest run. A pure function of its run records."""

from __future__ import annotations

from typing import Literal

from pipelines.bookkeeping.run_facts import LastRun, TableFacts

Trouble = Literal["refused", "failed run", "failed table", "not derived"]


def trouble(facts: TableFacts, last_run: LastRun | None) -> Trouble | None:
    """Return what went wrong in a table's latest run, None if nothing.

    A latest run without the result of any table concerns every table: the key is refused, or nothing could be read.
    """
    status, error = facts.run_status, facts.error
    if last_run and not last_run.has_tables:
        status, error = last_run.status, last_run.error
    if status == "refused":
        return "refused"
    if status == "failed":
        return "failed run"
    if facts.status == "failed":
        return "failed table"
    return "not derived" if status == "partial" and error else None
