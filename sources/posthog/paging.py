"""How a list is walked: each pager is a generator of pages over `get(path, params)`.

Only the query of a `next` link is used, on the list's own path: behind a proxy its host can be anybody's. A walk goes
on until `next` is null; short, long and empty pages are normal (server-side clamping, virtual rows).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from sources.posthog.ahead import Coming, Get
from sources.posthog.errors import PageFailed

Params = Mapping[str, str | int]
Soon = Callable[[str, Params], Coming | None]
"""Asks for a page before its turn; None where no more may be on their way."""
Pager = Callable[[Get, str, Params, int, Soon], Iterator["Page"]]

SMALLEST_PAGE = 25
EMPTY_PAGES = 50
"""So many empty pages in a row with a `next` each are a loop."""


@dataclass(frozen=True, slots=True)
class Page:
    """Rows as PostHog sent them; `count` is the list's length if the server tells a true one, else None."""

    rows: list[Any]
    count: int | None
    last: bool


def one_by_one(_path: str, _params: Params) -> None:
    """Ask for nothing before its turn."""


def offset_pages(get: Get, path: str, params: Params, size: int, soon: Soon = one_by_one) -> Iterator[Page]:
    """Walk `{count, next, results}` by limit and offset; a server-side time-out makes the pages smaller from there on.

    Once a page has told count and step, the full pages behind it are asked for ahead. Each page's `next` must lead
    where that was foreseen; else what is on its way is dropped and the walk goes on from where `next` leads.
    """
    offset, empty = 0, 0
    coming: deque[tuple[int, Coming]] = deque()
    try:
        while True:
            try:
                asked: Params = {**params, "limit": size, "offset": offset}
                body = _envelope(coming.popleft()[1].take() if coming else get(path, asked), path)
            except PageFailed as failed:
                if not failed.code.endswith("_timeout") or size <= SMALLEST_PAGE:
                    raise
                _drop(coming)
                size = max(SMALLEST_PAGE, size // 4)
                continue
            counted = body["count"] if isinstance(body.get("count"), int) else None
            last = body["next"] is None
            yield Page(body["results"], None if body.get("count_is_capped") else counted, last)
            if last:
                return
            empty = 0 if body["results"] else empty + 1
            before, offset = offset, _next_offset(body["next"], path, offset, empty)
            if coming and coming[0][0] != offset:
                _drop(coming)
            _foresee(coming, partial(soon, path), asked, offset - before, counted or 0)
    finally:
        _drop(coming)


def _foresee(
    coming: deque[tuple[int, Coming]],
    soon: Callable[[Params], Coming | None],
    asked: Params,
    step: int,
    count: int,
) -> None:
    """Ask for the full pages behind the one that was `asked` for and those on their way, as many as may be.

    Not for the last page, which may be none: its turn will tell.
    """
    foreseen = coming[-1][0] if coming else int(asked["offset"])
    while foreseen + 2 * step <= count and (page := soon({**asked, "offset": foreseen + step})):
        foreseen += step
        coming.append((foreseen, page))


def _drop(coming: deque[tuple[int, Coming]]) -> None:
    """Do without the pages that are on their way."""
    while coming:
        coming.popleft()[1].drop()


def cursor_pages(get: Get, path: str, params: Params, _size: int, _soon: Soon = one_by_one) -> Iterator[Page]:
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


def array_page(get: Get, path: str, params: Params, _size: int, _soon: Soon = one_by_one) -> Iterator[Page]:
    """Take a bare JSON array, which has no pages."""
    body = get(path, params)
    if not isinstance(body, list):
        raise PageFailed(f"{path}: expected a JSON array, got {_kind(body)}; is POSTHOG_HOST a PostHog?")
    yield Page(body, len(body), last=True)


def single_object(
    get: Get, path: str, params: Params, _size: int, _soon: Soon = one_by_one
) -> Iterator[Page]:
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
