"""When a table is due, and when it is stale."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from pipelines.crontab import crontab
from pipelines.errors import UsageError
from pipelines.settings import load
from pipelines.settings.sections import GroupSettings
from pipelines.status.due import is_stale, next_run, times

HOURLY, DAILY, WEEKDAYS = "0 * * * *", "30 4 * * *", "0 6 * * 1-5"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def triggers(*crontabs: str, timezone: str = "UTC") -> list[Any]:
    return [crontab("a", GroupSettings(crontab=one, timezone=timezone)) for one in crontabs]


@pytest.mark.parametrize(
    ("crontabs", "last", "now", "expected"),
    [
        ([HOURLY], "2026-11-30 12:00:05", "2026-11-30 12:59:59", False),  # nothing was due
        ([HOURLY], "2026-11-30 12:00:05", "2026-11-30 13:00:00", False),  # it is due, and may be at work
        ([HOURLY], "2026-11-30 12:00:05", "2026-11-30 13:59:59", False),
        ([HOURLY], "2026-11-30 12:00:05", "2026-11-30 14:00:00", True),  # a whole period without a success
        ([HOURLY], "2026-11-30 12:00:00", "2026-11-30 14:00:00", True),  # the run was due when it started
        ([HOURLY], "2026-11-30 12:59:59", "2026-11-30 13:30:00", False),  # by hand, shortly before it was due
        ([HOURLY], "2026-11-30 12:59:59", "2026-11-30 14:00:00", True),
        ([HOURLY], "2026-11-30 12:00:05", "2026-11-29 12:00:00", False),  # a clock that was set back
        ([DAILY], "2026-11-29 04:30:02", "2026-11-30 23:00:00", False),
        ([DAILY], "2026-11-29 04:30:02", "2026-12-01 04:30:00", True),
        ([WEEKDAYS], "2026-11-27 06:00:02", "2026-11-30 12:00:00", False),  # Friday to Monday
        ([WEEKDAYS], "2026-11-27 06:00:02", "2026-12-01 06:00:00", True),  # to Tuesday
        (
            [HOURLY, DAILY],
            "2026-11-30 12:00:05",
            "2026-11-30 14:00:00",
            True,
        ),  # the one that comes most often
        ([], "2020-01-01 00:00:00", "2026-11-30 12:00:00", False),  # synced by hand only
    ],
)
def test_a_table_is_stale_when_a_whole_period_has_passed_since_a_run_was_due(
    crontabs: list[str], last: str, now: str, *, expected: bool
) -> None:
    assert is_stale(at(last), triggers(*crontabs), at(now)) is expected


def test_the_night_that_lacks_an_hour_makes_nothing_stale() -> None:
    nightly = triggers("30 2 * * *", timezone="Europe/Berlin")  # 2:30 does not exist on 28 March 2027
    last = at("2027-03-27 01:30:02")
    assert not is_stale(last, nightly, at("2027-03-28 12:00:00"))
    assert is_stale(last, nightly, at("2027-03-30 12:00:00"))


@pytest.mark.parametrize(("now", "expected"), [("2026-11-30 12:59:59", False), ("2026-11-30 13:00:00", True)])
def test_a_table_whose_times_are_not_known_is_stale_after_a_day_and_an_hour(
    now: str, *, expected: bool
) -> None:
    assert is_stale(at("2026-11-29 12:00:00"), None, at(now)) is expected


def test_a_table_that_was_never_synced_is_stale() -> None:
    assert is_stale(None, triggers(HOURLY), at("2026-11-30 12:00:00"))
    assert is_stale(None, None, at("2026-11-30 12:00:00"))
    assert not is_stale(None, [], at("2026-11-30 12:00:00"))  # synced by hand only


def test_a_table_is_due_next_by_the_first_of_its_groups() -> None:
    now = at("2026-11-30 12:10:00")
    assert next_run(triggers(DAILY, HOURLY), now) == at("2026-11-30 13:00:00")
    assert next_run(None, now) is None
    assert next_run([], now) is None


GROUPS = {
    "often": {"crontab": HOURLY, "tables": ["cohorts"], "connections": ["us"]},
    "daily": {"crontab": DAILY, "tables": ["cohorts", "comments"]},
}
CONNECTIONS = {"us": {}, "eu": {"host": "https://eu.posthog.com"}}


def test_a_table_is_due_at_the_times_of_its_groups_and_people_at_all_of_them() -> None:
    settings = load({"HOGSYNC_GROUPS": GROUPS, "HOGSYNC_CONNECTIONS": CONNECTIONS})
    found = {
        name: {table: len(due or ()) for table, due in times(one, is_scheduled=False).items() if due}
        for name, one in (("us", settings.connection("us")), ("eu", settings.connection("eu")))
    }
    assert found == {
        "us": {"cohorts": 2, "comments": 1, "people": 2},
        "eu": {"cohorts": 1, "comments": 1, "people": 1},
    }


def test_a_group_without_tables_syncs_the_selection() -> None:
    selection = {"tables": ["comments", "cohorts"]}
    settings = load({"HOGSYNC_SELECTION": selection, "HOGSYNC_GROUPS": {"a": {"tables": []}}})
    found = times(settings, is_scheduled=False)
    assert list(found) == ["comments", "cohorts", "people"]
    assert all(found.values())


def test_the_times_are_known_without_groups_only_if_the_service_syncs() -> None:
    settings = load()
    assert set(times(settings, is_scheduled=False).values()) == {None}
    hourly = times(settings, is_scheduled=True)["cohorts"]
    assert next_run(hourly, at("2026-11-30 12:10:00")) == at("2026-11-30 13:00:00")


def test_a_crontab_that_never_comes_is_refused() -> None:
    settings = load({"HOGSYNC_GROUPS": {"a": {"crontab": "0 0 30 2 *"}}})
    with pytest.raises(UsageError, match="which never comes"):
        times(settings, is_scheduled=False)
