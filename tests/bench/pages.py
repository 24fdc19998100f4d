"""Pages as PostHog's framework writes them, encoded and compressed once, before anybody asks for them."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec

from tests.bench.company import Company, Listed

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


def pages(origin: str, listed: Listed, limit: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """A list's pages by limit and offset: each page's target and its content."""

    def named(offset: int, *, link: bool = False) -> str:
        where = {"offset": offset} if offset or not link else {}
        return target(listed.path, {**listed.query, "limit": limit, **where})

    for offset in range(0, max(listed.length, 1), limit):
        after, before = offset + limit, max(offset - limit, 0)
        yield (
            named(offset),
            {
                "count": listed.length,
                "next": f"{origin}/api/{named(after)}" if after < listed.length else None,
                "previous": f"{origin}/api/{named(before, link=True)}" if offset else None,
                "results": list(islice(listed.rows, limit)),
            },
        )


def answers(origin: str, company: Company, version: str, limit: int) -> Iterator[tuple[str, Any]]:
    """Every answer of this company in pages of `limit` rows: each target with its content."""
    yield from company.others()
    for listed in company.lists(version):
        yield from pages(origin, listed, limit)


def encoded(content: Any) -> bytes:
    """The whole HTTP answer."""
    body = gzip.compress(msgspec.json.encode(content), GZIP_LEVEL, mtime=0)
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nVary: Accept-Encoding\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    )
