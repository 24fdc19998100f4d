"""What was measured, as tables: seconds are printed, ratios are held against the targets."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.bench.measuring import Run


@dataclass(frozen=True, slots=True)
class Ratio:
    """Two figures of one run of the bench, side by side, and what was hoped for."""

    what: str
    value: float
    target: float
    at_least: bool = False

    def __str__(self) -> str:
        met = self.value >= self.target if self.at_least else self.value <= self.target
        sign = "≥" if self.at_least else "≤"
        return f"  {self.what:66}{self.value:8.2f} ×   target {sign} {self.target:g}   {'met' if met else 'NOT MET'}"


def seconds(runs: Sequence[Run]) -> float:
    """The median."""
    return statistics.median(run.seconds for run in runs)


def ratio(
    what: str, above: Sequence[Run], below: Sequence[Run], target: float, *, at_least: bool = False
) -> Ratio:
    """The median of the rounds' own ratios: both sides of each were measured at about the same time."""
    each = [a.seconds / b.seconds for a, b in zip(above, below, strict=True)]
    return Ratio(what, statistics.median(each), target, at_least)


def show(title: str, runs: Mapping[str, Sequence[Run]], rows: int = 0) -> None:
    """Every contender's median, spread, processor time, peak memory and, of so many rows, rows a second."""
    print(f"\n{title}\n")
    print(f"  {'':58}{'median s':>9}{'spread':>16}{'cpu s':>8}{'peak MB':>9}{'rows/s' if rows else '':>10}")
    for name, each in runs.items():
        taken = [run.seconds for run in each]
        cpu = statistics.median(run.cpu for run in each)
        peak = statistics.median(run.peak for run in each) / 1e6
        spread = f"{min(taken):.2f}-{max(taken):.2f}"
        speed = f"{rows / seconds(each):,.0f}" if rows else ""
        print(f"  {name:58}{seconds(each):9.2f}{spread:>16}{cpu:8.2f}{peak:9.0f}{speed:>10}")
    print()
