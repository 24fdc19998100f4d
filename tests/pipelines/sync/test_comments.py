"""What tables and columns mean stands in the database, for every tool that shows its comments."""

from __future__ import annotations

from typing import Any

import pytest

from sources.posthog.catalogue import ENDPOINTS
from tests.harness.scene import Scene, written
from tests.harness.stored import run

pytestmark = pytest.mark.duckdb_first

HERE: dict[str, Any] = {"projects": (101,)}
COLUMNS = {
    "duckdb": "select column_name, comment from duckdb_columns() where schema_name = 'posthog' and table_name = '{}'",
    "postgres": "select attname, col_description(attrelid, attnum) from pg_attribute "
    "where attrelid = 'posthog.{}'::regclass and attnum > 0",
}
TABLES = {
    "duckdb": "select comment from duckdb_tables() where schema_name = 'posthog' and table_name = '{}'",
    "postgres": "select obj_description('posthog.{}'::regclass)",
}


def kind(scene: Scene) -> str:
    return scene.url.partition(":")[0].removesuffix("ql")


def said(scene: Scene, table: str) -> dict[str, str | None]:
    """The comments of a table's columns, and under the empty name its own."""
    ((own,),) = scene.ask(TABLES[kind(scene)].format(table))
    return {"": own, **dict(scene.ask(COLUMNS[kind(scene)].format(table)))}


def test_tables_and_columns_carry_their_meaning(scene: Scene) -> None:
    scene.sync("cohorts", **HERE)
    cohorts = said(scene, "cohorts")
    assert cohorts[""] == ENDPOINTS["cohorts"].doc
    assert cohorts["is_static"] == "Whether its members are a fixed list."
    assert cohorts["project_id"] == "The row of `projects` to which it belongs."
    assert None not in cohorts.values()
    assert said(scene, "cohorts__experiment_set")["position"] == "Its place in the list, from 0."
    assert said(scene, "cohorts_history")["valid_from"] == "When this version began."
    assert said(scene, "cohort_sizes")["count"] == cohorts["count"]


@pytest.mark.soak("stories")
def test_comments_are_written_again_only_where_they_changed(scene: Scene) -> None:
    scene.sync("cohorts", **HERE)
    run(scene.url, "comment on table posthog.cohorts is 'ours'")
    assert written(scene.sync("cohorts", **HERE)) == 0
    assert said(scene, "cohorts")[""] == "ours"
    run(scene.url, "update posthog._hogsync_meta set value = '{}' where key = 'comments'")
    scene.sync("cohorts", **HERE)
    assert said(scene, "cohorts")[""] == ENDPOINTS["cohorts"].doc
