"""Lives by chance under the laws of a sync: see `tests/model/`. What they found stands in test_found.py."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.errors import UsageError
from sources.sandbox import Sandbox, start
from tests.model.company import PROJECTS, shrink
from tests.model.life import Life, Stage
from tests.model.machine import play
from tests.model.step import Order

FEW = range(2)
MANY = [pytest.param(number, id=f"{1 + number % 2}of2-{number}") for number in range(8)]
"""The same lives every time; the first one of each number is empty."""


@pytest.fixture(scope="module")
def small_company() -> Iterator[tuple[Sandbox, dict[str, str]]]:
    """A company of two small projects, and its keys."""
    with start() as posthog:
        yield posthog, shrink(posthog)


@pytest.fixture
def stage(
    small_company: tuple[Sandbox, dict[str, str]],
    warehouse_url: str,
    tmp_path: Path,
) -> Stage:
    """The small company beside a warehouse of each kind."""
    posthog, keys = small_company
    return Stage(posthog, keys, warehouse_url, tmp_path)


def chance_on(stage: Stage, number: int) -> int:
    """Other lives on each database."""
    return number + 1000 * stage.url.startswith("duckdb")


@pytest.mark.parametrize("number", FEW)
def test_whatever_happens_in_whatever_order_the_laws_hold(stage: Stage, number: int) -> None:
    play(stage, lives=1, steps=7, chance=chance_on(stage, number))


@pytest.mark.soak("stories")
@pytest.mark.parametrize("warehouse_url", ["duckdb"], indirect=True)
def test_a_life_may_end_with_an_audit_log_that_its_key_may_not_read(stage: Stage) -> None:
    life = Life(stage)
    life.company.happens("promoted", 0)
    life.ends()


@pytest.mark.soak("stories")
@pytest.mark.parametrize("warehouse_url", ["duckdb"], indirect=True)
def test_a_run_that_reads_nothing_empties_what_new_privacy_settings_refuse(stage: Stage) -> None:
    life = Life(stage)
    life.syncs(Order())
    life.privacy, life.label = {"columns": {"cohorts.description": "drop"}}, "staff"
    step = life.syncs(Order(projects=PROJECTS))
    assert isinstance(step.error, UsageError)
    assert not [row for row in step.after.rows["cohorts"].values() if "description" in row]
    life.ends()


@pytest.mark.soak("model")
@pytest.mark.parametrize("number", MANY)
def test_the_laws_hold_for_many_lives(stage: Stage, number: int) -> None:
    play(stage, lives=19, steps=20, chance=chance_on(stage, number), shrink=True)
