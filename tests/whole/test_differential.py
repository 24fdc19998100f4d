"""hogsync after many a sync against a naive reader that reads everything once: the tables are the same."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sources.sandbox import Sandbox, start
from tests.harness.naive import Reader
from tests.harness.scene import HASH_KEY, Scene, of
from tests.model.company import Company, shrink
from tests.model.laws import agree

EVENTS = ("edited", "added", "delivered", "removed", "left", "returned", "softly deleted", "founded")
SCOPES = ("organization", "project", "subscription", "event_definition", "organization_member", "group")
Rights = Callable[[Sandbox], dict[str, Any]]
KINDS: dict[str, Rights] = {
    "with all scopes": lambda _: {},
    "of staff": lambda _: {"user": "staff"},
    "scoped to a project": lambda _: {"scoped_teams": [201]},
    "scoped to an organization": lambda posthog: {
        "scoped_organizations": [posthog.rows("organizations")[1]["id"]]
    },
    "with few scopes": lambda _: {"scopes": [f"{scope}:read" for scope in SCOPES]},
}
"""The rights of a key, by its kind."""


def assert_same(posthog: Sandbox, url: str, home: Path, kind: str, seed: int) -> None:
    """Let the company live and sync, again and again; in the end both readers say the same."""
    scene, company, dice = Scene(posthog, url, home), Company(posthog), random.Random(seed)
    key = posthog.new_key(f"key{seed}", **KINDS[kind](posthog))
    for days in (0, 1, 2):
        if days:
            posthog.advance(days)
        for event in dice.choices(EVENTS + ("vanished",) * (kind == "with all scopes"), k=4):
            company.happens(event, dice.randrange(1000))
        outcome = scene.sync(key=key, lists={"page_size": dice.choice((2, 7, 1000))})
        assert outcome.exit_code == 0
    for table, row in company.rows("event_definitions")[::4]:
        company.edit(table, row, delete=True)
    scene.sync(key=key, full=True, accept_deletes=True)
    naive, stored = Reader(posthog.url, key).tables(HASH_KEY), scene.stored()
    assert sum(map(len, naive.values())) > 40, "so little proves nothing"
    assert list(agree(naive, stored)) == []
    assert any(row["dead"] for rows in stored.values() for row in rows.values())
    idle = scene.sync(key=key)
    assert {result.status for result in idle.tables} <= {"unchanged", "unavailable"}
    assert of(idle, "people").counts.written == 0


@pytest.mark.soak("chance")
@pytest.mark.parametrize("kind", KINDS)
def test_a_naive_reader_with_the_same_key_builds_the_same_tables(
    warehouse_url: str, tmp_path: Path, kind: str
) -> None:
    with start(seed=43) as posthog:
        shrink(posthog)
        assert_same(posthog, warehouse_url, tmp_path / "home", kind, seed=43)


@pytest.mark.soak("chance")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(40, 44))
def test_a_naive_reader_builds_the_same_tables_of_larger_companies(
    warehouse_url: str, tmp_path: Path, seed: int, kind: str
) -> None:
    with start(seed=seed) as posthog:
        assert_same(posthog, warehouse_url, tmp_path / "home", kind, seed)
