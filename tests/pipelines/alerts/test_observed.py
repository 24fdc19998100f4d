"""What the end of a run shows: decided by the class of an error and by numbers, told without anybody's words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pipelines.alerts.observed import OF_RUN, observed_ages, observed_error
from pipelines.crontab import crontab
from pipelines.errors import KeyProblem, OutOfMemory, UsageError, WarehouseProblem
from pipelines.settings.sections import GroupSettings
from pipelines.sync.outcome import ExtractionFailed
from sources.posthog.changes.table_changes import Counts
from sources.posthog.extract.results import TableResult

PRIVATE = "ada@hedgebox.example wrote phx_0123456789abcdef into postgresql://user:secret@host/database"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (KeyProblem(PRIVATE), "refused_key"),
        (WarehouseProblem(PRIVATE), "warehouse"),
        (UsageError(PRIVATE), "failure"),
        (OutOfMemory(MemoryError(PRIVATE)), "failure"),
        (ExtractionFailed(PRIVATE), "failure"),
        (ZeroDivisionError(PRIVATE), "failure"),
    ],
    ids=lambda given: type(given).__name__ if isinstance(given, Exception) else "",
)
def test_an_error_is_told_by_its_class_with_a_remedy_and_without_its_text(
    error: Exception, kind: str
) -> None:
    seen = observed_error(error)
    ((key, text),) = seen.found.items()
    assert (key, seen.judged) == (("", kind), OF_RUN)
    assert not any(word in text for word in ("ada@", "phx_", "secret", "host"))
    assert text.count(".") >= 2


@pytest.mark.parametrize(
    ("lost", "living", "expected"),
    [(21, 0, True), (20, 0, False), (21, 83, True), (21, 84, False), (-5, 0, False)],
)
def test_a_drop_is_more_than_twenty_rows_and_a_fifth_of_them(lost: int, living: int, expected: bool) -> None:  # noqa: FBT001  a case
    result = TableResult("comments", counts=Counts(deleted=30, inserted=30 - lost))
    assert result.has_dropped(living) is expected


HOURLY = crontab("all", GroupSettings())


def test_a_table_is_stale_after_two_times_unless_it_is_new_or_told_as_failed() -> None:
    now = datetime(2026, 11, 30, 12, 30, tzinfo=UTC)
    last = dict.fromkeys(["cohorts", "surveys"], now - timedelta(hours=3))
    last |= {"comments": now - timedelta(minutes=50)}
    times = dict.fromkeys(["cohorts", "comments", "surveys", "users"], (HOURLY,))
    seen = observed_ages({"surveys"}, last, times, now)
    assert list(seen.found) == [("cohorts", "stale")]
    assert seen.judged == {("cohorts", "stale"), ("comments", "stale")}
    assert "2026-11-30 09:30 UTC" in seen.found["cohorts", "stale"]
