"""`kill -9` while a stricter privacy setting empties what is stored: the next run finishes it."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from sources.sandbox import Sandbox
from tests.harness.differences import differences
from tests.harness.kills import Doomed, Story
from tests.harness.scene import Scene, written
from tests.harness.versions import wrong_versions
from tests.pipelines.sync.test_privacy_rewrite import PROJECTS, holds

TABLES = ("subscriptions", "comments")
LAX = {"recipient": "keep", "text": "keep"}
STRICT = {"recipient": "hash", "text": "drop"}
POINTS = (
    ('update "posthog"."subscriptions"', 2),
    ('update "posthog"."comments"', 1),
    ("upsert ('_hogsync_meta'", 3),
)
"""Of statements with these words the one, by its number, just before which a run dies: within the first table, between
two of them, and before the dataset says that it is done."""
WIPING = (("by name from wiped", 2), ("checkpoint", 1), ('drop table "posthog"."_hogsync_overwritten"', 1))
"""On DuckDB also while the bytes are written over."""


@pytest.fixture
def company(canary_company: Sandbox) -> Sandbox:
    return canary_company


@pytest.fixture
def dying(scene: Scene) -> Doomed:
    """Runs under the stricter setting, on what was stored under the laxer one."""
    assert scene.sync(*TABLES, privacy=LAX, **PROJECTS).exit_code == 0
    process = Doomed(scene, Story(TABLES, lambda _: []))
    process.more = {"HOGSYNC_PRIVACY": STRICT}
    return process


@pytest.mark.soak("stories")
@pytest.mark.fault("security.emptying_killed")
def test_what_killed_runs_left_is_emptied_by_the_next_and_lacks_no_row(dying: Doomed, scene: Scene) -> None:
    before = keys(scene)
    assert all(before.values())
    points = POINTS[:2] + WIPING * scene.url.startswith("duckdb") + POINTS[2:]
    for words, number in points:
        assert dying.die("statement", number, of=words) == -signal.SIGKILL, words
    assert keys(scene) == before
    assert scene.sync(*TABLES, privacy=STRICT, **PROJECTS).exit_code == 0
    assert [holds(scene, mark) for mark in ("canaryrecipient", "canarytext")] == [[], []]
    assert keys(scene) == before
    assert wrong_versions(scene.url) == ""
    assert written(scene.sync(*TABLES, privacy=STRICT, **PROJECTS)) == 0


@pytest.mark.fault("security.emptying_killed")
@pytest.mark.parametrize("warehouse_url", ["duckdb"], indirect=True)
def test_what_a_killed_run_emptied_comes_back_when_it_is_kept_again(dying: Doomed, scene: Scene) -> None:
    before = scene.stored()
    words, number = POINTS[-1]
    assert dying.die("statement", number, of=words) == -signal.SIGKILL
    assert scene.stored() != before
    assert scene.sync(*TABLES, privacy=LAX, **PROJECTS).exit_code == 0
    assert differences(before, scene.stored()) == ""


def keys(scene: Scene) -> dict[str, set[tuple[Any, ...]]]:
    """What tells the rows of the tables and of a list apart."""
    stored = scene.stored()
    return {table: {*stored[table]} for table in (*TABLES, "subscriptions__recipients")}
