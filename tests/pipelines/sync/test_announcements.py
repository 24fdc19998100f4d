"""What the audit log announced is remembered in the warehouse, shown by `status`, and forgotten on request."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.reset import reset
from pipelines.settings import load
from pipelines.status import judge
from pipelines.status.facts import read_facts
from pipelines.sync.outcome import Outcome
from pipelines.sync.summary import summary_table
from sources.sandbox import Sandbox
from tests.harness.scene import Scene, of, written
from tests.harness.stored import run

pytestmark = pytest.mark.duckdb_first

LOG, FLAGS = "organization_activity_logs", "feature_flags"
ALWAYS = {"announcements": "always", "sweep_every": "1d"}
REMEMBERED = (
    "select count(announced_at), count(doubted_at), count(distrusted_at) from posthog._hogsync_announcements "
    f"where table_name = '{FLAGS}'"
)


def synced(scene: Scene) -> Outcome:
    outcome = scene.sync(LOG, FLAGS, lists=ALWAYS)
    assert outcome.exit_code == 0
    return outcome


def status(scene: Scene, outcome: Outcome) -> Any:
    settings = load(scene.settings(HOGSYNC_SELECTION={"tables": [LOG, FLAGS]}))
    found = judge(settings, read_facts(settings, outcome.run.started_at), outcome.run.started_at)
    return next(one for one in found.tables if one.table == FLAGS)


def later(scene: Scene) -> None:
    """So much time passes that a sweep of the flags is due."""
    earlier = f"last_walk_at = last_walk_at - interval '2 days' where table_name = '{FLAGS}'"
    run(scene.url, f"update posthog._hogsync_paths set {earlier}")


@pytest.mark.soak("stories")
def test_a_run_without_announcements_writes_no_row_and_shows_what_it_skipped(scene: Scene) -> None:
    first = synced(scene)
    idle = synced(scene)
    assert (written(idle), of(idle, FLAGS).skipped, of(idle, FLAGS).requests) == (0, 8, 0)
    assert of(idle, FLAGS).detail == "8 lists not asked, the audit log announces no change"
    text = summary_table(idle, load(scene.settings()))
    assert f"8 lists of {FLAGS} were not asked: nothing shows a change in them." in text
    assert f"{FLAGS} (unchanged)" not in text
    shown = status(scene, idle)
    assert (shown.status, shown.lists_skipped) == ("ok", 8)
    assert shown.last_read_at == first.run.started_at
    assert shown.last_success_at == idle.run.started_at


@pytest.mark.soak("stories")
def test_trust_that_ended_is_recorded_until_it_is_reset(scene: Scene, posthog: Sandbox) -> None:
    synced(scene)
    assert scene.ask(REMEMBERED) == [(2, 0, 0)]
    posthog.edit(FLAGS, set={"name": "Untold"}, parents={"project_id": 101})
    later(scene)
    synced(scene)
    assert scene.ask(REMEMBERED) == [(2, 1, 0)]
    synced(scene)
    assert scene.ask(REMEMBERED) == [(2, 0, 1)]
    assert of(synced(scene), FLAGS).skipped == 2, "the other organization's project"
    reset(load(scene.settings()), [FLAGS])
    assert scene.ask(REMEMBERED) == [(0, 0, 0)]
    synced(scene)
    assert of(synced(scene), FLAGS).skipped == 8


@pytest.mark.soak("stories")
def test_a_json_value_that_a_database_writes_anew_is_no_change(scene: Scene, posthog: Sandbox) -> None:
    """Postgres orders the names in an object."""
    synced(scene)
    posthog.edit(FLAGS, set={"last_called_at": "2031-01-01T00:00:00Z"}, parents={"project_id": 101})
    later(scene)
    assert of(synced(scene), FLAGS).counts.updated
    assert scene.ask(REMEMBERED) == [(2, 0, 0)]


@pytest.mark.soak("stories")
def test_a_history_that_was_not_written_hears_of_rows_that_are_gone_although_nothing_is_announced(
    scene: Scene, posthog: Sandbox
) -> None:
    synced(scene)
    synced(scene)
    below = {"project_id": 101}
    ident = min(row["id"] for row in posthog.rows(FLAGS) if row["_parents"] == below and row["_listed"])
    posthog.edit(FLAGS, where={"id": ident}, parents=below, delete=True)
    run(scene.url, f"drop table posthog.{FLAGS}")
    assert scene.sync(LOG, FLAGS, lists=ALWAYS, history={"enabled": False}).exit_code == 0
    synced(scene)
    ends = f"select count(*), count(valid_to) from posthog.{FLAGS}_history where id = {ident}"
    ((versions, ended),) = scene.ask(ends)
    assert versions == ended > 0
