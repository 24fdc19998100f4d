"""What a message says, when it waits, and what it never says."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pipelines.alerts.messages import is_quiet, messages
from pipelines.bookkeeping.alerts import Alert

AT = datetime(2026, 11, 30, 12, tzinfo=UTC)
FAILS = Alert(
    connection="eu", table_name="cohorts", kind="failure", since=AT, text="cohorts failed in 1 of 2 lists."
)
LATER = AT + timedelta(hours=1)
OVER = "cohorts: works again. The state stood from 2026-11-30 12:00 UTC to 2026-11-30 13:00 UTC."


@pytest.mark.parametrize(
    ("alert", "title", "body"),
    [
        (
            FAILS,
            "hogsync: eu, cohorts: failed",
            "cohorts failed in 1 of 2 lists. (Connection eu, 2026-11-30 12:00 UTC.)",
        ),
        (
            replace(FAILS, told_at=AT, cleared_at=LATER),
            "hogsync: eu, cohorts: works again",
            OVER,
        ),
        (
            replace(FAILS, cleared_at=LATER),
            "hogsync: eu, cohorts: works again",
            f"{OVER} It was: cohorts failed in 1 of 2 lists.",
        ),
        (
            replace(FAILS, table_name="owners", kind="watch", text="The owners: 2 rows.", cleared_at=AT),
            "hogsync: eu, owners: has an answer",
            "The owners: 2 rows. (Connection eu, 2026-11-30 12:00 UTC.)",
        ),
        (
            replace(FAILS, table_name="", kind="refused_key", text="PostHog refuses the key."),
            "hogsync: eu, sync: PostHog refuses the key",
            "PostHog refuses the key. (Connection eu, 2026-11-30 12:00 UTC.)",
        ),
    ],
    ids=["begins", "ends", "ends before it was told", "happens", "of a whole run"],
)
def test_a_message_says_what_where_and_since_when(alert: Alert, title: str, body: str) -> None:
    (message,) = messages([alert])
    assert (message.title, message.body) == (title, body)


def test_many_states_of_one_run_are_one_message_that_names_each() -> None:
    alerts = [replace(FAILS, table_name=f"table_{number}") for number in range(6)]
    (message,) = messages(alerts)
    assert message.alerts == tuple(alerts)
    assert all(f"eu, table_{number}: failed." in message.body for number in range(6))
    assert len(messages(alerts[1:])) == 5


@pytest.mark.parametrize(
    ("quiet", "zone", "hour", "expected"),
    [
        ("", "UTC", 23, False),
        ("22:00-07:00", "UTC", 21, False),
        ("22:00-07:00", "UTC", 22, True),
        ("22:00-07:00", "UTC", 3, True),
        ("22:00-07:00", "UTC", 7, False),
        ("22:00-07:00", "Europe/Berlin", 21, True),
        ("22:00-07:00", "Europe/Berlin", 6, False),
        ("12:00-13:00", "UTC", 12, True),
        ("12:00-13:00", "UTC", 13, False),
    ],
)
def test_quiet_hours_may_pass_midnight_and_go_by_their_own_clock(
    quiet: str,
    zone: str,
    hour: int,
    expected: bool,  # noqa: FBT001  a case
) -> None:
    assert is_quiet(quiet, zone, AT.replace(hour=hour)) is expected
