"""One life of the small company beside one warehouse: events, syncs and kills, the laws after each, a settled end."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg2

from pipelines.errors import HogsyncError
from pipelines.settings import load
from pipelines.sync.outcome import Outcome
from pipelines.sync.sync import sync
from sources.posthog.client.retry import RetryPolicy
from sources.sandbox import Sandbox
from tests.harness.cli import dying_sync
from tests.harness.expected import Row, Tables, expected
from tests.harness.scene import HASH_KEY, Scene, written
from tests.model.company import Company
from tests.model.laws import ADMIN, FOR_ALL, FOR_ENDED, agree
from tests.model.moment import look
from tests.model.step import PATIENCE, Order, Step, Trouble

WIDE: dict[str, Any] = {"scopes": ["*"], "scoped_teams": [], "scoped_organizations": [], "revoked": False}
RATE = {"per_minute": 1_000_000, "per_hour": 1_000_000}
"""A 429 must not slow down what comes after it: lives are short."""


@dataclass(slots=True)
class Stage:
    """What lives are played on: a small company, its keys, a warehouse's URL, a process that can be killed."""

    posthog: Sandbox
    keys: dict[str, str]
    url: str
    folder: Path
    lives: int = 0

    def clear(self) -> None:
        """The company as it was, and an empty warehouse."""
        self.lives += 1
        self.posthog.rewind()
        if self.url.startswith("duckdb:///"):
            for part in self.folder.glob("hogsync.duckdb*"):
                part.unlink()
            return
        with closing(psycopg2.connect(self.url)) as server, server.cursor() as cursor:
            cursor.execute("drop schema if exists posthog, posthog__hogsync_staging cascade")
            server.commit()


