"""First load, nothing changed, one row in a hundred changed: without latency, in pages of 1000."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import cycle

from tests.bench.bench import Bench, Contender, said, written
from tests.bench.company import Company
from tests.bench.measuring import Run
from tests.bench.serving import Pages, serving
from tests.bench.table import ratio, show

FLOOR = {"duckdb": 1.6, "postgres": 2.2}
NAMES = {"duckdb": "DuckDB", "postgres": "Postgres"}
WITHOUT = {"HOGSYNC_HISTORY__ENABLED": "false"}
SAMPLES = (Company(4_000, 1_000), Company(16_000, 4_000))
"""What dlt's defaults are tried on: at full size they take minutes and, on DuckDB, gigabytes."""


@dataclass(frozen=True, slots=True)
class Time:
    """What took time without being one process."""

    seconds: float
    cpu: float


def ceiling(bench: Bench) -> None:
    """What the page server can give, so that nobody suspects it of being what is measured."""
    bench.pages.show(version="base")
    url = bench.pages.url
    lines = {f"bytes only, {n} connections": partial(bench.contender, "bare", url, "1000", n) for n in "18"}
    show("The page server's ceiling", bench.rounds(lines), bench.rows)


def first(bench: Bench) -> None:
    """Into an empty warehouse; neither the floor nor dlt's source keeps versions, so hogsync goes without, too."""
    bench.pages.show(version="base")
    for database in bench.options.databases:
        load = partial(_first, bench, bench.pages, database)
        contenders = {
            "floor: same pages, same Arrow, native insert": partial(load, "floor"),
            "hogsync sync, history off": partial(load, "hogsync"),
            "hogsync sync, history on": partial(load, "hogsync with history"),
            "dlt rest_api, tuned": partial(load, "tuned"),
        }
        runs = bench.rounds(contenders)
        floor, hogsync, versioned, tuned = runs.values()
        show(f"First load into {NAMES[database]}, {bench.rows:,} definitions", runs, bench.rows)
        ratio("hogsync ÷ floor", hogsync, floor, FLOOR[database])
        ratio("dlt rest_api, tuned ÷ hogsync", tuned, hogsync, 2, at_least=True)
        ratio("dlt rest_api, tuned ÷ hogsync with history", tuned, versioned, 2, at_least=True)
        default = _default(bench, database)
        ratio("dlt rest_api, default ÷ hogsync", [default] * len(hogsync), hogsync, 8, at_least=True)


def _first(bench: Bench, pages: Pages, database: str, who: str) -> Run:
    with bench.warehouse(database) as url:
        if who.startswith("hogsync"):
            return bench.sync(pages, url, WITHOUT if who == "hogsync" else None)
        if who == "floor":
            return bench.contender("floor", pages.url, url)
        return bench.contender("rest_api", pages.url, url, who)


def _default(bench: Bench, database: str) -> Time:
    """What dlt's defaults would take for all rows: from two samples, once each, along a straight line."""
    taken = []
    for company in SAMPLES:
        said(f"dlt rest_api, default, {company.rows:,} rows")
        with serving(company) as pages:
            pages.prepare("base", 1000)
            taken.append(_first(bench, pages, database, "default"))
    few, many = taken
    further = (bench.rows - SAMPLES[1].rows) / (SAMPLES[1].rows - SAMPLES[0].rows)
    whole = Time(
        many.seconds + further * (many.seconds - few.seconds), many.cpu + further * (many.cpu - few.cpu)
    )
    samples = ", ".join(f"{c.rows:,} rows in {r.seconds:.1f} s" for c, r in zip(SAMPLES, taken, strict=True))
    print(f"  dlt rest_api, default: {samples} ({many.peak / 1e6:,.0f} MB);")
    print(f"  along a straight line {bench.rows:,} in {whole.seconds:.0f} s (cpu {whole.cpu:.0f} s)")
    return whole


def unchanged(bench: Bench) -> None:
    """Again, with nothing new."""
    bench.pages.show(version="base")
    for database in bench.options.databases:
        with bench.warehouse(database) as url:
            bench.sync(bench.pages, url)
            packages = bench.ask(url, "select count(*) from _dlt_loads")
            contenders = {
                "floor: same pages, same Arrow": partial(
                    bench.contender, "floor", bench.pages.url, "nothing"
                ),
                "hogsync sync": partial(bench.sync, bench.pages, url),
            }
            runs = bench.rounds(contenders)
            packages = bench.ask(url, "select count(*) from _dlt_loads") - packages
        floor, hogsync = runs.values()
        show(f"Nothing changed, {NAMES[database]}, {bench.rows:,} definitions", runs, bench.rows)
        ratio("hogsync ÷ floor", hogsync, floor, 1.3)
        print(f"  rows written: {sum(map(written, hogsync))}; load packages: {packages}")


def changed(bench: Bench) -> None:
    """One row in a hundred edited since the last sync; a sync of the other version follows and finds as many."""
    for database in bench.options.databases:
        with bench.warehouse(database) as url, bench.warehouse(database) as other:
            bench.pages.show(version="base")
            for warehouse in (url, other):
                bench.sync(bench.pages, warehouse)
            versions = cycle(("changed", "base"))
            _edited(bench, url, versions)
            taken = str(bench.new_folder())
            bench.contender("delta", "take", url, taken)
            contenders: dict[str, Contender] = {
                "hogsync sync, 1 % changed": partial(_edited, bench, url, versions),
                "hogsync sync, nothing changed": partial(bench.sync, bench.pages, url),
                "dlt alone, the same delta as Arrow": partial(bench.contender, "delta", "load", other, taken),
            }
            runs = bench.rounds(contenders)
        edited, same, alone = runs.values()
        show(f"1 % changed, {NAMES[database]}, {bench.rows:,} definitions", runs, bench.rows)
        both = [Time(a.seconds + b.seconds, a.cpu + b.cpu) for a, b in zip(same, alone, strict=True)]
        ratio("hogsync ÷ (nothing changed + dlt alone)", edited, both, 1.3)
        print(f"  rows written: {', '.join(f'{written(run):,}' for run in edited)}")


def _edited(bench: Bench, url: str, versions: Iterator[str]) -> Run:
    bench.pages.show(version=next(versions))
    return bench.sync(bench.pages, url)
