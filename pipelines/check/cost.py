"""Estimates what syncs cost: the requests of a first and of a later run, and how long the request budget makes them."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

from pipelines.check.access import Access, TableAccess
from pipelines.check.findings import Finding, note
from pipelines.from_settings import request_rate
from pipelines.settings import Settings
from sources.posthog.catalogue import ENDPOINTS, parent_of, parents_of
from sources.posthog.client.rate_limit import Rate
from sources.posthog.extract.plan.announcements import LOG, are_announcements_used
from sources.posthog.extract.plan.budget import pages_of, rows_a_page


def about_cost(access: Access, settings: Settings) -> Iterator[Finding]:
    """Yield how many requests and minutes a first and a later run take, if anything can be read."""
    rate = request_rate(settings)
    first, later, announced = requests(access, settings.lists.page_size)
    if are_announcements_used(settings.lists.announcements, later, rate.per_hour):
        later -= announced
    if first:
        yield note(
            "cost",
            f"A first sync takes about {first:,} requests and {_minutes(rate, first)}, "
            f"a later one about {later:,} and {_minutes(rate, later)}.",
        )


def requests(access: Access, page_size: int) -> tuple[int, int, int]:
    """Return about how many requests a first and a later run send, from the counts that the lists told.

    The third number is how many of a later run's the audit log makes unnecessary, while it announces nothing.
    """
    rows: dict[str, int] = {}
    first = later = 2  # the key, and the organizations
    announced = 0
    log, above = access.asked.get(LOG.table), parents_of(access.asked)
    for table, asked in access.asked.items():
        lists = _parents(access, asked, rows) * len(asked.endpoint.paths)
        counts = [answer.count for answer in asked.answers if answer.count is not None]
        usual = sum(counts) / len(counts) if counts else 0
        rows[table] = ceil(usual * max(1, lists))
        if not asked.readable:
            continue
        pages = pages_of(usual, rows_a_page(asked.endpoint, page_size, None))
        first += lists * pages
        # A list that is read from its latest rows on is one page; below a row that did not change none is read.
        again = lists * pages if asked.endpoint.plan == "snapshot" else lists
        later += 0 if asked.endpoint.parent_cursor else again
        if asked.endpoint.announced_by and not (table in above and usual):
            announced += again
    return first, later, announced if log and log.readable else 0


def _parents(access: Access, asked: TableAccess, rows: dict[str, int]) -> int:
    """Return below how many rows a table has lists."""
    parent = parent_of(asked.endpoint.paths[0])
    if parent is None:
        return 1
    if parent is ENDPOINTS["projects"]:
        return len(access.projects)
    if parent is ENDPOINTS["organizations"]:
        return len(access.names["organizations"])
    return max(asked.parents, rows.get(parent.table, 0))


def _minutes(rate: Rate, requests: int) -> str:
    minutes = rate.minutes(requests)
    return f"{minutes} minute{'s' * (minutes > 1)}"
