"""Whatever PostHog sends, both databases end with the same, and no other list pays for it: values by chance."""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pipelines.sync.outcome import Outcome
from tests.harness.little_posthog import little_posthog, synced
from tests.harness.scene import of
from tests.harness.stored import stored
from tests.sources.posthog.client.wire_server import http

SPECIAL = """
    id name Name query count xmin CTID _row_hash _dlt_load_id _synced_at project_id created_by created_by_id select
    reviewer reviewer_id experiment_set position valid_from op quo"te a;b $x _other_fields name__v_text
"""
NAMES = st.sampled_from(SPECIAL.split()) | st.text(max_size=60)
TIMES = st.sampled_from(
    ["2026-11-01T00:00:00Z", "0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00", "infinity", "24:00"]
)
PEOPLE = st.fixed_dictionaries(
    {
        "id": st.integers(-2, 2**65),
        "uuid": TIMES,
        "email": st.text(max_size=9),
        "first_name": st.text(max_size=9),
    }
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(-1e15, 1e15)  # beyond 2**53 `jsonb` writes digits that a float has not
    | st.sampled_from([float("nan"), float("inf"), 1e308])
    | st.text(max_size=20)
    | TIMES
    | PEOPLE
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
IDS: st.SearchStrategy[Any] = st.integers(0, 5) | st.sampled_from(
    ["7", "012", 12.0, 0.5, None, True, 2**70, -1, "", {}, [1]]
)
ROWS = st.builds(lambda ident, row: {**row, "id": ident}, IDS, st.dictionaries(NAMES, VALUES, max_size=6))
COUNTS = st.none() | st.integers(-1, 9) | st.sampled_from(["3", True, 2**70, 1.5, {}, "x"])
NEXTS = st.none() | st.sampled_from(["", False, 0, [], "http://[", "?offset=-1", "nowhere", "x" * 3000])
PAGES = st.builds(
    lambda rows, count, following: {"count": count, "next": following, "results": rows},
    st.lists(ROWS | VALUES, max_size=5),
    COUNTS,
    NEXTS,
)
TABLES = ("cohorts", "event_definitions")
_datasets = count(1)


def outcomes(posthog_page: dict[str, Any], folder: Path, url: str, dataset: str) -> Outcome:
    """One sync of a project whose cohorts come as this page and whose only event is a plain one."""
    body = http(200, json.dumps(posthog_page).encode())

    def lists(_project: int, table: str, _query: dict[str, str], _n: int) -> Any:
        return body if table == "cohorts" else {"count": 1, "next": None, "results": [{"name": "x"}]}

    with little_posthog(1, lists) as server:
        return synced(server, folder, *TABLES, WAREHOUSE_URL=url, HOGSYNC_DATASET=dataset)


@pytest.mark.fault("values.by_chance")
@pytest.mark.parametrize("examples", [3, pytest.param(200, marks=pytest.mark.soak("chance"))])
def test_strange_pages_leave_both_databases_alike_and_every_other_list_whole(
    tmp_path: Path, postgres_url: str, examples: int
) -> None:
    file = f"duckdb:///{tmp_path / 'warehouse.duckdb'}"

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],  # to shrink an example takes hundreds of syncs
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(PAGES)
    def holds(posthog_page: dict[str, Any]) -> None:
        dataset = f"chance_{next(_datasets)}"
        held, said = {}, []
        for url in (file, postgres_url):
            outcome = outcomes(posthog_page, tmp_path, url, dataset)
            held[url] = stored(url, dataset)
            one, other = (of(outcome, table) for table in TABLES)
            said.append((outcome.exit_code, outcome.run.status, one.status, one.detail, one.rows_read))
            assert other.status == "loaded", other.detail
            assert list(held[url]["event_definitions"]) == [(1, "x")]
        assert held[file] == held[postgres_url]
        assert said[0] == said[1]

    holds()
