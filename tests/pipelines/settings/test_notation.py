"""How values are written: crontabs above all, whose weekdays two programs count differently."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from apscheduler.triggers.cron import CronTrigger

from pipelines.settings import parse


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        ("0 * * * *", "0 * * * *"),
        ("  */10  8-18/2 1,15 JAN-Mar * ", "*/10 8-18/2 1,15 jan-mar *"),
        ("0 6 * * 1-5", "0 6 * * mon,tue,wed,thu,fri"),
        ("0 6 * * 0", "0 6 * * sun"),
        ("0 6 * * 7", "0 6 * * sun"),
        ("0 6 * * 5-7", "0 6 * * sun,fri,sat"),
        ("0 6 * * */2", "0 6 * * sun,tue,thu,sat"),
        ("0 6 * * Mon,wed", "0 6 * * mon,wed"),
        ("0 6 * * mon-fri", "0 6 * * mon,tue,wed,thu,fri"),
    ],
)
def test_a_crontab_names_its_weekdays(given: str, normal: str) -> None:
    assert parse.crontab(given) == normal


def test_one_is_a_monday_for_the_scheduler_too() -> None:
    trigger = CronTrigger.from_crontab(parse.crontab("0 6 * * 1"), timezone="UTC")
    assert (
        trigger.get_next_fire_time(None, datetime(2026, 11, 21, tzinfo=UTC)).strftime("%a %H:%M")
        == "Mon 06:00"
    )


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("hourly", "five columns"),
        ("* * * * * *", "five columns"),
        ("60 * * * *", "its minute must be of 0-59"),
        ("* 24 * * *", "its hour"),
        ("* * 0 * *", "its day of the month"),
        ("* * * 13 *", "its month"),
        ("* * * * 8", "its weekday"),
        ("* * * * frog", "its weekday"),
        ("* * mon * *", "its day of the month"),
        ("5-1 * * * *", "its minute"),
        ("*/0 * * * *", "its minute"),
        ("5/2 * * * *", "its minute"),
        ("1,,2 * * * *", "its minute"),
        ("1* * * * *", "its minute"),
        ("* * * * 1mon", "its weekday"),
        ("-1 * * * *", "its minute"),
        ("٣ * * * *", "its minute"),
        ("0 0 1 * mon", "either the day of the month or the weekday must be *"),
    ],
)
def test_what_is_no_crontab_is_refused(given: str, words: str) -> None:
    with pytest.raises(ValueError, match=r"^is ") as caught:
        parse.crontab(given)
    assert words in str(caught.value)


@pytest.mark.parametrize("given", ["0 * * * *", "*/7 1-23/2 * feb *", "1,2,30-40 0 31 12 *", "0 0 * * 0,3-5"])
def test_the_scheduler_takes_every_crontab_that_is_taken_here(given: str) -> None:
    assert CronTrigger.from_crontab(parse.crontab(given), timezone="UTC")


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("30m", timedelta(minutes=30)),
        ("12 h", timedelta(hours=12)),
        ("1D", timedelta(days=1)),
        ("2w", timedelta(weeks=2)),
    ],
)
def test_a_span_of_time_reads_as_it_is_written(given: str, meant: timedelta) -> None:
    assert parse.span(given) == meant


@pytest.mark.parametrize("given", ["", "1", "d", "-1d", "1.5h", "1y", "1d 2h"])
def test_what_is_no_span_of_time_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match="30m, 12h, 1d or 2w"):
        parse.span(given)


@pytest.mark.parametrize("given", ["a,b", " a , b ,", '["a", "b"]', ["a", "b"]])
def test_a_list_can_be_written_with_commas_as_json_and_as_toml(given: object) -> None:
    assert parse.listed(given) == ["a", "b"]
