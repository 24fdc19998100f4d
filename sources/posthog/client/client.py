"""Fetches one page: path and parameters -> decoded JSON, or the error that says what to do.

The only module that speaks HTTP to PostHog. It sends nothing but GET, only to the configured origin, never after a
redirect.
"""

from __future__ import annotations

import logging
import re
import socket
import ssl
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from http.cookiejar import CookieJar, DefaultCookiePolicy
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self, TypeAlias
from urllib.request import getproxies

import httpx

from sources.posthog.client.content_encoding import EncodingError, decode_pieces
from sources.posthog.client.deadlines import SLOW, Connections
from sources.posthog.client.origin import origin_of
from sources.posthog.client.proxy import proxy_for
from sources.posthog.client.rate_limit import NO_LIMIT, Rate, RateLimiter, rate_for
from sources.posthog.client.response import NOT_POSTHOG, Response, RetryableResponse, parse_response
from sources.posthog.client.retry import RetryPolicy, RetryState
from sources.posthog.errors import PageFailed, Stopped
from sources.posthog.redaction.text import redacted

log = logging.getLogger("hogsync")

SEGMENT = r"[\w@~%:.+-]+"
PATH = re.compile(rf"(?!(?:.*/)?\.\.?(?:/|$))(?!.*%(?i:2e|2f|5c)){SEGMENT}(?:/{SEGMENT})*/?", re.ASCII)
LONGEST_PATH = 2000
"""Letters; positions are remembered by path, and an index of Postgres has room for 2,704 bytes."""
CONNECT_SECONDS = 10.0
STATUSES_READ_WHOLE = frozenset({200, 402, 403, 404})
"""The body decides what these answers mean, so it must be whole."""
ERROR_BYTES = 64 << 10  # of an error page, more than this tells nothing more
HALF_ANSWER = (httpx.ReadError, httpx.WriteError, httpx.CloseError, httpx.RemoteProtocolError)
CONNECTION_ERRORS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], str, str], ...] = (
    (httpx.ProxyError, "the proxy refused", "Check HTTPS_PROXY and NO_PROXY in this environment."),
    (httpx.ConnectTimeout, "no connection came within 10 s", "Check POSTHOG_HOST, firewall and proxy."),
    (httpx.TimeoutException, "the server fell silent", SLOW),
    (HALF_ANSWER, "the connection broke before the answer was whole", "Check the network, then try again."),
    (socket.gaierror, "the host name is not known", "Check POSTHOG_HOST and this machine's DNS."),
    (
        ssl.SSLCertVerificationError,
        "the certificate is not trusted",
        "Check POSTHOG_HOST; a certificate authority of your own is named by SSL_CERT_FILE.",
    ),
    (ssl.SSLError, "no secure connection came about", "Check that POSTHOG_HOST speaks https on that port."),
    (ConnectionRefusedError, "the connection was refused", "Check POSTHOG_HOST and that PostHog runs there."),
    (httpx.ConnectError, "no connection came about", "Check POSTHOG_HOST, the network, firewall and proxy."),
)


