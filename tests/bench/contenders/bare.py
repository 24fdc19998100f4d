"""A client that only reads bytes: what the page server can give at most. `python -m … URL LIMIT CONNECTIONS`."""

from __future__ import annotations

import json
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

from tests.bench.company import Company
from tests.bench.serving import KEY, Pages


def read(host: str, port: int, paths: list[str]) -> int:
    """The bytes of these pages' bodies, over one connection."""
    taken = 0
    with socket.create_connection((host, port)) as line, line.makefile("rb") as answer:
        for path in paths:
            head = f"GET /api/{path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {KEY}\r\n\r\n"
            line.sendall(head.encode())
            length = 0
            while (header := answer.readline()) != b"\r\n":
                if header.lower().startswith(b"content-length:"):
                    length = int(header.split(b":")[1])
            taken += len(answer.read(length))
    return taken


def main(url: str, limit: str, connections: str) -> Any:
    """Read every page once, the pages dealt out over the connections."""
    parts = urlsplit(url)
    paths = Pages(url, Company()).targets(int(limit))
    host, port, lines = str(parts.hostname), parts.port or 80, int(connections)
    with ThreadPoolExecutor(lines) as pool:
        taken = sum(pool.map(lambda at: read(host, port, paths[at::lines]), range(lines)))
    return {"pages": len(paths), "bytes": taken}


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
