"""A run that does not fit into the hour's requests says so, and leaves lists for later, none for ever."""

from __future__ import annotations

import logging

import pytest

from tests.component.scene import Scene
from tests.harness.scene import of

TABLES = ("cohorts", "feature_flags", "surveys", "experiments")
FEW, MANY = 17, 500


def test_a_run_that_does_not_fit_says_what_waits_and_the_next_run_reads_it(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    assert scene.sync(*TABLES, per_hour=MANY).requests > FEW
    run = scene.sync(*TABLES, per_hour=FEW)
    waiting = {result.table: result.postponed for result in run.tables if result.postponed}
    (warned,) = run.warnings
    assert (warned.kind, warned.table) == ("over budget", "")
    assert f"{sum(waiting.values())} of 20 lists" in warned.text
    assert f"{warned.text}." in caplog.messages
    assert run.requests <= FEW
    assert not any(of(run, table).complete for table in waiting)
    read = {one.list_path.path for result in run.tables for one in result.lists}
    again = {
        one.list_path.path for result in scene.sync(*TABLES, per_hour=FEW).tables for one in result.lists
    }
    assert len(again - read) == sum(waiting.values())


def test_a_first_run_beyond_the_budget_is_finished_by_the_next_ones(scene: Scene) -> None:
    runs = [scene.sync(*TABLES, per_hour=FEW) for _ in range(3)]
    assert [bool(run.warnings) for run in runs] == [True] * 3
    scene.right(*TABLES)


@pytest.mark.parametrize("how", ["full", "accept_deletes"])
def test_a_person_who_asks_for_all_waits_for_all(how: str, scene: Scene) -> None:
    scene.sync("cohorts", "surveys")
    run = scene.sync("cohorts", "surveys", per_hour=13, full=how == "full", accept_deletes=how != "full")
    assert (run.warnings, sum(result.postponed for result in run.tables)) == ([], 0)


def test_of_a_run_that_fits_nothing_is_said(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    assert scene.sync("cohorts", "surveys", per_hour=MANY).warnings == []
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
