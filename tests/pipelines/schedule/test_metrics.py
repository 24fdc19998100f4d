"""What the service tells probes and Prometheus."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from pipelines.crontab import crontab
from pipelines.errors import NOTHING_DUE, UsageError
from pipelines.schedule import Service
from pipelines.schedule.jobs import Job
from pipelines.schedule.listener import Health, Listener
from pipelines.schedule.metrics import Metrics
from pipelines.settings import load

AT = "2026-11-01T10:00:00+00:00"
RUN: dict[str, Any] = {
    "status": "ok",
    "started_at": AT,
    "finished_at": "2026-11-01T10:00:07+00:00",
    "warnings": [{"table": "cohorts"}],
    "tables": [{"table": "cohorts", "inserted": 3, "updated": 2, "deleted": 1, "deletes_held": 4}],
}
REPORT: dict[str, Any] = {
    "run": RUN,
    "requests": {"200": 9, "429": 1},
    "throttled_seconds": 2.5,
    "budget_used": 0.25,
    "last_success": {"cohorts": AT},
}
NEXT = datetime(2026, 11, 1, 11, tzinfo=UTC)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(lambda: {"eu": NEXT})


def values(metrics: Metrics) -> dict[str, float]:
    """All samples as `name{labels}`, by their values, without the buckets and the times of creation."""
    found = {}
    for family in text_string_to_metric_families(metrics.text().decode()):
        for sample in family.samples:
            if not sample.name.endswith(("_bucket", "_created")):
                labels = ",".join(value for _, value in sorted(sample.labels.items()))
                found[f"{sample.name}({labels})"] = sample.value
    return found


def test_a_run_is_counted_with_its_rows_and_requests(metrics: Metrics) -> None:
    metrics.learn(Job("all", "eu"), 0, REPORT)
    found = values(metrics)
    assert found.pop("hogsync_freshness_seconds(eu,cohorts)") > 0
    assert found == {
        "hogsync_runs_total(eu,ok)": 1,
        "hogsync_run_seconds_count(eu)": 1,
        "hogsync_run_seconds_sum(eu)": 7,
        "hogsync_rows_total(eu,inserted,cohorts)": 3,
        "hogsync_rows_total(eu,updated,cohorts)": 2,
        "hogsync_rows_total(eu,deleted,cohorts)": 1,
        "hogsync_requests_total(eu,200)": 9,
        "hogsync_requests_total(eu,429)": 1,
        "hogsync_throttled_seconds_total(eu)": 2.5,
        "hogsync_budget_used_ratio(eu)": 0.25,
        "hogsync_deletes_held(eu,cohorts)": 4,
        "hogsync_warnings(eu)": 1,
        "hogsync_last_success_timestamp_seconds(eu)": datetime.fromisoformat(AT).timestamp(),
        "hogsync_next_run_timestamp_seconds(eu)": NEXT.timestamp(),
    }


def test_a_run_with_nothing_to_catch_up_is_no_run_but_tells_how_fresh_the_tables_are(
    metrics: Metrics,
) -> None:
    metrics.learn(Job("all", "eu"), NOTHING_DUE, {"nothing_due": True, "last_success": {"cohorts": AT}})
    assert values(metrics).keys() == {
        "hogsync_freshness_seconds(eu,cohorts)",
        "hogsync_next_run_timestamp_seconds(eu)",
    }


@pytest.mark.parametrize(("code", "outcome"), [(-9, "killed"), (2, "failed")])
def test_a_run_without_a_record_is_counted_by_its_end(metrics: Metrics, code: int, outcome: str) -> None:
    metrics.learn(Job("all", "eu"), code, {})
    assert values(metrics)[f"hogsync_runs_total(eu,{outcome})"] == 1


def test_a_connection_that_was_removed_has_no_series_any_more(metrics: Metrics) -> None:
    metrics.keep(["eu", "us"])
    for name in ("eu", "us"):
        metrics.learn(Job("all", name), 0, REPORT)
    assert any("(us" in name for name in values(metrics))
    before = {name for name in values(metrics) if "(eu" in name}
    metrics.keep(["eu"])
    assert values(metrics).keys() == before


@pytest.mark.parametrize(
    ("code", "report", "ready"),
    [
        (NOTHING_DUE, {"nothing_due": True, "last_success": {}}, False),  # it has looked at nothing
        (-9, {}, False),  # killed
        (130, {"run": {}, "problem": "Stopped."}, False),
        (0, REPORT, True),
        (1, REPORT, True),  # of a table, not of settings, key or warehouse
    ],
)
def test_a_problem_stands_until_a_run_has_looked(
    code: int,
    report: dict[str, Any],
    ready: bool,  # noqa: FBT001
) -> None:
    service = Service(load(), crontab)
    service.health.learn("default", "PostHog refused the key.")
    service.runs.ended(Job("all"), code, report)
    assert service.health.problems == ({} if ready else {"default": "PostHog refused the key."})


def test_the_run_of_a_connection_that_was_removed_is_no_problem_of_the_service() -> None:
    service = Service(load(), crontab)
    service.health.problems = {}
    service.runs.ended(Job("all", "gone"), 2, {"run": {}, "problem": "There is no connection gone."})
    assert service.health.problems == {}


def test_probes_are_answered_and_say_why_not(metrics: Metrics) -> None:
    health = Health()
    listener = Listener("127.0.0.1:0", metrics, health)
    address = f"http://127.0.0.1:{listener.port}"
    try:
        assert [
            httpx.get(f"{address}/{page}").status_code for page in ("livez", "readyz", "metrics", "")
        ] == [
            200,
            200,
            200,
            404,
        ]
        health.learn("eu", "PostHog refused the key.")
        refused = httpx.get(f"{address}/readyz")
        assert (refused.status_code, refused.text) == (503, "eu: PostHog refused the key.\n")
        assert httpx.get(f"{address}/livez").status_code == 200
        health.learn("eu", None)
        assert httpx.get(f"{address}/readyz").status_code == 200
        with pytest.raises(UsageError, match=r"\[service\] listen is .* where the service cannot listen"):
            Listener(f"127.0.0.1:{listener.port}", metrics, health)
    finally:
        listener.close()
