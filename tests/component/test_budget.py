"""A run that does not fit into the hour's requests says so, and leaves lists for later, none for ever."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta

import pytest

from sources.sandbox import Sandbox
from tests.component.scene import Scene
from tests.harness.scene import of

TABLES = ("cohorts", "feature_flags", "surveys", "experiments")
FEW, MANY = 20, 500


def test_a_run_that_does_not_fit_says_what_waits_and_the_next_run_reads_it(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    assert scene.sync(*TABLES, per_hour=MANY).requests > FEW
    run = scene.sync(*TABLES, per_hour=FEW)
    waiting = {result.table: result.postponed for result in run.tables if result.postponed}
    (warned,) = run.warnings
    assert (warned.kind, warned.table) == ("over budget", "")
    assert f"{sum(waiting.values())} of 24 lists" in warned.text
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


def grow(scene: Scene, table: str, project: int) -> str:
    """A list was long when it was read last; returns its path."""
    positions = scene.warehouse.positions
    path = next(path for path in positions if path.startswith(f"projects/{project}/{table}/"))
    positions[path] = replace(positions[path], rows=30_000)
    return path


@pytest.mark.parametrize("how", ["refused", "failing"])
def test_a_long_list_is_read_in_each_second_run_beside_one_that_is_never_read(
    how: str, scene: Scene, posthog: Sandbox
) -> None:
    if how == "refused":
        posthog.gate("surveys", 402, 101)
    scene.sync("surveys", "cohorts")
    if how == "failing":
        posthog.fault(path="projects/101/surveys", kind="status", status=400, times=None)
    read = []
    for _ in range(6):
        path = grow(scene, "cohorts", 102)
        run = scene.sync("surveys", "cohorts", per_hour=25)
        read.append(path in {one.list_path.path for one in of(run, "cohorts").lists})
    assert read in ([True, False] * 3, [False, True] * 3)


def test_a_table_is_not_taken_for_refused_while_lists_of_it_wait(scene: Scene, posthog: Sandbox) -> None:
    posthog.gate("surveys", 402, 101)
    scene.sync("surveys")
    for project in (102, 103, 201):
        grow(scene, "surveys", project)
    run = scene.sync("surveys", per_hour=12)
    assert of(run, "surveys").postponed
    assert (of(run, "surveys").status, run.exit_code) == ("unchanged", 0)


def test_lists_below_one_that_waits_wait_too(scene: Scene) -> None:
    tables = ("subscriptions", "subscription_deliveries", "surveys")
    scene.sync(*tables)
    for project in (101, 102, 103, 201):
        grow(scene, "subscriptions", project)
    scene.warehouse.age("surveys", last_walk_at=timedelta(hours=1))
    run = scene.sync(*tables, per_hour=16)
    assert of(run, "subscriptions").postponed
    assert of(run, "subscription_deliveries").postponed
