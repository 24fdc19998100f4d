"""Which states begin and which end, as a table of cases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pipelines.alerts.states import Observation, decide, told
from pipelines.bookkeeping.alerts import Alert, AlertKey

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
KEY: AlertKey = ("cohorts", "failure")
NEW = Alert(connection="eu", table_name="cohorts", kind="failure", since=NOW, text="it fails")
STANDS = replace(NEW, since=NOW - 3 * HOUR, told_at=NOW - 3 * HOUR)
UNTOLD = replace(STANDS, told_at=None)
ENDED = replace(STANDS, cleared_at=NOW - 2 * HOUR, told_at=NOW - HOUR)
END_UNTOLD = replace(STANDS, cleared_at=NOW - HOUR)
BOTH_UNTOLD = replace(UNTOLD, cleared_at=NOW - HOUR)
FAILS = Observation(found={KEY: "it fails"}, judged=frozenset({KEY}))
WORKS = Observation(judged=frozenset({KEY}))
UNREAD = Observation()

CASES: dict[str, tuple[Alert | None, Observation, Alert | None]] = {
    "a first good run shows nothing": (None, WORKS, None),
    "a state begins": (None, FAILS, NEW),
    "a state that stands is not begun again": (STANDS, FAILS, None),
    "a state that nobody heard of stands as it is": (UNTOLD, FAILS, None),
    "a state ends": (STANDS, WORKS, replace(STANDS, cleared_at=NOW)),
    "a state that nobody heard of ends, too": (UNTOLD, WORKS, replace(UNTOLD, cleared_at=NOW)),
    "what a run did not judge stays": (STANDS, UNREAD, None),
    "a state that has ended is not ended again": (ENDED, WORKS, None),
    "a state begins anew": (ENDED, FAILS, NEW),
    "a state whose end nobody heard of goes on": (END_UNTOLD, FAILS, STANDS),
    "a state that nobody heard of at all goes on": (BOTH_UNTOLD, FAILS, UNTOLD),
    "a state ends after it was told, also if the clock was set back": (
        replace(STANDS, told_at=NOW + HOUR),
        WORKS,
        replace(STANDS, told_at=NOW + HOUR, cleared_at=NOW + HOUR + timedelta(microseconds=1)),
    ),
    "what happens once begins and ends at once": (
        None,
        Observation(happened={KEY: "it fails"}),
        replace(NEW, cleared_at=NOW),
    ),
}


@pytest.mark.parametrize(("before", "seen", "expected"), CASES.values(), ids=CASES)
def test_a_run_begins_and_ends_states(
    before: Alert | None, seen: Observation, expected: Alert | None
) -> None:
    changed = decide("eu", [before] if before else [], seen, NOW)
    assert changed == ((expected,) if expected else ())


@pytest.mark.parametrize(
    ("alert", "waits"),
    [(NEW, True), (STANDS, False), (UNTOLD, True), (ENDED, False), (END_UNTOLD, True), (BOTH_UNTOLD, True)],
)
def test_a_state_waits_until_its_last_change_is_told(alert: Alert, waits: bool) -> None:  # noqa: FBT001  a case
    assert alert.untold is waits
    assert not told(alert, NOW - 9 * HOUR).untold
