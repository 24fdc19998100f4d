"""A list that PostHog refuses, by plan, scope or version, leaves its rows alone, and the run says so."""

from __future__ import annotations

import pytest

from sources.posthog.catalogue import DEFAULT_TABLES, ENDPOINTS
from sources.sandbox import Sandbox
from tests.component.scene import Scene
from tests.harness.scene import of

ALWAYS_READ = ("organizations", "projects")
TABLES = [table for table in DEFAULT_TABLES if table not in ALWAYS_READ]


@pytest.mark.parametrize(
    "status", [403, *(pytest.param(one, marks=pytest.mark.soak("stories")) for one in (402, 404))]
)
def test_each_list_that_is_refused_keeps_its_rows_and_is_reported(
    status: int, scene: Scene, posthog: Sandbox
) -> None:
    scene.sync(*DEFAULT_TABLES)
    before = scene.stored(*TABLES)
    for table in TABLES:
        posthog.gate(table, status)
    run = scene.sync(*DEFAULT_TABLES)
    assert scene.stored(*TABLES) == before
    for table in TABLES:
        result, is_below = of(run, table), ENDPOINTS[table].placeholders
        assert result.status == "unavailable", table
        assert result.counts.written == 0, table
        assert result.detail, table
        if is_below and result.lists:
            assert [warning.kind for warning in result.warnings] == ["lost access"], table
    posthog.clear_gates()
    again = scene.sync(*DEFAULT_TABLES)
    assert {of(again, table).status for table in TABLES} <= {"unchanged", "loaded"}
    assert sum(of(again, table).counts.deleted for table in TABLES) == 0
