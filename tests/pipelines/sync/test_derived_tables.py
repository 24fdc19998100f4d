"""A table that is derived from others and cannot be written is its own trouble: rows and records do without it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import duckdb
import psycopg2
import pytest

from pipelines.errors import OutOfMemory
from sources.sandbox import Sandbox
from tests.harness.command import hogsync
from tests.harness.one_cohort import HERE, One
from tests.harness.scene import Scene, of
from tests.harness.stored import run
from tests.harness.versions import history

pytestmark = pytest.mark.duckdb_first

ODDLY = "alter table posthog.cohorts_history drop column description; {} add column description integer"

LONG = "list_resize([1::bigint], 8_000_000)"


def falls_short(one: One, target: str) -> None:
    """A run that writes its rows and its records, and says what it could not write."""
    outcome = one.scene.sync("cohorts", "event_definitions", **HERE)
    assert (outcome.run.status, outcome.exit_code) == ("partial", 1)
    assert f"{target} in " in (outcome.run.error or "")
    assert "makes up for what lacks" in of(outcome, "cohorts").detail
    assert "secret" not in (outcome.run.error or "")
    one.scene.learn(one.scene.truth("cohorts", "event_definitions", **HERE))
    assert one.scene.wrong() == ""
    recorded = f"select status, error from posthog._hogsync_runs where run_id = '{outcome.run.run_id}'"
    assert one.scene.ask(recorded) == [("partial", outcome.run.error)]
    complete = "select distinct last_complete_at from posthog._hogsync_paths where table_name = 'cohorts'"
    assert one.scene.ask(complete) == [(outcome.run.started_at,)]
    assert one.scene.ask(f"select value from posthog._hogsync_meta where key = '{target} until'") == [("",)]
    assert history(one.scene.url, "event_definitions")


def test_what_was_not_derived_while_a_type_did_not_fit_is_derived_later(one: One) -> None:
    one.synced()
    run(one.scene.url, ODDLY.format("alter table posthog.cohorts_history"))
    one.becomes(set={"description": "secret one"})
    falls_short(one, "cohorts_history")
    one.becomes(set={"name": "another"})
    falls_short(one, "cohorts_history")
    run(one.scene.url, "alter table posthog.cohorts_history alter column description type varchar")
    one.synced()
    assert one.told("name", "description")[-1] == ("update", "another", "secret one")


@pytest.mark.fault("process.memory_short")
def test_memory_that_a_history_lacks_is_nobodys_table_to_rename(file_scene: Scene) -> None:
    one = One(file_scene)
    one.synced()
    run(one.scene.url, "alter table posthog.cohorts_history add column mine bigint[]")
    run(one.scene.url, f"alter table posthog.cohorts_history alter column mine set default {LONG}")
    one.becomes(set={"description": "later"})
    with duckdb.connect(
        one.scene.url.removeprefix("duckdb:///")
    ) as file:  # one database for all of a process
        file.execute("set global memory_limit = '40MB'")
        with pytest.raises(OutOfMemory, match="ran out of memory") as told:
            one.scene.sync("cohorts", **HERE)
    said = "select status, error from posthog._hogsync_runs order by started_at desc limit 1"
    assert one.scene.ask(said) == [("failed", str(told.value))]
    run(one.scene.url, "alter table posthog.cohorts_history alter column mine drop default")
    one.synced()
    assert one.told("description") == [("insert", "born"), ("update", "later")]
    one.becomes(delete=True)


def test_a_history_that_is_in_use_is_nobodys_to_rename(
    posthog: Sandbox, postgres_url: str, tmp_path: Path
) -> None:
    one = One(Scene(posthog, postgres_url, tmp_path / "home"))
    one.synced()
    one.becomes(set={"description": "later"})
    with closing(psycopg2.connect(one.scene.url)) as somebody:
        somebody.cursor().execute("lock table posthog.cohorts_history in share mode")
        said = one.scene.sync("cohorts", **HERE, wait=1).run.error or ""
    assert "cohorts_history in " in said
    assert "while somebody else's transaction uses it: the next sync makes up" in said
    assert "rename" not in said
    one.synced()
    assert one.told("description") == [("insert", "born"), ("update", "later")]
    one.becomes(delete=True)


def test_the_command_says_which_table_it_is_and_what_to_do(file_scene: Scene) -> None:
    one = One(file_scene)
    one.synced()
    run(one.scene.url, ODDLY.format("alter table posthog.cohorts_history"))
    one.becomes(set={"description": "secret"})
    ended = hogsync(file_scene, "sync", "cohorts")
    assert ended.code == 1
    assert "(cohorts_history in " in ended.err
    assert "drop or rename it" in ended.err
    assert "Partly done: not all that is derived from these tables could be written" in ended.out
    one.becomes(delete=True)
