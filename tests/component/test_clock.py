"""Times of the future and times that are none: they hold nothing up and hide no new row."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from sources.sandbox import Sandbox
from tests.component.scene import Scene
from tests.harness.changes import BELOW, COHORTS, DELIVERIES, EVENTS, PROJECT, definitions, own
from tests.harness.scene import of

HERE: dict[str, Any] = {"projects": (PROJECT,)}
BOTH = (EVENTS, COHORTS, DELIVERIES)


def a_year_on(scene: Scene) -> None:
    """Every time that a clock of this side wrote moves into the future, as if that clock had been wrong."""
    year = timedelta(days=365)
    for table in BOTH:
        scene.warehouse.age(table, last_walk_at=-year, last_complete_at=-year)
    for one in scene.warehouse.tables.values():
        for row in one.rows.values():
            row["_synced_at"] += year


@pytest.mark.fault("process.clock_ahead")
def test_records_of_the_future_hold_nothing_up(scene: Scene, posthog: Sandbox) -> None:
    scene.settle(*BOTH, **HERE)
    a_year_on(scene)
    definitions(posthog)
    old = min(own(posthog, DELIVERIES), key=lambda row: str(row["created_at"]))
    posthog.edit(DELIVERIES, where={"id": old["id"]}, set={"change_summary": "late words"})
    outcome = scene.sync(*BOTH, **HERE)
    assert of(outcome, DELIVERIES).complete, "a full walk is due, for who knows when the last one was"
    scene.right(*BOTH, **HERE)
    field = {"drift_once": "once"}
    (ident,) = (row["id"] for row in own(posthog, COHORTS)[:1])
    posthog.edit(COHORTS, where={"id": ident}, set=field)
    scene.settle(*BOTH, **HERE)
    posthog.edit(COHORTS, where={"id": ident}, unset=list(field), set={"description": "drift is over"})
    scene.settle(*BOTH, **HERE)


@pytest.mark.fault("process.future_rows")
def test_a_row_of_the_future_hides_no_new_one_for_good(scene: Scene, posthog: Sandbox) -> None:
    scene.settle(DELIVERIES, **HERE)
    last = own(posthog, DELIVERIES)[0]
    parents = {**BELOW, "subscription_id": last["subscription"]}
    future = {"status": "skipped", "created_at": "2199-01-01T00:00:00Z", "recipient_results": []}
    posthog.edit(DELIVERIES, insert=[future], parents=parents)
    scene.settle(DELIVERIES, **HERE)
    fresh = {"status": "skipped", "recipient_results": []}
    posthog.edit(DELIVERIES, insert=[fresh], parents=parents)
    scene.settle(DELIVERIES, **HERE)
    posthog.edit(DELIVERIES, insert=[fresh] * 60, parents=parents)
    assert scene.sync(DELIVERIES, full=True, **HERE).exit_code == 0
    scene.right(DELIVERIES, **HERE)


@pytest.mark.fault("process.leap_second")
def test_a_leap_second_is_kept_as_text_and_costs_no_other_row(scene: Scene, posthog: Sandbox) -> None:
    scene.settle(COHORTS, **HERE)
    cohort = own(posthog, COHORTS)[0]
    leap = "2016-12-31T23:59:60Z"
    posthog.edit(COHORTS, where={"id": cohort["id"]}, set={"last_calculation": leap})
    assert scene.sync(COHORTS, **HERE).exit_code == 0
    assert scene.rows(COHORTS)[(PROJECT, cohort["id"])]["last_calculation__v_text"] == leap
    posthog.edit(
        COHORTS, where={"id": cohort["id"]}, set={"last_calculation": cohort.get("last_calculation")}
    )
    assert scene.sync(COHORTS, **HERE).exit_code == 0
    scene.right(COHORTS, **HERE)
