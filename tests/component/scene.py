"""A company, a warehouse in memory and the extractions between them: what a test of reading and concluding plays on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipelines.settings.sections import ListsSettings
from pipelines.sync.outcome import run_status
from sources.posthog.arguments import policy_of
from sources.posthog.catalogue import ENDPOINTS
from sources.posthog.client.client import Client
from sources.posthog.client.rate_limit import Rate
from sources.posthog.client.retry import RetryPolicy
from sources.posthog.extract.checkpoints import CheckpointStore
from sources.posthog.extract.extraction import Extraction
from sources.posthog.extract.options import ReadOptions, Window
from sources.posthog.extract.results import TableResult
from sources.posthog.extract.run_warnings import RunWarning
from sources.posthog.extract.walks import Observer
from sources.sandbox import Sandbox
from tests.component.memory import Warehouse
from tests.harness.expected import CORE, Tables
from tests.harness.scene import HASH_KEY, Compared, Holding

QUICK = RetryPolicy(backoff=0.01)
"""A broken answer is asked for again as often as ever, after shorter pauses."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an extraction did."""

    tables: Sequence[TableResult]
    requests: int
    status: str
    exit_code: int
    error: str
    of_the_run: Sequence[RunWarning] = ()

    @property
    def warnings(self) -> list[RunWarning]:
        """What an unattended caller must hear of."""
        return [*self.of_the_run, *self._of_tables()]

    def _of_tables(self) -> list[RunWarning]:
        return [warning for result in self.tables for warning in result.warnings]


def nothing(path: str) -> None:
    """What happens before most requests."""


class Told(Client):
    """A client that tells of each request before it leaves."""

    ask: Callable[[str], None]

    def get(self, path: str, *words: Any, **named: Any) -> Any:
        self.ask(path)
        return super().get(path, *words, **named)


class Died(BaseException):
    """The process is killed at this moment."""


@dataclass(slots=True)
class Extractions(Holding):
    """A warehouse in memory beside any server that answers as PostHog does."""

    url: str
    key: str
    home: Path
    warehouse: Warehouse = field(default_factory=Warehouse)
    name: str = "here"
    """Under which the half-read lists of this warehouse lie."""
    patience: RetryPolicy = QUICK
    ask: Callable[[str], None] = nothing
    """Is told of each list before it is asked for a page."""

    def sync(
        self,
        *tables: str,
        key: str = "",
        projects: Sequence[int] = (),
        lists: dict[str, Any] | None = None,
        privacy: dict[str, Any] | None = None,
        observers: Sequence[Observer] = (),
        full: bool = False,
        accept_deletes: bool = False,
        window: Window | None = None,
        per_hour: int | None = None,
    ) -> Outcome:
        """One extraction with its rows loaded, as a sync does it; options are spelled as for a whole sync."""
        tables, started = tables or tuple(table for table in ENDPOINTS if table in CORE), datetime.now(UTC)
        own = ListsSettings(**{"sweep_every": "0m", **(lists or {})})
        rules = ReadOptions(
            started=started,
            page_size=own.page_size,
            full=full,
            full_every=own.full_every,
            full_every_of=own.full_every_of,
            sweep_every=own.sweep_every,
            announcements=own.announcements,
            accept_deletes=accept_deletes,
            new_columns=own.new_columns,
            window=window,
        )
        journal = CheckpointStore(self.home / "walks" / self.name, started, own.resume_within)
        journal.sweep()
        client = Told(
            self.url,
            key or self.key,
            rate=Rate(per_hour=per_hour),
            retry=self.patience,
            max_bytes=own.page_megabytes << 20,
        )
        client.ask = self.ask
        modes = dict(privacy or {})
        columns = modes.pop("columns", {})
        with closing(
            Extraction(
                client,
                tables,
                stored=self.warehouse,
                policy=policy_of(modes | columns, HASH_KEY.encode()),
                options=rules,
                folder=self.home,
                projects=projects,
                in_flight=own.in_flight,
                ahead=own.ahead,
                checkpoints=journal,
            )
        ) as extraction:
            extraction.load_stored()
            extraction.reader.observers.extend(observers)
            extraction.run()
            self.warehouse.load(extraction)
            journal.settle()
        results, refusal = tuple(extraction.results.values()), extraction.refusal
        status, exit_code = run_status(results, tables, refused=refusal is not None)
        return Outcome(
            results,
            extraction.client.traffic().requests,
            status,
            exit_code,
            str(refusal or ""),
            extraction.warnings,
        )

    def dies(self, *tables: str, pages: int, of: str, **asked: Any) -> bool:
        """A sync that is killed just before it asks for one more page of some path; False if it has no more."""
        requests = 0

        def die(path: str) -> None:
            nonlocal requests
            requests += of in path
            if requests > pages:
                raise Died

        self.ask = die
        try:
            self.sync(*tables, **asked)
        except Died:
            return True
        finally:
            self.ask = nothing
        return False

    def stored(self, *tables: str) -> Tables:
        """What the warehouse holds, of all tables or of some."""
        return self.warehouse.stored(*tables)


@dataclass(slots=True)
class Scene(Extractions, Compared):
    """One warehouse in memory beside a company; `known` is what it must hold as of the last `learn`."""

    posthog: Sandbox = field(kw_only=True)
    known: Tables = field(default_factory=dict)


def beside(posthog: Sandbox, home: Path) -> Scene:
    """A new warehouse beside a company."""
    return Scene(posthog.url, posthog.key, home, posthog=posthog)
