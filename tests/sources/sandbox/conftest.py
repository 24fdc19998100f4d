"""A sandbox for the tests to question, over real sockets and without any HTTP library of the project."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest

from sources.sandbox import Sandbox, start

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: `body` is decoded JSON, or bytes where it is none."""

    status: int
    headers: http.client.HTTPMessage
    body: Any

    @property
    def ids(self) -> list[Any]:
        return [row["id"] for row in self.body["results"]]


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks one sandbox, one connection a question."""

    sandbox: Sandbox

    def __call__(self, path: str, key: str | None = None, method: str = "GET", **headers: str) -> Answer:
        connection = http.client.HTTPConnection(urlsplit(self.sandbox.url).netloc, timeout=20)
        token = self.sandbox.key if key is None else key
        authorization = {"Authorization": f"Bearer {token}"} if token else {}
        with closing(connection):
            connection.request(method, path, headers=authorization | headers)
            answer = connection.getresponse()
            body = answer.read()
        is_json = body and answer.headers.get_content_type() == "application/json"
        packed = "Content-Encoding" in answer.headers
        return Answer(answer.status, answer.headers, json.loads(body) if is_json and not packed else body)

    def walk(self, path: str, key: str | None = None) -> list[Row]:
        """All pages, by following `next` to its end."""
        rows: list[Row] = []
        link: str | None = path
        while link:
            parts = urlsplit(link)
            page = self(f"{parts.path}?{parts.query}", key)
            assert page.status == 200, (link, page.body)
            rows += page.body["results"]
            link = page.body["next"]
        return rows


@pytest.fixture(scope="session")
def shared() -> Iterator[Sandbox]:
    with start(canaries=True) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(shared: Sandbox) -> Iterator[Sandbox]:
    """The shared sandbox; faults, gates, options and the log are put back, rows must not be changed."""
    yield shared
    shared.clear_faults()
    shared.clear_gates()
    shared.clear_options()
    shared.clear_requests()


@pytest.fixture
def ask(sandbox: Sandbox) -> Asker:
    return Asker(sandbox)


@pytest.fixture
def own() -> Iterator[Sandbox]:
    """A sandbox whose rows may be changed."""
    with start() as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def worn() -> Iterator[Sandbox]:
    """A sandbox whose rows many tests change: only before and after can be compared."""
    with start() as sandbox:
        yield sandbox


@pytest.fixture
def ask_own(own: Sandbox) -> Asker:
    return Asker(own)


@pytest.fixture(scope="session")
def organization(shared: Sandbox) -> str:
    """The id of the first organization."""
    return str(Asker(shared)("/api/organizations/").ids[0])
