"""What it costs to begin."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from tests.bench.bench import Bench
from tests.bench.company import Company
from tests.bench.measuring import Run
from tests.bench.serving import Pages, serving
from tests.bench.table import show


def startup(bench: Bench) -> None:
    """From the start of the process to its end, or to its first request."""
    with serving(Company(40, 10)) as pages, bench.warehouse("duckdb") as url:
        pages.prepare("base", 1000)
        bench.sync(pages, url)
        runs = bench.rounds(
            {
                "python -c 'pass'": partial(bench.python, "-c", "pass"),
                "hogsync --help": partial(bench.python, "-m", "hogsync", "--help"),
                "hogsync sync: to the first request": partial(_to_first_request, bench, pages, url),
                "hogsync sync: nothing changed, 50 rows": partial(bench.sync, pages, url),
                "python -c 'import dlt'": partial(bench.python, "-c", "import dlt"),
            }
        )
    show("Start-up", runs)


def _to_first_request(bench: Bench, pages: Pages, url: str) -> Run:
    pages.show()
    run = bench.sync(pages, url)
    return replace(run, seconds=pages.seen()["first"] - run.began)
