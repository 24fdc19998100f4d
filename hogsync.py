"""Sync PostHog's admin metadata into DuckDB or Postgres: the command `hogsync`, and hogsync as a Python library.

`sync` does what the command of that name does, and returns what the run records hold:

    import hogsync

    settings = hogsync.load_settings({"WAREHOUSE_URL": "duckdb:///admin.duckdb"})
    outcome = hogsync.sync(settings, hogsync.Selection(tables=("cohorts", "users")))
    print(outcome.run.status, outcome.requests, "requests")
    for table in outcome.tables:
        counts = table.counts
        print(table.table, table.status, counts.inserted, counts.updated, counts.deleted)

`load_settings` reads the environment, `.env` and `hogsync.toml`; its argument takes precedence. A table that failed is
a result (`outcome.exit_code` is 1). An error that keeps a run from starting or from being stored is a `HogsyncError`,
whose text is one sentence and whose `exit_code` is that of the command. `posthog` is the plain dlt source.

Other programs, too, have packages named `pipelines`, `sources` and `destinations`. hogsync imports its own packages
from the folder of this file, independent of `sys.path`, so that the command starts anywhere. If a program has already
imported another package of such a name, the first name that it uses of hogsync raises an ImportError.
"""

from __future__ import annotations

import sys

# As a script: the folder of this file, or with -m the current one, where logging.py is not the standard library's.
if __name__ == "__main__" and not sys.flags.safe_path:
    del sys.path[0]

TYPE_CHECKING = False  # typing's constant; nothing is imported here, see `main`
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, NoReturn

    from pipelines.attended import sync
    from pipelines.errors import (
        HogsyncError,
        Interrupted,
        KeyProblem,
        OutOfMemory,
        UsageError,
        WarehouseProblem,
    )
    from pipelines.orchestration import dagster_definitions
    from pipelines.settings import Settings
    from pipelines.sync.outcome import Outcome
    from pipelines.sync.selection import Selection
    from sources.posthog import posthog

__all__ = [
    "HogsyncError",
    "Interrupted",
    "KeyProblem",
    "OutOfMemory",
    "Outcome",
    "Selection",
    "Settings",
    "UsageError",
    "WarehouseProblem",
    "dagster_definitions",
    "load_settings",
    "main",
    "posthog",
    "sync",
]

PACKAGES = ("pipelines", "sources", "destinations")
MODULES = {
    "HogsyncError": "pipelines.errors",
    "Interrupted": "pipelines.errors",
    "KeyProblem": "pipelines.errors",
    "OutOfMemory": "pipelines.errors",
    "Outcome": "pipelines.sync.outcome",
    "Selection": "pipelines.sync.selection",
    "Settings": "pipelines.settings",
    "UsageError": "pipelines.errors",
    "WarehouseProblem": "pipelines.errors",
    "dagster_definitions": "pipelines.orchestration",
    "posthog": "sources.posthog",
    "sync": "pipelines.attended",
}
"""The module of each public name that is imported when it is used."""


def main() -> NoReturn:
    """Run the command of this process's arguments and exit, as `hogsync` does."""
    try:  # around every import: Ctrl-C in the first tenths of a second shows no traceback
        _import_packages()
        from pipelines.cli import main

        main()
    except KeyboardInterrupt:
        import os

        sys.stderr.write("Stopped.\n")
        os._exit(130)


def load_settings(overrides: Mapping[str, Any] | None = None) -> Settings:
    """Return the settings of the environment, `.env` and `hogsync.toml`; raises UsageError for anything wrong.

    `overrides` take precedence. They are by environment name, a section being a mapping:
    `{"WAREHOUSE_URL": "…", "HOGSYNC_PRIVACY": {"person": "hash"}}`.
    """
    _import_packages()
    from pipelines.settings import load

    return load(overrides)


def __getattr__(name: str) -> Any:
    """Import a public name only when it is used: the command line starts without dlt, DuckDB and the rest."""
    if name not in MODULES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    from importlib import import_module

    _import_packages()
    return getattr(import_module(MODULES[name]), name)


def _import_packages() -> None:
    """Import hogsync's packages from beside this file; raises ImportError if another package has one of their names."""
    from importlib.machinery import PathFinder
    from importlib.util import module_from_spec
    from pathlib import Path

    here = Path(__file__).resolve().parent
    for package in PACKAGES:
        if there := sys.modules.get(package):
            places = [*getattr(there, "__path__", ())] or [getattr(there, "__file__", None) or "this program"]
            if here / package not in {Path(place).resolve() for place in places}:
                raise ImportError(
                    f"hogsync cannot be used in this program, which has imported another package {package!r} "
                    f"({', '.join(places)}). Run the command `hogsync` in a process of its own."
                )
            continue
        spec = PathFinder.find_spec(package, [str(here)])
        if spec is None or spec.loader is None:
            raise ImportError(f"hogsync is incomplete: {package} is not in {here}. Install it again.")
        sys.modules[package] = module = module_from_spec(spec)
        spec.loader.exec_module(module)


def _run() -> NoReturn:
    """Run this file as a script: a command, or `-m MODULE …` for a process that runs one of hogsync's modules."""
    if sys.argv[1:2] != ["-m"]:
        main()
    from runpy import run_module

    _import_packages()
    del sys.argv[:2]
    run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    sys.exit()


if __name__ == "__main__":
    _run()
