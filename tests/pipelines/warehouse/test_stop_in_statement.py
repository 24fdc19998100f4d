"""A stop while a database is busy: no Python handler may run there, and nobody waits for the statement's end."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import duckdb
import psycopg2
import pytest

from destinations.duckdb_file import holder_of
from sources.sandbox import Sandbox
from tests.harness.ended import Ended
from tests.harness.stored import ask, run
from tests.pipelines.cli.test_commands import and_then_all_is_right, at, started

ALWAYS, LOADING = "true", "key = 'cohorts_history until' and value = ''"
"""When a warehouse is slow, as `_hogsync_meta` has it."""


VIEWS_TOO = """
import sys
from destinations import duckdb, postgres
from pipelines.cli import main
duckdb.RELATIONS = duckdb.RELATIONS.replace("= 'BASE TABLE'", "<> ''")
postgres.RELATIONS = postgres.RELATIONS.replace("in ('r', 'p')", "<> ''")
postgres.Postgres.index_key = lambda *_: None
sys.exit(main())
"""
"""hogsync, but a view at the name of a table is neither refused nor given a key: a warehouse can be slow by it."""


def syncing(posthog: Sandbox, url: str) -> subprocess.Popen[str]:
    """A sync of cohorts that has begun."""
    return started(
        "-c", VIEWS_TOO, "sync", "cohorts", program=sys.executable, **at(posthog, WAREHOUSE_URL=url)
    )


@contextmanager
def endless(url: str, when: str) -> Iterator[None]:
    """A warehouse in which whoever asks for cohorts waits for ever."""
    numbers = "generate_series(1, 200000) a(n), generate_series(1, 200000) b(n)"
    run(
        url,
        "alter table posthog.cohorts rename to true_cohorts;"
        "create view posthog.cohorts as select * from posthog.true_cohorts union all "
        f"select c.* from posthog.true_cohorts c, (select 1 from posthog._hogsync_meta where {when} limit 1) w, "
        f"{numbers} where (a.n * 7919 + b.n) % 1000003 = -1",
    )
    yield
    run(url, "drop view posthog.cohorts; alter table posthog.true_cohorts rename to cohorts")


ASKED = """
import os, signal, time
from pipelines import signals

def cut():
    time.sleep(1.5)
    print("cut", flush=True)

signals.listen()
try:
    with signals.interruptible(cut):
        os.kill(os.getpid(), signal.SIGTERM)
except KeyboardInterrupt:
    pass
