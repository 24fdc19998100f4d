"""Walks a list by limit and offset, its pages ahead of their turn."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from sources.posthog.errors import PageFailed
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

SMALLEST_PAGE = 25


def offset_pages(
    get: Get,
    path: str,
    params: Params,
    size: int,
    prefetch: Prefetch = no_prefetch,
    _under: str = "results",
) -> Iterator[Page]:
    """Walk `{count, next, results}` by limit and offset; after a server-side time-out the pages are smaller.

    Once a page has told count and step, the full pages behind it are requested ahead. If a page's `next` leads
    elsewhere than expected, the requested pages are dropped and the walk goes on from where `next` leads.
    """
    offset, progress = int(params.get("offset", 0)), LoopGuard(path)
    coming: deque[tuple[int, PendingPage]] = deque()
    try:
        while True:
            query: Params = {**params, "limit": size, "offset": offset}
            try:
                body = well_formed(path, partial(_take_or_get, get, path, query, coming), *ENVELOPE)
            except PageFailed as failed:
                if not failed.code.endswith("_timeout") or size <= SMALLEST_PAGE:
                    raise
                _drop(coming)
                size = max(SMALLEST_PAGE, size // 4)
                continue
            count = counted(body.get("count"))
            following = str(whole(query_of(body["next"]).get("offset", "")) or "")
            true_count = None if body.get("count_is_capped") else count
            page = Page(body["results"], true_count, is_end(body["next"]), following)
            yield page
            if page.last:
                _check_end(path, page, offset, full=len(page.rows) >= size or body["next"] is not None)
                return
            progress.note(page.rows, beyond=page.count is not None and offset >= page.count)
            offset = _next_offset(body["next"], path, offset)
            if coming and coming[0][0] != offset:
                _drop(coming)
            _prefetch_pages(coming, partial(prefetch, path), query, offset, count or 0)
    finally:
        _drop(coming)


def _take_or_get(get: Get, path: str, query: Params, coming: deque[tuple[int, PendingPage]]) -> Any:
    """Return the page, from those requested ahead if it is the next of them."""
    if coming and coming[0][0] == query["offset"]:
        return coming.popleft()[1].take()
    return get(path, query)


def _prefetch_pages(
    coming: deque[tuple[int, PendingPage]],
    prefetch: Callable[[Params], PendingPage | None],
    query: Params,
    following: int,
    count: int,
) -> None:
    """Request full pages behind those requested already, as many as allowed.

    The last page is not requested ahead: it may not exist, which the page before it tells.
    """
    before = int(query["offset"])
    step, foreseen = following - before, coming[-1][0] if coming else before
    while foreseen + 2 * step <= count and (page := prefetch({**query, "offset": foreseen + step})):
        foreseen += step
        coming.append((foreseen, page))


def _drop(coming: deque[tuple[int, PendingPage]]) -> None:
    """Drop the pages that were requested ahead."""
    while coming:
        coming.popleft()[1].drop()


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
