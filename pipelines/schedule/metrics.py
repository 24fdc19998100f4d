"""What the service has seen, as Prometheus metrics: the reports of its runs, and what is planned."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST as CONTENT_TYPE
from prometheus_client.metrics import MetricWrapperBase

from pipelines.schedule.jobs import Job
from pipelines.schedule.queue import Report

M = TypeVar("M", bound=MetricWrapperBase)

SECONDS = (1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200)
KINDS = ("inserted", "updated", "deleted")

__all__ = ["CONTENT_TYPE", "Metrics"]


class Metrics:
    """The metrics of one service; each begins anew with the service, as Prometheus expects."""

    def __init__(self, planned: Callable[[], Mapping[str, datetime]]) -> None:
        """Take `planned`, the next time by connection, which is asked at each look."""
        self._planned = planned
        self._last_success: dict[tuple[str, str], float] = {}
        self._connections: set[str] = set()
        self._registry = CollectorRegistry()
        self._all: list[MetricWrapperBase] = []
        one, table = ("connection",), ("connection", "table")
        self._runs = self._made(Counter, "hogsync_runs", "Runs by outcome.", (*one, "outcome"))
        self._seconds = self._made(
            Histogram, "hogsync_run_seconds", "How long runs took.", one, buckets=SECONDS
        )
        self._rows = self._made(Counter, "hogsync_rows", "Rows written by kind.", (*table, "kind"))
        self._requests = self._made(
            Counter, "hogsync_requests", "Requests to PostHog by status of the answer.", (*one, "status")
        )
        self._throttled = self._made(
            Counter, "hogsync_throttled_seconds", "Seconds for which requests waited.", one
        )
        self._budget = self._made(
            Gauge, "hogsync_budget_used_ratio", "Used part of the key's request budget.", one
        )
        self._freshness = self._made(
            Gauge, "hogsync_freshness_seconds", "Seconds since the last success.", table
        )
        self._held = self._made(Gauge, "hogsync_deletes_held", "Rows whose deletion is held.", table)
        self._warnings = self._made(Gauge, "hogsync_warnings", "Warnings of the last run.", one)
        self._success = self._made(
            Gauge, "hogsync_last_success_timestamp_seconds", "Start of the last run that was ok.", one
        )
        self._next = self._made(Gauge, "hogsync_next_run_timestamp_seconds", "The next planned run.", one)

    def _made(self, kind: Callable[..., M], name: str, meaning: str, labels: Sequence[str], **more: Any) -> M:
        metric = kind(name, meaning, labels, registry=self._registry, **more)
        self._all.append(metric)
        return metric

    def learn(self, job: Job, code: int, report: Report) -> None:
        """Take in what a run has reported at its end; a run that was killed has reported nothing."""
        name = job.connection
        for table, at in report.get("last_success", {}).items():
            self._last_success[name, table] = datetime.fromisoformat(at).timestamp()
        if report.get("nothing_due"):
            return
        run = report.get("run", {})
        self._runs.labels(name, run.get("status") or ("killed" if code < 0 else "failed")).inc()
        for status, number in report.get("requests", {}).items():
            self._requests.labels(name, status).inc(number)
        self._throttled.labels(name).inc(report.get("throttled_seconds", 0))
        if (used := report.get("budget_used")) is not None:
            self._budget.labels(name).set(used)
        if run:
            self._learn_run(name, run)

    def _learn_run(self, name: str, run: Report) -> None:
        began, ended = (datetime.fromisoformat(run[key]) for key in ("started_at", "finished_at"))
        self._seconds.labels(name).observe((ended - began).total_seconds())
        self._warnings.labels(name).set(len(run["warnings"]))
        if run["status"] == "ok":
            self._success.labels(name).set(began.timestamp())
        for table in run["tables"]:
            for kind in KINDS:
                self._rows.labels(name, table["table"], kind).inc(table[kind])
            self._held.labels(name, table["table"]).set(table["deletes_held"])

    def keep(self, connections: Collection[str]) -> None:
        """Serve no series any more of a connection that was kept before and is none of these."""
        gone, self._connections = self._connections - {*connections}, {*connections}
        self._last_success = {at: when for at, when in self._last_success.items() if at[0] not in gone}
        for metric in self._all:
            for name in gone:
                metric.remove_by_labels({"connection": name})

    def text(self) -> bytes:
        """Return all metrics in Prometheus's text format."""
        now = time.time()
        for (name, table), at in {**self._last_success}.items():
            self._freshness.labels(name, table).set(now - at)
        for name, at_next in self._planned().items():
            self._next.labels(name).set(at_next.timestamp())
        return generate_latest(self._registry)
