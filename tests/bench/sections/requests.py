"""How often PostHog is asked: the pages there are, and second looks at what is missing."""

from __future__ import annotations

from tests.bench.bench import Bench, record
from tests.bench.serving import Pages


def requests(bench: Bench) -> None:
    """Counted by the server, beside what the run record says."""
    pages = bench.pages
    pages.prepare("shorter", 1000)
    print("\nRequests, DuckDB, pages of 1000\n")
    print(f"  {'':26}{'pages':>8}{'asked for':>11}{'again':>7}   the run record")
    with bench.warehouse("duckdb") as url:
        for what, version in (
            ("first load", "base"),
            ("nothing changed", "base"),
            ("1 % changed", "changed"),
            ("three rows gone of each", "shorter"),
            ("and again", "shorter"),
        ):
            _count(bench, pages, url, what, version)
    print()


def _count(bench: Bench, pages: Pages, url: str, what: str, version: str) -> None:
    pages.show(version=version)
    there = (
        len(pages.targets(1000)) + 1 + pages.company.projects
    )  # those of the key and of group types have no pages
    run = record(bench.sync(pages, url))
    seen = pages.seen()
    told = ", ".join(f"{t['table']} {t['requests']}" for t in run["tables"] if t["requests"])
    again = seen["requests"] - seen["distinct"]
    print(f"  {what:26}{there:8}{seen['requests']:11}{again:7}   {run['requests']}: {told}")
    for table in run["tables"]:
        if table["detail"]:
            print(f"  {'':26}{table['table']}: {table['detail']}")
