"""The versions of rows: what makes one, what does not, and that none is lost or doubled by whatever a run meets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.errors import UsageError
from sources.sandbox import Sandbox
from tests.harness.changes import Edit
from tests.harness.kills import Doomed, Story, number_of
from tests.harness.one_cohort import BELOW, HERE, NUMBERS, PROJECT, One
from tests.harness.scene import Scene, written
from tests.harness.stored import run, types
from tests.harness.versions import VERSIONED, history, wrong_versions

pytestmark = pytest.mark.versions


@pytest.fixture
def lone(file_scene: Scene) -> Iterator[One]:
    cohort = One(file_scene)
    yield cohort
    cohort.becomes(delete=True)


# -- what makes a version


@pytest.mark.duckdb_first
def test_after_a_first_load_every_row_has_one_version_with_all_that_it_holds(scene: Scene) -> None:
    outcome = scene.sync()
    assert wrong_versions(scene.url) == ""
    for table in VERSIONED:
        versions = history(scene.url, table)
        assert versions.keys() == scene.rows(table).keys()
        assert all(len(each) == 1 for each in versions.values())
        assert {each[0]["valid_from"] for each in versions.values()} == {outcome.run.started_at}
    made = types(scene.url)
    assert {name.removesuffix("_history") for name in made if name.endswith("_history")} == {*VERSIONED}
    before = {table: history(scene.url, table) for table in VERSIONED}
    assert written(scene.sync(full=True)) == 0
    assert {table: history(scene.url, table) for table in VERSIONED} == before


def test_a_life_in_versions(one: One) -> None:
    first = one.synced()
    one.becomes(set={"description": "said"})
    second = one.synced()
    one.becomes(set={"count": 77, "last_calculation": "2026-10-01T00:00:00Z", "version": 9})
    one.synced()
    one.becomes(set={"experiment_set": [2, 3]})
    third = one.synced(full=True)
    one.becomes(delete=True)
    fourth = one.synced()
    one.synced()
    one.born()
    fifth = one.synced()
    spans = [(row["valid_from"], row["valid_to"]) for row in one.versions]
    assert spans == [(first, second), (second, third), (third, fourth), (fourth, fourth), (fifth, None)]
    assert one.told("description", "experiment_set", "count") == [
        ("insert", "born", [1, 2], 5),
        ("update", "said", [1, 2], 5),
        ("update", "said", [2, 3], 77),
        ("delete", "said", [2, 3], 77),
        ("insert", "born", [1, 2], 5),
    ]


@pytest.mark.soak("stories")
def test_a_row_that_posthog_calls_deleted_has_died_with_its_lists_and_may_return(
    file_scene: Scene, posthog: Sandbox
) -> None:
    scene = file_scene
    made = [{"id": next(NUMBERS), "target_value": "a@x.example,b@y.example"} for _ in range(2)]
    gone, stillborn = (row["id"] for row in made)
    posthog.edit("subscriptions", insert=made, parents=BELOW)
    posthog.edit("subscriptions", where={"id": stillborn}, soft_delete=True)
    scene.sync("subscriptions", **HERE)
    posthog.edit("subscriptions", where={"id": gone}, soft_delete=True)
    scene.sync("subscriptions", **HERE)
    posthog.edit("subscriptions", where={"id": gone}, soft_delete=False)
    scene.sync("subscriptions", **HERE)
    assert wrong_versions(scene.url) == ""
    versions = history(scene.url, "subscriptions")
    told = [(row["op"], [one["domain"] for one in row["recipients"]]) for row in versions[(PROJECT, gone)]]
    both = ["x.example", "y.example"]
    assert told == [("insert", both), ("delete", both), ("insert", both)]
    assert [row["op"] for row in versions[(PROJECT, stillborn)]] == ["delete"]
    assert [one["kind"] for one in versions[(PROJECT, stillborn)][0]["recipients"]] == ["email", "email"]


@pytest.mark.soak("stories")
def test_a_new_field_is_a_column_of_the_history_too_and_keeps_apart_from_its_own(lone: One) -> None:
    lone.synced()
    lone.becomes(set={"fresh": "new", "op": "none", "valid_to": 1})
    lone.synced()
    lone.becomes(set={"op": "other", "fresh": {"now": "an object"}})
    lone.synced()
    assert lone.told("fresh", "fresh__v_text", "op__own", "valid_to__own")[:2] == [
        ("insert", None, None, None, None),
        ("update", "new", None, "none", 1),
    ]
    assert lone.versions[2]["fresh__v_text"] == '{"now":"an object"}'
    assert lone.versions[2]["op__own"] == "other"


def test_a_clock_that_went_back_breaks_no_order(lone: One) -> None:
    one = lone
    one.synced()
    one.becomes(set={"description": "before"})
    one.synced()
    ahead = "set valid_from = valid_from + interval '1 year', valid_to = valid_to + interval '1 year'"
    run(one.scene.url, f"update posthog.cohorts_history {ahead}")
    one.becomes(set={"description": "after"})
    now = one.synced()
    one.becomes(delete=True)
    one.synced()
    assert one.told("description") == [
        ("insert", "born"),
        ("update", "before"),
        ("update", "after"),
        ("delete", "after"),
    ]
    assert one.versions[-1]["valid_from"] > one.versions[-2]["valid_from"] > now


@pytest.mark.soak("stories")
def test_few_rows_are_no_reason_to_look_through_a_table_and_many_are(
    posthog: Sandbox, postgres_url: str, tmp_path: Path
) -> None:
    one = One(Scene(posthog, postgres_url, tmp_path / "home"))
    one.synced()
    looked = (
        "select analyze_count from pg_stat_user_tables where relname = 'cohorts' and schemaname = 'posthog'"
    )
    counts = []
    for number in (1, 600):
        rows = [{"id": next(NUMBERS), "name": "many"} for _ in range(number)]
        one.posthog.edit("cohorts", insert=rows, parents=BELOW)
        one.synced()
        ((count,),) = one.scene.ask(looked)
        counts.append(count > 0)
    one.posthog.edit("cohorts", where={"name": "many"}, delete=True)
    one.becomes(delete=True)
    assert counts == [False, True]


# -- settings


@pytest.mark.soak("stories")
def test_history_can_be_off_for_all_or_single_tables_and_catches_up_when_it_is_on_again(
    file_scene: Scene,
) -> None:
    scene = file_scene
    one = One(scene)
    for off in ({"enabled": False}, {"without": ["cohorts"]}):
        scene.sync("cohorts", "event_definitions", history=off, **HERE)
    assert "cohorts_history" not in types(scene.url)
    assert history(scene.url, "event_definitions")
    one.synced()
    assert one.told("description") == [("insert", "born")]
    one.becomes(set={"description": "unseen"})
    scene.sync("cohorts", history={"enabled": False}, **HERE)
    one.becomes(set={"description": "seen"})
    scene.sync("cohorts", history={"enabled": False}, **HERE)
    assert one.told("description") == [("insert", "born")]
    one.synced()
    assert one.told("description") == [("insert", "born"), ("update", "seen")]
    assert written(scene.sync("cohorts", **HERE)) == 0
    one.becomes(delete=True)


def test_a_table_that_is_not_to_have_a_history_must_be_one(file_scene: Scene) -> None:
    with pytest.raises(UsageError, match="did you mean cohorts"):
        file_scene.sync("cohorts", history={"without": ["cohrts"]})


def test_a_history_that_somebody_dropped_begins_anew_with_what_is_there(lone: One) -> None:
    lone.synced()
    lone.becomes(set={"description": "later"})
    lone.synced()
    run(lone.scene.url, "drop table posthog.cohorts_history")
    lone.synced()
    assert lone.told("description") == [("insert", "later")]


@pytest.mark.soak("stories")
@pytest.mark.fault("security.other_privacy")
def test_what_a_setting_drops_is_gone_from_the_living_version_and_from_older_ones(
    lone: One, caplog: pytest.LogCaptureFixture
) -> None:
    lone.becomes(set={"description": "private"})
    lone.synced()
    lone.synced(privacy={"columns": {"cohorts.description": "drop"}})
    assert lone.told("description") == [("insert", None)]
    assert "older versions is emptied" in caplog.text


# -- torn loads


@pytest.mark.fault("loads.history")
def test_a_row_that_a_torn_load_left_has_no_version_until_a_load_that_ends_writes_it(lone: One) -> None:
    one = lone
    one.synced()
    run(
        one.scene.url,
        "update posthog.cohorts set description = 'torn', _dlt_load_id = 'never finished';"
        "update posthog._hogsync_meta set value = '' where key = 'cohorts_history until'",
    )
    one.becomes(set={"description": "whole"})
    one.synced()
    assert one.told("description") == [("insert", "born"), ("update", "whole")]


@pytest.mark.fault("loads.history")
def test_a_row_whose_list_a_torn_load_left_is_not_taken_for_a_version(lone: One) -> None:
    one = lone
    one.synced()
    run(
        one.scene.url,
        "update posthog.cohorts__experiment_set set value = 99, _dlt_load_id = 'never finished';"
        "update posthog._hogsync_meta set value = '' where key = 'cohorts_history until'",
    )
    one.synced()
    assert one.told("experiment_set") == [("insert", [1, 2])]


@pytest.fixture
def dying(one: One) -> Doomed:
    """Syncs that find the cohort changed, and die."""

    def change(_: Sandbox) -> list[Edit]:
        one.step += 1
        one.becomes(set={"description": f"killed {one.step}", "experiment_set": [one.step]})
        return []

    one.synced()
    here = Doomed(one.scene, Story(("cohorts",), change))
    here.learn()
    return here


@pytest.mark.duckdb_first
@pytest.mark.fault("loads.history")
def test_a_version_that_was_loaded_is_not_lost_by_a_kill_before_it_was_derived(
    dying: Doomed, one: One
) -> None:
    told = dying.statements()
    before, first = len(one.versions), one.step + 1
    derives = number_of(told, "cohorts_history", "insert into")
    begins = max(at for at, what in enumerate(told[:derives], 1) if "begin" in what)
    points = (begins, derives) if one.scene.url.startswith("duckdb") else (derives + 1, len(told))
    for at in points:
        dying.prepare()
        assert dying.die("statement", at) < 0
        assert wrong_versions(one.scene.url) == ""
        one.becomes(set={"description": f"lived {one.step}", "experiment_set": [one.step, 9]})
        one.synced()
    wanted = [
        (f"{word} {step}", [step, 9] if word == "lived" else [step])
        for step in range(first, first + len(points))
        for word in ("killed", "lived")
    ]
    assert [(row["description"], row["experiment_set"]) for row in one.versions[before:]] == wanted


# -- trends


@pytest.mark.soak("stories")
def test_the_sizes_of_a_cohort_are_kept_by_the_time_of_their_calculation(one: One) -> None:
    at = [f"2026-10-0{day}T00:00:00+00:00" for day in (1, 2)]
    one.becomes(set={"count": 10, "last_calculation": at[0]})
    one.synced(history={"enabled": False})
    one.becomes(set={"count": 11})
    one.synced()
    one.becomes(set={"count": 30, "last_calculation": at[1]})
    one.synced()
    one.becomes(set={"count": None})
    one.synced()
    one.becomes(delete=True)
    one.synced()
    sizes = f"select calculated_at, count from posthog.cohort_sizes where cohort_id = {one.ident} order by 1"
    kept = [(when.isoformat(), number) for when, number in one.scene.ask(sizes)]
    assert kept == [(at[0], 11), (at[1], 30)]
    run(one.scene.url, "drop table posthog.cohort_sizes")
    one.becomes(delete=True)
    one.synced()
    others = "select count(*) from posthog.cohorts where last_calculation is not null and count is not null"
    assert one.scene.ask("select count(*) from posthog.cohort_sizes") == one.scene.ask(others)
