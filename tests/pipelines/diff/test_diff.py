"""`hogsync diff`: what was added, changed and removed since a time, for a person and for a program."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from destinations.warehouse import quoted
from pipelines.errors import UsageError
from pipelines.settings.since import past
from sources.sandbox import Sandbox
from tests.harness.cli import hogsync as forked
from tests.harness.command import hogsync
from tests.harness.scene import Scene
from tests.harness.stored import run
from tests.harness.versions import history

pytestmark = pytest.mark.duckdb_first

PROJECT = 201
BELOW = {"project_id": PROJECT}
HERE: dict[str, Any] = {"projects": (PROJECT,)}
EDITED, DYING, PASSING, STIRRED, ODD = 810_001, 810_002, 810_003, 810_004, 810_005
NAMED_BY_HAND = 'My "own". Col%s'
NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)


def become(posthog: Sandbox, ident: int, **change: Any) -> None:
    posthog.edit("cohorts", where={"id": ident}, parents=BELOW, **change)


def test_what_came_changed_and_went_is_told_net_and_no_more(scene: Scene, posthog: Sandbox) -> None:
    rows = [{"id": ident, "name": f"c {ident}", "experiment_set": [1]} for ident in (EDITED, DYING, STIRRED)]
    posthog.edit("cohorts", insert=rows, parents=BELOW)
    first = scene.sync("cohorts", "event_definitions", **HERE).run.started_at
    become(posthog, EDITED, set={"name": "\x1b[31mred\x1b[0m", "count": 99, "experiment_set": [1, 2]})
    become(posthog, DYING, delete=True)
    become(posthog, STIRRED, set={"name": "other", "last_calculation": "2026-11-01T00:00:00Z"})
    scene.sync("cohorts", **HERE)
    become(posthog, STIRRED, set={"name": f"c {STIRRED}"})
    posthog.edit("cohorts", insert=[{"id": PASSING, "name": "late"}], parents=BELOW)
    last = scene.sync("cohorts", **HERE).run.started_at

    named = ("cohorts", "event_definitions", "cohorts")  # each is told once
    told = hogsync(scene, "diff", *named, "--since", first.isoformat(), "--json")
    assert (told.code, told.err) == (0, "")
    keys = {ident: {"project_id": PROJECT, "id": ident} for ident in (EDITED, DYING, PASSING)}
    columns = {
        "name": {"old": f"c {EDITED}", "new": "\x1b[31mred\x1b[0m"},
        "experiment_set": {"old": [1], "new": [1, 2]},
    }
    assert json.loads(told.out) == {
        "since": first.isoformat().replace("+00:00", "Z"),
        "tables": [
            {
                "table": "cohorts",
                "added": [keys[PASSING]],
                "changed": [{"key": keys[EDITED], "columns": columns}],
                "removed": [keys[DYING]],
            },
            {"table": "event_definitions", "added": [], "changed": [], "removed": []},
        ],
    }

    read = hogsync(scene, "diff", "--since", "2020-01-01")
    assert read.code == 0
    assert "\x1b" not in read.out
    lines = [line.split() for line in read.out.splitlines()]
    assert ["added", "cohorts", "201,", f"{PASSING}", "(late)"] in lines
    assert ["removed", "cohorts", "201,", f"{DYING}", "(c", f"{DYING})"] in lines
    assert any(line[:4] == ["changed", "cohorts", "201,", f"{EDITED}"] and "→" in line for line in lines)
    assert lines[-1][:6] == ["(1", "added,", "1", "changed,", "1", "removed"]
    assert f"begins at {first:%Y-%m-%d %H:%M:%S}" in read.said

    nothing = hogsync(scene, "diff", "--since", last.isoformat(), "--json")
    assert all(
        not (one["added"] or one["changed"] or one["removed"]) for one in json.loads(nothing.out)["tables"]
    )
    for ident in (EDITED, PASSING, STIRRED):
        become(posthog, ident, delete=True)


@pytest.mark.soak("stories")
def test_a_row_that_came_back_as_it_was_has_not_changed(file_scene: Scene, posthog: Sandbox) -> None:
    row = {"id": EDITED, "name": "there", "description": "same", "filters": {}}
    row |= {"created_at": "2026-01-01T00:00:00Z"}
    posthog.edit("cohorts", insert=[row], parents=BELOW)
    first = file_scene.sync("cohorts", **HERE).run.started_at
    become(posthog, EDITED, delete=True)
    between = file_scene.sync("cohorts", **HERE).run.started_at
    posthog.edit("cohorts", insert=[row], parents=BELOW)
    file_scene.sync("cohorts", **HERE)
    assert [version["op"] for version in history(file_scene.url, "cohorts")[(PROJECT, EDITED)]] == [
        "insert",
        "delete",
        "insert",
    ]
    for since, added in ((first, []), (between, [{"project_id": PROJECT, "id": EDITED}])):
        told = json.loads(hogsync(file_scene, "diff", "cohorts", "--since", since.isoformat(), "--json").out)
        (table,) = told["tables"]
        assert (table["added"], table["changed"], table["removed"]) == (added, [], [])
    become(posthog, EDITED, delete=True)


@pytest.mark.soak("stories")
def test_a_value_that_no_longer_fits_its_column_has_changed_once(scene: Scene, posthog: Sandbox) -> None:
    row = {"id": ODD, "name": "odd", "order": 5, "count": 5}
    posthog.edit("cohorts", insert=[row], parents=BELOW)
    first = scene.sync("cohorts", **HERE).run.started_at
    become(posthog, ODD, set={"order": "five", "count": "many"})
    second = scene.sync("cohorts", **HERE).run.started_at
    become(posthog, ODD, set={"order": 6})
    scene.sync("cohorts", **HERE)
    become(posthog, ODD, set={"order": 5})
    third = scene.sync("cohorts", **HERE).run.started_at
    become(posthog, ODD, set={"order": "5"})
    scene.sync("cohorts", **HERE)
    for since, changed in (
        (first, {"order": {"old": 5, "new": "5"}}),
        (second, {"order": {"old": "five", "new": "5"}}),
        (third, {"order": {"old": 5, "new": "5"}}),
    ):
        told = json.loads(hogsync(scene, "diff", "cohorts", "--since", since.isoformat(), "--json").out)
        assert [one["columns"] for one in told["tables"][0]["changed"]] == [changed]
    become(posthog, ODD, delete=True)


def test_columns_may_have_any_name(scene: Scene, posthog: Sandbox) -> None:
    posthog.edit("cohorts", insert=[{"id": ODD, "name": "odd", "select": 1, "User": 2}], parents=BELOW)
    first = scene.sync("cohorts", **HERE).run.started_at
    run(scene.url, f"alter table posthog.cohorts_history add column {quoted(NAMED_BY_HAND)} integer")
    become(posthog, ODD, set={"select": 3, "User": 4})
    scene.sync("cohorts", **HERE)
    run(scene.url, f"update posthog.cohorts_history set {quoted(NAMED_BY_HAND)} = 7 where valid_to is null")
    told = json.loads(hogsync(scene, "diff", "cohorts", "--since", first.isoformat(), "--json").out)
    (changed,) = (one["columns"] for one in told["tables"][0]["changed"] if one["key"]["id"] == ODD)
    values = {name: (both["old"], both["new"]) for name, both in changed.items()}
    assert values == {"select": (1, 3), "user": (2, 4), NAMED_BY_HAND: (None, 7)}
    become(posthog, ODD, delete=True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["cohrts", "--since", "1d"], "did you mean cohorts?"),
        (["comments", "--since", "1d"], "comments has no history"),
        (["--since", "yesterday"], "must be a date, a time or a span"),
        (["--since", "2999-01-01"], "is in the future"),
        ([], "Missing option '--since'"),
    ],
)
def test_what_cannot_be_told_is_one_sentence(file_scene: Scene, words: list[str], said: str) -> None:
    ended = hogsync(file_scene, "diff", *words)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.said


def test_a_table_of_which_nothing_is_kept_yet_is_one_sentence(file_scene: Scene) -> None:
    file_scene.sync("cohorts", **HERE)
    ended = hogsync(file_scene, "diff", "users", "--since", "1d")
    assert (ended.code, ended.out) == (2, "")
    assert "no history of users yet" in ended.said


def test_without_a_history_there_is_nothing_to_compare(file_scene: Scene) -> None:
    scene = file_scene
    scene.sync("cohorts", history={"enabled": False}, **HERE)
    ended = hogsync(scene, "diff", "--since", "1d")
    assert (ended.code, ended.out) == (2, "")
    assert "has no history yet" in ended.said


def test_without_a_warehouse_there_is_nothing_to_compare(warehouse_url: str) -> None:
    nowhere = forked("diff", "--since", "1d", WAREHOUSE_URL=warehouse_url)
    assert nowhere.code == (4 if warehouse_url.startswith("duckdb") else 2)
    assert "hogsync sync" in nowhere.said


def test_diff_only_reads(file_scene: Scene) -> None:
    file_scene.sync("cohorts", **HERE)
    file = Path(file_scene.url.removeprefix("duckdb:///"))
    before = file.read_bytes()
    assert hogsync(file_scene, "diff", "--since", "1d").code == 0
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-19", datetime(2026, 11, 19, tzinfo=UTC)),
        ("2026-11-20T07:30", NOW - timedelta(minutes=30)),
        ("2026-11-20T08:30:00+01:00", NOW - timedelta(minutes=30)),
        ("2026-11-20T08:00:00Z", NOW),
        ("2d", NOW - timedelta(days=2)),
        ("12h", NOW - timedelta(hours=12)),
    ],
)
def test_a_time_is_utc_unless_it_says_otherwise(text: str, moment: datetime) -> None:
    assert past("--since", text, NOW) == moment


@pytest.mark.parametrize(
    "text", ["", "2026-13-01", "d", "-1d", "2026-11-20T08:00:01Z", "0001-01-01T00:00+23:00"]
)
def test_what_is_no_time_or_is_to_come_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--since is"):
        past("--since", text, NOW)
