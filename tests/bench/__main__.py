"""What a sync costs: `make bench`. Fresh processes, interleaved, medians of some rounds; ratios count, seconds do not.

The sandbox is a whole web application and shares the machine, so its time is in every figure that reads from it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from sources.sandbox import Sandbox, start

HOGSYNC = [sys.executable, "-m", "pipelines.cli"]
ROOT = Path(__file__).parents[2]


def main() -> None:
    """Measure and print one table."""
    asked = argparse.ArgumentParser(prog="make bench", description=__doc__)
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument("--size", default="5", help="how many times as large as small the company is")
    options = asked.parse_args()
    with start(size=options.size) as posthog:
        seconds = measured(posthog, options.rounds)
    unit = statistics.median(seconds["import dlt"])
    print(f"company of size {options.size}, {options.rounds} rounds, Python {sys.version.split()[0]}\n")
    print(f"{'':24}{'median s':>10}{'spread':>14}{'x import dlt':>14}")
    for name, taken in seconds.items():
        middle = statistics.median(taken)
        print(f"{name:24}{middle:10.2f}{f'{min(taken):.2f}-{max(taken):.2f}':>14}{middle / unit:14.1f}")


def measured(posthog: Sandbox, rounds: int) -> dict[str, list[float]]:
    """Seconds of every contender in every round."""
    seconds: dict[str, list[float]] = defaultdict(list)
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            for name, command in contenders(posthog, Path(folder)).items():
                began = time.perf_counter()
                command()
                seconds[name].append(time.perf_counter() - began)
    return seconds


def contenders(posthog: Sandbox, folder: Path) -> dict[str, Callable[[], object]]:
    """What is measured, in the order in which it is run."""
    settings = {
        "POSTHOG_HOST": posthog.url,
        "POSTHOG_PERSONAL_API_KEY": posthog.key,
        "HOGSYNC_HOME": str(folder / "home"),
        "WAREHOUSE_URL": f"duckdb:///{folder / 'bench.duckdb'}",
        "PYTHONPATH": str(ROOT),
    }

    def ran(*command: str) -> Callable[[], object]:
        environment = {**os.environ, **settings}
        return lambda: subprocess.run(command, env=environment, cwd=folder, check=True, capture_output=True)

    return {
        "import dlt": ran(sys.executable, "-c", "import dlt"),
        "hogsync --help": ran(*HOGSYNC, "--help"),
        "first sync": ran(*HOGSYNC, "sync", "--quiet"),
        "nothing changed": ran(*HOGSYNC, "sync", "--quiet"),
        "every list in full": ran(*HOGSYNC, "sync", "--quiet", "--full"),
    }


if __name__ == "__main__":
    main()