@dataclass(slots=True)
class Life:
    """Everything that one life can do; it begins with an empty warehouse."""

    stage: Stage
    company: Company = field(init=False)
    home: Path = field(init=False)
    label: str = "first"
    rights: Row = field(default_factory=lambda: dict(WIDE))
    lists: Row = field(default_factory=dict)
    privacy: Row = field(default_factory=dict)
    history: Row = field(default_factory=dict)
    troubles: list[Trouble] = field(default_factory=list)
    capped: bool = False

    def __post_init__(self) -> None:
        self.stage.clear()
        self.company = Company(self.posthog)
        self.moves_house()

    @property
    def posthog(self) -> Sandbox:
        """The company's PostHog."""
        return self.stage.posthog

    # -- circumstances

    def moves_house(self) -> None:
        """Another machine: nothing is known but what stands in the warehouse."""
        self.home = self.stage.folder / f"home {self.stage.lives} {len(list(self.stage.folder.iterdir()))}"

    def narrows(self, **rights: Any) -> None:
        """The second key may see less, or all again."""
        self.rights = {**WIDE, **rights}
        self.posthog.change_key("second", **self.rights)

    def spoils(self, address: str, kind: str, **more: Any) -> None:
        """The answers to one list's requests are wrong."""
        self.posthog.fault(path=rf"^/api/{address}(\?|$)", kind=kind, **more)
        self.troubles.append(Trouble(address=address, drops=kind == "drop_row"))

    def refuses(self, table: str, status: int, project: int | None) -> None:
        """One list is not to be had."""
        self.posthog.gate(table, status, project)
        self.troubles.append(Trouble(table=table, project=project))

    def heals(self) -> None:
        """All answers are right again."""
        self.posthog.clear_faults()
        self.posthog.clear_gates()
        self.troubles.clear()

    def truth(self, label: str = "owner") -> Tables:
        """What there is, or what a key's owner sees of it."""
        return expected(self.posthog.truth(label), HASH_KEY)

    def settings(self) -> dict[str, Any]:
        """The settings of now."""
        scene = Scene(self.posthog, self.stage.url, self.home)
        more = {"HOGSYNC_LISTS": self.lists, "HOGSYNC_PRIVACY": self.privacy, "HOGSYNC_RATE": RATE}
        more["HOGSYNC_HISTORY"] = self.history
        return scene.settings(self.stage.keys[self.label], **more)

    # -- syncs

    def syncs(self, order: Order, observers: Sequence[Callable[..., None]] = ()) -> Step:
        """One sync in the circumstances of now, and the laws."""
        before, there = look(self.stage.url), self.truth()
        self.posthog.clear_requests()
        outcome, error = self._tried(order, observers)
        step = Step(
            order=order,
            before=before,
            after=look(self.stage.url),
            there=there,
            there_later=self.truth() if observers else there,
            sees=self._sees(),
            outcome=outcome,
            error=error,
            requests=len(self.posthog.requests()),
            troubles=tuple(self.troubles),
            wide=self.label != "second" or self.rights == WIDE,
            plain=not self.privacy,
        )
        for law in (*FOR_ALL, *FOR_ENDED):
            law(step)
        return step

    def _tried(
        self, order: Order, observers: Sequence[Callable[..., None]]
    ) -> tuple[Outcome | None, HogsyncError | None]:
        chosen = order.selection
        try:
            return sync(load(self.settings()), chosen, observers, retry=RetryPolicy(**PATIENCE)), None
        except HogsyncError as error:
            return None, error

    def _sees(self) -> Tables:
        sees = self.truth(self.label)
        only = self.rights["scoped_organizations"] if self.label == "second" else []
        if only:
            sees["organizations"] = {key: row for key, row in sees["organizations"].items() if key[0] in only}
        return sees

    def is_killed(self, order: Order, kind: str, number: int) -> None:
        """A sync that dies at its n-th event, or lives if it has fewer; and the laws for whatever happens."""
        before, there = look(self.stage.url), self.truth()
        said: dict[str, Any] = {
            "settings": self.settings(),
            "tables": order.tables,
            "projects": order.projects,
        }
        said |= {"asked": order.flags, "patience": PATIENCE, "kind": kind, "number": number}
        told = {"told": str(self.stage.folder / "told")}
        code = dying_sync(said | told).code
        assert code in {
            -signal.SIGKILL,
            0,
            1,
            2,
            3,
        }  # one that lives may be refused, or asked for a project that is
        step = Step(
            order=order,
            before=before,
            after=look(self.stage.url),
            there=there,
            there_later=there,
            sees=self._sees(),
        )
        for law in FOR_ALL:
            law(step)

    # -- the end

    def ends(self) -> None:
        """After anything at all: what is not held is right after one sync, everything after a person's word."""
        self.heals()
        self.posthog.clear_options()
        self.label, self.privacy, self.lists, self.history = "first", {}, {}, {}
        first = self.syncs(Order(full=True))
        assert first.outcome is not None, first.error
        assert first.outcome.exit_code == 0
        if not any(result.deletes_held for result in first.outcome.tables):
            self._is_settled()
        second = self.syncs(Order(full=True, accept_deletes=True))
        assert second.outcome is not None
        assert all(one.complete for one in second.outcome.tables if one.table not in self._closed())
        self._is_settled()
        third = self.syncs(Order())
        assert third.outcome is not None
        assert written(third.outcome) == 0, "a sync of what had not changed wrote rows"
        files = [file for file in self.stage.folder.rglob("*") if file.is_file()]
        assert not [file for file in files if b"canarysecret" in file.read_bytes()], "a secret"

    def _closed(self) -> set[str]:
        """Tables that are not complete because the key's owner is no admin everywhere, as somebody may have decided."""
        levels = [row["membership_level"] for row in self.truth("first")["organizations"].values()]
        return {"organization_activity_logs", "people"} if min(levels) < ADMIN else set()

    def _is_settled(self) -> None:
        wrong = list(agree(self.truth("first"), look(self.stage.url).rows))
        assert not wrong, "\n".join(wrong[:10])