print("next", flush=True)
"""


def test_what_comes_after_a_stop_is_not_cut_short() -> None:
    command = [sys.executable, "-c", ASKED]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
    assert done.stdout == "cut\nnext\n"


def wait_until_busy(url: str, statement: str = "") -> None:
    """Return as soon as Postgres is busy with a statement of a command, of these words."""
    busy = (
        "select count(*) from pg_stat_activity where application_name like 'hogsync%' and state = 'active' "
        f"and clock_timestamp() - query_start > interval '0.5 s' and query ~ '{statement}'"
    )
    deadline = time.monotonic() + 60
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        while cursor.execute(busy) or cursor.fetchone() == (0,):
            assert time.monotonic() < deadline
            time.sleep(0.05)


def wait_until_held(file: Path, seconds: float) -> None:
    """Return when another process has held a DuckDB file for so long without a break: it is busy with a statement."""
    deadline = time.monotonic() + 60
    since = time.monotonic()
    while time.monotonic() < since + seconds:
        assert time.monotonic() < deadline
        if not holder_of(file):
            since = time.monotonic()
        time.sleep(0.05)


def stopped_at_once(process: subprocess.Popen[str], how: signal.Signals) -> str:
    """What a command says that is busy, and stopped."""
    assert process.poll() is None
    begun = time.monotonic()
    process.send_signal(how)
    out, err = process.communicate(timeout=15)
    assert time.monotonic() - begun < 4, "half of the grace"
    return Ended(process.returncode, out, err).refusal(130)


@pytest.mark.fault("process.interrupted_query")
@pytest.mark.parametrize(
    ("sql", "how"),
    [
        ("select count(*) from range(10_000_000) a, range(10_000_000) b", signal.SIGINT),
        ("select a.range from range(100_000_000) a order by hash(a.range)", signal.SIGTERM),
    ],
    ids=["joins", "sorts"],
)
def test_a_query_that_takes_long_is_stopped_at_once(posthog: Sandbox, sql: str, how: signal.Signals) -> None:
    with duckdb.connect("hogsync.duckdb") as file:
        file.execute("create schema posthog")
    process = started("query", sql, **at(posthog))
    wait_until_held(Path("hogsync.duckdb"), 1)
    assert stopped_at_once(process, how) == "Stopped."


@pytest.mark.fault("process.interrupted_query")
def test_a_query_of_postgres_that_takes_long_is_stopped_at_once(postgres_url: str) -> None:
    with closing(psycopg2.connect(postgres_url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute("create schema posthog")
    process = started("query", "select pg_sleep(600)", WAREHOUSE_URL=postgres_url)
    wait_until_busy(postgres_url, "fetch")
    assert stopped_at_once(process, signal.SIGTERM) == "Stopped."


@pytest.mark.fault("process.interrupted_anywhere")
@pytest.mark.parametrize(
    ("warehouse_url", "when", "recorded", "how"),
    [
        ("postgres", ALWAYS, [], signal.SIGTERM),
        ("postgres", LOADING, ["interrupted"], signal.SIGINT),
        ("duckdb", LOADING, ["interrupted"], signal.SIGINT),
    ],
    ids=["postgres-before it begins", "postgres-loading", "duckdb-loading"],
    indirect=["warehouse_url"],
)
def test_a_sync_that_asks_the_warehouse_for_long_is_stopped_at_once_and_recorded(
    posthog: Sandbox, warehouse_url: str, when: str, recorded: list[str], how: signal.Signals
) -> None:
    and_then_all_is_right(posthog, WAREHOUSE_URL=warehouse_url)
    gone = posthog.rows("cohorts")[0]["id"]
    posthog.edit("cohorts", where={"id": gone}, delete=True)
    with endless(warehouse_url, when):
        process = syncing(posthog, warehouse_url)
        if warehouse_url.startswith("duckdb"):
            wait_until_held(Path(warehouse_url.removeprefix("duckdb:///")), 3)
        else:
            wait_until_busy(warehouse_url)
        said = stopped_at_once(process, how)
        assert said.startswith("Stopped.")
    runs = ask(warehouse_url, "select status from posthog._hogsync_runs order by started_at")
    assert runs[1:] == [(status,) for status in recorded]
    and_then_all_is_right(posthog, WAREHOUSE_URL=warehouse_url)


@pytest.mark.fault("process.interrupted_anywhere")
def test_a_sync_that_waits_for_postgres_to_write_is_stopped_at_once_and_recorded(
    posthog: Sandbox, postgres_url: str
) -> None:
    here = at(posthog, WAREHOUSE_URL=postgres_url)
    and_then_all_is_right(posthog, WAREHOUSE_URL=postgres_url)
    gone = posthog.rows("cohorts")[0]["id"]
    posthog.edit("cohorts", where={"id": gone}, delete=True)
    run(
        postgres_url,
        "create function doze() returns trigger language plpgsql as "
        "$$ begin perform pg_sleep(600); return new; end $$;"
        "create trigger slow before insert on posthog.cohorts_history execute function doze()",
    )
    process = started("sync", "cohorts", **here)
    wait_until_busy(postgres_url)
    assert stopped_at_once(process, signal.SIGTERM).startswith("Stopped.")
    run(postgres_url, "drop function doze cascade")
    assert ask(postgres_url, "select status from posthog._hogsync_runs order by started_at")[1:] == [
        ("interrupted",)
    ]
    and_then_all_is_right(posthog, WAREHOUSE_URL=postgres_url)
