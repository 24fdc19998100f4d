"""What the sections share: fresh folders and warehouses, hogsync's command, rounds in which contenders take turns."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

from tests.bench.company import Company
from tests.bench.measuring import Run, run
from tests.bench.serving import KEY, Pages, serving
from tests.harness.postgres import Server, serve

TABLES = ("event_definitions", "property_definitions")
PYTHON = sys.executable

Contender = Callable[[], Run]


class Failed(Exception):
    """A contender did not end well; says which and with what last words."""


@dataclass(slots=True, frozen=True)
class Options:
    """What was asked for on the command line."""

    rounds: int
    rows: int
    databases: tuple[str, ...]


@dataclass
class Bench:
    """One run of the bench; everything that it starts ends with `running`."""

    options: Options
    folder: Path
    running: ExitStack = field(default_factory=ExitStack)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @cached_property
    def postgres(self) -> Server:
        """The one Postgres, started when it is first needed."""
        return self.running.enter_context(serve())

    @cached_property
    def pages(self) -> Pages:
        """The company of the options, both versions in pages of 1000."""
        pages = self.running.enter_context(serving(Company(self.options.rows, self.options.rows // 4)))
        pages.prepare("base", 1000)
        pages.prepare("changed", 1000)
        return pages

    @property
    def rows(self) -> int:
        """Definitions of all kinds."""
        return self.pages.company.rows

    def new_folder(self) -> Path:
        """An empty folder."""
        folder = self.folder / str(next(self._numbers))
        folder.mkdir()
        return folder

    @contextmanager
    def warehouse(self, database: str) -> Iterator[str]:
        """The URL of a new, empty warehouse; it ends with the block."""
        if database == "duckdb":
            path = self.new_folder() / "hogsync.duckdb"
            yield f"duckdb:///{path}"
            path.unlink(missing_ok=True)
        else:
            with self.postgres.database(f"bench_{next(self._numbers)}") as url:
                yield url

    def python(
        self, *words: str, environment: Mapping[str, str] | None = None, may_fail: bool = False
    ) -> Run:
        """A Python process of its own."""
        folder = self.new_folder()
        ended = run([PYTHON, *words], {"DLT_DATA_DIR": str(folder), **(environment or {})}, folder)
        if ended.code and not may_fail:
            last = (ended.complaint.strip() or ended.said.strip() or "no word")[-600:]
            raise Failed(f"{' '.join(words[:3])} ended with {ended.code}: {last}")
        return ended

    def contender(self, name: str, *words: str) -> Run:
        """One of the modules of `tests.bench.contenders`."""
        return self.python("-m", f"tests.bench.contenders.{name}", *words)

    def sync(
        self, pages: Pages, warehouse: str, more: Mapping[str, str] | None = None, **settings: int
    ) -> Run:
        """`hogsync sync --json` of the definitions, under these `[lists]` settings and more, in a new HOGSYNC_HOME."""
        environment = {
            "POSTHOG_HOST": pages.url,
            "POSTHOG_PERSONAL_API_KEY": KEY,
            "WAREHOUSE_URL": warehouse,
            "HOGSYNC_HASH_KEY": "the hash key of a bench",
            "HOGSYNC_HOME": str(self.new_folder()),
            **{f"HOGSYNC_LISTS__{name.upper()}": str(value) for name, value in settings.items()},
            **(more or {}),
        }
        return self.python("-m", "hogsync", "sync", "--json", *TABLES, environment=environment)

    def anew(self, contend: Callable[[str], Run]) -> Run:
        """A contender on a new DuckDB file."""
        with self.warehouse("duckdb") as url:
            return contend(url)

    def ask(self, warehouse: str, sql: str) -> Any:
        """The one value that `hogsync query` finds."""
        environment = {"WAREHOUSE_URL": warehouse, "HOGSYNC_HOME": str(self.new_folder())}
        told = self.python("-m", "hogsync", "query", "--json", sql, environment=environment).said
        return json.loads(told)["rows"][0][0]

    def rounds(self, contenders: Mapping[str, Contender]) -> dict[str, list[Run]]:
        """Every contender once a round, in turn, so that what disturbs this machine disturbs all of them."""
        runs: dict[str, list[Run]] = {name: [] for name in contenders}
        for number in range(1, self.options.rounds + 1):
            for name, contend in contenders.items():
                said(f"round {number}: {name}")
                runs[name].append(contend())
        return runs


def record(ended: Run) -> dict[str, Any]:
    """What `hogsync sync --json` says of its run."""
    return dict(json.loads(ended.said))


def written(ended: Run) -> int:
    """Rows that a sync wrote."""
    return sum(t["inserted"] + t["updated"] + t["deleted"] for t in record(ended)["tables"])


def said(progress: str) -> None:
    """What is being done, for whoever waits."""
    sys.stderr.write(f"  … {progress}\n")
    sys.stderr.flush()
