"""Tables that somebody else is using: hogsync waits, says for whom, lets others pass, and gives up in the end."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import psycopg2
import psycopg2.errors
import pytest

from pipelines.errors import WarehouseProblem
from sources.sandbox import Sandbox
from tests.harness.postgres import Server
from tests.harness.scene import Scene
from tests.harness.served import (
    EVENTS,
    HERE,
    PATIENCE,
    analyst,
    change,
    meanwhile,
    new_field,
    right,
    until_waiting,
)

_numbers = count(1)


@pytest.fixture
def field(served: Scene) -> Iterator[str]:
    """A field that the table has no column for yet."""
    with new_field(served) as name:
        yield name


@pytest.mark.fault("warehouse.long_select")
def test_a_new_column_waits_for_an_analysts_long_select_and_says_for_whom(
    served: Scene, field: str, caplog: pytest.LogCaptureFixture
) -> None:
    with analyst(served.url, f"select count(*) from posthog.{EVENTS}", "a notebook") as select:
        pid = select.info.backend_pid

        def end_after_a_word() -> None:
            deadline = time.monotonic() + PATIENCE
            while "Waiting" not in caplog.text and time.monotonic() < deadline:
                time.sleep(0.05)
            select.rollback()

        with caplog.at_level(logging.WARNING, "hogsync"), meanwhile(end_after_a_word):
            assert served.sync(EVENTS, **HERE).exit_code == 0
    (said,) = [record.getMessage() for record in caplog.records if "Waiting" in record.getMessage()]
    assert f"a notebook of hogsync, server process {pid}" in said
    assert EVENTS in said
    right(served)
    assert served.ask(f"select {field} from posthog.{EVENTS} where {field} is not null") == [("new",)]


@pytest.mark.soak("stories")
@pytest.mark.fault("warehouse.long_select")
def test_a_select_that_does_not_end_ends_the_sync_and_who_comes_later_is_hardly_kept_waiting(
    served: Scene, field: str
) -> None:
    waited: list[float] = []

    def come_later() -> None:
        until_waiting(served)
        begun = time.monotonic()
        served.ask(f"select count(*) from posthog.{EVENTS}")
        waited.append(time.monotonic() - begun)

    with analyst(served.url, f"select count(*) from posthog.{EVENTS}", "a notebook") as select:
        begun = time.monotonic()
        with meanwhile(come_later), pytest.raises(WarehouseProblem, match="a notebook of hogsync") as caught:
            served.sync(EVENTS, wait=6, **HERE)
        assert time.monotonic() - begun < PATIENCE
        assert str(select.info.backend_pid) in str(caught.value)
    assert waited[0] < 5
    ((status, error),) = served.ask(
        "select status, error from posthog._hogsync_runs order by started_at desc limit 1"
    )
    assert (status, error) == ("failed", str(caught.value))
    right(served)
    assert served.ask(f"select {field} from posthog.{EVENTS} where {field} is not null") == [("new",)]


@pytest.mark.fault("warehouse.locked")
@pytest.mark.parametrize(
    "lock",
    [
        "lock table posthog.event_definitions in access exclusive mode",
        pytest.param("lock table posthog._dlt_loads in share mode", marks=pytest.mark.soak("stories")),
        pytest.param("lock table posthog._hogsync_runs in share mode", marks=pytest.mark.soak("stories")),
        "update posthog.event_definitions set hidden = hidden",
    ],
)
def test_a_lock_that_is_never_given_back_ends_the_sync_in_bounded_time(served: Scene, lock: str) -> None:
    change(served, description=f"changed {next(_numbers)}")
    with analyst(served.url, lock):
        begun = time.monotonic()
        with pytest.raises(WarehouseProblem, match="lock timeout") as caught:
            served.sync(EVENTS, wait=1, **HERE)
        assert time.monotonic() - begun < PATIENCE
    assert "\n" not in str(caught.value)
    right(served)


@pytest.mark.fault("warehouse.deadlock")
def test_a_deadlock_with_a_dependents_transaction_is_tried_again(
    served: Scene, posthog: Sandbox, postgres_server: Server
) -> None:
    before = deadlocks(postgres_server)
    below = {"project_id": 101}
    names = sorted(r["name"] for r in posthog.rows(EVENTS) if r["_parents"] == below)[:3]
    for name in names:
        said = {"description": f"changed {next(_numbers)}"}
        posthog.edit(EVENTS, where={"name": name}, parents=below, set=said)
    row = f"select name from posthog.{EVENTS} where name = '{{}}' for update"
    with analyst(served.url, row.format(names[1])) as other, other.cursor() as cursor:

        def want_what_hogsync_has() -> None:
            until_waiting(served)
            cursor.execute("set local deadlock_timeout = '1min'")  # so it is hogsync that is ended
            for name in (names[0], names[2]):
                cursor.execute(f"{row.format(name)} skip locked")
                if not cursor.fetchall():
                    cursor.execute(row.format(name))
            other.commit()

        with meanwhile(want_what_hogsync_has):
            assert served.sync(EVENTS, **HERE).exit_code == 0
    assert deadlocks(postgres_server) == before + 1
    served.learn(served.truth(EVENTS, **HERE))
    assert served.wrong() == ""


@pytest.mark.fault("warehouse.deadlock")
def test_a_deadlock_over_the_records_is_exit_4_and_the_next_run_is_right(
    served: Scene, postgres_server: Server
) -> None:
    before = deadlocks(postgres_server)
    lock = "lock table posthog.{} in share row exclusive mode"
    with analyst(served.url, lock.format("_hogsync_run_tables")) as other, other.cursor() as cursor:

        def want_what_hogsync_has() -> None:
            until_waiting(served)
            cursor.execute("set local deadlock_timeout = '1min'")
            cursor.execute(lock.format("_hogsync_runs"))
            other.rollback()

        with meanwhile(want_what_hogsync_has), pytest.raises(WarehouseProblem, match="deadlock"):
            served.sync(EVENTS, **HERE)
    assert deadlocks(postgres_server) == before + 1
    right(served)


def deadlocks(server: Server) -> int:
    """How many the server has told of."""
    return (server.folder / "log").read_text(errors="replace").count("ERROR:  deadlock detected")


@pytest.mark.fault("warehouse.locked")
def test_a_load_that_failed_moves_no_position(posthog: Sandbox, postgres_url: str, tmp_path: Path) -> None:
    deliveries = "subscription_deliveries"
    here: dict[str, Any] = {"projects": (201,)}
    scene = Scene(posthog, postgres_url, tmp_path / "home")
    scene.sync(deliveries, **here)
    scene.learn(scene.truth(deliveries, **here))
    positions = "select * from posthog._hogsync_paths where last_walk_at is not null order by path"
    before = scene.ask(positions)
    posthog.advance(2)
    with (
        analyst(scene.url, f"lock table posthog.{deliveries} in share mode"),
        pytest.raises(WarehouseProblem, match="lock timeout"),
    ):
        scene.sync(deliveries, wait=1, **here)
    assert scene.ask(positions) == before
    assert scene.sync(deliveries, **here).exit_code == 0
    scene.learn(scene.truth(deliveries, **here))
    assert scene.wrong() == ""


def test_a_table_takes_no_row_twice_from_before_its_first_load_on(
    posthog: Sandbox, postgres_url: str, tmp_path: Path
) -> None:
    scene = Scene(posthog, postgres_url, tmp_path / "home")
    scene.sync("projects")
    with (
        analyst(scene.url, "lock table posthog._dlt_version in share mode"),
        pytest.raises(WarehouseProblem, match="lock timeout"),
    ):
        scene.sync("group_types", wait=1, projects=(101,))
    assert scene.rows("group_types") == {}
    twice = "insert into posthog.group_types (project_id, group_type_index) values (1, 2), (1, 2)"
    with (
        closing(psycopg2.connect(scene.url)) as server,
        server.cursor() as cursor,
        pytest.raises(psycopg2.errors.UniqueViolation),
    ):
        cursor.execute(twice)
