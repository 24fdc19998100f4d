"""What the warehouse refuses of one table ends the load of no other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg2
import pytest

from tests.pipelines.little_posthog import little_posthog, page, synced
from tests.truth.scene import of
from tests.truth.stored import ask


@pytest.mark.fault("values.refused_by_one_table")
def test_a_table_that_takes_no_rows_fails_by_name_and_the_others_are_loaded(
    tmp_path: Path, postgres_url: str
) -> None:
    rows: dict[str, list[Any]] = {"cohorts": [{"id": 1, "name": "a"}], "event_definitions": [{"name": "x"}]}

    def lists(_project: int, table: str, _query: dict[str, str], _n: int) -> Any:
        return page(rows[table])

    chosen, there = ("cohorts", "event_definitions"), {"WAREHOUSE_URL": postgres_url}
    with little_posthog(1, lists) as posthog:
        assert synced(posthog, tmp_path, *chosen, **there).exit_code == 0
        limited(postgres_url, "add constraint no_b check (name <> 'b')")
        rows["cohorts"].append({"id": 2, "name": "b"})
        rows["event_definitions"].append({"name": "y", "tags": ["t"]})
        outcome = synced(posthog, tmp_path, *chosen, **there)
        cohorts = of(outcome, "cohorts")
        assert (outcome.exit_code, outcome.run.status, cohorts.status) == (1, "partial", "failed")
        assert "did not take the rows of cohorts" in cohorts.detail
        assert of(outcome, "event_definitions").status == "loaded"
        limited(postgres_url, "drop constraint no_b")
        assert synced(posthog, tmp_path, *chosen, **there).exit_code == 0
    assert ask(postgres_url, "select name from posthog.cohorts order by 1") == [("a",), ("b",)]
    assert ask(postgres_url, "select name from posthog.event_definitions order by 1") == [("x",), ("y",)]
    versions = "select name, op from posthog.{}_history order by name"
    assert ask(postgres_url, versions.format("cohorts")) == [("a", "insert"), ("b", "insert")]
    assert ask(postgres_url, versions.format("event_definitions")) == [("x", "insert"), ("y", "insert")]


def limited(url: str, how: str) -> None:
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(f"alter table posthog.cohorts {how}")
