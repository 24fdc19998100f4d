"""What stands in the warehouse and is somebody else's: it is refused by name or left alone, never written to."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.check import check
from pipelines.errors import WarehouseProblem
from pipelines.settings import load
from pipelines.sync import Selection, sync
from tests.pipelines.one_cohort import HERE, One
from tests.pipelines.test_sync_mending import run
from tests.truth.scene import Scene

STAGING = "posthog__hogsync_staging"


def refused(scene: Scene, *tables: str, **asked: Any) -> str:
    """The sentence with which `check` and `sync` refuse the warehouse, before anything is read of a list."""
    scene.posthog.clear_requests()
    with pytest.raises(WarehouseProblem) as problem:
        scene.sync(*tables, **{**HERE, **asked})
    assert scene.posthog.requests() == []
    said = str(problem.value)
    report = check(load(scene.settings(HOGSYNC_SELECTION={"tables": list(tables)})))
    assert report.exit_code == 4
    assert said in [finding.text for finding in report.findings]
    return said


# -- the staging schema


@pytest.mark.fault("warehouse.others_staging")
def test_a_dataset_named_like_dlts_own_staging_keeps_its_rows(one: One) -> None:
    scene = one.scene
    place = load(scene.settings(HOGSYNC_DATASET="posthog_staging"))
    sync(place, Selection(tables=("cohorts",), **HERE))
    before = scene.ask("select * from posthog_staging.cohorts order by id")
    one.synced()
    one.becomes(set={"description": "later"})
    one.synced()
    assert before
    assert scene.ask("select * from posthog_staging.cohorts order by id") == before


@pytest.mark.fault("warehouse.others_staging")
def test_a_staging_schema_of_somebody_else_is_refused_by_name(one: One) -> None:
    scene = one.scene
    run(scene.url, f"create schema {STAGING}; create table {STAGING}.cohorts as select 'mine' as note")
    said = refused(scene, "cohorts")
    assert f"schema {STAGING}" in said
    assert "cohorts" in said
    assert scene.ask(f"select note from {STAGING}.cohorts") == [("mine",)]
    assert scene.ask("select count(*) from information_schema.schemata where schema_name = 'posthog'") == [
        (0,)
    ]


@pytest.mark.fault("warehouse.others_staging")
def test_an_empty_staging_schema_was_made_for_hogsync(one: One) -> None:
    run(one.scene.url, f"create schema {STAGING}")
    one.synced()
    one.becomes(set={"description": "later"})
    one.synced()
    assert one.told("description")[-1] == ("update", "later")
