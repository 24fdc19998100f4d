"""What pagers share: the record of a page, the shape of an answer, links and loops.

The host of a `next` link may be wrong behind a proxy, so only its query counts, on the list's own path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from sources.posthog.errors import PageFailed
from sources.posthog.paging.page_size import PageSize
from sources.posthog.paging.prefetch import Get, PendingPage
from sources.posthog.redaction.text import redacted

Params = Mapping[str, str | int]
Prefetch = Callable[[str, Params], PendingPage | None]
"""Requests a page before its turn; returns None if no more may be in flight."""
Pager = Callable[[Get, str, Params, PageSize, Prefetch, str], Iterator["Page"]]
"""Takes the list's path, its query (`offset`, `cursor` or `page` in it is where to begin), the size of pages, what
requests pages ahead, and the key under which the rows stand."""

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
    """The offset, cursor or number of the next page, from which a later run may go on; empty for the last one, and
    where a walk cannot go on."""


def no_prefetch(_path: str, _params: Params, **_told: Any) -> None:
    """Return None: request nothing before its turn."""


def well_formed(path: str, ask: Callable[[], Any], what: str, fits: Callable[[Any], bool]) -> Any:
    """Return an answer of the right shape, after TRIES requests at most; else raises PageFailed."""
    body = None
    for _ in range(TRIES):
        body = ask()
        if fits(body):
            return body
    raise PageFailed(f"{path}: expected {what}, got {_kind(body)}. Check POSTHOG_HOST.")


def _is_page(body: Any) -> bool:
    return isinstance(body, dict) and isinstance(body.get("results"), list) and "next" in body


ENVELOPE = ("a page with `results` and `next`", _is_page)


def _kind(body: Any) -> str:
    if isinstance(body, dict):
        keys = redacted(", ".join(sorted(map(str, body))[:8]))[:200]  # they may be mail addresses
        return f"an object with the keys {keys or '(none)'}"
    return "an array" if isinstance(body, list) else f"a {type(body).__name__}"


def broken_off(path: str, what: str) -> PageFailed:
    """Return the error of a list whose next page leads nowhere."""
    advice = "The next sync reads the list again; if it fails there too, look at that PostHog or a proxy before it."
    return PageFailed(f"{path}: {what}; the walk stops. {advice}")


def is_end(link: Any) -> bool:
    """Return whether there is no next page; a malformed link is not the end."""
    return link in (None, "", False)


def query_of(link: Any) -> dict[str, str]:
    """Return the query of a link; empty if it is no link."""
    try:
        return dict(parse_qsl(urlsplit(link).query)) if isinstance(link, str) else {}
    except ValueError:
        return {}


def as_query_time(time: datetime) -> str:
    """Return a time for a query, in UTC: the `+` of an offset would arrive as a blank."""
    return f"{time.astimezone(UTC).replace(tzinfo=None).isoformat()}Z"


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
            raise broken_off(self._path, "PostHog's next page leads on and on and brings nothing new")
        if ident:
            self._firsts.add(ident)
