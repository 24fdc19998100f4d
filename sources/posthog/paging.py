"""How a list is walked: each pager is a generator of pages over `get(path, params)`.

Only the query of a `next` link is used, on the list's own path: behind a proxy its host can be anybody's. A walk goes
on until `next` is null; short, long and empty pages are normal (server-side clamping, virtual rows).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from sources.posthog.errors import PageFailed

Get = Callable[[str, Mapping[str, str | int]], Any]
Pager = Callable[[Get, str, Mapping[str, str | int], int], Iterator["Page"]]

SMALLEST_PAGE = 25
EMPTY_PAGES = 50
"""So many empty pages in a row with a `next` each are a loop."""


@dataclass(frozen=True, slots=True)
class Page:
    """Rows as PostHog sent them; `count` is the list's length if the server tells a true one, else None."""

    rows: list[Any]
    count: int | None
    last: bool


def offset_pages(get: Get, path: str, params: Mapping[str, str | int], size: int) -> Iterator[Page]:
    """Walk `{count, next, results}` by limit and offset; a server-side time-out halves the page from there on."""
    asked = dict(params)
    offset, empty = 0, 0
    while True:
        try:
            body = _envelope(get(path, {**asked, "limit": size, "offset": offset}), path)
        except PageFailed as failed:
            if not failed.code.endswith("_timeout") or size <= SMALLEST_PAGE:
                raise
            size = max(SMALLEST_PAGE, size // 4)
            continue
        capped = body.get("count_is_capped") or not isinstance(body.get("count"), int)
        last = body["next"] is None
        yield Page(body["results"], None if capped else body["count"], last)
        if last:
            return
        empty = 0 if body["results"] else empty + 1
        offset = _next_offset(body["next"], path, offset, empty)


def cursor_pages(get: Get, path: str, params: Mapping[str, str | int], _size: int) -> Iterator[Page]:
    """Walk `{next, results}` by cursor, newest first; the server fixes the page's size."""
    asked = dict(params)
    seen: set[str] = set()
    while True:
        body = _envelope(get(path, asked), path)
        last = body["next"] is None
        yield Page(body["results"], None, last)
        if last:
            return
        cursor = _query(body["next"]).get("cursor", "")
        if not cursor or cursor in seen:
            raise PageFailed(
                f"{path}: PostHog's next page leads back to one that was read already; the walk stops."
            )
        seen.add(cursor)
        asked = {**params, "cursor": cursor}


def array_page(get: Get, path: str, params: Mapping[str, str | int], _size: int) -> Iterator[Page]:
    """Take a bare JSON array, which has no pages."""
    body = get(path, params)
    if not isinstance(body, list):
        raise PageFailed(f"{path}: expected a JSON array, got {_kind(body)}; is POSTHOG_HOST a PostHog?")
    yield Page(body, len(body), last=True)


def single_object(get: Get, path: str, params: Mapping[str, str | int], _size: int) -> Iterator[Page]:
    """Take one JSON object as a list of one."""
    body = get(path, params)
    if not isinstance(body, dict) or "id" not in body:
        raise PageFailed(f"{path}: expected one JSON object with an id, got {_kind(body)}.")
    yield Page([body], 1, last=True)


PAGERS: Mapping[str, Pager] = {
    "offset": offset_pages,
    "cursor": cursor_pages,
    "array": array_page,
    "object": single_object,
}


def _envelope(body: Any, path: str) -> dict[str, Any]:
    if isinstance(body, dict) and isinstance(body.get("results"), list) and "next" in body:
        return body
    raise PageFailed(f"{path}: expected a page with `results` and `next`, got {_kind(body)}.")


def _kind(body: Any) -> str:
    if isinstance(body, dict):
        return f"an object with the keys {', '.join(sorted(map(str, body))[:8]) or '(none)'}"
    return "an array" if isinstance(body, list) else f"a {type(body).__name__}"


def _query(link: Any) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(link).query)) if isinstance(link, str) else {}


def _next_offset(link: Any, path: str, offset: int, empty: int) -> int:
    found = _query(link).get("offset", "")
    if not found.isascii() or not found.isdigit() or int(found) <= offset or empty >= EMPTY_PAGES:
        where = f"offset {found[:20] or 'missing'} does not follow offset {offset}"
        message = f"{path}: PostHog's next page leads back, {where}; the walk stops."
        raise PageFailed(message)
    return int(found)
