"""The company ends today and lives on from start to start, or is fixed and the same at every start."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sources.sandbox import start

STREAMS = ("subscription_deliveries", "comments", "organization_activity_logs")


def told(**how: Any) -> dict[str, Any]:
    with start(**how) as running:
        return running.truth()


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_a_kept_company_ends_now_and_is_another_at_the_next_start(tmp_path: Path) -> None:
    begun = datetime.now(UTC)
    first, second = told(kept=tmp_path), told(kept=tmp_path)
    assert begun <= moment(first["now"]) < moment(second["now"]) < datetime.now(UTC) + timedelta(seconds=2)
    for table in ("cohorts", "subscriptions", "event_definitions", *STREAMS):
        assert first["rows"][table] != second["rows"][table], table
    for table in STREAMS:
        known = {row["id"] for row in first["rows"][table]}
        came = [row["created_at"] for row in second["rows"][table] if row["id"] not in known]
        assert came, table
        assert min(map(moment, came)) >= moment(first["now"]) - timedelta(seconds=1), (
            "what is new is the newest"
        )
    assert len(second["rows"]["cohorts"]) - len(first["rows"]["cohorts"]) <= 3


def test_a_company_with_a_fixed_end_is_the_same_at_every_start() -> None:
    now = datetime(2025, 3, 1, 12, tzinfo=UTC)
    first, second = told(now=now), told(now=now)
    assert moment(first["now"]) == now
    differing = [table for table, rows in first["rows"].items() if second["rows"][table] != rows]
    assert differing == ["users"], "whose sessions end by the real clock"


def test_a_running_company_moves_on_when_it_is_told_to_and_is_kept_so(tmp_path: Path) -> None:
    with start(kept=tmp_path) as running:
        step = running.advance()["step"]
        ended = running.rows("comments")
    assert step == 1
    with start(kept=tmp_path) as again:
        assert again.advance()["step"] == 3
        later = again.rows("comments")
    assert {row["id"] for row in ended} <= {row["id"] for row in later}


def test_a_kept_file_that_is_none_is_founded_anew(tmp_path: Path) -> None:
    (tmp_path / "company-1-small.sqlite3").write_text("my notes " * 1000)
    assert told(kept=tmp_path)["rows"]["cohorts"]
    assert told(kept=tmp_path)["rows"]["cohorts"]
