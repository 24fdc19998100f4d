"""Walks a list by limit and offset, its pages ahead of their turn."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from sources.posthog.errors import PageFailed
from sources.posthog.paging.page_size import PageSize
from sources.posthog.paging.pages import (
    ENVELOPE,
    LoopGuard,
    Page,
    Params,
    Prefetch,
    broken_off,
    is_end,
    no_prefetch,
    query_of,
    well_formed,
)
from sources.posthog.paging.prefetch import Get, PendingPage
from sources.posthog.whole_numbers import counted, whole


@dataclass(frozen=True, slots=True)
class Coming:
    """A page that was requested before its turn."""

    offset: int
    rows: int
    """How many rows were asked for."""
    page: PendingPage


def offset_pages(
    get: Get,
    path: str,
    params: Params,
    size: PageSize,
    prefetch: Prefetch = no_prefetch,
    _under: str = "results",
) -> Iterator[Page]:
    """Walk `{count, next, results}` by limit and offset; the size of pages follows the answers.

    Once a page has told the count, the full pages behind it are requested ahead. If a page's `next` leads elsewhere
    than expected, the requested pages are dropped and the walk goes on from where `next` leads.
    """
    offset, progress = int(params.get("offset", 0)), LoopGuard(path)
    coming: deque[Coming] = deque()
    try:
        while True:
            asked = coming[0].rows if coming else size.rows
            query: Params = {**params, "limit": asked, "offset": offset}
            try:
                body = well_formed(path, partial(_take_or_get, get, path, query, coming), *ENVELOPE)
            except PageFailed as failed:
                if not size.shrink(asked, timed_out=failed.code.endswith("_timeout")):
                    raise
                _drop(coming)
                continue
            count = counted(body.get("count"))
            following = str(whole(query_of(body["next"]).get("offset", "")) or "")
            true_count = None if body.get("count_is_capped") else count
            page = Page(body["results"], true_count, is_end(body["next"]), following)
            yield page
            if page.last:
                _check_end(path, page, offset, full=len(page.rows) >= asked or body["next"] is not None)
                return
            progress.note(page.rows, beyond=page.count is not None and offset >= page.count)
            before, offset = offset, _next_offset(body["next"], path, offset)
            size.follow(before, asked, len(page.rows), offset - before)
            if coming and coming[0].offset != offset:
                _drop(coming)
            rest = range(offset, count or 0, size.rows)
            _prefetch_pages(coming, partial(prefetch, path), params, rest)
    finally:
        _drop(coming)


def _take_or_get(get: Get, path: str, query: Params, coming: deque[Coming]) -> Any:
    """Return the page, from those requested ahead if it is the next of them."""
    if coming and coming[0].offset == query["offset"]:
        return coming.popleft().page.take()
    return get(path, query)


def _prefetch_pages(
    coming: deque[Coming],
    prefetch: Callable[[Params], PendingPage | None],
    params: Params,
    rest: range,
) -> None:
    """Request full pages of the rest of a list, behind those requested already, as many as allowed.

    The last page is not requested ahead: it may not exist, which the page before it tells.
    """
    start, rows = rest.start, rest.step
    if coming:
        start = coming[-1].offset + coming[-1].rows
    while start + rows <= rest.stop and (page := prefetch({**params, "limit": rows, "offset": start})):
        coming.append(Coming(start, rows, page))
        start += rows


def _drop(coming: deque[Coming]) -> None:
    """Drop the pages that were requested ahead."""
    while coming:
        coming.popleft().page.drop()


def _check_end(path: str, page: Page, offset: int, *, full: bool) -> None:
    """Raise PageFailed if the last page is full, or its `next` is not null, and the list counts more rows."""
    end = offset + len(page.rows)
    if page.count is not None and full and end < page.count:
        raise broken_off(path, f"PostHog counts {page.count} rows and names no page after row {end}")


def _next_offset(link: Any, path: str, offset: int) -> int:
    found = query_of(link).get("offset", "")
    if (whole(found) or 0) <= offset:
        where = f"offset {found[:20] or 'missing'} does not follow offset {offset}"
        raise broken_off(path, f"PostHog's next page leads back, {where}")
    return int(found)
