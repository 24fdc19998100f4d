"""What a history finds at its beginning is not told as added: late histories, and lists that failed, broke off."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipelines.diff import diff
from pipelines.diff.history_start import HistoryStart
from pipelines.settings import load
from sources.posthog.catalogue import ENDPOINTS
from sources.sandbox import Sandbox
from tests.harness.changes import Edit
from tests.harness.command import hogsync
from tests.harness.kills import Doomed, Story, number_of
from tests.harness.scene import Scene, of
from tests.harness.stored import run
from tests.harness.versions import history, wrong_versions

pytestmark = pytest.mark.duckdb_first

EARLY, LATE, EMPTY = 101, 201, 103
BOTH: dict[str, Any] = {"projects": (EARLY, LATE)}
EDITED, COMING, PASSING = 820_001, 820_002, 820_003


def told(scene: Scene, table: str, since: datetime) -> dict[str, Any]:
    """What `diff` says of a table."""
    (one,) = diff(load(scene.settings()), (table,), since.isoformat()).as_json()["tables"]
    return dict(one)


def keys(*idents: int) -> list[dict[str, int]]:
    return [{"project_id": LATE, "id": ident} for ident in idents]


def born(posthog: Sandbox, *idents: int, project: int = LATE) -> None:
    rows = [{"id": ident, "name": "as found", "experiment_set": [1]} for ident in idents]
    posthog.edit("cohorts", insert=rows, parents={"project_id": project})


@pytest.fixture
def late(file_scene: Scene, posthog: Sandbox) -> Scene:
    born(posthog, EDITED, PASSING)
    return file_scene


@pytest.fixture
def late_in_each(scene: Scene, posthog: Sandbox) -> Scene:
    """The same in both databases, for what they are asked of a history's beginning."""
    born(posthog, EDITED, PASSING)
    return scene


def lives_on(scene: Scene, posthog: Sandbox, first: datetime) -> None:
    """After its list was first known as a whole, what comes, changes and goes is told, and nothing else is."""
    known = scene.sync("cohorts", **BOTH).run.started_at
    table = told(scene, "cohorts", first)
    assert (table["added"], table["changed"], table["removed"]) == ([], [], [])
    posthog.edit("cohorts", where={"id": EDITED}, set={"name": "edited"})
    posthog.edit("cohorts", where={"id": PASSING}, delete=True)
    born(posthog, COMING)
    scene.sync("cohorts", **BOTH)
    for since in (first, known):
        table = told(scene, "cohorts", since)
        assert (table["added"], table["removed"]) == (keys(COMING), keys(PASSING))
        assert [(one["key"]["id"], one["columns"]) for one in table["changed"]] == [
            (EDITED, {"name": {"old": "as found", "new": "edited"}})
        ]
        assert table.get("late", []) == ([f"projects/{LATE}/cohorts/"] if since == first else [])


@pytest.mark.parametrize("warehouse_url", ["postgres"], indirect=True)
def test_a_list_that_failed_in_the_first_run(late_in_each: Scene, posthog: Sandbox) -> None:
    late = late_in_each
    posthog.fault(path=f"projects/{LATE}/cohorts", kind="status", status=400)
    first = late.sync("cohorts", **BOTH)
    assert first.exit_code == 1
    posthog.clear_faults()
    lives_on(late, posthog, first.run.started_at)
    ended = hogsync(late, "diff", "--since", first.run.started_at.isoformat())
    assert "Some lists of cohorts were first read to their end later" in ended.said


@pytest.mark.soak("stories")
def test_a_list_that_broke_off_twice(late: Scene, posthog: Sandbox) -> None:
    small = {"page_size": 2, "ahead": 1}
    posthog.fault(path=f"projects/{LATE}/cohorts/.*offset=2", kind="status", status=400, times=None)
    first = late.sync("cohorts", lists=small, **BOTH)
    posthog.clear_faults()
    posthog.fault(path=f"projects/{LATE}/cohorts/.*offset=4", kind="status", status=400, times=None)
    assert of(late.sync("cohorts", lists=small, **BOTH), "cohorts").status == "failed"
    table = told(late, "cohorts", first.run.started_at)
    assert (table["added"], table["late"]) == ([], [f"projects/{LATE}/cohorts/"])
    posthog.clear_faults()
    lives_on(late, posthog, first.run.started_at)


def test_a_project_that_is_read_later(late: Scene, posthog: Sandbox) -> None:
    first = late.sync("cohorts", projects=(EARLY,))
    lives_on(late, posthog, first.run.started_at)


@dataclass(frozen=True, slots=True)
class Beside:
    """A table of several lists, one of which fails at first, and a row of that and of another, by key and values."""

    table: str
    failing: str
    own: tuple[dict[str, Any], dict[str, Any]]
    other: tuple[dict[str, Any], dict[str, Any]]


