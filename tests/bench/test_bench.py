"""The bench measures what it says: pages as PostHog's framework pages them, and a floor that builds the same Arrow."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import duckdb
import pytest

from pipelines.settings import load
from pipelines.sync.selection import Selection
from pipelines.sync.sync import sync
from sources.sandbox import Sandbox
from tests.bench.bench import TABLES
from tests.bench.company import Company, Listed
from tests.bench.contenders import floor
from tests.bench.pages import pages
from tests.bench.replay import replaying
from tests.bench.serving import KEY, Pages, serving

LIMIT = 35
"""A divisor of the number of events, so that the last page is a full one."""
EVENTS = f"event_definitions/?limit={LIMIT}&ordering=name"


@pytest.fixture(scope="module")
def served() -> Iterator[Pages]:
    """A small company, in small pages and in large ones."""
    with serving(Company(300, 100)) as running:
        for limit in (LIMIT, 1000):
            running.prepare("base", limit)
        yield running


def test_the_bench_pages_a_list_as_the_framework_does_and_its_rows_have_the_same_fields(
    sandbox: Callable[..., Sandbox], served: Pages
) -> None:
    posthog = sandbox()
    theirs = [_answer(f"{posthog.url}/api/projects/101/{EVENTS}", posthog.key)]
    while theirs[-1]["next"]:
        theirs.append(_answer(theirs[-1]["next"], posthog.key))
    rows = [row for page in theirs for row in page["results"]]

    listed = Listed("projects/101/event_definitions/", {"ordering": "name"}, rows)
    ours = [page for _, page in pages(posthog.url, listed, LIMIT)]

    assert len(ours) == 4
    assert ours == theirs
    shown = _answer(f"{served.url}/api/projects/1/{EVENTS}", KEY)
    assert shown["results"][0].keys() == rows[0].keys()
    assert shown["next"] == f"{served.url}/api/projects/1/event_definitions/?limit=35&offset=35&ordering=name"


def test_the_floor_builds_the_rows_that_a_sync_stores(served: Pages, tmp_path: Path) -> None:
    synced, plain = tmp_path / "hogsync.duckdb", tmp_path / "floor.duckdb"
    settings = {
        "POSTHOG_HOST": served.url,
        "POSTHOG_PERSONAL_API_KEY": KEY,
        "WAREHOUSE_URL": f"duckdb:///{synced}",
        "HOGSYNC_HOME": str(tmp_path / "home"),
    }

    assert sync(load(settings), Selection(tables=TABLES)).exit_code == 0
    floor.main(served.url, f"duckdb:///{plain}")

    for table in (*TABLES, *(f"{table}__tags" for table in TABLES)):
        stored = _rows(synced, f"posthog.{table}")
        assert stored
        assert _rows(plain, table) == stored


def _answer(url: str, key: str) -> Any:
    asked = Request(url, headers={"Authorization": f"Bearer {key}", "Accept-Encoding": "gzip"})  # noqa: S310
    with urlopen(asked) as answer:  # noqa: S310  both are servers of this test
        body = answer.read()
        return json.loads(gzip.decompress(body) if answer.headers["Content-Encoding"] == "gzip" else body)


def _rows(file: Path, table: str) -> list[dict[str, Any]]:
    """What a table holds, but for who wrote it and when."""
    with duckdb.connect(str(file)) as connection:
        rows = connection.sql(f"from {table}").to_arrow_table().to_pylist()
    kept = [{n: str(v) for n, v in row.items() if n not in {"_synced_at", "_dlt_load_id"}} for row in rows]
    return sorted(kept, key=lambda row: sorted(row.items()))


def test_a_replay_asks_once_and_then_answers_the_same(sandbox: Callable[..., Sandbox]) -> None:
    posthog = sandbox()
    path = "/api/projects/101/cohorts/"
    with replaying(posthog.url) as url:
        first = _answer(f"{url}{path}", posthog.key)
        posthog.edit("cohorts", insert=[{}], parents={"project_id": 101})
        assert _answer(f"{url}{path}", posthog.key) == first
    assert _answer(f"{posthog.url}{path}", posthog.key)["count"] == first["count"] + 1
