"""Walks a list: each pager is a generator of pages over `get(path, params)`.

A walk continues until PostHog names no next page; short, long and empty pages are normal (the server's own limit,
virtual rows). Lists by limit and offset are in `offset_pages`. Where a list does not tell its length, `Page.count` is
None.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from sources.posthog.paging.offset_pages import offset_pages
from sources.posthog.paging.page_size import PageSize
from sources.posthog.paging.pages import (
    ENVELOPE,
    LoopGuard,
    Page,
    Pager,
    Params,
    Prefetch,
    as_query_time,
    broken_off,
    is_end,
    no_prefetch,
    query_of,
    well_formed,
)
from sources.posthog.paging.prefetch import Get
from sources.posthog.whole_numbers import counted, whole

LOG_LINES = 500
"""The most lines on a page of logs, whatever `limit` says."""
NEWEST_ROWS = 50
"""How many rows an answer has that holds the newest ones only: PostHog's `ExternalDataSource` jobs."""


def cursor_pages(
    get: Get,
    path: str,
    params: Params,
    _size: PageSize,
    _prefetch: Prefetch = no_prefetch,
    _under: str = "results",
) -> Iterator[Page]:
    """Walk `{next, results}` by the cursor in `next`; the server fixes page size and order, backwards or by key."""
    cursor = str(params.get("cursor", ""))
    seen: set[str] = set()
    progress = LoopGuard(path)
    while True:
        query = {**params, "cursor": cursor} if cursor else dict(params)
        body = well_formed(path, partial(get, path, query), *ENVELOPE)
        last, following = is_end(body["next"]), query_of(body["next"]).get("cursor", "")
        yield Page(body["results"], None, last, following)
        if last:
            return
        progress.note(body["results"])
        cursor = following
        if not cursor or cursor in seen:
            raise broken_off(path, "PostHog's next page leads back to one that was read already")
        seen.add(cursor)


def numbered_pages(
    get: Get,
    path: str,
    params: Params,
    _size: PageSize,
    _prefetch: Prefetch = no_prefetch,
    _under: str = "results",
) -> Iterator[Page]:
    """Walk `{next, results}` by the page number in `next`; how many rows a page has is the path's own constant."""
    number, progress = int(params.get("page", 1)), LoopGuard(path)
    while True:
        body = well_formed(path, partial(get, path, {**params, "page": number}), *ENVELOPE)
        last, following = is_end(body["next"]), whole(query_of(body["next"]).get("page", "")) or 0
        yield Page(body["results"], counted(body.get("count")), last, str(following or ""))
        if last:
            return
        progress.note(body["results"])
        if following <= number:
            raise broken_off(path, f"PostHog's next page leads back, page {following} after page {number}")
        number = following


def flagged_pages(
    get: Get,
    path: str,
    params: Params,
    size: PageSize,
    _prefetch: Prefetch = no_prefetch,
    under: str = "results",
) -> Iterator[Page]:
    """Walk `{results, has_next}` by limit and offset: the flag alone tells whether more rows follow."""
    offset, progress = int(params.get("offset", 0)), LoopGuard(path)
    what = (f"a page with `{under}` and `has_next`", _has_rows(under, "has_next"))
    while True:
        body = well_formed(path, partial(get, path, {**params, "limit": size.rows, "offset": offset}), *what)
        rows = body[under]
        yield Page(rows, None, not body["has_next"])
        if not body["has_next"]:
            return
        if not rows:
            raise broken_off(path, f"PostHog says that rows follow offset {offset} and sends none")
        progress.note(rows)
        offset += len(rows)


def log_pages(
    get: Get,
    path: str,
    params: Params,
    _size: PageSize,
    _prefetch: Prefetch = no_prefetch,
    under: str = "results",
) -> Iterator[Page]:
    """Walk log lines by time, newest first."""

    def lines(before: Params) -> list[Any]:
        query: Params = {**params, "limit": LOG_LINES, **before}
        body = well_formed(path, partial(get, path, query), f"an object with `{under}`", _has_rows(under))
        return list(body[under])

    return _newest_first(path, lines, "timestamp", LOG_LINES)


