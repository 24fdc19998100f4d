"""Stories that are told while syncs die: what is read, what changes, and the warehouse after each death."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2

from pipelines.settings import load
from pipelines.sync.outcome import Outcome
from pipelines.sync.selection import Selection
from pipelines.sync.sync import sync
from sources.sandbox import Sandbox
from tests.harness.books import NONE, Books, books_in
from tests.harness.changes import PROJECT, Edit
from tests.harness.cli import dying_sync
from tests.harness.scene import Scene
from tests.harness.stored import session, there_is
from tests.harness.versions import wrong_versions_in

Event = tuple[str, str]
"""Its kind, and what happened."""
KILL = (signal.SIGKILL,)


@dataclass(frozen=True, slots=True)
class Story:
    """Tables, and the change to them that a dying sync is to load; None: all that they hold, into nothing."""

    tables: tuple[str, ...]
    change: Callable[[Sandbox], list[Edit]] | None


class Doomed:
    """Syncs in a scene that die at an event, and the clean ones that mend what they tore."""

    def __init__(self, scene: Scene, story: Story) -> None:
        self.scene, self.story = scene, story
        self.told = scene.home.with_name("told")
        self.more: dict[str, Any] = {}
        """Settings that differ from the scene's."""
        self.books = NONE
        """As the last clean sync left them."""

    def settings(self) -> dict[str, Any]:
        """A first load finds no hash key either: it is made on the way."""
        settings = self.scene.settings() | self.more
        if self.story.change is None:
            del settings["HOGSYNC_HASH_KEY"]
        return settings

    def die(self, kind: str, number: int, signals: Sequence[signal.Signals] = KILL, *, of: str = "") -> int:
        """The exit code of a sync that gets these signals just before this event, 0 if it did not mind or had fewer.

        Only events that speak `of` something count, if that is said.
        """
        order = {
            "settings": self.settings(),
            "tables": self.story.tables,
            "projects": [PROJECT],
            "place": f"{self.scene.home.parent}/",
            "told": str(self.told),
            "kind": kind,
            "number": number,
            "of": of,
            "signals": signals,
        }
        return dying_sync(order).code

    def events(self) -> list[Event]:
        """What happens in a sync that lives."""
        if self.story.change:  # the first merge after a first load has more statements, for dlt's schema
            self.prepare()
            self.mend()
        self.prepare()
        assert self.die("none", 0) == 0
        return [(kind, what) for kind, what in json.loads(self.told.read_text())]

    def statements(self) -> list[str]:
        """What a sync that lives says to the warehouse."""
        return [what for kind, what in self.events() if kind == "statement"]

    def prepare(self) -> list[Edit]:
        """Something to load; gives the edits that take a change back."""
        if self.story.change:
            return self.story.change(self.scene.posthog)
        empty(self.scene)
        self.books = NONE
        return []

    def fall(
        self,
        kind: str,
        number: int,
        signals: Sequence[signal.Signals] = KILL,
        *,
        take_back: bool = False,
        twice: bool = False,
    ) -> int:
        """Let a sync die, and if need be a second one; look at what is left, mend it. The exit code of the first."""
        undo = self.prepare()
        code = self.die(kind, number, signals)
        assert code in ({0, -signal.SIGKILL} if signals == KILL else {0, 130}), (kind, number, code)
        last = self.die(kind, number, signals) if twice else code
        self._look(last, at_once=signals == KILL or len(signals) > 1)
        for edit in undo if take_back else ():  # PostHog has it as before when the next sync looks
            self.scene.posthog.edit(**edit)
        self.mend()
        return code

    def mended(self, statements: Iterable[int]) -> Iterator[int]:
        """Each of these statements, once a sync has died just before it and a clean one has mended what it tore."""
        for number in statements:
            self.prepare()
            assert self.die("statement", number) < 0, number
            self.mend()
            yield number

    def _look(self, code: int, *, at_once: bool) -> None:
        """Bookkeeping speaks of rows that are there, or not at all, and of the end that the process chose."""
        found = self._sound_books()
        status = {found.runs[run][2] for run in found.runs.keys() - self.books.runs.keys()}
        if found.positions() != self.books.positions() or status == {"ok"}:
            self.learn()
            wrong = self.scene.wrong()
            assert not wrong, f"a run is recorded whose rows are not there: {wrong}"
        assert status <= {"ok" if code == 0 else "interrupted"} | ({"ok"} if at_once else set())

    def _sound_books(self) -> Books:
        """The books, which agree with each other, as the versions do that stand beside them."""
        if not there_is(self.scene.url):
            return NONE
        with session(self.scene.url) as answer:
            found, wrong = books_in(answer), wrong_versions_in(answer)
        assert found.unsound() == []
        assert wrong == ""
        return found

    def mend(self) -> Outcome:
        """One clean sync, after which warehouse and working folder are as if nothing had happened."""
        selection = Selection(tables=self.story.tables, projects=(PROJECT,))
        outcome = sync(load(self.settings()), selection)
        assert outcome.exit_code == 0
        self.learn()
        wrong = self.scene.wrong()
        assert not wrong, wrong
        self.books = self._sound_books()
        assert list((self.scene.home / "runs").iterdir()) == []
        return outcome

    def learn(self) -> None:
        if self.story.change is None:
            self.scene.known = {}
        self.scene.learn(self.scene.truth(*self.story.tables, projects=(PROJECT,)))


def number_of(statements: Sequence[str], *words: str) -> int:
    """The number of the first statement in which all of these words stand."""
    return next(at for at, what in enumerate(statements, 1) if all(word in what for word in words))


def empty(scene: Scene) -> None:
    """No warehouse and no working folder, as on the first day."""
    shutil.rmtree(scene.home, ignore_errors=True)
    if scene.url.startswith("duckdb:///"):
        file = Path(scene.url.removeprefix("duckdb:///"))
        for part in file.parent.glob(f"{file.name}*"):
            part.unlink()
        return
    with closing(psycopg2.connect(scene.url)) as server, server.cursor() as cursor:
        cursor.execute("drop schema if exists posthog, posthog__hogsync_staging cascade")
        server.commit()
