"""A lost table's columns are found in its history by the names that the history gave them."""

from __future__ import annotations

import pytest

from sources.sandbox import Sandbox
from tests.pipelines.one_cohort import HERE, One
from tests.pipelines.test_sync_mending import run


@pytest.mark.fault("warehouse.dropped_table")
def test_a_users_own_column_of_a_history_is_no_column_of_its_table(one: One, posthog: Sandbox) -> None:
    one.synced()
    run(one.scene.url, "alter table posthog.cohorts_history add column description__own varchar")
    run(one.scene.url, "update posthog.cohorts_history set description__own = 'a remark'")
    run(one.scene.url, "drop table posthog.cohorts")
    posthog.fault(path="projects/101/cohorts", kind="status", status=403)
    one.scene.sync("cohorts", **HERE)
    assert one.scene.ask(f"select description from posthog.cohorts where id = {one.ident}") == [("born",)]


@pytest.mark.fault("warehouse.dropped_table")
def test_a_field_that_a_history_calls_otherwise_comes_back_as_itself(one: One, posthog: Sandbox) -> None:
    one.becomes(set={"op": "own"})
    one.synced()
    assert one.told("op__own") == [("insert", "own")]
    run(one.scene.url, "drop table posthog.cohorts")
    posthog.fault(path="projects/101/cohorts", kind="status", status=403)
    one.scene.sync("cohorts", **HERE)
    assert one.scene.ask(f"select op from posthog.cohorts where id = {one.ident}") == [("own",)]
