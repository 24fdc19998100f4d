"""What is wrong with notifiers and watches is found before a run meets it, on both databases."""

from __future__ import annotations

from contextlib import closing

import duckdb
import psycopg2
import pytest

from pipelines.alerts.problems import notifier_problems, watch_problems
from pipelines.alerts.watches import ask
from pipelines.settings import load

MAKE = ("create schema posthog", "create table posthog.cohorts (id bigint, name text)")
SLOW = {
    "duckdb": "select count(*) from range(1000000000) a, range(1000) b",
    "postgresql": "select pg_sleep(60)",
}


@pytest.fixture
def dataset(warehouse_url: str) -> str:
    """A dataset with one table, and the URL of its warehouse."""
    if warehouse_url.startswith("duckdb"):
        with duckdb.connect(warehouse_url.removeprefix("duckdb:///")) as file:
            for sql in MAKE:
                file.execute(sql)
    else:
        with closing(psycopg2.connect(warehouse_url)) as server, server, server.cursor() as cursor:
            for sql in MAKE:
                cursor.execute(sql)
    return warehouse_url


@pytest.mark.fault("process.watch_wrong")
def test_watches_that_write_or_fail_are_refused_in_one_sentence_each(dataset: str) -> None:
    watches = {
        "good": {"sql": "select name from cohorts"},
        "writes": {"sql": "delete from cohorts"},
        "fails": {"sql": "select nothing from cohorts"},
        "several": {"sql": "select 1; select 2"},
    }
    found = list(watch_problems(load({"WAREHOUSE_URL": dataset, "HOGSYNC_WATCH": watches})))
    assert [text.partition(" sql ")[0] for text in found] == [
        "[watch.writes]",
        "[watch.fails]",
        "[watch.several]",
    ]
    assert all(text.endswith(".") and "\n" not in text for text in found)


@pytest.mark.fault("process.watch_wrong")
def test_a_watch_that_takes_long_is_cut_and_the_next_one_is_asked(dataset: str) -> None:
    settings = load({"WAREHOUSE_URL": dataset})
    watches = {"slow": {"sql": SLOW[settings.warehouse.kind]}, "good": {"sql": "select 1 as one"}}
    answers = ask(load({"WAREHOUSE_URL": dataset, "HOGSYNC_WATCH": watches}), seconds=0.5)
    assert (answers["slow"].problem, answers["good"].rows) == ("it takes longer than 0.5 s", 1)


def test_before_the_first_sync_there_is_nobody_to_ask() -> None:
    assert list(watch_problems(load({"HOGSYNC_WATCH": {"any": {"sql": "select 1 from cohorts"}}}))) == []


def test_a_notifier_that_apprise_does_not_know_is_named_by_its_place_only() -> None:
    urls = ["json://127.0.0.1:9/token", "nonsense://token"]
    (text,) = notifier_problems(load({"HOGSYNC_ALERTS": {"urls": urls}}))
    assert "notifier 2 of [alerts] urls (nonsense)" in text
    assert "token" not in text


@pytest.mark.parametrize(
    ("crontabs", "is_refused"),
    [
        (["0 3 * * *"], True),
        (["0 3 1 * *"], True),
        (["*/30 0-3 * * *", "0 4 * * 0"], True),
        (["0 3 * * *", "0 8 * * *"], False),
        (["0 3,12 * * *"], False),
        (["30 6 * * *"], False),
        ([], False),
    ],
    ids=str,
)
def test_quiet_hours_in_which_all_runs_lie_are_refused(crontabs: list[str], *, is_refused: bool) -> None:
    groups = {f"group{number}": {"crontab": written} for number, written in enumerate(crontabs)}
    alerts = {"urls": ["json://127.0.0.1:9/token"], "quiet": "22:00-07:00"}
    given = {"HOGSYNC_ALERTS": alerts} | ({"HOGSYNC_GROUPS": groups} if groups else {})
    texts = list(notifier_problems(load(given)))
    assert bool(texts) is is_refused
    assert all("[alerts] quiet is 22:00-07:00" in text for text in texts)
