"""Interprets an HTTP answer: rows, a refusal, a wrong address, or a fault that is worth another try.

The status decides first, then `code` of PostHog's own error body (drf-exceptions-hog), never the wording. Nothing here
touches a network; quoted text has lost its tokens, addresses and control characters.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

import msgspec

from sources.posthog.errors import KeyRefused, Misdirected, PageFailed, Unavailable
from sources.posthog.redaction.json_depth import DEEPEST, cut_below
from sources.posthog.redaction.text import redacted

RETRYABLE_STATUSES = frozenset({408, 425, 429})
NUL = re.compile(rb"((?<!\\)(?:\\\\)*)\\u0000")
"""NUL as JSON spells it, and the whole backslashes before it: `\\\\u0000` is a backslash and a word."""
LATER = "Try again later; if it stays, look at the server's own status page or logs."
NO_NUMBERS = "numbers that are none (NaN, Infinity) came as null"
HALF_CHARACTERS = "halves of characters came as U+FFFD"
TOO_DEEP = f"objects and lists beyond {DEEPEST} levels came as null"
TOO_MANY_DIGITS = "integers of more than 4,300 digits came as text"
NOT_POSTHOG = (
    "Check that POSTHOG_HOST is PostHog's own address and that no proxy or login page answers for it."
)


class RetryableResponse(Exception):
    """The answer is not usable, but asking again may help; `wait` are the seconds that the server asked for."""

    def __init__(
        self, what: str, advice: str = LATER, *, status: int = 0, code: str = "", wait: float | None = None
    ) -> None:
        super().__init__(what)
        self.what = what
        self.advice = advice
        self.status = status
        self.code = code
        self.wait = wait


@dataclass(frozen=True, slots=True)
class Response:
    """One answer as it came: `url` is the request's, without its query; `secret` must never be quoted."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes | bytearray
    secret: str = field(repr=False)
    repairs: set[str] = field(default_factory=set)
    """Takes what in its rows was no JSON and was repaired, a sentence for each kind."""

    def quote(self, text: str, length: int = 160) -> str:
        """Return `text` fit for a message: one line, printable, without credentials or e-mail addresses."""
        return redacted(text.replace(self.secret, "[key]"))[:length].strip()

    def described(self) -> str:
        """Return status, content type and first words."""
        kind = self.headers.get("content-type", "").partition(";")[0] or "no content type"
        words = self.quote(bytes(self.body[:4000]).decode("utf-8", "replace"))
        return f"{self.status} ({self.quote(kind, 60)}) " + (f"“{words}”" if words else "with an empty body")


def parse_response(reply: Response) -> Any:
    """Return the decoded object or array; else raise the error that says what to do about the answer."""
    if reply.status == 200:
        return _content(reply)
    if 300 <= reply.status < 400:
        raise _redirected(reply)
    error = _error_body(reply)
    code = error.code if error else ""
    answer = (
        f"{reply.status} {code}: {reply.quote(error.detail, 300)}".rstrip(".") if error else reply.described()
    )
    if reply.status == 401:
        raise KeyRefused(
            f"GET {reply.url} was answered {answer}. Check the personal API key, and that this host "
            "is the region in which it was made (us or eu); a key works in one region only."
        )
    if error and reply.status in {402, 403, 404}:
        raise Unavailable(
            f"PostHog refuses {reply.url}: {answer}.", status=reply.status, code=code, reason=answer
        )
    if reply.status in RETRYABLE_STATUSES or reply.status >= 500:
        raise RetryableResponse(
            f"answered {answer}", status=reply.status, code=code, wait=_retry_after(reply.headers)
        )
    advice = "Please report this: hogsync asked wrongly." if error else NOT_POSTHOG
    raise PageFailed(f"GET {reply.url} was answered {answer}. {advice}", status=reply.status, code=code)


def _content(reply: Response) -> Any:
    try:
        content = decode(reply.body, reply.repairs)
    except ValueError:
        content = None
    if not isinstance(content, dict | list):
        raise RetryableResponse(
            f"answered {reply.described()}, which is no list of rows", NOT_POSTHOG, status=reply.status
        )
    return content


def decode(body: bytes | bytearray, repairs: set[str]) -> Any:
    """Decode JSON at msgspec's speed; what is not quite JSON is repaired, not refused, and noted in `repairs`.

    NaN, infinities and levels beyond the deepest become None, lone surrogates U+FFFD; integers keep every digit. NUL,
    which Postgres does not take, is removed before anything is judged: in the middle of a name or a value it would hide
    a credential or an address. Raises ValueError.
    """
    plain = NUL.sub(rb"\1", body) if rb"\u0000" in body else body
    try:
        return _decode(plain, repairs)
    except RecursionError:
        repairs.add(TOO_DEEP)
        return _decode(cut_below(bytes(plain)), repairs)


def _decode(body: bytes | bytearray, repairs: set[str]) -> Any:
    with suppress(msgspec.DecodeError, UnicodeDecodeError):
        return msgspec.json.decode(body)
    numbers = _Numbers(repairs)
    document = str(body, "utf-8-sig", "surrogatepass")
    content = json.loads(
        document, parse_constant=numbers.constant, parse_float=numbers.float, parse_int=numbers.int
    )
    text = json.dumps(content, ensure_ascii=False)
    if text.isascii():
        return content
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if whole == text:
        return content
    repairs.add(HALF_CHARACTERS)
    return json.loads(whole, parse_int=numbers.int)


@dataclass(frozen=True, slots=True)
class _Numbers:
    """Reads numbers that JSON, or Python, does not have."""

    repairs: set[str]

    def constant(self, _name: str) -> None:
        self.repairs.add(NO_NUMBERS)

    def float(self, digits: str) -> float | None:
        number = float(digits)
        if math.isfinite(number):
            return number
        self.constant(digits)
        return None

    def int(self, digits: str) -> int | str:
        """Return an integer; more than 4,300 digits, which Python refuses, as text."""
        if len(digits) <= 4300:
            return int(digits)
        self.repairs.add(TOO_MANY_DIGITS)
        return digits


class _ErrorBody(msgspec.Struct):
    type: str
    code: str
    detail: str


def _error_body(reply: Response) -> _ErrorBody | None:
    """Return PostHog's error body, or None: a proxy's page, a geo block and another service have none."""
    with suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return msgspec.json.decode(reply.body, type=_ErrorBody)
    return None


def _redirected(reply: Response) -> Misdirected:
    """Return the error for a redirect, which is never followed: it would carry the key along."""
    asked = urlsplit(reply.url)
    try:
        target = urlsplit(urljoin(reply.url, reply.headers.get("location", "")))
    except ValueError:
        target = asked
    there = f"{target.scheme}://{target.netloc}"
    if (target.scheme, target.netloc) == (asked.scheme, asked.netloc) or not target.netloc:
        advice = NOT_POSTHOG
    else:
        advice = f"POSTHOG_HOST should be {reply.quote(there)} if that is your PostHog."
    place = reply.quote(f"{there}{target.path}")
    return Misdirected(f"GET {reply.url} was answered {reply.status}, a redirect to {place}. {advice}")


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of Retry-After, a number or a date (against the server's own clock); None if it is now."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:12]) or None
    try:
        wait = (parsedate_to_datetime(value) - parsedate_to_datetime(headers["date"])).total_seconds()
    except (ValueError, TypeError, KeyError):
        return None
    return wait if wait > 0 else None
