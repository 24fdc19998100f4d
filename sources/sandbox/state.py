"""The state of the one sandbox of this process: its clock, its keys, its options, what it saw."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

BEGINNING = datetime(2026, 11, 2, 8, tzinfo=UTC)
DAY = timedelta(days=1)
SIZES = {"small": 1, "medium": 10}


def times_as_large(size: str) -> int:
    """Return how many times as large as a small company one of this size is; 0 if there is no such size."""
    return SIZES.get(size) or (int(size) if size.isdecimal() else 0)


@dataclass(slots=True)
class Options:
    """How the server behaves; every field can be set through the control interface."""

    count_cap: int = 10_000
    """What the count of a large event definition list stops at."""
    count_exact_to: int = 50_000
    """Up to so many rows the count is exact; setting `count_cap` alone sets this too."""
    name_order_above: int = 100_000
    """Above so many event definitions the default order is the name."""
    cap_properties: bool = False
    """Cap the count of property definitions as well, as the newest servers may."""
    cursor_rows: int = 0
    """Rows on a page of deliveries, comments or the audit log; 0: as many as PostHog gives."""
    latency: float = 0.0
    """Seconds that every answer waits."""
    rate: dict[str, float] = field(default_factory=dict)
    """`per_minute`, `per_hour`: requests; `minute`, `hour`: seconds of these windows (60 and 3600)."""
    members_hidden: bool = False
    """Members below admin see only themselves in the members list."""


@dataclass(slots=True)
class Key:
    """A personal API key and what it may do."""

    token: str
    label: str
    user: int
    number: int
    scopes: list[str] = field(default_factory=lambda: ["*"])
    scoped_teams: list[int] = field(default_factory=list)
    scoped_organizations: list[str] = field(default_factory=list)
    revoked: bool = False

    def allows(self, scope: str) -> bool:
        """Whether the key has a scope; `:write` holds `:read`, `*` holds all."""
        return bool({"*", scope, scope.replace(":read", ":write")} & set(self.scopes))


@dataclass(frozen=True, slots=True)
class Gate:
    """A list that is not to be had: not in the plan (402), for this user (403), on this server (404)."""

    table: str
    status: int
    project: int | None = None


@dataclass(slots=True)
class World:
    """Everything that is not a row."""

    seed: int = 1
    size: int = 1
    canaries: bool = False
    step: int = 0
    now: datetime = BEGINNING
    """The company's time: it moves with `advance` only, never by itself."""
    stride: timedelta = DAY
    """The time in which the last step happened: a day, or the time between two runs of a company that lives on."""
    kept: Path | None = None
    """Where a company that lives on is kept."""
    options: Options = field(default_factory=Options)
    keys: dict[str, Key] = field(default_factory=dict)
    people: dict[str, int] = field(default_factory=dict)
    gates: list[Gate] = field(default_factory=list)
    log: list[dict[str, Any]] = field(default_factory=list)
    returning: list[tuple[int, int, str]] = field(default_factory=list)
    """Deleted event definitions that will be seen again: at which step, in which project, which name."""
    numbers: Counter[str] = field(default_factory=Counter)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def next_number(self, table: str) -> int:
        """The next integer id of a table; no id is ever given twice."""
        self.numbers[table] += 1
        return self.numbers[table]

    def new_key(self, label: str, user: str, **rights: Any) -> Key:
        """Make a personal API key of one of the named people (`owner`, `member`, `staff`)."""
        number = self.next_number("keys")
        token = f"phx_sandbox_canarysecret_{label.replace(' ', '_')}_{number}"
        key = Key(token, label, self.people[user], number, **rights)
        self.keys[token] = key
        return key

    def key_called(self, label: str) -> Key:
        """The key with a label; KeyError if there is none."""
        return next(key for key in self.keys.values() if key.label == label)


WORLD = World()
