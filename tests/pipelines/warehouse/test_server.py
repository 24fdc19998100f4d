"""What a Postgres refuses, hides or loses in the middle of a sync: one sentence, exit 4, and the next run is right."""

from __future__ import annotations

import signal
from contextlib import suppress
from itertools import count
from typing import Any

import pytest

from destinations.permissions import READY_MADE, grants
from pipelines.errors import WarehouseProblem
from pipelines.locking.load_lock import load_lock
from pipelines.settings import load
from tests.harness.pooler import pool
from tests.harness.postgres import Server
from tests.harness.scene import Scene
from tests.harness.served import EVENTS, HERE, analyst, change, meanwhile, new_field, right, until_waiting

TRIGGER = f"""
create function posthog.delay() returns trigger language plpgsql as $$ begin perform {{}}; return null; end $$;
create trigger delay after insert or update on posthog.{EVENTS} for each statement execute function posthog.delay();
"""
_numbers = count(1)


def database(scene: Scene) -> str:
    return scene.url.rpartition("/")[2]


def told(scene: Scene, *, options: str = "") -> str:
    """The one sentence with which a sync ends that has something to write; what was stored stays."""
    url, before = scene.url, scene.stored()
    scene.url = f"{url}?options={options}" if options else url
    with pytest.raises(WarehouseProblem) as caught:
        scene.sync(EVENTS, wait=1, **HERE)
    scene.url = url
    assert "\n" not in str(caught.value)
    assert scene.stored() == before
    return str(caught.value)


@pytest.fixture
def changed(served: Scene) -> Scene:
    """Something is to be written."""
    change(served, description=f"changed {next(_numbers)}")
    return served


@pytest.fixture
def loader(changed: Scene, postgres_server: Server) -> str:
    """A role with hogsync's rights alone, which owns the tables; the scene syncs as it."""
    role, name = f"loader_of_{database(changed)}", database(changed)
    postgres_server.execute(f"create role {role} login password 'x'")
    own = [f"alter schema {schema} owner to {role}" for schema in ("posthog", "posthog__hogsync_staging")]
    tables = "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname ~ 'posthog'"
    own += [f"alter table {table} owner to {role}" for (table,) in postgres_server.execute(tables, name)]
    for statement in own + grants(READY_MADE, role=role, database=name, dataset="posthog"):
        postgres_server.execute(statement, name)
    changed.url = postgres_server.url(name, user=role, password="x")
    return role


@pytest.mark.fault("warehouse.read_only")
def test_a_server_that_only_reads_is_told_and_keeps_the_old_rows(changed: Scene) -> None:
    assert "read-only" in told(changed, options="-cdefault_transaction_read_only%3Don")
    right(changed)


@pytest.mark.fault("warehouse.statement_timeout")
def test_a_statement_that_takes_too_long_ends_the_sync_and_the_next_is_right(
    changed: Scene, postgres_server: Server
) -> None:
    postgres_server.execute(TRIGGER.format("pg_sleep(30)"), database(changed))
    assert "statement timeout" in told(changed, options="-cstatement_timeout%3D500")
    postgres_server.execute("drop function posthog.delay cascade", database(changed))
    right(changed)


@pytest.mark.fault("warehouse.restarted")
def test_a_server_that_is_restarted_in_the_middle_of_a_load_is_right_after_the_next_run(
    changed: Scene, postgres_server: Server
) -> None:
    postgres_server.execute(TRIGGER.format("pg_advisory_xact_lock_shared(7)"), database(changed))

    def restart() -> None:
        with analyst(changed.url, "select pg_advisory_lock(7)"):
            until_waiting(changed)
            postgres_server.restart(signal.SIGQUIT)

    with meanwhile(restart), suppress(WarehouseProblem):
        changed.sync(EVENTS, **HERE)
    right(changed)


@pytest.mark.fault("warehouse.row_security")
def test_row_security_for_readers_is_no_matter_of_the_owner(
    changed: Scene, loader: str, postgres_server: Server
) -> None:
    name = database(changed)
    policy = f"create policy only_one on posthog.{EVENTS} using (project_id = 7)"
    for statement in (f"alter table posthog.{EVENTS} enable row level security", policy):
        postgres_server.execute(statement, name)
    right(changed)
    sql = "select polname, relrowsecurity from pg_policy join pg_class c on c.oid = polrelid"
    assert postgres_server.execute(sql, name) == [("only_one", True)]


@pytest.mark.fault("warehouse.row_security_forced")
@pytest.mark.parametrize("check", ["true", "false"], ids=["may write", "may not write"])
def test_rows_that_are_hidden_from_hogsync_are_neither_doubled_nor_ended(
    changed: Scene, loader: str, postgres_server: Server, check: str
) -> None:
    name = database(changed)
    policy = f"create policy few on posthog.{EVENTS} using (name > 'f') with check ({check})"
    force = f"alter table posthog.{EVENTS} enable row level security, force row level security"
    for statement in (policy, force):
        postgres_server.execute(statement, name)
    assert EVENTS in told(changed)
    postgres_server.execute(f"alter table posthog.{EVENTS} no force row level security", name)
    right(changed)


@pytest.mark.fault("warehouse.too_many_connections")
@pytest.mark.parametrize("limit", [1, 2, 3])
def test_too_few_connections_for_a_sync_are_told_wherever_they_end(
    changed: Scene, loader: str, postgres_server: Server, limit: int
) -> None:
    owner = changed.url
    postgres_server.execute(f"alter role {loader} connection limit {limit}")
    with pytest.raises(WarehouseProblem, match="too many connections") as caught:
        changed.sync(EVENTS, wait=1, **HERE)
    assert "\n" not in str(caught.value)
    assert changed.url == owner
    postgres_server.execute(f"alter role {loader} connection limit -1")
    right(changed)


@pytest.mark.fault("warehouse.turn_lost")
def test_a_sync_that_lost_its_turn_while_it_read_does_not_write_over_what_others_wrote(
    changed: Scene, postgres_server: Server
) -> None:
    end = "select pg_terminate_backend(pid) from pg_stat_activity where application_name ~ '^hogsync sync, process'"
    lists: list[str] = []

    def others_take_their_turn(endpoint: Any, _rows: Any) -> None:
        if endpoint.table == EVENTS and not lists:
            lists.append(EVENTS)
            postgres_server.execute(end)
            change(changed, description="newer")
            right(changed)

    with pytest.raises(WarehouseProblem, match=r"terminat|closed"):
        changed.sync(EVENTS, observers=(others_take_their_turn,), **HERE)
    assert changed.wrong() == ""
    assert changed.sync(EVENTS, **HERE).exit_code == 0
    assert changed.wrong() == ""


@pytest.mark.fault("warehouse.transaction_pooler")
def test_behind_a_pooler_in_transaction_mode_whole_syncs_are_right_and_the_lane_is_one(
    changed: Scene, postgres_server: Server
) -> None:
    direct = changed.url
    with pool(direct, 8) as pooler:
        changed.url = direct.replace(f":{postgres_server.port}/", f":{pooler.port}/")
        change(changed, tags=["pooled"])
        right(changed)
        with new_field(changed):
            right(changed)
        assert pooler.transactions > 50
        place = load(changed.settings())
        with (
            load_lock(place, 0, "hogsync schedule"),
            pytest.raises(WarehouseProblem, match="hogsync schedule"),
        ):
            changed.sync(EVENTS, wait=0, **HERE)
    changed.url = direct
    right(changed)
