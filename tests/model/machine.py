"""Lives by chance: a state machine whose every step is an event, a circumstance, a sync or a kill."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from tests.harness.expected import BELOW
from tests.model.company import EVENTS, KEYS, PROJECTS
from tests.model.life import Life, Stage
from tests.model.moment import STREAMS
from tests.model.step import Order

NUMBERS = st.integers(0, 999)
HAPPENINGS = st.lists(st.tuples(st.sampled_from(sorted(EVENTS)), NUMBERS), min_size=1, max_size=4)
TABLES = (*BELOW, "users")
ORDERS = st.builds(
    Order,
    tables=st.one_of(st.just(()), st.lists(st.sampled_from(TABLES), max_size=3, unique=True).map(tuple)),
    projects=st.sampled_from([(), (), (), (103,), (201,), PROJECTS]),
    full=st.sampled_from([False, False, True]),
    accept_deletes=st.sampled_from([False, False, False, True]),
    dry_run=st.sampled_from([False] * 7 + [True]),
)
ADDRESSES = (
    "organizations/",
    "organizations/[^/]+/projects/",
    "organizations/[^/]+/members/",
    "users/",
    "personal_api_keys/@current/",
    "projects/201/subscriptions/",
    "projects/201/subscriptions/4129/deliveries/",
    "projects/201/cohorts/",
    "projects/201/comments/",
    "projects/201/event_definitions/",
    "projects/201/groups_types/",
    "projects/201/property_definitions/",
    "projects/103/property_definitions/",
)
COUNTED = tuple(address for address in ADDRESSES if address.endswith(("ons/", "cohorts/", "subscriptions/")))
"""Lists that tell how many rows they have: only there can a row that lacks be noticed."""
FAULTS: Sequence[dict[str, Any]] = (
    *({"kind": "status", "status": status} for status in (401, 402, 403, 404, 429, 500, 503)),
    *({"kind": kind} for kind in ("html", "empty", "not_json", "redirect", "reset", "truncated")),
    *({"kind": kind} for kind in ("gzip_broken", "no_envelope", "array", "next_foreign", "next_same")),
    *({"kind": "drop_row", "row": row} for row in (0, 2)),
)
"""How an answer can be wrong."""
RIGHTS: Sequence[dict[str, Any]] = (
    {},
    {"revoked": True},
    {"scoped_teams": [201]},
    {"scoped_teams": [103, 201]},
    {"scopes": ["organization:read", "project:read", "cohort:read", "comment:read"]},
    {"scopes": ["event_definition:read", "property_definition:read", "group:read", "project:read"]},
    {"organization": 1},
)
PRIVACIES: Sequence[dict[str, Any]] = (
    {},
    {},
    {"text": "hash"},
    {"person": "drop"},
    {"recipient": "keep", "text": "drop"},
    {"columns": {"cohorts.description": "drop"}},
)
HISTORIES: Sequence[dict[str, Any]] = ({}, {}, {"enabled": False}, {"without": ["cohorts", "subscriptions"]})


class Lives(RuleBasedStateMachine):
    """One example is one life; `stage` is where it is played."""

    stage: Stage

    def __init__(self) -> None:
        super().__init__()
        self.life = Life(self.stage)
        self.ends = False

    @contextmanager
    def step(self) -> Iterator[Life]:
        """A step; there is no end to be played after a broken law, nor where nothing has happened."""
        self.ends = False
        yield self.life
        self.ends = True

    @rule(happenings=HAPPENINGS)
    def happen(self, happenings: list[tuple[str, int]]) -> None:
        with self.step() as life:
            for event, number in happenings:
                life.company.happens(event, number)

    @rule(order=ORDERS)
    def sync(self, order: Order) -> None:
        with self.step() as life:
            life.syncs(order)

    @rule(happenings=HAPPENINGS, order=ORDERS)
    def happen_then_sync(self, happenings: list[tuple[str, int]], order: Order) -> None:
        self.happen(happenings)
        self.sync(order)

    @rule(order=ORDERS, page=st.integers(1, 12), happenings=HAPPENINGS)
    def sync_while_it_happens(self, order: Order, page: int, happenings: list[tuple[str, int]]) -> None:
        pages = count(1)

        def observe(*_: object) -> None:
            if next(pages) == page:
                for event, number in happenings:
                    self.life.company.happens(event, number)

        with self.step() as life:
            life.syncs(order, (observe,))

    @rule(
        order=ORDERS,
        kind=st.sampled_from(["request", "file", "statement", "statement"]),
        number=st.integers(1, 120),
        happenings=HAPPENINGS,
    )
    def kill(self, order: Order, kind: str, number: int, happenings: list[tuple[str, int]]) -> None:
        self.happen(happenings)
        with self.step() as life:
            life.is_killed(order, kind, number)

    @rule(
        table=st.sampled_from((*STREAMS, "event_definitions")),
        rows=st.sampled_from([1, 2]),
        page=st.integers(11, 40),
        happenings=HAPPENINGS,
    )
    def break_off_and_go_on(
        self, table: str, rows: int, page: int, happenings: list[tuple[str, int]]
    ) -> None:
        self.life.posthog.options(cursor_rows=rows)
        self.life.lists = {**self.life.lists, "page_size": rows}
        with self.step() as life:
            life.is_killed(Order(tables=(table,)), "request", page)
            for event, number in happenings:
                life.company.happens(event, number)
            life.syncs(Order(tables=(table,)))

    @rule(
        address=st.sampled_from(ADDRESSES),
        fault=st.sampled_from(FAULTS),
        times=st.sampled_from([1, 2, None, None]),
        skip=st.sampled_from([0, 0, 1, 2]),
        order=ORDERS,
    )
    def spoil_and_sync(
        self, address: str, fault: dict[str, Any], times: int | None, skip: int, order: Order
    ) -> None:
        with self.step() as life:
            if fault["kind"] != "drop_row" or (address in COUNTED and not life.capped):
                life.spoils(address, times=times, skip=skip, **fault)
            life.syncs(order)

    @rule(
        table=st.sampled_from(("cohorts", "comments", "subscription_deliveries", "group_types", "projects")),
        status=st.sampled_from((402, 403, 404)),
        project=st.sampled_from((None, 201)),
        order=ORDERS,
    )
    def refuse_and_sync(self, table: str, status: int, project: int | None, order: Order) -> None:
        with self.step() as life:
            life.refuses(table, status, project)
            life.syncs(order)

    @rule(
        table=st.sampled_from(
            ("comments", "subscription_deliveries", "organization_activity_logs", "cohorts")
        ),
        days=st.integers(0, 400),
        happenings=HAPPENINGS,
    )
    def happen_then_backfill(self, table: str, days: int, happenings: list[tuple[str, int]]) -> None:
        self.happen(happenings)
        with self.step() as life:
            life.syncs(Order(tables=(table,), since=datetime.now(UTC) - timedelta(days=days)))

    @rule()
    def heal(self) -> None:
        self.life.heals()

    @rule(label=st.sampled_from(sorted(KEYS)))
    def use_key(self, label: str) -> None:
        self.life.label = label

    @rule(rights=st.sampled_from(RIGHTS), use=st.booleans())
    def narrow_the_second_key(self, rights: dict[str, Any], use: bool) -> None:  # noqa: FBT001 - drawn
        with self.step() as life:
            given = dict(rights)
            if "organization" in given:
                rows = life.posthog.rows("organizations")
                given = {"scoped_organizations": [rows[given["organization"]]["id"]]}
            life.narrows(**given)
            life.label = "second" if use else life.label

    @rule(
        page_size=st.sampled_from([1, 2, 3, 5, 1000]),
        in_flight=st.sampled_from([1, 2, 8]),
        privacy=st.sampled_from(PRIVACIES),
        history=st.sampled_from(HISTORIES),
        sweep_every=st.sampled_from(["0m", "1d"]),
        cursor_rows=st.sampled_from([0, 1, 2, 4]),
    )
    def set(
        self, page_size: int, in_flight: int, sweep_every: str, cursor_rows: int, **sections: dict[str, Any]
    ) -> None:
        self.life.posthog.options(cursor_rows=cursor_rows)
        self.life.lists = {"page_size": page_size, "in_flight": in_flight, "sweep_every": sweep_every}
        self.life.privacy = sections["privacy"]
        self.life.history = sections["history"]

    @rule()
    def move_house(self) -> None:
        self.life.moves_house()

    def teardown(self) -> None:
        if self.ends:
            self.life.ends()


def play(stage: Stage, *, lives: int, steps: int, chance: int | None = None, shrink: bool = False) -> None:
    """Some lives; the same ones every time, or others for another `chance`."""

    class Here(Lives):
        pass

    Here.stage = stage
    machine = Here if chance is None else seed(chance)(Here)
    phases = (Phase.generate, Phase.shrink) if shrink else (Phase.generate,)
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=lives,
            stateful_step_count=steps,
            derandomize=chance is None,
            deadline=None,
            database=None,
            phases=phases,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
