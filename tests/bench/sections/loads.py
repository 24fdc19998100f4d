"""First load, nothing changed, one row in a hundred changed: without latency, in pages of 1000."""

from __future__ import annotations

from tests.bench.bench import Bench, Contender, written
from tests.bench.table import ratio, show

FLOOR = {"duckdb": 1.6, "postgres": 2.2}
NAMES = {"duckdb": "DuckDB", "postgres": "Postgres"}


def ceiling(bench: Bench) -> None:
    """What the page server can give, so that nobody suspects it of being what is measured."""
    bench.pages.show(version="base")
    rows = bench.options.rows * 5 // 4
    runs = bench.rounds(
        {"bytes only, 8 connections": lambda: bench.contender("bare", bench.pages.url, "1000", "8")}
    )
    show("The page server's ceiling", runs, rows)


def first(bench: Bench) -> None:
    """Into an empty warehouse."""
    bench.pages.show(version="base")
    rows = bench.options.rows * 5 // 4
    for database in bench.options.databases:
        contenders = {
            "floor: same Arrow, native insert": _fresh(bench, database, "floor"),
            "hogsync": _fresh(bench, database, "hogsync"),
            "dlt rest_api, tuned": _fresh(bench, database, "tuned"),
        }
        runs = bench.rounds(contenders)
        floor, hogsync, tuned = runs.values()
        show(f"First load into {NAMES[database]}, {rows:,} definitions", runs, rows)
        print(ratio("hogsync ÷ floor", hogsync, floor, FLOOR[database]))
        print(ratio("dlt rest_api tuned ÷ hogsync", tuned, hogsync, 2, at_least=True))


def _fresh(bench: Bench, database: str, who: str) -> Contender:
    def contend():  # type: ignore[no-untyped-def]
        with bench.warehouse(database) as url:
            if who == "hogsync":
                return bench.sync(bench.pages, url)
            if who == "floor":
                return bench.contender("floor", bench.pages.url, url)
            return bench.contender("rest_api", bench.pages.url, url, who)

    return contend


def unchanged(bench: Bench) -> None:
    """Again, with nothing new."""
    bench.pages.show(version="base")
    rows = bench.options.rows * 5 // 4
    for database in bench.options.databases:
        with bench.warehouse(database) as url:
            bench.sync(bench.pages, url)
            runs = bench.rounds(
                {
                    "floor: fetch and build the same Arrow": lambda: bench.contender(
                        "floor", bench.pages.url, "nothing"
                    ),
                    "hogsync": lambda: bench.sync(bench.pages, url),  # noqa: B023  called inside the loop
                }
            )
        floor, hogsync = runs.values()
        show(f"Nothing changed, {NAMES[database]}, {rows:,} definitions", runs, rows)
        print(ratio("hogsync ÷ floor", hogsync, floor, 1.3))
        print(f"  rows written: {sum(map(written, hogsync))}")


def changed(bench: Bench) -> None:
    """One row in a hundred edited since the last sync."""
