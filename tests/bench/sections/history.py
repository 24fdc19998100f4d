"""What history adds to a sync: the same runs with and without, in turns."""

from __future__ import annotations

from functools import partial

from tests.bench.bench import Bench
from tests.bench.measuring import Run
from tests.bench.sections.loads import NAMES, WITHOUT
from tests.bench.table import ratio, show


def history(bench: Bench) -> None:
    """A first load, then nothing changed."""
    bench.pages.show(version="base")
    for database in bench.options.databases:
        with bench.warehouse(database) as url, bench.warehouse(database) as other:
            bench.sync(bench.pages, url)
            bench.sync(bench.pages, other, WITHOUT)
            versions = bench.ask(url, "select count(*) from property_definitions_history")
            runs = bench.rounds(
                {
                    "first load, history on": partial(_first, bench, database),
                    "first load, history off": partial(_first, bench, database, WITHOUT),
                    "nothing changed, history on": partial(bench.sync, bench.pages, url),
                    "nothing changed, history off": partial(bench.sync, bench.pages, other, WITHOUT),
                }
            )
        first_on, first_off, idle_on, idle_off = runs.values()
        show(f"History, {NAMES[database]}, {bench.rows:,} definitions", runs, bench.rows)
        ratio("first load: history on ÷ off", first_on, first_off, 1.25)
        ratio("nothing changed: history on ÷ off", idle_on, idle_off, 1.05)
        print(f"  versions of property definitions: {versions:,}")


def _first(bench: Bench, database: str, environment: dict[str, str] | None = None) -> Run:
    with bench.warehouse(database) as url:
        return bench.sync(bench.pages, url, environment)
