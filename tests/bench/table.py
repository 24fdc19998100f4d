"""What was measured, as tables: seconds are printed, ratios are held against the targets.

A ratio is the median of the rounds' own ratios: both sides of each were measured at about the same time. Beside it
stands the same of processor time, which a busy machine disturbs less; what a Postgres server does is not in it.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Protocol

from tests.bench.measuring import Run


class Taken(Protocol):
    """What took time: one process, or several after each other."""

    @property
    def seconds(self) -> float:
        """From start to end."""

    @property
    def cpu(self) -> float:
        """Of the processor."""


def show(title: str, runs: Mapping[str, Sequence[Run]], rows: int = 0) -> None:
    """Every contender's median, spread, processor time, peak memory and, of so many rows, rows a second."""
    print(f"\n{title}\n")
    print(f"  {'':58}{'median s':>9}{'spread':>16}{'cpu s':>8}{'peak MB':>9}{'rows/s' if rows else '':>10}")
    for name, each in runs.items():
        taken = [run.seconds for run in each]
        spread = f"{min(taken):.2f}-{max(taken):.2f}"
        speed = f"{rows / seconds(each):,.0f}" if rows else ""
        cpu, peak = median(run.cpu for run in each), median(run.peak for run in each) / 1e6
        print(f"  {name:58}{seconds(each):9.2f}{spread:>16}{cpu:8.2f}{peak:9.0f}{speed:>10}")
    print()


def ratio(
    what: str, above: Sequence[Taken], below: Sequence[Taken], target: float, *, at_least: bool = False
) -> None:
    """How many times as long one thing took as another."""
    pairs = list(zip(above, below, strict=True))
    cpu = median(a.cpu / b.cpu for a, b in pairs)
    held(
        what,
        median(a.seconds / b.seconds for a, b in pairs),
        target,
        at_least=at_least,
        beside=f"cpu {cpu:.2f}",
    )


def held(what: str, value: float, target: float, *, at_least: bool = False, beside: str = "") -> None:
    """A figure against its target."""
    met = value >= target if at_least else value <= target
    sign, verdict = "≥" if at_least else "≤", "met" if met else "NOT MET"
    print(f"  {what:58}{value:9.2f} ×   target {sign} {target:g}: {verdict:10}{beside}")


def seconds(runs: Sequence[Run]) -> float:
    """The median."""
    return median(run.seconds for run in runs)


median = statistics.median
