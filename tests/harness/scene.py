"""A company, a warehouse and the syncs between them: what a test of whole syncs plays on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self

import pytest

from pipelines.settings import load
from pipelines.sync.outcome import Outcome
from pipelines.sync.selection import Selection
from pipelines.sync.sync import sync
from sources.posthog.extract.results import TableResult
from sources.sandbox import Sandbox, start
from tests.harness.differences import differences
from tests.harness.expected import Row, Tables, after, expected, part, read_for
from tests.harness.stored import ask, stored

HASH_KEY = "a hash key of the tests, forty letters long"


class Told(Protocol):
    """What came of a sync, or of an extraction."""

    @property
    def tables(self) -> Sequence[TableResult]: ...


class Holding:
    """A warehouse, as far as its rows can be looked at."""

    def stored(self, *tables: str) -> Tables:
        """What the warehouse holds, of all tables or of some."""
        raise NotImplementedError

    def rows(self, table: str, *, dead: bool | None = None) -> dict[tuple[Any, ...], Row]:
        """A table's rows as they are stored, all or the dead or living ones."""
        return {
            key: row
            for key, row in self.stored(table).get(table, {}).items()
            if dead is None or row["dead"] == dead
        }


class Compared(Holding):
    """A warehouse that is compared with its company; `known` is what it must hold as of the last `learn`."""

    posthog: Sandbox
    known: Tables
    sync: Any
    """One sync, or one extraction, of some tables or all."""

    def truth(self, *tables: str, projects: tuple[int, ...] = (), key: str | None = None) -> Tables:
        """What PostHog shows now, as rows."""
        truth = self.posthog.truth(key, read_for(tables))
        return expected(part(truth, tables, projects), HASH_KEY)

    def learn(self, now: Tables, **unread: Any) -> None:
        """Take note of what a sync has read."""
        self.known = after(self.known, now, **unread)

    def right(self, *tables: str, **asked: Any) -> None:
        """The warehouse holds what PostHog shows now."""
        self.learn(self.truth(*tables, **asked))
        wrong = self.wrong()
        assert not wrong, wrong

    def settle(self, *tables: str, **asked: Any) -> Self:
        """One sync, after which all is right."""
        assert self.sync(*tables, **asked).exit_code == 0
        self.right(*tables, **asked)
        return self

    def wrong(self) -> str:
        """How the warehouse differs from what it must hold; empty if nowhere."""
        return differences(self.known, self.stored())


@dataclass(slots=True)
class Scene(Compared):
    """One warehouse beside a company; `known` is what the warehouse must hold as of the last `learn`."""

    posthog: Sandbox
    url: str
    home: Path
    known: Tables = field(default_factory=dict)

    def sync(
        self,
        *tables: str,
        key: str = "",
        lists: dict[str, Any] | None = None,
        privacy: dict[str, Any] | None = None,
        history: dict[str, Any] | None = None,
        wait: float = 60,
        observers: Sequence[Any] = (),
        **asked: Any,
    ) -> Outcome:
        """One sync, as the command line would run it."""
        # Tests edit what they like: whether PostHog's rows would announce it is for the tests of streams.
        more = {
            "HOGSYNC_LISTS": {"sweep_every": "0m", **(lists or {})},
            "HOGSYNC_PRIVACY": privacy or {},
            "HOGSYNC_HISTORY": history or {},
        }
        given = self.settings(key, **more, HOGSYNC_WAREHOUSE={"wait": wait})
        return sync(load(given), Selection(tables=tables, **asked), observers)

    def settings(self, key: str = "", **more: Any) -> dict[str, Any]:
        """This company and this warehouse, as settings."""
        return {
            "POSTHOG_HOST": self.posthog.url,
            "POSTHOG_PERSONAL_API_KEY": key or self.posthog.key,
            "WAREHOUSE_URL": self.url,
            "HOGSYNC_HASH_KEY": HASH_KEY,
            "HOGSYNC_HOME": str(self.home),
            **more,
        }

    def stored(self, *tables: str) -> Tables:
        """What the warehouse holds, of all tables or of some."""
        return stored(self.url, only=tables)

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """What the warehouse answers."""
        return ask(self.url, sql)


def of(outcome: Told, table: str) -> TableResult:
    """What came of one table."""
    return next(result for result in outcome.tables if result.table == table)


def written(outcome: Told) -> int:
    """Rows that a run wrote."""
    return sum(result.counts.written for result in outcome.tables)


@pytest.fixture(scope="session")
def company() -> Iterator[Sandbox]:
    """One company for all tests; what they change of it, `posthog` puts back."""
    with start() as sandbox:
        sandbox.keep()
        yield sandbox


@pytest.fixture(scope="session")
def canary_company() -> Iterator[Sandbox]:
    """The same with a canary in every value that has a class: a file's `company` where it looks for those."""
    with start(canaries=True) as sandbox:
        sandbox.keep()
        yield sandbox


@pytest.fixture(scope="session")
def other_company() -> Iterator[Sandbox]:
    """A second PostHog, at another address and with other rows, which no test changes."""
    with start(seed=2) as sandbox:
        yield sandbox


@pytest.fixture
def beginning() -> str:
    """The name under which the company was kept that each test begins with; a file may have its own."""
    return ""


@pytest.fixture
def posthog(company: Sandbox, beginning: str) -> Sandbox:
    """The company's PostHog: as it was at the beginning, answering well."""
    company.rewind(beginning)
    return company


@pytest.fixture
def scene(posthog: Sandbox, warehouse_url: str, tmp_path: Path) -> Scene:
    """The company beside a new, empty warehouse of each kind."""
    return Scene(posthog, warehouse_url, tmp_path / "home")


@pytest.fixture
def file_scene(posthog: Sandbox, tmp_path: Path) -> Scene:
    """The company beside a DuckDB file, for what happens before any database is asked."""
    return Scene(posthog, f"duckdb:///{tmp_path / 'hogsync.duckdb'}", tmp_path / "home")
