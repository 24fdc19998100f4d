"""Answers that are none: cut, damaged, of another language. Each is followed by the end of its connection."""

from __future__ import annotations

import gzip
import json
from functools import partial

from tests.sources.posthog.client.wire_server import http

ZIP = gzip.compress(json.dumps({"results": list(range(5000))}).encode())
last = partial(http, Connection="close")
"""A well-formed answer that says so: without that word the next request may meet the connection's end."""
BROKEN = {
    "nothing at all": b"",
    "half a status": b"HTTP/1.1 20",
    "not http": b"SSH-2.0-OpenSSH_9.9\r\n",
    "headers only": b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n",
    "less than announced": b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n[1]",
    "more than announced": last(200, b"[1,") + b"2,3]",
    "negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n[1]",
    "chunks without an end": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n[1]\r\n",
    "a damaged chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n[1]\r\n0\r\n\r\n",
    "until close, cut": b"HTTP/1.1 200 OK\r\n\r\n[1, 2, 3",
    "cut json": last(200, b'{"results": ['),
    "not gzip": last(200, b"[1]", Content_Encoding="gzip"),
    "cut gzip": last(200, ZIP[: len(ZIP) // 2], Content_Encoding="gzip"),
    "damaged gzip": last(200, ZIP[:60] + b"\0" * 40 + ZIP[100:], Content_Encoding="gzip"),
    "an encoding nobody asked for": last(200, b"\x0b\x02\x80[1]\x03", Content_Encoding="br"),
    "a login page": last(200, b"<html><title>Log in</title></html>"),
    "an empty page": last(200),
    "no content": last(200, b"null"),
    "a number": last(200, b"17"),
    "a text": last(200, b'"ok"'),
    "bytes": last(200, b'["\xff\xfe"]'),
    "UTF-16": last(200, "[1]".encode("utf-16")),
    "depth without end": last(200, b"[" * 200_000),
    "a strange location": last(302, Location="http://[::1"),
}
