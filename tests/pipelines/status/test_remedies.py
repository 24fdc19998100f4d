"""What is wrong with a table, and what to do about it, by its run records."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from pipelines.bookkeeping.run_facts import LastRun, TableFacts
from pipelines.status.remedies import remedy
from pipelines.status.trouble import trouble

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


def facts(**known: Any) -> TableFacts:
    return TableFacts(**{"last_success_at": NOW, "status": "loaded", "run_status": "ok", **known})


def last_run(status: str, *, has_tables: bool = False) -> LastRun:
    return LastRun(started_at=NOW, status=status, error="why", warnings=[], has_tables=has_tables)


@pytest.mark.parametrize(
    ("known", "last", "expected"),
    [
        (facts(), None, None),
        (facts(), last_run("ok", has_tables=True), None),
        (facts(status="unavailable"), last_run("ok", has_tables=True), None),
        (facts(status="failed", run_status="partial"), last_run("partial", has_tables=True), "failed table"),
        (facts(run_status="partial"), last_run("partial", has_tables=True), None),  # another table failed
        (facts(run_status="partial", error="history"), last_run("partial", has_tables=True), "not derived"),
        (facts(status="failed", run_status="failed"), last_run("failed", has_tables=True), "failed run"),
        (facts(run_status="refused"), last_run("refused", has_tables=True), "refused"),
        (facts(), last_run("refused"), "refused"),  # of all tables, whatever came of them before
        (facts(), last_run("failed"), "failed run"),
        (facts(run_status="refused"), last_run("ok"), None),
        (TableFacts(), last_run("refused"), "refused"),
        (TableFacts(), None, None),
    ],
)
def test_the_latest_run_says_what_went_wrong(
    known: TableFacts, last: LastRun | None, expected: str | None
) -> None:
    assert trouble(known, last) == expected


def warned(*kinds: str) -> TableFacts:
    return facts(warnings=[{"table": "cohorts", "path": "", "kind": kind, "text": "why"} for kind in kinds])


@pytest.mark.parametrize(
    ("known", "wrong", "stale", "expected"),
    [
        (facts(), None, False, None),
        (facts(), "refused", True, "mend or replace the key"),
        (facts(), "failed run", True, "which of settings, PostHog and warehouse does not work"),
        (facts(), "failed table", False, "`hogsync sync cohorts` reads it again"),
        (facts(), "not derived", False, "Mend what the error names"),
        (facts(last_success_at=None), None, True, "`hogsync sync cohorts`"),
        (warned("deletes held"), None, True, "Check that `hogsync schedule`, or the job"),
        (warned("rejected rows", "deletes held"), None, False, "`hogsync sync cohorts --accept-deletes`"),
        (warned("lost access"), None, False, "names the scope or plan that is missing"),
        (warned("rejected rows"), None, False, "Look up in PostHog the rows"),
        (facts(status="unavailable"), None, False, "names the scope or plan that is missing"),
    ],
)
def test_the_most_urgent_state_of_a_table_has_a_remedy(
    known: TableFacts, wrong: Any, expected: str | None, *, stale: bool
) -> None:
    found = remedy("cohorts", known, wrong, stale=stale)
    assert found == expected if expected is None else expected in (found or "")


@pytest.mark.parametrize("wrong", ["refused", "failed run", "failed table", "not derived", None])
@pytest.mark.parametrize("known", [facts(), TableFacts(), warned("deletes held")])
def test_a_remedy_is_a_sentence_that_names_the_connection_where_there_are_several(
    known: TableFacts, wrong: Any
) -> None:
    found = remedy("cohorts", known, wrong, stale=True, options=" --connection eu") or ""
    assert found.endswith(".")
    assert "{" not in found
    assert "--connection eu" in found or wrong == "not derived"


def test_a_remedy_names_no_table_that_cannot_be_named() -> None:
    assert "`hogsync sync`" in (remedy("people", TableFacts(), None, stale=True) or "")
    assert "`hogsync sync`" in (remedy("", TableFacts(), None, stale=True) or "")


def test_a_remedy_of_the_sandbox_leads_to_no_posthog() -> None:
    found = remedy("cohorts", facts(), "failed table", stale=True, options=" --sandbox") or ""
    assert found.startswith("`hogsync sync cohorts --sandbox` reads it again")
    assert "`hogsync check`" in found