Slots = AbstractContextManager[Any]
UNLIMITED: Slots = nullcontext()
"""Lets any number of requests through at once."""
Measured: TypeAlias = Callable[[Mapping[str, str | int], float, int], None]
"""Called with the query, the seconds and the bytes of each answer."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """The requests of a run by the status of their answers, `none` for those without an answer."""

    statuses: Mapping[str, int] = field(default_factory=dict)
    throttled: float = 0.0
    """Seconds for which requests waited for the budget, or for a pause that PostHog asked for; of all threads."""
    budget_used: float | None = None
    """Which part of the request budget is used; None without one."""

    @property
    def requests(self) -> int:
        """Return the number of requests, every try counted."""
        return sum(self.statuses.values())


class Client:
    """Sends GET requests to PostHog's `/api/`; shared by all threads of a run."""

    def __init__(
        self,
        origin: str,
        key: str,
        *,
        rate: Rate = NO_LIMIT,
        in_flight: int = 8,
        max_bytes: int = 256 << 20,
        budget_file: Path | None = None,
        read_timeout: float = 130.0,
        retry: RetryPolicy | None = None,
        allow_http: bool = False,
    ) -> None:
        try:
            self.origin = origin_of(origin, allow_http=allow_http)
        except ValueError as why:
            raise ValueError(f"POSTHOG_HOST {why}.") from None
        if not re.fullmatch(r"[\x21-\x7e]+", key):
            raise ValueError(
                "POSTHOG_PERSONAL_API_KEY is empty or has blanks, line breaks or other odd characters."
            )
        self._key = key
        self._max_bytes = max_bytes
        self._retry = retry or RetryPolicy()
        self._limiter = RateLimiter(rate_for(self.origin, rate), self.origin, key, budget_file)
        self._connections = Connections(self._retry.page_seconds, self._check_stopped)
        self._stopped = threading.Event()
        self._sent: Counter[str] = Counter()
        self._statuses: Counter[str] = Counter()
        self._throttled = 0.0
        self._repairs = defaultdict[str, set[str]](set)
        self._counting = threading.Lock()
        self._http = _http(self.origin, in_flight, read_timeout, self._connections)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    @property
    def per_hour(self) -> int | None:
        """Return how many requests the budget allows in an hour; None is no limit."""
        return self._limiter.per_hour

    def left(self) -> int | None:
        """Return how many requests the hour's budget has left; None is no limit."""
        return self._limiter.left()

    def traffic(self) -> Traffic:
        """Return what the requests so far were answered, and what the request budget cost."""
        with self._counting:
            unanswered = self._sent.total() - self._statuses.total()
            statuses = {**self._statuses} | ({"none": unanswered} if unanswered else {})
            return Traffic(statuses, self._throttled, self._limiter.used())

    def requests_to(self, path: str) -> int:
        """Return the number of requests sent to this path, as it was given to `get`, every try counted."""
        with self._counting:
            return self._sent[path]

    def repairs_of(self, path: str) -> set[str]:
        """Return what in the answers of this path was no JSON and was repaired."""
        return self._repairs[path]

    def get(
        self,
        path: str,
        params: Mapping[str, str | int] | None = None,
        gate: Slots = UNLIMITED,
        measured: Measured | None = None,
    ) -> Any:
        """Return the decoded object or array at `/api/<path>`; the `gate` is held while a request is in flight.

        `measured` is told how long the answer took, waits before it not counted, and how many bytes it had.

        Raises the errors of `sources.posthog.errors`. A path that leads elsewhere, made of an id that PostHog sent, is
        never requested.
        """
        if len(path) > LONGEST_PATH or not PATH.fullmatch(path):
            shown = redacted(path[:LONGEST_PATH])[:160]
            raise PageFailed(f"Not requested, because an id makes it no path below /api/: {shown!r}.")
        tries = RetryState(self._retry)
        while True:
            self._wait_for_rate()
            try:
                with gate:
                    begun = time.monotonic()
                    reply = self._exchange(path, params or {}, tries)
                if measured and reply is not None and reply.status == 200:
                    measured(params or {}, time.monotonic() - begun, len(reply.body))
                if reply is not None:
                    return parse_response(reply)
            except RetryableResponse as problem:
                self._wait_or_give_up(path, problem, tries)

    def stop(self) -> None:
        """Make every thread that waits or reads raise Stopped, now and from now on."""
        self._stopped.set()

    def close(self) -> None:
        """Close connections and files."""
        self._http.close()
        self._limiter.close()

    # -- one try ---------------------------------------------------------------------------------

    def _wait_for_rate(self) -> None:
        self._check_stopped()
        while (delay := self._limiter.acquire()) > 0:
            with self._counting:
                self._throttled += min(delay, 60)
            self._sleep(min(delay, 60))  # another process may be asked to wait meanwhile

    def _exchange(self, path: str, params: Mapping[str, str | int], tries: RetryState) -> Response | None:
        """Send one request and return its whole answer; None if a pause began before or with it."""
        url = f"{self.origin}/api/{path}"
        try:
            with self._http.stream(
                "GET",
                url,
                params=dict(params),
                headers={"Authorization": f"Bearer {self._key}"},
                extensions={"trace": partial(self._trace, path)},
            ) as response:
                with self._counting:
                    self._statuses[str(response.status_code)] += 1
                body = self._body(response, url)
        except _Paused:
            return None
        except httpx.InvalidURL as error:  # by a cursor of a hundred thousand letters
            raise PageFailed(
                f"Not requested, because its cursor is too long for an address: {url}"
            ) from error
        except (httpx.TransportError, EncodingError) as error:
            raise _as_retryable(error) from error
        reply = Response(url, response.status_code, response.headers, body, self._key, self._repairs[path])
        if reply.status == 429:  # the pause begins before another thread has this place and is refused, too
            try:
                parse_response(reply)
            except RetryableResponse as problem:
                self._wait_or_give_up(path, problem, tries)
                return None
        return reply

    def _trace(self, path: str, event: str, info: Mapping[str, Any]) -> None:
        """Count a request just before it leaves; httpx calls this at each of its events."""
        if event.endswith("send_request_headers.started") and info["request"].method == b"GET":
            if self._limiter.paused() > 0:  # a pause that began while the request waited for its connection
                raise _Paused
            self._connections.begin()
            with self._counting:
                self._sent[path] += 1

    def _body(self, response: httpx.Response, url: str) -> bytearray:
        """Return the decoded bytes; of an error page the beginning, even if reading the rest fails."""
        good = response.status_code == 200
        limit = self._max_bytes if good else ERROR_BYTES
        body = bytearray()
        encodings = response.headers.get_list("content-encoding", split_commas=True)
        try:
            for piece in decode_pieces(response.iter_raw(), encodings):
                body += piece
                if len(body) > limit:
                    break
        except (httpx.TransportError, EncodingError):
            if response.status_code in STATUSES_READ_WHOLE:
                raise
        if good and len(body) > limit:
            raise PageFailed(
                f"GET {url} was answered with more than {limit:,} bytes. Ask for smaller pages "
                "([lists] page_size), allow larger ones ([lists] page_megabytes), or check that POSTHOG_HOST "
                "is a PostHog.",
                status=response.status_code,
            )
        return body

    # -- the next try ----------------------------------------------------------------------------

    def _wait_or_give_up(self, path: str, problem: RetryableResponse, tries: RetryState) -> None:
        """Wait before the next try of this page, or raise PageFailed."""
        decision = tries.after(problem)
        if problem.status == 429:
            self._limiter.apply_published_limits()
        if decision.pause:
            self._limiter.pause(decision.pause)
        count = tries.failures.total()
        if decision.give_up:
            times = f"{count} times" if count > 1 else "once"
            raise PageFailed(
                f"GET {self.origin}/api/{path} failed {times}: {problem.what}. {problem.advice}",
                status=problem.status,
                code=problem.code,
            )
        log.info("%s: %s; try %d follows", path, problem.what, count + 1)
        self._sleep(decision.delay)

    def _sleep(self, seconds: float) -> None:
        self._stopped.wait(seconds)
        self._check_stopped()

    def _check_stopped(self) -> None:
        if self._stopped.is_set():
            raise Stopped("The run is being stopped.")


