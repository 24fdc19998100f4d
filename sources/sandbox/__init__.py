"""A PostHog to practise on: a real HTTP server in a process of its own, with a seeded company in it.

`start()` runs it and hands back its address, a key and the control interface; importing this costs nothing,
for the web framework lives in the other process.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

STOP_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A running sandbox: where it is, a key of an organization owner, and its control interface."""

    url: str
    key: str
    process: subprocess.Popen[bytes]

    def truth(self, key: str | None = None, tables: Iterable[str] = ()) -> dict[str, Any]:
        """Every row (of these tables): `{"rows": {table: [row]}, "now": ISO}`; see `control/truth.py`."""
        asked = {"key": key, "tables": ",".join(tables)}
        return dict(self._control("GET", f"truth/?{urlencode({k: v for k, v in asked.items() if v})}"))

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Every row of one table, as its first key sees them."""
        return list(self.truth(tables=[table])["rows"][table])

    def advance(self, steps: int = 1) -> dict[str, Any]:
        """Let the company live for so many days."""
        return dict(self._control("POST", "advance/", {"steps": steps}))

    def fault(self, **rule: Any) -> None:
        """Spoil the answers whose path and query match; see `sources/sandbox/control/faults.py`."""
        self._control("POST", "faults/", rule)

    def clear_faults(self) -> None:
        """Answer truthfully again."""
        self._control("DELETE", "faults/")

    def requests(self) -> list[dict[str, Any]]:
        """The API requests seen so far, in the order of their answers."""
        return list(self._control("GET", "requests/"))

    def clear_requests(self) -> None:
        """Forget the requests seen so far."""
        self._control("DELETE", "requests/")

    def new_key(self, label: str, **rights: Any) -> str:
        """A further personal API key: `scopes`, `scoped_teams`, `scoped_organizations`, `user`."""
        return str(self._control("POST", "keys/", {"label": label, **rights})["key"])

    def change_key(self, label: str, **rights: Any) -> None:
        """Change a key in mid-life: as `new_key`, and `revoked=True`."""
        self._control("PATCH", "keys/", {"label": label, **rights})

    def gate(self, table: str, status: int, project: int | None = None) -> None:
        """Refuse one list, in one project or everywhere: 402 (plan), 403 (access) or 404 (server)."""
        self._control("POST", "gates/", {"table": table, "status": status, "project": project})

    def clear_gates(self) -> None:
        """Refuse nothing any more."""
        self._control("DELETE", "gates/")

    def edit(self, table: str, **change: Any) -> int:
        """Change rows behind the API's back; see `sources/sandbox/control/edits.py`. Gives the number of rows."""
        return int(self._control("POST", "edit/", {"table": table, **change})["rows"])

    def clear(self, table: str, project: int | None = None) -> int:
        """Remove every row of a table (in one project). Gives the number of rows."""
        return int(self._control("POST", "clear/", {"table": table, "project": project})["rows"])

    def options(self, **options: Any) -> dict[str, Any]:
        """Set how the server behaves; see `Options` in `sources/sandbox/state.py`."""
        return dict(self._control("POST", "options/", options))

    def clear_options(self) -> None:
        """Behave as at the start."""
        self._control("DELETE", "options/")

    def keep(self, name: str = "") -> None:
        """Take note of the company, its keys, options and gates as they are now."""
        self._control("POST", "keep/", {"name": name})

    def rewind(self, name: str = "") -> None:
        """Be again as at the last `keep` of this name, without faults, with an empty log."""
        self._control("POST", "rewind/", {"name": name})

    def stop(self) -> int:
        """End the process and give its exit code."""
        if self.process.stdin:
            self.process.stdin.close()
        self.process.terminate()
        try:
            code = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _control(self, method: str, path: str, body: object = None) -> Any:
        """Ask the control interface; ValueError with its sentence when it refuses."""
        with closing(http.client.HTTPConnection(urlsplit(self.url).netloc)) as connection:
            connection.request(method, f"/_sandbox/{path}", None if body is None else json.dumps(body))
            answer = connection.getresponse()
            told = json.load(answer)
        if answer.status >= 400:
            raise ValueError(told["error"])
        return told


def let_a_day_pass(port: int) -> bool:
    """Let a running sandbox move on; False if none listens at this port."""
    try:
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
            connection.request("POST", "/_sandbox/advance/", "{}")
            return connection.getresponse().status == HTTPStatus.OK
    except OSError:
        return False


def start(
    port: int = 0,
    seed: int = 1,
    size: int | str = "small",
    *,
    canaries: bool = False,
    now: datetime | None = None,
    kept: Path | None = None,
) -> Sandbox:
    """Run a sandbox and wait until it listens; it ends with this process at the latest.

    Its company ends at `now`, or at a moment that is always the same. With `kept`, a folder, it ends when it is
    started, is kept there, and moves on by some changes at each start.

    Raises RuntimeError when it ends before it listens (its own words are then on stderr).
    """
    root = Path(__file__).resolve().parents[2]
    command = [
        sys.executable,
        "-P",
        str(root / "hogsync.py"),  # which finds our packages whatever PYTHONPATH says
        "-m",
        "sources.sandbox",
        "--port",
        str(port),
        "--seed",
        str(seed),
        "--size",
        str(size),
        "--exit-with-stdin",
        *(["--canaries"] if canaries else []),
        *(["--now", now.isoformat()] if now else []),
        *(["--kept", str(kept.resolve() / f"company-{seed}-{size}.sqlite3")] if kept else []),
    ]
    # A session of its own: Ctrl-C is for this process, which then decides; the closing pipe ends the sandbox.
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root, start_new_session=True
    )
    line = process.stdout.readline() if process.stdout else b""
    if not line:
        message = f"the sandbox ended with exit code {process.wait()} before it listened"
        raise RuntimeError(message)
    ready = json.loads(line)
    return Sandbox(ready["url"], ready["key"], process)
