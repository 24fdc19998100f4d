"""States that the warehouse cannot take are kept here, for each dataset on its own."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from pipelines.alerts.local import FILE, keep_alerts, kept_alerts
from pipelines.bookkeeping.alerts import Alert
from pipelines.settings import load

AWAY = Alert(
    connection="default",
    table_name="",
    kind="warehouse",
    since=datetime(2026, 11, 30, tzinfo=UTC),
    text="away",
)


def test_a_state_is_kept_for_its_dataset_until_it_is_taken() -> None:
    here, there = load(), load({"HOGSYNC_DATASET": "other"})
    keep_alerts(here, [AWAY])
    assert (kept_alerts(here), kept_alerts(there)) == ([AWAY], [])
    keep_alerts(there, [AWAY])
    keep_alerts(here, [])
    assert (kept_alerts(here), kept_alerts(there)) == ([], [AWAY])


def test_a_file_that_is_no_json_counts_as_empty(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / FILE).write_text("{")
    assert kept_alerts(load()) == []
