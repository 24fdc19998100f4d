"""Pages as PostHog's framework writes them, encoded and compressed once, before anybody asks for them."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec

from tests.bench.company import Listed

GZIP_LEVEL = 1
"""Quickest to make; every contender asks for gzip, as against PostHog, and pays the same for it."""


def target(path: str, query: Mapping[str, Any]) -> str:
    """A path and its query in one spelling, whatever the order in which a client names things."""
    return f"{path}?{urlencode(sorted(query.items()))}" if query else path


def asked(raw: str) -> str:
    """The target of a request line below `/api/`."""
    parts = urlsplit(raw)
    query = dict(parse_qsl(parts.query))
    first = {"offset": "0"} if "limit" in query else {}
    return target(parts.path.removeprefix("/api/"), {**first, **query})


def page(origin: str, listed: Listed, limit: int, offset: int) -> dict[str, Any]:
    """One page of a list by limit and offset."""

    def link(to: int) -> str:
        where = {"offset": to} if to else {}
        return f"{origin}/api/{target(listed.path, {**listed.query, 'limit': limit, **where})}"

    return {
        "count": len(listed.rows),
        "next": link(offset + limit) if offset + limit < len(listed.rows) else None,
        "previous": link(max(offset - limit, 0)) if offset else None,
        "results": listed.rows[offset : offset + limit],
    }


def pages(origin: str, listed: Listed, limit: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """A list's pages: each page's target and its content."""
    for offset in range(0, max(len(listed.rows), 1), limit):
        where = {**listed.query, "limit": limit, "offset": offset}
        yield target(listed.path, where), page(origin, listed, limit, offset)


def asked_for(name: str) -> tuple[str, int, int]:
    """A target without limit and offset, and these two."""
    path, _, words = name.partition("?")
    query = dict(parse_qsl(words))
    limit, offset = int(query.pop("limit", 0)), int(query.pop("offset", 0))
    return target(path, query), limit, offset


def encoded(content: Any) -> bytes:
    """The whole HTTP answer."""
    body = gzip.compress(msgspec.json.encode(content), GZIP_LEVEL, mtime=0)
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nVary: Accept-Encoding\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    )
