"""What the warehouse refuses of one table ends the load of no other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from destinations.permissions import READY_MADE, grants
from tests.harness.little_posthog import little_posthog, page, synced
from tests.harness.postgres import Server
from tests.harness.scene import of
from tests.harness.served import analyst
from tests.harness.stored import ask
from tests.pipelines.sync.test_repair import USER


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


@pytest.mark.fault("warehouse.locked", "warehouse.no_right")
@pytest.mark.parametrize("hindered", ["in use", "of another role"])
def test_a_table_that_cannot_be_altered_fails_by_name_and_the_others_are_loaded(
    tmp_path: Path, postgres_url: str, postgres_server: Server, hindered: str
) -> None:
    rows: dict[str, list[Any]] = {"cohorts": [{"id": 1, "name": "a"}], "event_definitions": [{"name": "x"}]}

    def lists(_project: int, table: str, _query: dict[str, str], _n: int) -> Any:
        return page(rows[table])

    chosen, name = ("cohorts", "event_definitions"), postgres_url.rpartition("/")[2]
    role = f"loader_of_{name}"
    postgres_server.execute(f"create role {role} login password 'x'")
    for sql in grants(READY_MADE, role=role, database=name, dataset="posthog"):
        postgres_server.execute(sql, name)
    there = {
        "WAREHOUSE_URL": postgres_server.url(name, user=role, password="x"),
        "HOGSYNC_WAREHOUSE": {"wait": 1},
    }
    with little_posthog(1, lists) as posthog:
        assert synced(posthog, tmp_path, *chosen, **there).exit_code == 0
        rows["cohorts"] = [{"id": 1, "name": "a", "late": "new"}, {"id": 2, "name": "b", "late": "new"}]
        rows["event_definitions"].append({"name": "y"})
        with hindrance(postgres_url, hindered, role) as said:
            outcome = synced(posthog, tmp_path, *chosen, **there)
        cohorts = of(outcome, "cohorts")
        assert (outcome.exit_code, outcome.run.status, cohorts.status) == (1, "partial", "failed")
        assert said in cohorts.detail
        assert of(outcome, "event_definitions").status == "loaded"
        assert ask(postgres_url, "select name from posthog.event_definitions order by 1") == [("x",), ("y",)]
        assert ask(postgres_url, "select name from posthog.cohorts") == [("a",)]
        assert synced(posthog, tmp_path, *chosen, **there).exit_code == 0
    assert ask(postgres_url, "select name, late from posthog.cohorts order by 1") == [
        ("a", "new"),
        ("b", "new"),
    ]
    versions = "select name, op from posthog.cohorts_history order by valid_from, name"
    assert ask(postgres_url, versions) == [("a", "insert"), ("a", "update"), ("b", "insert")]


@contextmanager
def hindrance(url: str, kind: str, role: str) -> Iterator[str]:
    """Something that keeps this role from altering cohorts; gives what is said of it."""
    if kind == "in use":
        with analyst(url, "select count(*) from posthog.cohorts"):
            yield "cannot change the table cohorts while it is in use by psql"
        return
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("alter table posthog.cohorts owner to current_user")
        cursor.execute(f"grant all on posthog.cohorts to {role}")
    yield "must be owner of table cohorts"
    limited(url, f"owner to {role}")


@pytest.mark.fault("values.refused_by_one_table")
def test_people_that_the_warehouse_refuses_come_with_the_next_run(tmp_path: Path, postgres_url: str) -> None:
    rows: list[dict[str, Any]] = [{"id": 1, "name": "a", "created_by": {**USER, "id": 1}}]

    def lists(_project: int, _table: str, _query: dict[str, str], _n: int) -> Any:
        return page(rows)

    there, walks = {"WAREHOUSE_URL": postgres_url}, "select path, last_walk_at from posthog._hogsync_paths"
    with little_posthog(1, lists) as posthog:
        assert synced(posthog, tmp_path, "cohorts", **there).exit_code == 0
        before = ask(postgres_url, walks)
        limited(postgres_url, "add constraint no_2 check (id <> 2)", "people")
        rows.append({"id": 2, "name": "b", "created_by": {**USER, "id": 2}})
        outcome = synced(posthog, tmp_path, "cohorts", **there)
        assert (outcome.exit_code, outcome.run.status, of(outcome, "people").status) == (
            1,
            "partial",
            "failed",
        )
        assert of(outcome, "cohorts").status == "loaded"
        assert ask(postgres_url, walks) == before, (
            "who is met in a list is met again only where that is read again"
        )
        limited(postgres_url, "drop constraint no_2", "people")
        assert synced(posthog, tmp_path, "cohorts", **there).exit_code == 0
    assert ask(postgres_url, "select id from posthog.people order by 1") == [(1,), (2,)]


def limited(url: str, how: str, table: str = "cohorts") -> None:
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(f"alter table posthog.{table} {how}")
