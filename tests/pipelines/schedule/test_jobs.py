"""When a failed run is tried again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pipelines.schedule.jobs import Job, Limits, retry_delay
from pipelines.schedule.queue import RunQueue

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
SOON, LATER = NOW + timedelta(minutes=2), NOW + timedelta(hours=1)


@pytest.mark.parametrize(
    ("code", "tries", "retries", "next_at", "minutes"),
    [
        (0, 0, 2, LATER, None),
        (1, 0, 2, LATER, 2),
        (1, 1, 2, LATER, 10),
        (1, 2, 2, LATER, None),  # no retry is left
        (1, 2, 3, LATER, 50),
        (4, 0, 2, LATER, 2),
        (-9, 0, 2, LATER, 2),  # killed
        (2, 0, 2, LATER, None),  # wrong settings need a person
        (3, 0, 2, LATER, None),  # so does a refused key
        (130, 0, 2, LATER, None),
        (64, 0, 2, LATER, None),
        (1, 0, 0, LATER, None),
        (1, 0, 2, SOON, None),  # the group's next time is as near
        (1, 0, 2, None, 2),
    ],
)
def test_a_failed_run_is_tried_again_before_its_next_time(
    code: int, tries: int, retries: int, next_at: datetime | None, minutes: int | None
) -> None:
    delay = retry_delay(code, tries, NOW, Limits(retries=retries, next_at=next_at))
    assert delay == (None if minutes is None else timedelta(minutes=minutes))


def test_a_job_names_its_connection_where_there_are_several() -> None:
    assert str(Job("all")) == "Group all"
    assert str(Job("all", "eu")) == "Group all of connection eu"


def test_a_job_that_waits_out_its_jitter_keeps_its_time_when_it_is_due_again() -> None:
    queue = RunQueue()
    queue.due(Job("all"), delay=100)
    drawn = queue.waiting[Job("all")].not_before
    queue.due(Job("all"), delay=7000)
    assert queue.waiting[Job("all")].not_before == drawn
    queue.due(Job("all"), delay=50)
    assert queue.waiting[Job("all")].not_before < drawn
