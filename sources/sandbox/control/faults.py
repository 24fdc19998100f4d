"""What can go wrong on the way, on demand.

A rule is `{"path": regex over path and query, "kind": ..., "times": n or null for ever, "skip": n}` (so many
matches pass first) and, by kind: `status`, `body`, `headers`, `seconds`, `row`.

Instead of the answer: status (a refusal in PostHog's shape, or `body`), html, empty, not_json, redirect,
reset (the socket is torn down), hang (nothing comes for `seconds`, then the socket goes).
To the answer: latency (waits), slow (trickles), truncated (the socket closes before the promised length),
gzip_broken, no_envelope, array, next_foreign (a link to another host), next_same (a link to itself), drop_row
(the row at position `row` is gone), swap (texts of the body give way to bytes that no encoder would write: `body` is
{text: those bytes, in Latin-1}).
"""

from __future__ import annotations

import re
import socket
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import msgspec

Answer = tuple[str, list[tuple[str, str]], bytes]
HTML = b"<!doctype html><html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
FOREIGN = "https://elsewhere.example"
IN_JSON = ("no_envelope", "array", "next_foreign", "next_same", "drop_row")
KINDS = (
    "status",
    "html",
    "empty",
    "not_json",
    "redirect",
    "reset",
    "hang",
    "latency",
    "slow",
    "truncated",
    "gzip_broken",
    "swap",
    *IN_JSON,
)
CODES = {
    401: ("authentication_error", "authentication_failed"),
    402: ("server_error", "payment_required"),
    403: ("authentication_error", "permission_denied"),
    404: ("invalid_request", "not_found"),
    429: ("throttled_error", "throttled"),
}


@dataclass(slots=True)
class Rule:
    """One fault; `skip` and `times` count down."""

    path: str
    kind: str
    status: int | None = None
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    times: int | None = None
    skip: int = 0
    seconds: float | None = None
    row: int = 0

    def __post_init__(self) -> None:
        """A misspelt kind or pattern is told at once."""
        if self.kind not in KINDS:
            raise ValueError(f"no fault {self.kind}; there are {', '.join(KINDS)}")
        re.compile(self.path)

    def applies(self, address: str) -> bool:
        """Whether this request is spoilt; counts it."""
        if self.times == 0 or not re.search(self.path, address):
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.times is not None:
            self.times -= 1
        return True

    def wait(self, otherwise: float) -> None:
        """Let the time pass that the rule names."""
        time.sleep(otherwise if self.seconds is None else self.seconds)


class Faults:
    """The rules in force; the first that applies is taken."""

    def __init__(self) -> None:
        """None at first."""
        self.rules: list[Rule] = []
        self.lock = threading.Lock()

    def add(self, rule: Rule) -> int:
        """Put a rule in force; gives how many there are."""
        with self.lock:
            self.rules.append(rule)
            return len(self.rules)

    def clear(self) -> None:
        """Drop all rules."""
        with self.lock:
            self.rules.clear()

    def take(self, address: str) -> Rule | None:
        """The rule for this request."""
        with self.lock:
            return next((rule for rule in self.rules if rule.applies(address)), None)


FAULTS = Faults()


def instead(rule: Rule, address: str) -> Answer | None:
    """What is answered in place of the truth; None when the truth is needed."""
    json = [("Content-Type", "application/json"), *rule.headers.items()]
    page = [("Content-Type", "text/html; charset=utf-8"), *rule.headers.items()]
    if rule.kind == "status":
        status = rule.status or 503
        body = _refusal(status) if rule.body is None else rule.body
        return _line(status), json, body.encode() if isinstance(body, str) else msgspec.json.encode(body)
    if rule.kind == "html":
        return _line(rule.status or 200), page, HTML
    if rule.kind == "empty":
        return _line(rule.status or 200), json, b""
    if rule.kind == "not_json":
        return _line(rule.status or 200), json, b'upstream connect error {"results": ['
    if rule.kind == "redirect":
        target = rule.headers.get("Location", f"{FOREIGN}{address}")
        return _line(rule.status or 302), [("Location", target)], b""
    return None


def _refusal(status: int) -> dict[str, Any]:
    kind, code = CODES.get(status, ("server_error", "error"))
    return {"type": kind, "code": code, "detail": f"The sandbox was told to answer {status}.", "attr": None}


def _line(status: int) -> str:
    known = {one.value: one.phrase for one in HTTPStatus}
    return f"{status} {known.get(status, 'Unknown')}"


def spoilt(rule: Rule, answer: Answer, url: str) -> Answer:
    """The true answer with one thing wrong in its JSON."""
    status, headers, body = answer
    if rule.kind == "swap":
        for text, raw in rule.body.items():
            body = body.replace(text.encode(), raw.encode("latin-1"))
        return status, headers, body
    if rule.kind not in IN_JSON or not status.startswith("200"):
        return answer
    return status, headers, msgspec.json.encode(_wrong(rule, msgspec.json.decode(body), url))


def _wrong(rule: Rule, page: Any, url: str) -> Any:
    if rule.kind == "no_envelope":
        return {"detail": "nothing to see here"}
    if isinstance(page, list):
        return [row for at, row in enumerate(page) if at != rule.row] if rule.kind == "drop_row" else page
    rows = page.get("results", [])
    if rule.kind == "array":
        return rows
    if rule.kind == "drop_row":
        return {**page, "results": [row for at, row in enumerate(rows) if at != rule.row]}
    link = page.get("next")
    foreign = link and re.sub(r"^https?://[^/]+", FOREIGN, link)
    return {**page, "next": url if rule.kind == "next_same" else foreign}


def reset(connection: Any) -> None:
    """Tear the connection down: with no lingering, closing it sends a reset. Raises ConnectionResetError."""
    connection.close_connection = True
    line: socket.socket = connection.connection
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    # The handler's files hold the socket open; past them, only its descriptor closes at once.
    socket.close(line.detach())
    raise ConnectionResetError


def pieces(rule: Rule | None, body: bytes) -> Iterator[bytes]:
    """The body as it goes out: at once, or trickling."""
    if rule is None or rule.kind != "slow":
        yield body
        return
    step = max(1, len(body) // 10)
    for at in range(0, len(body), step):
        time.sleep((2.0 if rule.seconds is None else rule.seconds) / 10)
        yield body[at : at + step]
