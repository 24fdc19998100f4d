"""`kill -9` in the middle of a sync: whatever it tore, one clean sync later the warehouse equals PostHog."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from sources.sandbox import Sandbox
from tests.truth.scene import Scene, written

ROOT = Path(__file__).resolve().parents[2]
TABLES = ("event_definitions", "cohorts")
HERE: dict[str, Any] = {"projects": (101,)}
BELOW = {"project_id": 101}
FIRST_SYNC = (("file", 0.5), ("statement", 0.7))
POINTS = (
    ("request", 0.1),  # discovery
    ("request", 0.9),  # pages
    ("file", 0.2),  # extract
    ("file", 0.5),  # normalize
    *(("statement", share) for share in (0.4, 0.55, 0.7, 0.85)),  # load, to the records
)
"""The kind of event, and how far through a sync's events of this kind the process dies."""
_numbers = count(1)


@pytest.fixture
def quiet(posthog: Sandbox) -> Sandbox:
    """A company whose project is small enough for many syncs."""
    names = sorted(r["name"] for r in posthog.truth()["rows"]["event_definitions"] if r["_parents"] == BELOW)
    for name in names[40:]:
        posthog.edit("event_definitions", where={"name": name}, parents=BELOW, delete=True)
    return posthog


def test_a_sync_that_was_killed_anywhere_is_made_whole_by_the_next(
    scene: Scene, quiet: Sandbox, doomed: Doomed
) -> None:
    for kind, number in numbered(FIRST_SYNC, doomed.events(HOGSYNC_DATASET="elsewhere")):
        assert doomed.sync(kind, number) == -signal.SIGKILL
    make_whole(scene)
    change(quiet)
    met = doomed.events()
    make_whole(scene)
    for at, (kind, number) in enumerate(numbered(POINTS, met)):
        undo = change(quiet)
        assert doomed.sync(kind, number) == -signal.SIGKILL, (kind, number)
        if at % 2:  # PostHog takes the change back before anybody looks again
            for row in undo:
                quiet.edit(**row)  # type: ignore[arg-type]
        make_whole(scene)
    assert written(scene.sync(*TABLES, **HERE)) == 0, "nothing is left to mend"


def make_whole(scene: Scene) -> None:
    """One clean sync, after which warehouse and working folder are as if nothing had happened."""
    outcome = scene.sync(*TABLES, **HERE)
    assert outcome.exit_code == 0
    scene.learn(scene.truth(*TABLES, **HERE))
    assert scene.wrong() == ""
    assert list((scene.home / "runs").iterdir()) == []


def change(posthog: Sandbox) -> list[dict[str, object]]:
    """Rows, children and a person change, a row goes; gives the edits that take it all back."""
    step = next(_numbers)
    rows = posthog.truth()["rows"]
    events = sorted(
        (row for row in rows["event_definitions"] if row["_parents"] == BELOW),
        key=lambda row: str(row["name"]),
    )
    cohort = next(row for row in rows["cohorts"] if row["_parents"] == BELOW and row["_listed"])
    edits: list[tuple[str, str, dict[str, object], dict[str, object]]] = [
        (
            "event_definitions",
            "name",
            events[0],
            {"description": f"step {step}", "tags": ["a", "b", f"{step}"]},
        ),
        ("event_definitions", "name", events[1], {"tags": [] if events[1]["tags"] else ["c", "d"]}),
        (
            "cohorts",
            "id",
            cohort,
            {"description": f"step {step}", "experiment_set": [1, 2, 3][: 1 + step % 3]},
        ),
        ("users", "id", person(rows["event_definitions"]), {"last_name": f"Changed {step}"}),
    ]
    undo: list[dict[str, object]] = []
    for table, key, row, fields in edits:
        where = {"table": table, "where": {key: row[key]}, "parents": {} if table == "users" else BELOW}
        posthog.edit(**where, set=fields)  # type: ignore[arg-type]
        undo.append({**where, "set": {name: row[name] for name in fields}})
    gone = events[-1]
    posthog.edit("event_definitions", where={"name": gone["name"]}, parents=BELOW, delete=True)
    undo.append({"table": "event_definitions", "insert": [{"name": gone["name"]}], "parents": BELOW})
    return undo


def person(rows: list[dict[str, object]]) -> dict[str, object]:
    """Somebody who stands in a row that is read."""
    met = (row.get("updated_by") or row.get("owner") for row in rows if row["_parents"] == BELOW)
    found = next(who for who in met if who)
    assert isinstance(found, dict)
    return found


def numbered(points: tuple[tuple[str, float], ...], met: Counter[str]) -> list[tuple[str, int]]:
    return [(kind, max(1, round(share * met[kind]))) for kind, share in points]


class Doomed:
    """Orders syncs that die; see `tests/truth/doomed.py`."""

    def __init__(self, scene: Scene, process: subprocess.Popen[str]) -> None:
        self.scene, self.process = scene, process
        self.told = scene.home.with_name("told")

    def sync(self, kind: str, number: int, **settings: str) -> int:
        """The exit code of a sync that dies at an event."""
        order = {
            "settings": self.scene.settings(**settings),
            "tables": TABLES,
            "told": str(self.told),
            **HERE,
        }
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps({**order, "kind": kind, "number": number}) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def events(self, **settings: str) -> Counter[str]:
        """How many events a sync has that lives."""
        assert self.sync("none", 0, **settings) == 0
        met = Counter(kind for kind, _ in json.loads(self.told.read_text()))
        assert min(met["request"], met["file"], met["statement"]) > 4
        return met


@pytest.fixture
def doomed(scene: Scene) -> Iterator[Doomed]:
    command = [sys.executable, "-m", "tests.truth.doomed"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=ROOT, **pipes) as process:  # type: ignore[call-overload]
        yield Doomed(scene, process)