@pytest.mark.parametrize(
    "beside",
    [
        Beside(
            "property_definitions",
            "type=person",
            ({"name": "zzz of a person"}, {"type": "person"}),
            ({"name": "zzz of an event"}, {"type": "event"}),
        ),
        Beside("subscriptions", "deleted=true", ({"id": COMING, "deleted": True}, {}), ({"id": PASSING}, {})),
    ],
    ids=lambda one: one.table,
)
def test_a_row_that_comes_is_told_while_another_list_of_its_table_is_not_known_yet(
    late: Scene, posthog: Sandbox, beside: Beside
) -> None:
    table, rows = beside.table, (beside.own, beside.other)
    posthog.fault(path=f"projects/{LATE}/{table}.*{beside.failing}", kind="status", status=400, times=None)
    first = late.sync(table, **BOTH)
    assert first.exit_code == 1
    for row, stamps in rows:
        posthog.edit(table, insert=[row], parents={"project_id": LATE, **stamps})
    assert late.sync(table, **BOTH).exit_code == 1
    posthog.clear_faults()
    for _ in range(2):
        (added,) = told(late, table, first.run.started_at)["added"]
        assert {**beside.other[0], **beside.other[1]}.items() <= added.items()
        late.sync(table, **BOTH)


def test_a_history_that_begins_late_begins_as_a_whole(late: Scene, posthog: Sandbox) -> None:
    off = {"enabled": False}
    late.sync("cohorts", history=off, **BOTH)
    posthog.edit("cohorts", where={"id": EDITED}, set={"name": "edited"})
    second = late.sync("cohorts", history=off, **BOTH).run.started_at
    posthog.edit("cohorts", where={"id": PASSING}, delete=True)
    begun = late.sync("cohorts", **BOTH).run.started_at
    assert wrong_versions(late.url) == ""
    versions = [one for each in history(late.url, "cohorts").values() for one in each]
    assert {one["valid_from"] for one in versions if one["op"] == "insert"} == {begun}
    table = told(late, "cohorts", second - timedelta(seconds=1))
    assert (table["added"], table["changed"]) == ([], [])
    assert datetime.fromisoformat(table["begins"]) == begun


def test_a_history_that_somebody_dropped_begins_again(late: Scene) -> None:
    first = late.sync("cohorts", **BOTH).run.started_at
    run(late.url, "drop table posthog.cohorts_history")
    again = late.sync("cohorts", **BOTH).run.started_at
    table = told(late, "cohorts", first)
    assert (table["added"], datetime.fromisoformat(table["begins"])) == ([], again)


@pytest.mark.fault("loads.history")
def test_a_kill_before_a_dropped_history_is_derived_again_leaves_no_former_beginning(
    late_in_each: Scene,
) -> None:
    late = late_in_each

    def drop(_: Sandbox) -> list[Edit]:
        run(late.url, "drop table if exists posthog.cohorts_history")
        run(late.url, "delete from posthog._hogsync_meta where key = 'rows'")  # an older hogsync noted none
        return []

    late.sync("cohorts", projects=(EARLY,))
    dying = Doomed(late, Story(("cohorts",), drop))
    dying.learn()
    made = number_of(dying.statements(), "create table", "cohorts_history")
    dying.prepare()
    assert dying.die("statement", made + 1) < 0
    again = dying.mend().run.started_at
    begun = "select value from posthog._hogsync_meta where key = 'cohorts_history since'"
    assert late.ask(begun) == [(again.isoformat(),)]
    assert {one["valid_from"] for each in history(late.url, "cohorts").values() for one in each} == {again}


def test_what_comes_to_an_empty_list_is_added(late: Scene, posthog: Sandbox) -> None:
    posthog.clear("cohorts", EMPTY)
    first = late.sync("cohorts", projects=(EMPTY,)).run.started_at
    born(posthog, COMING, project=EMPTY)
    late.sync("cohorts", projects=(EMPTY,))
    assert told(late, "cohorts", first)["added"] == [{"project_id": EMPTY, "id": COMING}]


def test_books_of_an_older_hogsync_say_what_they_can(late: Scene, posthog: Sandbox) -> None:
    first = late.sync("cohorts", **BOTH).run.started_at
    run(
        late.url,
        "alter table posthog._hogsync_paths drop column first_complete_at; "
        "delete from posthog._hogsync_meta where key like '% since'",
    )
    born(posthog, COMING)
    assert told(late, "cohorts", first)["added"] == []
    late.sync("cohorts", **BOTH)
    assert told(late, "cohorts", first)["added"] == keys(COMING)


def test_a_shared_row_came_with_the_first_reading_of_any_list_that_may_show_it() -> None:
    first = datetime(2026, 11, 1, tzinfo=UTC)
    whole = {"projects/1/annotations/": first, "projects/2/annotations/": first + timedelta(days=2)}
    start = HistoryStart(ENDPOINTS["annotations"], first, whole)
    own, wide = {"id": 1, "project_id": 1}, {"id": 2, "project_id": None}
    found = {
        day: (start.found(own, first + timedelta(days=day)), start.found(wide, first + timedelta(days=day)))
        for day in (1, 3)
    }
    assert found == {1: (False, True), 3: (False, False)}
