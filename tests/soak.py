"""The parts of what takes long, an hour at most each: `python -m tests.soak [PART…]`; `--list` only names them.

A test says by its mark to which kind it belongs, `@pytest.mark.soak("kills")`; a part is a kind, or those of its tests
that have certain words among their parameters. As a plugin of pytest this module leaves in a run only the tests of the
part in HOGSYNC_TEST_SOAK.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CHOSEN = "HOGSYNC_TEST_SOAK"
# What hangs is ended after an hour here, not after the five minutes of pyproject.toml.
PYTEST = ("-m", "pytest", "-p", "tests.soak", "-v", "--durations=10", "-o", "faulthandler_timeout=3600")
CORES = ("--numprocesses", "auto", "--maxprocesses", "4", "--dist", "load")


@dataclass(frozen=True, slots=True)
class Part:
    """Tests of one kind, or a target of the Makefile."""

    what: str
    minutes: int
    """About how long it takes two cores that do nothing else, estimated from samples."""
    kind: str = ""
    words: tuple[str, ...] = ()
    target: str = ""

    def holds(self, item: pytest.Item) -> bool:
        """Whether a test belongs to it."""
        mark, call = item.get_closest_marker("soak"), getattr(item, "callspec", None)
        words = call.id.split("-") if call else ()
        return bool(mark and mark.args == (self.kind,) and set(self.words) <= set(words))


ANY_EVENT = "at every request, file and statement of a sync"
PARTS = {
    "kills-duckdb": Part(f"a kill {ANY_EVENT}, on DuckDB", 30, "kills", ("duckdb",)),
    "kills-postgres": Part(f"a kill {ANY_EVENT}, on Postgres", 30, "kills", ("postgres",)),
    "stops-duckdb": Part(f"a signal to stop {ANY_EVENT}, on DuckDB", 30, "stops", ("duckdb",)),
    "stops-postgres": Part(f"a signal to stop {ANY_EVENT}, on Postgres", 40, "stops", ("postgres",)),
    "resumed": Part("a kill at every file that is written of a half-read list", 10, "resumed"),
    "cut": Part("a connection to Postgres that is cut at every message", 20, "cut"),
    **{
        f"model-{database}-{share}": Part(
            f"many lives of a company by chance, on {name}", 35, "model", (database, share)
        )
        for database, name in (("duckdb", "DuckDB"), ("postgres", "Postgres"))
        for share in ("1of2", "2of2")
    },
    "chance": Part("strange pages by chance, and larger companies read by a naive reader", 30, "chance"),
    "stories": Part("whole syncs, each a story of many steps whose rules have shorter tests", 25, "stories"),
    "postgres": Part("on Postgres what `make test` plays on DuckDB alone", 15, "postgres"),
    "unattended": Part("a service for a month of kills, and for hundreds of runs", 45, "unattended"),
    "memory": Part("hundreds of syncs in one process, which must not grow", 20, "memory"),
    "published": Part("a hundred readers of the published file during a hundred runs", 15, "published"),
    "deploy": Part("the steps of the image, and what a sync in it needs", 5, "deploy"),
    **{
        f"mutation-{share}": Part("safety rules, taken away one at a time", 30, "mutation", (share,))
        for share in ("1of3", "2of3", "3of3")
    },
    "dagster": Part("200 connections on four workers of a Dagster, of which one is killed", 60, "dagster"),
    "airflow": Part("the connections as mapped tasks of an Airflow", 10, "airflow"),
    "versions-duckdb15": Part("warehouses and whole syncs on DuckDB 1.5", 5, target="test-duckdb15"),
    "versions-postgres16": Part("warehouses and whole syncs on Postgres 16", 5, target="test-postgres16"),
    "versions-python": Part("a fresh clone with each other Python that is here", 10, target="test-pythons"),
}


def parts_of(item: pytest.Item) -> list[str]:
    """Return the names of the parts to which a test belongs."""
    return [name for name, part in PARTS.items() if part.holds(item)]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave only the tests of the part that was chosen."""
    chosen = os.environ[CHOSEN]
    others = [item for item in items if chosen not in parts_of(item)]
    items[:] = [item for item in items if chosen in parts_of(item)]
    config.hook.pytest_deselected(items=others)


def run(name: str) -> int:
    """Run a part, which prints what it runs; the exit code is 0 if all is well."""
    part = PARTS[name]
    print(f"soak-{name}: {part.what} (about {part.minutes} minutes)", flush=True)
    if part.target:
        return subprocess.run(["make", part.target], cwd=ROOT, check=False).returncode
    command = [sys.executable, *PYTEST, *CORES, "-m", "soak"]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, CHOSEN: name}, check=False).returncode


def main(words: Sequence[str]) -> int:
    """Run the parts that are named, or all; the exit code is that of the first that fails."""
    if list(words) == ["--list"]:
        print("\n".join(f"{name}: {part.what}" for name, part in PARTS.items()))
        return 0
    if unknown := [word for word in words if word not in PARTS]:
        print(f"There is no part {', '.join(unknown)}; there are {', '.join(PARTS)}.", file=sys.stderr)
        return 2
    codes = {name: run(name) for name in words or PARTS}
    failed = [name for name, code in codes.items() if code]
    print(
        f"{len(codes) - len(failed)} of {len(codes)} parts are well{', not ' * bool(failed)}{', '.join(failed)}."
    )
    return next(filter(None, codes.values()), 0)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
