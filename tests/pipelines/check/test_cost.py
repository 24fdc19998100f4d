"""`hogsync check` says beforehand what syncs will cost."""

from __future__ import annotations

import re
from typing import Any

import pytest

from pipelines.check import check
from pipelines.settings import load
from sources.posthog.catalogue import DEFAULT_TABLES
from tests.harness.expected import CORE
from tests.harness.scene import Scene

COST = re.compile(
    r"A first sync takes about ([\d,]+) requests and (\d+) minutes?, a later one about ([\d,]+) and (\d+) minutes?\."
)


def told(scene: Scene, tables: tuple[str, ...], **more: Any) -> tuple[int, ...]:
    """First and later requests and minutes, as `check` foresees them."""
    settings = load(scene.settings(HOGSYNC_SELECTION={"tables": list(tables)}, **more))
    (finding,) = [one for one in check(settings).findings if one.about == "cost"]
    found = COST.fullmatch(finding.text)
    assert found, finding.text
    return tuple(int(number.replace(",", "")) for number in found.groups())


@pytest.mark.parametrize("tables", [CORE, DEFAULT_TABLES], ids=["core", "default"])
def test_the_requests_of_a_first_and_a_later_sync_are_foreseen_within_a_quarter(
    file_scene: Scene, tables: tuple[str, ...]
) -> None:
    first, _, later, _ = told(file_scene, tables)
    really = file_scene.sync(*tables).requests
    again = file_scene.sync(*tables, lists={"sweep_every": "1d"}).requests
    assert abs(first - really) <= really / 4
    assert abs(later - again) <= again / 4


def test_a_small_request_budget_makes_the_minutes(file_scene: Scene) -> None:
    first, minutes, later, later_minutes = told(file_scene, CORE, HOGSYNC_RATE={"per_minute": 20})
    assert (minutes, later_minutes) == (-(-first // 20), -(-later // 20))
