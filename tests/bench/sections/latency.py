"""Where every answer takes 60 ms: one long list, then a thousand short ones."""

from __future__ import annotations

from functools import partial

from tests.bench.bench import Bench, Contender, Failed
from tests.bench.company import Company
from tests.bench.measuring import Run
from tests.bench.sections.loads import WITHOUT
from tests.bench.serving import Pages, serving
from tests.bench.table import held, median, ratio, seconds, show

LATENCY = 0.06
LONG = Company(properties=20_000, events=0, kinds="one")
SIXTY = Company(properties=48_000, events=12_000)
SHORT_LATENCY = 0.05
MANY = Company(properties=20, events=5, projects=200)
IN_FLIGHT = 8


def latency(bench: Bench) -> None:
    """The one list of 20,000 rows in pages of 100."""
    with serving(LONG) as pages, bench.warehouse("duckdb") as url:
        pages.prepare("base", 100)
        pages.show(latency=LATENCY)
        sync = partial(bench.sync, pages, page_size=100)
        one = partial(sync, ahead=1)
        try:
            one(url)
        except Failed as failed:
            print(f"\nReading ahead cannot be measured: {failed}")
            return
        read: dict[str, list[float]] = {"one page after another": [], "reading ahead": []}
        runs = bench.rounds(
            {
                "hogsync sync, first load, [lists] ahead = 1": partial(bench.anew, one),
                "hogsync sync, first load, its default": partial(bench.anew, sync),
                "hogsync sync, nothing changed, [lists] ahead = 1": partial(
                    _reading, pages, partial(one, url), read["one page after another"]
                ),
                "hogsync sync, nothing changed, its default": partial(
                    _reading, pages, partial(sync, url), read["reading ahead"]
                ),
            }
        )
    show(f"{LATENCY * 1000:.0f} ms per answer, one list of {LONG.rows:,} rows, pages of 100, DuckDB", runs)
    one_first, first, one_again, again = runs.values()
    ratio("first load: one page after another ÷ reading ahead", one_first, first, 4, at_least=True)
    ratio("nothing changed: one page after another ÷ reading ahead", one_again, again, 4, at_least=True)
    between = {name: median(spans) for name, spans in read.items()}
    told = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in between.items())
    print(f"  from the first request to the last, nothing changed: {told}")
    turns, ahead = between.values()
    held("the same, without start and end of the process", turns / ahead, 4, at_least=True)


def _reading(pages: Pages, contend: Contender, spans: list[float]) -> Run:
    """A contender; how long it read, as the server saw it, is noted."""
    pages.show()
    run = contend()
    seen = pages.seen()
    spans.append(seen["last"] - seen["first"])
    return run


def sixty(bench: Bench) -> None:
    """Sixty thousand rows: hogsync's pages follow the answers, the floor's have 1,000 rows, eight at a time."""
    with serving(SIXTY) as pages, bench.warehouse("duckdb") as url:
        pages.prepare("base", 1000)
        bench.sync(pages, url)  # the server makes the larger pages
        pages.show(latency=SHORT_LATENCY)
        runs = bench.rounds(
            {
                "floor: pages of 1000, native insert": partial(
                    bench.anew, partial(bench.contender, "floor", pages.url)
                ),
                "hogsync sync, first load": partial(bench.anew, partial(bench.sync, pages, more=WITHOUT)),
                "hogsync sync, nothing changed": partial(bench.sync, pages, url),
            }
        )
        pages.show()
        bench.sync(pages, url)
        requests, there = pages.seen()["requests"], len(pages.targets(1000))
    show(f"{SHORT_LATENCY * 1000:.0f} ms per answer, {SIXTY.rows:,} rows, DuckDB", runs, SIXTY.rows)
    floor, first, again = runs.values()
    ratio("first load ÷ floor", first, floor, 1.1)
    ratio("nothing changed ÷ floor", again, floor, 0.7)
    print(f"  {requests} requests with nothing changed, of pages of 1000 there are {there}")


def small_lists(bench: Bench) -> None:
    """A company of two hundred projects: every list is one page."""
    with serving(MANY) as pages, bench.warehouse("duckdb") as url:
        pages.prepare("base", 1000)
        pages.show(latency=LATENCY)
        bench.sync(pages, url)
        requests = pages.seen()["requests"]
        runs = bench.rounds(
            {
                "hogsync sync, first load": partial(bench.anew, partial(bench.sync, pages)),
                "hogsync sync, nothing changed": partial(bench.sync, pages, url),
            }
        )
    ideal = requests * LATENCY / IN_FLIGHT
    show(f"{LATENCY * 1000:.0f} ms per answer, {requests:,} lists of one page, DuckDB", runs)
    print(f"  {requests:,} requests × {LATENCY * 1000:.0f} ms ÷ {IN_FLIGHT} in flight = {ideal:.2f} s")
    for which, each in runs.items():
        held(f"{which} ÷ that", seconds(each) / ideal, 1.2)
