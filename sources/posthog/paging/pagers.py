"""Walks a list: each pager is a generator of pages over `get(path, params)`.

The host of a `next` link may be wrong behind a proxy, so a pager uses only its query, on the list's own path. A walk
continues until `next` is null; short, long and empty pages are normal (the server's own limit, virtual rows).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from sources.posthog.errors import PageFailed
from sources.posthog.paging.prefetch import Get, PendingPage
from sources.posthog.redaction.text import redacted
from sources.posthog.whole_numbers import counted, whole

Params = Mapping[str, str | int]
Prefetch = Callable[[str, Params], PendingPage | None]
"""Requests a page before its turn; returns None if no more may be in flight."""
Pager = Callable[[Get, str, Params, int, Prefetch], Iterator["Page"]]
"""Takes the list's path, its query (`offset` or `cursor` in it is where to begin) and the size of pages."""

SMALLEST_PAGE = 25
EMPTY_PAGES = 50
"""This many pages in a row that bring nothing new, each with a `next`, are a loop."""
TRIES = 3
"""How often an answer that is no page is requested: the fault of a proxy or a cache may pass."""


@dataclass(frozen=True, slots=True)
class Page:
    """Rows as PostHog sent them; `count` is the list's length if the server tells a true one, else None."""

    rows: list[Any]
    count: int | None
    last: bool
    next: str = ""
    """The offset or cursor of the next page; empty for the last one."""


def no_prefetch(_path: str, _params: Params) -> None:
    """Return None: request nothing before its turn."""


def offset_pages(
    get: Get, path: str, params: Params, size: int, prefetch: Prefetch = no_prefetch
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
                body = _well_formed(path, partial(_take_or_get, get, path, query, coming), *ENVELOPE)
            except PageFailed as failed:
                if not failed.code.endswith("_timeout") or size <= SMALLEST_PAGE:
                    raise
                _drop(coming)
                size = max(SMALLEST_PAGE, size // 4)
                continue
            count = counted(body.get("count"))
            following = str(whole(_query(body["next"]).get("offset", "")) or "")
            true_count = None if body.get("count_is_capped") else count
            page = Page(body["results"], true_count, _is_end(body["next"]), following)
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


def cursor_pages(
    get: Get, path: str, params: Params, _size: int, _soon: Prefetch = no_prefetch
) -> Iterator[Page]:
    """Walk `{next, results}` by cursor, newest first; the server fixes the page size."""
    cursor = str(params.get("cursor", ""))
    seen: set[str] = set()
    progress = LoopGuard(path)
    while True:
        query = {**params, "cursor": cursor} if cursor else dict(params)
        body = _well_formed(path, partial(get, path, query), *ENVELOPE)
        last, following = _is_end(body["next"]), _query(body["next"]).get("cursor", "")
        yield Page(body["results"], None, last, following)
        if last:
            return
        progress.note(body["results"])
        cursor = following
        if not cursor or cursor in seen:
            raise _broken_off(path, "PostHog's next page leads back to one that was read already")
        seen.add(cursor)


def array_page(
    get: Get, path: str, params: Params, _size: int, _soon: Prefetch = no_prefetch
) -> Iterator[Page]:
    """Yield a bare JSON array as the only page."""
    body = _well_formed(path, partial(get, path, params), "a JSON array", lambda body: isinstance(body, list))
    yield Page(body, len(body), last=True)


def single_object(
    get: Get, path: str, params: Params, _size: int, _soon: Prefetch = no_prefetch
) -> Iterator[Page]:
    """Yield one JSON object as a list of one."""
    what = "one JSON object with an id"
    body = _well_formed(path, partial(get, path, params), what, lambda b: isinstance(b, dict) and "id" in b)
    yield Page([body], 1, last=True)


PAGERS: Mapping[str, Pager] = {
    "offset": offset_pages,
    "cursor": cursor_pages,
    "array": array_page,
    "object": single_object,
}


class LoopGuard:
    """Detects a loop: pages that bring nothing new are normal for a while."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._firsts: set[str] = set()
        self._idle = 0

    def note(self, rows: list[Any], *, beyond: bool = False) -> None:
        """Record a page that has a `next`; raises PageFailed for a loop.

        An empty page, one `beyond` the list's count, or one whose first row was seen before brings nothing new.
        """
        first = rows[0] if rows else None
        ident = repr(first.get("id")) if isinstance(first, dict) and "id" in first else ""
        stale = not rows or beyond or ident in self._firsts
        self._idle = self._idle + 1 if stale else 0
        if self._idle >= EMPTY_PAGES:
            raise _broken_off(self._path, "PostHog's next page leads on and on and brings nothing new")
        if ident:
            self._firsts.add(ident)


def _is_page(body: Any) -> bool:
    return isinstance(body, dict) and isinstance(body.get("results"), list) and "next" in body


ENVELOPE = ("a page with `results` and `next`", _is_page)


def _well_formed(path: str, ask: Callable[[], Any], what: str, fits: Callable[[Any], bool]) -> Any:
    """Return an answer of the right shape, after TRIES requests at most; else raises PageFailed."""
    body = None
    for _ in range(TRIES):
        body = ask()
        if fits(body):
            return body
    raise PageFailed(f"{path}: expected {what}, got {_kind(body)}. Check POSTHOG_HOST.")


def _broken_off(path: str, what: str) -> PageFailed:
    advice = "The next sync reads the list again; if it fails there too, look at that PostHog or a proxy before it."
    return PageFailed(f"{path}: {what}; the walk stops. {advice}")


def _check_end(path: str, page: Page, offset: int, *, full: bool) -> None:
    """Raise PageFailed if the last page is full, or its `next` is not null, and the list counts more rows."""
    end = offset + len(page.rows)
    if page.count is not None and full and end < page.count:
        raise _broken_off(path, f"PostHog counts {page.count} rows and names no page after row {end}")


def _kind(body: Any) -> str:
    if isinstance(body, dict):
        keys = redacted(", ".join(sorted(map(str, body))[:8]))[:200]  # they may be mail addresses
        return f"an object with the keys {keys or '(none)'}"
    return "an array" if isinstance(body, list) else f"a {type(body).__name__}"


def _is_end(link: Any) -> bool:
    """Return whether there is no next page; a malformed link is not the end."""
    return link in (None, "", False)


def _query(link: Any) -> dict[str, str]:
    """Return the query of a link; empty if it is no link."""
    try:
        return dict(parse_qsl(urlsplit(link).query)) if isinstance(link, str) else {}
    except ValueError:
        return {}


def _next_offset(link: Any, path: str, offset: int) -> int:
    found = _query(link).get("offset", "")
    if (whole(found) or 0) <= offset:
        where = f"offset {found[:20] or 'missing'} does not follow offset {offset}"
        raise _broken_off(path, f"PostHog's next page leads back, {where}")
    return int(found)