def newest_pages(
    get: Get,
    path: str,
    params: Params,
    _size: PageSize,
    _prefetch: Prefetch = no_prefetch,
    _under: str = "results",
) -> Iterator[Page]:
    """Walk a bare JSON array by time, newest first: an answer holds the newest rows only, whatever is asked for."""
    return _newest_first(
        path, lambda before: _array(get, path, {**params, **before}), "created_at", NEWEST_ROWS
    )


def _newest_first(path: str, rows_of: Callable[[Params], list[Any]], field: str, most: int) -> Iterator[Page]:
    """Walk rows by the time in a field: a page of `most` rows is followed by the rows up to its oldest one.

    `before` excludes its time, and a page may end between two rows of one time: so the next page begins a microsecond
    above the oldest row, and what it repeats of that time is left out.
    """
    oldest: datetime | None = None
    repeated: list[Any] = []
    while True:
        rows = rows_of({"before": as_query_time(oldest + timedelta(microseconds=1))} if oldest else {})
        full = len(rows) >= most
        yield Page([row for row in rows if row not in repeated], None, not full)
        if not full:
            return
        last, oldest = oldest, min((time for row in rows if (time := _time_of(row, field))), default=None)
        if oldest is None or (last and oldest >= last):
            raise broken_off(path, f"a whole page of {most} rows is no older than the page before it")
        repeated = [row for row in rows if _time_of(row, field) == oldest]


def embedded_pages(
    get: Get,
    path: str,
    params: Params,
    size: PageSize,
    _prefetch: Prefetch = no_prefetch,
    under: str = "results",
) -> Iterator[Page]:
    """Walk the rows inside one object, by `<name>_limit`, `<name>_offset` and `<name>_total`."""
    offset = 0
    while True:
        query = {**params, f"{under}_limit": size.rows, f"{under}_offset": offset}
        body = well_formed(path, partial(get, path, query), f"an object with `{under}`", _has_rows(under))
        rows, total = body[under], counted(body.get(f"{under}_total"))
        offset += len(rows)
        last = not rows or total is None or offset >= total
        yield Page(rows, total, last)
        if last:
            return


def array_page(
    get: Get,
    path: str,
    params: Params,
    _size: PageSize,
    _prefetch: Prefetch = no_prefetch,
    _under: str = "results",
) -> Iterator[Page]:
    """Yield a bare JSON array as the only page."""
    rows = _array(get, path, params)
    yield Page(rows, len(rows), last=True)


def unpaged_rows(
    get: Get,
    path: str,
    params: Params,
    size: PageSize,
    _prefetch: Prefetch = no_prefetch,
    under: str = "results",
) -> Iterator[Page]:
    """Yield all rows under a key of one object as the only page, because the server ignores limit and offset.

    A server that names a next page does page the list, and is asked for it by limit and offset.
    """
    body = well_formed(path, partial(get, path, params), f"an object with `{under}`", _has_rows(under))
    if is_end(body.get("next")):
        yield Page(body[under], len(body[under]), last=True)
    else:
        yield from offset_pages(get, path, params, size)


def single_object(
    get: Get,
    path: str,
    params: Params,
    _size: PageSize,
    _prefetch: Prefetch = no_prefetch,
    under: str = "id",
) -> Iterator[Page]:
    """Yield one JSON object as a list of one; `under` is a key that it has."""
    what = f"one JSON object with `{under}`"
    body = well_formed(path, partial(get, path, params), what, lambda b: isinstance(b, dict) and under in b)
    yield Page([body], 1, last=True)


PAGERS: Mapping[str, Pager] = {
    "offset": offset_pages,
    "cursor": cursor_pages,
    "page": numbered_pages,
    "has_next": flagged_pages,
    "logs": log_pages,
    "newest": newest_pages,
    "embedded": embedded_pages,
    "array": array_page,
    "unpaged": unpaged_rows,
    "object": single_object,
}


def _has_rows(under: str, *besides: str) -> Callable[[Any], bool]:
    """Return what checks that an answer has rows under a key, and these keys beside them."""
    return lambda body: (
        isinstance(body, dict) and isinstance(body.get(under), list) and body.keys() >= set(besides)
    )


def _array(get: Get, path: str, params: Params) -> list[Any]:
    return list(
        well_formed(path, partial(get, path, params), "a JSON array", lambda body: isinstance(body, list))
    )


def _time_of(row: Any, field: str) -> datetime | None:
    text = row.get(field) if isinstance(row, dict) else None
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found and not found.tzinfo else found
