"""A server that remembers: it asks the sandbox once and then answers the same at once, so that nobody waits for it.

`python -m tests.bench.replay URL` prints its own address and runs until its input ends.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from tests.bench.serving import ROOT

Answer = tuple[int, str, bytes]


def handler(origin: str) -> type[BaseHTTPRequestHandler]:
    """A handler that keeps every answer of `origin`; `next` links come to lead to itself by their queries alone."""
    kept: dict[str, Answer] = {}

    class Replay(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            if self.path not in kept:
                kept[self.path] = asked(f"{origin}{self.path}", self.headers["Authorization"])
            status, kind, body = kept[self.path]
            head = f"HTTP/1.1 {status} Kept\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
            self.wfile.write(head.encode() + body)

        def log_message(self, format: str, *words: object) -> None:  # noqa: A002  the framework's name
            del format, words

    return Replay


def asked(url: str, authorization: str) -> Answer:
    """The sandbox's answer."""
    request = Request(url, headers={"Authorization": authorization})  # noqa: S310  this machine's own sandbox
    try:
        with urlopen(request) as answer:  # noqa: S310
            return answer.status, answer.headers["Content-Type"], answer.read()
    except HTTPError as refusal:
        return refusal.code, refusal.headers["Content-Type"], refusal.read()


@contextmanager
def replaying(origin: str) -> Iterator[str]:
    """The address of such a server, for as long as the block runs."""
    command = [sys.executable, "-m", "tests.bench.replay", origin]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, cwd=ROOT, text=True)
    try:
        assert process.stdout
        yield str(json.loads(process.stdout.readline())["url"])
    finally:
        process.kill()
        process.communicate()


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(sys.argv[1]))
    print(json.dumps({"url": f"http://127.0.0.1:{server.server_address[1]}"}), flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
