"""`hogsync check` says beforehand what syncs will cost."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from pipelines.check import CheckReport, check
from pipelines.check.cost import about_cost
from pipelines.check.findings import Finding
from pipelines.settings import Settings, load
from sources.posthog.catalogue import DEFAULT_TABLES
from tests.component.scene import beside
from tests.harness.expected import CORE
from tests.harness.scene import Scene

COST = re.compile(
    r"A first sync takes about ([\d,]+) requests and (\d+) minutes?, a later one about ([\d,]+) and (\d+) minutes?\."
)


def report(scene: Scene, tables: tuple[str, ...]) -> CheckReport:
    return check(load(scene.settings(HOGSYNC_SELECTION={"tables": list(tables)})))


def told(findings: Iterable[Finding]) -> tuple[int, ...]:
    """First and later requests and minutes, as `check` foresees them."""
    (finding,) = [one for one in findings if one.about == "cost"]
    found = COST.fullmatch(finding.text)
    assert found, finding.text
    return tuple(int(number.replace(",", "")) for number in found.groups())


@pytest.mark.parametrize(
    "tables",
    [
        pytest.param(CORE, id="core"),
        pytest.param(DEFAULT_TABLES, id="default", marks=pytest.mark.soak("stories")),
    ],
)
def test_the_requests_of_a_first_and_a_later_sync_are_foreseen_within_a_quarter(
    file_scene: Scene, tmp_path: Path, tables: tuple[str, ...]
) -> None:
    first, _, later, _ = told(report(file_scene, tables).findings)
    reading = beside(file_scene.posthog, tmp_path / "reading")
    really = reading.sync(*tables).requests
    again = reading.sync(*tables, lists={"sweep_every": "1d"}).requests
    assert abs(first - really) <= really / 4
    assert abs(later - again) <= again / 4


def place(scene: Scene, **more: Any) -> Settings:
    return load(scene.settings(HOGSYNC_SELECTION={"tables": [*CORE, "feature_flags", "surveys"]}, **more))


def test_a_request_budget_makes_the_minutes_and_the_size_of_a_page_the_requests(file_scene: Scene) -> None:
    access = report(file_scene, CORE).access
    assert access
    first, minutes, later, later_minutes = told(
        about_cost(access, place(file_scene, HOGSYNC_RATE={"per_minute": 20}))
    )
    assert (minutes, later_minutes) == (-(-first // 20), -(-later // 20))
    short = told(about_cost(access, place(file_scene, HOGSYNC_LISTS={"page_size": 1})))
    assert short[0] > first
    cloud = about_cost(access, place(file_scene, POSTHOG_HOST="https://us.posthog.com"))
    assert told(cloud)[1::2] == (1, 1), "one minute each at half of PostHog's published limit"


def test_a_later_sync_costs_less_where_the_audit_log_tells_what_to_read(file_scene: Scene) -> None:
    access = report(file_scene, (*CORE, "feature_flags", "surveys")).access
    assert access
    usual = told(about_cost(access, place(file_scene)))[2]
    heard = place(file_scene, HOGSYNC_LISTS={"announcements": "always"})
    assert told(about_cost(access, heard))[2] == usual - 4 * 5, (
        "flags (two lists), surveys, cohorts and comments of 4 projects"
    )


@pytest.mark.parametrize("log", [(), ("organization_activity_logs",)])
def test_announcements_that_no_log_can_make_are_spoken_of(file_scene: Scene, log: tuple[str, ...]) -> None:
    settings = load(
        file_scene.settings(
            HOGSYNC_SELECTION={"tables": ["surveys", *log]}, HOGSYNC_LISTS={"announcements": "always"}
        )
    )
    texts = [one.text for one in check(settings).findings]
    assert any("announcements" in text and "does nothing" in text for text in texts) == (not log)
