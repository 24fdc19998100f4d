"""The page server in a process of its own, as the bench handles it."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from tests.bench.company import Company

ROOT = Path(__file__).parents[2]
KEY = "phx_bench"


@dataclass(frozen=True, slots=True)
class Pages:
    """A running page server."""

    url: str
    company: Company

    def prepare(self, version: str, limit: int) -> None:
        """Encode a version in pages of this size; later requests find them in memory."""
        self._told("prepare", version=version, limit=limit)

    def show(self, **words: Any) -> None:
        """Show a `version`, with a `latency`, and count requests from zero."""
        self._told("show", **words)

    def seen(self) -> dict[str, Any]:
        """Requests since the last `show`: all, those to different pages, and when the first came."""
        return dict(self._told("seen"))

    def targets(self, limit: int) -> list[str]:
        """Every page of this size that is prepared."""
        return list(self._told("targets", limit=limit))

    def _told(self, what: str, **words: Any) -> Any:
        with closing(http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=600)) as line:
            line.request("GET", f"/_bench/{what}?{urlencode(words)}")
            return json.load(line.getresponse())


@contextmanager
def serving(company: Company) -> Iterator[Pages]:
    """A page server for this company; it ends with the block."""
    command = [sys.executable, "-m", "tests.bench.server"]
    for name, value in asdict(company).items():
        command += [f"--{name}", str(value)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as process:
        line = process.stdout.readline() if process.stdout else b""
        if not line:
            raise RuntimeError("the page server ended before it listened")
        yield Pages(json.loads(line)["url"], company)  # leaving closes its standard input, which ends it
