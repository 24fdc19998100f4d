"""What came back from a history costs no run more than it would have cost without the loss, once it is settled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sources.sandbox import Sandbox
from tests.pipelines.one_cohort import PROJECT
from tests.pipelines.test_sync_mending import run
from tests.truth.expected import KEYS
from tests.truth.scene import Scene, written
from tests.truth.stored import types
from tests.truth.versions import VERSIONED, wrong_versions

DYING = ("cohorts", "subscriptions", "event_definitions")
SELDOM: dict[str, Any] = {"lists": {"sweep_every": "1d"}}


def restorable(scene: Scene, *, lists: bool) -> Iterator[str]:
    """Tables of which there is a history, or such tables' lists."""
    for table in types(scene.url):
        parent, _, child = table.partition("__")
        if parent in VERSIONED and bool(child) is lists:
            yield table


def one_each_dies(posthog: Sandbox) -> None:
    for table in DYING:
        there = posthog.rows(table)
        row = next(one for one in there if one["_parents"]["project_id"] == PROJECT)
        named = {name: row[name] for name in ("id", "name") if name in KEYS[table]}
        posthog.edit(table, where=named, parents=row["_parents"], delete=True)


@pytest.mark.fault("warehouse.dropped_table")
@pytest.mark.parametrize("lost", ["tables", "lists"])
def test_the_dead_of_lost_tables_are_looked_for_once(scene: Scene, posthog: Sandbox, lost: str) -> None:
    scene.sync(**SELDOM)
    one_each_dies(posthog)
    scene.sync(**SELDOM)
    idle = scene.sync(**SELDOM)
    before = {table: scene.rows(table, dead=True).keys() for table in VERSIONED}
    assert {table for table in DYING if before[table]} == {*DYING}
    for table in restorable(scene, lists=lost == "lists"):
        run(scene.url, f"drop table posthog.{table}")
    scene.sync(**SELDOM)
    for _ in range(2):
        later = scene.sync(**SELDOM)
        assert (later.exit_code, later.requests, written(later)) == (0, idle.requests, 0)
    assert {table: scene.rows(table, dead=True).keys() for table in VERSIONED} == before
    assert wrong_versions(scene.url) == ""
    for table in (*restorable(scene, lists=False), *restorable(scene, lists=True)):
        assert scene.ask(f"select count(*) from posthog.{table} where _dlt_load_id = 'lost'") == [(0,)], table
