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
"""So many pages in a row that bring nothing new, with a `next` each, are a loop."""
TRIES = 3
"""So often what is no page at all is asked for: the mistake of a proxy or a cache may pass."""


@dataclass(frozen=True, slots=True)
class Page:
    """Rows as PostHog sent them; `count` is the list's length if the server tells a true one, else None."""

    rows: list[Any]
    count: int | None
    last: bool


def offset_pages(get: Get, path: str, params: Mapping[str, str | int], size: int) -> Iterator[Page]:
    """Walk `{count, next, results}` by limit and offset; a server-side time-out halves the page from there on."""
    asked = dict(params)
    offset, progress = 0, Progress(path)
    while True:
        try:
            body = _envelope(get, path, {**asked, "limit": size, "offset": offset})
        except PageFailed as failed:
            if not failed.code.endswith("_timeout") or size <= SMALLEST_PAGE:
                raise
            size = max(SMALLEST_PAGE, size // 4)
            continue
        capped = body.get("count_is_capped") or not isinstance(body.get("count"), int)
        last = body["next"] is None
        count = None if capped else body["count"]
        yield Page(body["results"], count, last)
        if last:
            _check_end(path, body["results"], count, offset, size)
            return
        progress.note(body["results"], beyond=count is not None and offset >= count)
        offset = _next_offset(body["next"], path, offset)


def cursor_pages(get: Get, path: str, params: Mapping[str, str | int], _size: int) -> Iterator[Page]:
    """Walk `{next, results}` by cursor, newest first; the server fixes the page's size."""
    asked = dict(params)
    seen: set[str] = set()
    progress = Progress(path)
    while True:
        body = _envelope(get, path, asked)
        last = body["next"] is None
        yield Page(body["results"], None, last)
        if last:
            return
        progress.note(body["results"])
        cursor = _query(body["next"]).get("cursor", "")
        if not cursor or cursor in seen:
            raise PageFailed(
                f"{path}: PostHog's next page leads back to one that was read already; the walk stops."
            )
        seen.add(cursor)
        asked = {**params, "cursor": cursor}


def array_page(get: Get, path: str, params: Mapping[str, str | int], _size: int) -> Iterator[Page]:
    """Take a bare JSON array, which has no pages."""
    body = _sound(get, path, params, "a JSON array", lambda body: isinstance(body, list))
    yield Page(body, len(body), last=True)


def single_object(get: Get, path: str, params: Mapping[str, str | int], _size: int) -> Iterator[Page]:
    """Take one JSON object as a list of one."""
    body = _sound(
        get, path, params, "one JSON object with an id", lambda body: isinstance(body, dict) and "id" in body
    )
    yield Page([body], 1, last=True)


PAGERS: Mapping[str, Pager] = {
    "offset": offset_pages,
    "cursor": cursor_pages,
    "array": array_page,
    "object": single_object,
}


class Progress:
    """Whether a walk gets on: pages that bring nothing new are normal for a while, then they are a loop."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._firsts: set[str] = set()
        self._idle = 0

    def note(self, rows: list[Any], *, beyond: bool = False) -> None:
        """One more page that has a `next`, `beyond` what the list counts; it is new if its first row is.

        Raises PageFailed for a loop.
        """
        first = rows[0] if rows else None
        ident = repr(first.get("id")) if isinstance(first, dict) and "id" in first else ""
        stale = not rows or beyond or ident in self._firsts
        self._idle = self._idle + 1 if stale else 0
        if self._idle >= EMPTY_PAGES:
            raise PageFailed(
                f"{self._path}: PostHog's next page leads on and on and brings nothing new; the walk stops."
            )
        if ident:
            self._firsts.add(ident)


def _envelope(get: Get, path: str, params: Mapping[str, str | int]) -> dict[str, Any]:
    page: dict[str, Any] = _sound(get, path, params, "a page with `results` and `next`", _is_page)
    return page


def _is_page(body: Any) -> bool:
    return isinstance(body, dict) and isinstance(body.get("results"), list) and "next" in body


def _sound(
    get: Get, path: str, params: Mapping[str, str | int], what: str, fits: Callable[[Any], bool]
) -> Any:
    """An answer of the right shape, asked for a few times."""
    body = None
    for _ in range(TRIES):
        body = get(path, params)
        if fits(body):
            return body
    raise PageFailed(f"{path}: expected {what}, got {_kind(body)}; is POSTHOG_HOST a PostHog?")


def _check_end(path: str, rows: list[Any], count: int | None, offset: int, size: int) -> None:
    """A full page is no list's last one while the list counts more rows."""
    if count is not None and len(rows) >= size and offset + len(rows) < count:
        end = offset + len(rows)
        raise PageFailed(
            f"{path}: PostHog counts {count} rows and names no page after row {end}; the walk stops."
        )


def _kind(body: Any) -> str:
    if isinstance(body, dict):
        return f"an object with the keys {', '.join(sorted(map(str, body))[:8]) or '(none)'}"
    return "an array" if isinstance(body, list) else f"a {type(body).__name__}"


def _query(link: Any) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(link).query)) if isinstance(link, str) else {}


def _next_offset(link: Any, path: str, offset: int) -> int:
    found = _query(link).get("offset", "")
    if not found.isascii() or not found.isdigit() or int(found) <= offset:
        where = f"offset {found[:20] or 'missing'} does not follow offset {offset}"
        message = f"{path}: PostHog's next page leads back, {where}; the walk stops."
        raise PageFailed(message)
    return int(found)
