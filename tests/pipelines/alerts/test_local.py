"""States that the warehouse cannot take are kept here, for each dataset on its own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from itertools import repeat
from pathlib import Path

from pipelines.alerts.local import FILE, forget_alerts, keep_alerts, kept_alerts
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
    forget_alerts(here, [AWAY])
    assert (kept_alerts(here), kept_alerts(there)) == ([], [AWAY])


def test_a_kept_state_that_changed_meanwhile_is_not_forgotten() -> None:
    told = replace(AWAY, told_at=AWAY.since)
    keep_alerts(load(), [AWAY])
    keep_alerts(load(), [told])
    forget_alerts(load(), [AWAY])
    assert kept_alerts(load()) == [told]


def test_processes_that_keep_states_at_once_keep_them_all() -> None:
    places = [load({"HOGSYNC_DATASET": f"dataset_{number}"}) for number in range(16)]
    with ThreadPoolExecutor(len(places)) as threads:
        list(threads.map(keep_alerts, places, repeat([AWAY])))
    assert [kept_alerts(place) for place in places] == [[AWAY]] * len(places)


def test_a_file_that_is_no_json_counts_as_empty(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / FILE).write_text("{")
    assert kept_alerts(load()) == []
