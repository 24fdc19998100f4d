"""Peak memory of a sync: five times as many definitions must not need five times the room."""

from __future__ import annotations

from functools import partial
from itertools import product

from tests.bench.bench import Bench, said
from tests.bench.company import Company
from tests.bench.measuring import Run
from tests.bench.serving import serving
from tests.bench.table import held, show

MORE = 5
SYNCS = ("first load", "nothing changed")


def memory(bench: Bench) -> None:
    """As many definitions as `--rows` says, then five times as many; once each, for memory hardly varies."""
    sizes = (bench.options.rows, bench.options.rows * MORE)
    runs: dict[str, list[Run]] = {}
    for rows in sizes:
        events = rows // 20  # PostHog stops counting events beyond 50,000
        with serving(Company(rows - events, events)) as pages:
            pages.prepare("base", 1000)
            for database in bench.options.databases:
                with bench.warehouse(database) as url:
                    for which in SYNCS:
                        said(f"{which}, {rows:,} definitions, {database}")
                        runs[_named(database, which, rows)] = [bench.sync(pages, url)]
    show("Memory", runs)
    for database, which in product(bench.options.databases, SYNCS):
        few, many = (
            runs[name(rows)][0].peak for name in [partial(_named, database, which)] for rows in sizes
        )
        held(f"{database}, {which}: {sizes[1]:,} ÷ {sizes[0]:,}", many / few, 1.5)


def _named(database: str, which: str, rows: int) -> str:
    return f"hogsync sync, {database}, {which}, {rows:,}"
