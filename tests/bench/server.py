"""`python -m tests.bench.server`: a PostHog that answers from memory, far faster than anybody can read.

One event loop and a dictionary from request line to whole answers. Latency is waited, never worked: as many requests
as there are connections wait at the same time. Control paths begin with `/_bench/`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.bench.company import Company, Listed, models
from tests.bench.pages import asked, asked_for, encoded, page, pages, target

NOT_FOUND = b'{"type":"invalid_request","code":"not_found","detail":"No such page was prepared.","attr":null}'


@dataclass(slots=True)
class Shelf:
    """The answers of the version that is shown, and what was asked for since the last reset."""

    origin: str
    company: Company
    latency: float = 0.0
    shown: str = "base"
    versions: dict[str, dict[str, bytes]] = field(default_factory=dict)
    lists: dict[str, dict[str, Listed]] = field(default_factory=dict)
    """By version and by target without limit and offset."""
    made: dict[tuple[str, str], bytes] = field(default_factory=dict)
    """Pages of a size that nobody prepared: made when they are first asked for, then kept."""
    prepared: set[tuple[str, int]] = field(default_factory=set)
    seen: Counter[str] = field(default_factory=Counter)
    first: float | None = None
    last: float | None = None
    spelled: dict[bytes, str] = field(default_factory=dict)

    def answer(self, raw: bytes) -> bytes:
        """The answer to the target of a request line, which is counted."""
        self.last = time.monotonic()
        self.first = self.first or self.last
        name = self.spelled.get(raw)
        if name is None:
            name = self.spelled[raw] = asked(raw.decode())
        self.seen[name] += 1
        return self.versions[self.shown].get(name) or self._made(name) or plain(NOT_FOUND, b"404 Not Found")

    def _made(self, name: str) -> bytes | None:
        if (self.shown, name) not in self.made:
            where, limit, offset = asked_for(name)
            listed = self.lists[self.shown].get(where)
            if not (listed and limit):
                return None
            self.made[self.shown, name] = encoded(page(self.origin, listed, limit, offset))
        return self.made[self.shown, name]

    def prepare(self, version: str, limit: int) -> None:
        """Encode a version in pages of this size, once."""
        if (version, limit) not in self.prepared:
            self.prepared.add((version, limit))
            if version not in self.lists:
                lists = self.company.lists(version)
                self.lists[version] = {target(one.path, one.query): one for one in lists}
            shelf = self.versions.setdefault(version, {})
            shelf |= {name: encoded(content) for name, content in self.company.others()}
            for listed in self.lists[version].values():
                for name, content in pages(self.origin, listed, limit):
                    shelf[name] = encoded(content)

    def told(self, raw: str) -> Any:
        """What a control path does and says."""
        parts = urlsplit(raw)
        words = dict(parse_qsl(parts.query))
        what = parts.path.removeprefix("/_bench/")
        if what == "prepare":
            self.prepare(words["version"], int(words["limit"]))
        elif what == "show":
            self.shown = words.get("version", self.shown)
            self.latency = float(words.get("latency", self.latency))
            self.seen.clear()
            self.first = self.last = None
        elif what == "targets":
            mark = f"limit={words['limit']}&"
            return [name for name in self.versions[self.shown] if mark in name]
        there = self.versions[self.shown].keys() | {name for shown, name in self.made if shown == self.shown}
        distinct = sum(name in there for name in self.seen)
        return {
            "requests": self.seen.total(),
            "distinct": distinct,
            "first": self.first,
            "last": self.last,
        }


def plain(body: bytes, status: bytes = b"200 OK") -> bytes:
    """An answer that is made on the spot."""
    return b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
        status,
        len(body),
        body,
    )


class Line(asyncio.Protocol):
    """One connection; GET requests have no body, so each ends with the first empty line."""

    transport: asyncio.Transport

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.unread = b""

    def connection_made(self, transport: Any) -> None:
        """Keep the way back."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every whole request."""
        self.unread += data
        while b"\r\n\r\n" in self.unread:
            head, _, self.unread = self.unread.partition(b"\r\n\r\n")
            raw = head.split(b" ", 2)[1]
            if raw.startswith(b"/_bench/"):
                self._write(plain(json.dumps(self.shelf.told(raw.decode())).encode()))
            elif self.shelf.latency:
                asyncio.get_running_loop().call_later(self.shelf.latency, self._write, self.shelf.answer(raw))
            else:
                self._write(self.shelf.answer(raw))

    def _write(self, answer: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(answer)


async def serve(company: Company) -> None:
    """Listen, say where in one line of JSON, end when standard input closes."""
    loop = asyncio.get_running_loop()
    shelf = Shelf("", company)
    server = await loop.create_server(lambda: Line(shelf), "127.0.0.1", 0, backlog=256)
    shelf.origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    over = asyncio.Event()

    def heard() -> None:
        if not os.read(0, 4096):
            over.set()

    loop.add_reader(0, heard)
    sys.stdout.write(json.dumps({"url": shelf.origin}) + "\n")
    sys.stdout.flush()
    await over.wait()
    server.close()


def main() -> None:
    """Serve one company."""
    options = argparse.ArgumentParser(prog="python -m tests.bench.server", description=__doc__)
    for name in ("properties", "events", "projects"):
        options.add_argument(f"--{name}", type=int, required=True)
    options.add_argument("--kinds", required=True)
    models()
    asyncio.run(serve(Company(**vars(options.parse_args()))))


if __name__ == "__main__":
    main()
