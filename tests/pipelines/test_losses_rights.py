"""A lost table that cannot be restored at once, or whose history has other types, forgets none of its rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from destinations.trial import READY_MADE, grants
from pipelines.errors import WarehouseProblem
from sources.sandbox import Sandbox
from tests.pipelines.one_cohort import HERE, One
from tests.pipelines.test_sync_mending import run
from tests.postgres import Server
from tests.truth.scene import Scene
from tests.truth.versions import wrong_versions


@pytest.mark.fault("warehouse.dropped_table")
def test_what_vanished_while_a_lost_table_could_not_be_made_anew_dies_once_it_can(
    posthog: Sandbox, postgres_url: str, postgres_server: Server, tmp_path: Path
) -> None:
    one = One(Scene(posthog, postgres_url, tmp_path / "home"))
    gone = One(one.scene)
    one.synced()
    name = postgres_url.rpartition("/")[2]
    role = f"maker_of_{name}"
    tables = "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname ~ 'posthog'"
    own = [f"alter schema posthog__hogsync_staging owner to {role}"]
    own += [f"alter table {table} owner to {role}" for (table,) in postgres_server.execute(tables, name)]
    postgres_server.execute(f"create role {role} login password 'x'")
    for sql in (
        *own,
        *grants(READY_MADE, role=role, database=name, dataset="posthog"),
        f"revoke create on schema posthog from {role}",
        "drop table posthog.cohorts",
    ):
        postgres_server.execute(sql, name)
    gone.becomes(delete=True)
    one.scene.url = postgres_server.url(name, user=role, password="x")
    for _ in range(2):
        with pytest.raises(WarehouseProblem, match="permission denied"):
            one.scene.sync("cohorts", **HERE)
    assert gone.told() == [("insert",)]
    postgres_server.execute(f"grant create on schema posthog to {role}", name)
    one.synced()
    assert gone.told() == [("insert",), ("delete",)]
    assert one.told() == [("insert",)]
    assert wrong_versions(postgres_url) == ""
    one.becomes(delete=True)


@pytest.mark.fault("warehouse.dropped_table")
def test_a_lost_table_comes_back_from_a_history_whose_column_has_another_type(one: One) -> None:
    gone = One(one.scene)
    one.synced()
    run(one.scene.url, "alter table posthog.cohorts_history alter column filters type varchar")
    run(one.scene.url, "drop table posthog.cohorts")
    gone.becomes(delete=True)
    assert one.scene.sync("cohorts", **HERE).exit_code == 0
    assert gone.told() == [("insert",), ("delete",)]
    assert one.told() == [("insert",)]
