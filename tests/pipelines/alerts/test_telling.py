"""Whoever is told hears of each state once when it begins and once when it ends, whatever happens in between."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.alerts.following import followed
from pipelines.attended import sync
from pipelines.errors import Interrupted, KeyProblem, WarehouseProblem
from pipelines.locking.load_lock import load_lock
from pipelines.settings import load
from pipelines.sync.outcome import Outcome
from pipelines.sync.selection import Selection
from pipelines.sync.sync import sync as one_sync
from tests.harness.scene import Scene
from tests.pipelines.alerts.conftest import Watched

HOUR = timedelta(hours=1)


def test_a_first_good_run_tells_nothing(watched: Watched) -> None:
    assert watched.told("group_types") == []
    assert watched.states() == []


def test_a_list_that_is_refused_is_told_once_and_so_is_its_return(watched: Watched) -> None:
    watched.sync("group_types")
    watched.scene.posthog.gate("group_types", 403)
    assert watched.told("group_types", "users") == ["group_types: cannot be read any more"]
    assert watched.told("group_types", "users") == []
    assert watched.states() == [("group_types", "lost_scope", True, False)]
    watched.scene.posthog.clear_gates()
    assert watched.told("group_types", "users") == ["group_types: can be read again"]
    assert watched.told("group_types", "users") == []
    assert watched.states() == [("group_types", "lost_scope", True, True)]


def test_a_table_that_fails_is_told_once_and_so_is_its_recovery(watched: Watched) -> None:
    watched.sync("group_types", "users")
    watched.scene.posthog.fault(path="/groups_types/", kind="status", status=400, times=None)
    assert watched.told("group_types", "users") == ["group_types: failed"]
    assert watched.told("group_types", "users") == []
    watched.scene.posthog.clear_faults()
    assert watched.told("users") == []
    assert watched.told("group_types", "users") == ["group_types: works again"]


def test_a_refused_key_is_told_once_with_what_to_do(watched: Watched) -> None:
    watched.sync("group_types")
    watched.scene.posthog.change_key("owner", revoked=True)
    for expected in (1, 0):
        with pytest.raises(KeyProblem):
            watched.sync("group_types")
        assert [message["title"] for message in watched.listener.posted] == [
            "hogsync: default, sync: PostHog refuses the key"
        ] * expected
        assert all("`hogsync check`" in message["message"] for message in watched.listener.posted)
        watched.listener.posted.clear()
    watched.scene.posthog.change_key("owner", revoked=False)
    assert watched.told("group_types") == ["sync: PostHog takes the key again"]


def test_a_table_whose_runs_are_all_stopped_or_killed_is_told_by_the_next_try(watched: Watched) -> None:
    watched.sync("group_types")
    let_pass(watched, "3 hours")
    hourly: dict[str, Any] = {"HOGSYNC_GROUPS": {"all": {"crontab": "0 * * * *"}}}
    synced = ("group_types", "organizations", "people", "projects")
    for expected in ([f"{table}: not synced in time" for table in synced], []):
        with pytest.raises(Interrupted):
            followed(load(watched.given(**hourly)), Selection(), stopped)
        assert sorted(watched.listener.told()) == expected
    told = watched.told("group_types", more=hourly)
    assert sorted(told) == [f"{table}: synced in time again" for table in synced]


def test_a_job_whose_times_hogsync_does_not_know_is_not_told_as_late_when_it_starts(watched: Watched) -> None:
    watched.sync("group_types")
    let_pass(watched, "7 days")
    with pytest.raises(Interrupted):
        followed(load(watched.given()), Selection(), stopped)
    assert watched.listener.told() == []


def let_pass(watched: Watched, span: str) -> None:
    """Put all runs back by a span of time."""
    with duckdb.connect(watched.scene.url.removeprefix("duckdb:///")) as warehouse:
        warehouse.execute(f"update posthog._hogsync_runs set started_at = started_at - interval '{span}'")


def stopped() -> Outcome:
    """A sync that ends as one that the service ends at its timeout."""
    raise Interrupted("the sync was stopped")


def test_what_a_run_shows_while_another_process_holds_the_warehouse_is_told_once_by_the_next_run(
    watched: Watched,
) -> None:
    tables = ("cohorts", "comments", "group_types")
    watched.scene.posthog.fault(path="/groups_types/", kind="status", status=400, times=None)
    assert watched.told(*tables) == ["group_types: failed"]
    watched.scene.posthog.clear("cohorts")
    watched.scene.posthog.fault(path="/comments/", kind="status", status=400, times=None)
    settings, selection = load(watched.given()), Selection(tables=tables, accept_deletes=True)
    with ExitStack() as held:

        def one() -> Outcome:
            outcome = one_sync(settings, selection)
            held.enter_context(load_lock(settings, 0, "another sync"))
            return outcome

        outcome = followed(settings, selection, one)
    assert "the next run tells them" in outcome.run.warnings[-1].text
    assert watched.listener.told() == []
    watched.scene.posthog.clear_faults()
    told = watched.told(*tables)
    assert sorted(told[:2]) == ["cohorts: many rows are gone", "comments: failed"]
    assert sorted(told[2:]) == [
        "cohorts: no more rows than usual are gone",
        "comments: works again",
        "group_types: works again",
    ]
    assert watched.told(*tables) == []


def test_a_state_of_what_the_settings_leave_out_ends_and_is_told_anew_when_it_is_back(
    watched: Watched,
) -> None:
    watch = {"HOGSYNC_WATCH": {"any": {"sql": "select 1 as one"}}}
    watched.scene.posthog.fault(path="/groups_types/", kind="status", status=400, times=None)
    begun = ["any: has an answer", "group_types: failed"]
    assert sorted(watched.told("group_types", more=watch)) == begun
    users = {"HOGSYNC_SELECTION": {"tables": ["users"]}}
    in_group = {"HOGSYNC_GROUPS": {"other": {"tables": ["group_types"]}}}
    assert watched.told(more={**users, **in_group, **watch}) == []
    told = watched.told(more=users)
    assert sorted(told) == ["any: left out of the settings", "group_types: left out of the settings"]
    assert watched.told(more=users) == []
    assert sorted(watched.told("group_types", more=watch)) == begun


def test_held_deletes_are_told_until_they_are_accepted_which_is_a_drop_of_rows(watched: Watched) -> None:
    watched.sync("cohorts")
    watched.scene.posthog.clear("cohorts")
    assert watched.told("cohorts") == ["cohorts: deletes are held"]
    told = watched.told("cohorts", accept_deletes=True)
    assert sorted(told) == ["cohorts: many rows are gone", "cohorts: no deletes are held any more"]
    assert watched.told("cohorts") == ["cohorts: no more rows than usual are gone"]
    assert watched.told("cohorts") == []


def test_a_warehouse_that_is_away_is_told_once_from_here_and_so_is_its_return(watched: Watched) -> None:
    watched.sync("group_types")
    file = Path(watched.scene.url.removeprefix("duckdb:///"))
    aside = file.rename(file.with_suffix(".aside"))
    file.write_text("what is left of it")
    for expected in (["sync: the warehouse cannot be written"], []):
        with pytest.raises(WarehouseProblem):
            watched.sync("group_types")
        assert watched.listener.told() == expected
    aside.rename(file)
    assert watched.told("group_types") == ["sync: the warehouse can be written again"]
    assert watched.told("group_types") == []
    assert watched.states() == [("", "warehouse", True, True)]


@pytest.mark.fault("process.notifier_down")
def test_a_message_that_cannot_be_sent_never_fails_a_sync_and_is_sent_by_a_later_run(
    watched: Watched,
) -> None:
    tables = ("group_types", "users")
    watched.sync(*tables)
    watched.scene.posthog.gate("group_types", 403)
    now = datetime.now(UTC)
    assert watched.told(*tables, quiet=f"{now - HOUR:%H:%M}-{now + HOUR:%H:%M}") == []
    watched.listener.status = 500
    outcome = watched.sync(*tables)
    (lost, unsent) = outcome.run.warnings
    assert (outcome.exit_code, lost.kind, unsent.kind) == (0, "lost access", "alert not sent")
    assert "secret" not in unsent.text
    recorded = watched.scene.ask(
        "select warnings from posthog._hogsync_runs order by started_at desc limit 1"
    )
    assert "alert not sent" in str(recorded)
    assert watched.states() == [("group_types", "lost_scope", False, False)]
    watched.listener.status = 200
    assert watched.told(*tables) == ["group_types: cannot be read any more"]


def test_a_run_of_one_project_or_without_effect_ends_no_state(watched: Watched) -> None:
    watched.scene.posthog.fault(path="/101/groups_types/", kind="status", status=400, times=None)
    assert watched.told("group_types", dry_run=True) == []
    assert watched.told("group_types") == ["group_types: failed"]
    assert watched.told("group_types", projects=(102,)) == []
    assert watched.states() == [("group_types", "failure", True, False)]


def test_no_message_and_no_warning_holds_an_address_or_a_secret(watched: Watched) -> None:
    watched.scene.posthog.fault(
        path="/groups_types/",
        kind="status",
        status=400,
        body={"detail": f"ada@hedgebox.example {watched.scene.posthog.key}"},
        times=None,
    )
    outcome = watched.sync("group_types")
    (message,) = watched.listener.posted
    for text in (str(message), str(outcome.run.warnings)):
        assert not any(
            word in text for word in ("ada@", "phx_", "secret-of-the-channel", watched.scene.posthog.key)
        )


def test_each_connection_has_its_states_in_its_own_dataset(watched: Watched, postgres_url: str) -> None:
    watched.scene = Scene(watched.scene.posthog, postgres_url, watched.scene.home)
    places = {
        name: {"host": watched.scene.posthog.url, "key_file": "key", "dataset": f"posthog_{name}"}
        for name in ("eu", "us")
    }
    Path("key").write_text(watched.scene.posthog.key)
    given = {
        "WAREHOUSE_URL": postgres_url,
        "HOGSYNC_CONNECTIONS": places,
        "HOGSYNC_ALERTS": {"urls": [watched.listener.url]},
        "HOGSYNC_LISTS": {"sweep_every": "0m"},
    }
    eu, us = load(given).each_connection()
    watched.scene.posthog.fault(path="/groups_types/", kind="status", status=400, times=None)
    watched.listener.status = 500
    sync(eu, Selection(tables=("group_types",)))
    assert "alert not sent" in str(watched.scene.ask("select warnings from posthog_eu._hogsync_runs"))
    watched.listener.status = 200
    sync(eu, Selection(tables=("group_types",)))
    assert [message["title"] for message in watched.listener.posted] == ["hogsync: eu, group_types: failed"]
    watched.listener.posted.clear()
    watched.scene.posthog.clear_faults()
    sync(us, Selection(tables=("group_types",)))
    assert not watched.listener.posted
    found = "select connection, table_name, kind, cleared_at is null from {}._hogsync_alerts"
    assert watched.scene.ask(found.format("posthog_eu")) == [("eu", "group_types", "failure", True)]
    assert watched.scene.ask(found.format("posthog_us")) == []