class _Paused(Exception):
    """The request may not leave now."""


def _as_retryable(error: Exception) -> RetryableResponse:
    """Return what happened to the connection, by the types of the errors behind it."""
    if isinstance(error, EncodingError):
        return RetryableResponse(str(error), NOT_POSTHOG)
    causes: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in causes:
        causes.append(cause)
        cause = cause.__cause__ or cause.__context__
    for kind, what, advice in CONNECTION_ERRORS:
        if any(isinstance(each, kind) for each in causes):
            return RetryableResponse(what, advice)
    return RetryableResponse("no answer came")


def _http(origin: str, in_flight: int, read_timeout: float, connections: Connections) -> httpx.Client:
    """Return httpx's client; proxy and CA come from the usual environment variables."""
    try:
        transport = httpx.HTTPTransport(
            proxy=proxy_for(origin, getproxies()),
            verify=httpx.create_ssl_context(),
            trust_env=False,  # proxy and CA are set above
            limits=httpx.Limits(
                max_connections=in_flight, max_keepalive_connections=in_flight, keepalive_expiry=30
            ),
        )
        transport._pool._network_backend = connections  # noqa: SLF001  httpx has no argument for it
        return httpx.Client(
            transport=transport,
            trust_env=False,
            headers={
                "Accept": "application/json",
                "Accept-Encoding": "gzip",
                "User-Agent": f"hogsync/{version('hogsync')}",
            },
            cookies=CookieJar(
                DefaultCookiePolicy(allowed_domains=[])
            ),  # a session cookie must not change who asks
            timeout=httpx.Timeout(read_timeout, connect=CONNECT_SECONDS, pool=None),
            follow_redirects=False,
        )
    except (ImportError, OSError, ValueError, httpx.InvalidURL) as error:
        raise ValueError(
            f"The proxy or certificate variables of this environment cannot be used: {redacted(str(error))}"
        ) from None
