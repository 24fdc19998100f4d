"""A new machine, an older backup, forgotten places: the warehouse says how it goes on."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipelines.backfill import estimate
from pipelines.reset import reset
from pipelines.settings import load
from sources.sandbox import Sandbox
from tests.harness.command import hogsync
from tests.harness.long_lists import many_comments
from tests.harness.scene import Scene, of, written
from tests.harness.stored import run

HERE: dict[str, Any] = {"projects": (103,)}


def test_a_machine_with_an_empty_home_goes_on_where_the_other_left_off(
    file_scene: Scene, posthog: Sandbox, tmp_path: Path
) -> None:
    many_comments(posthog)
    first = of(file_scene.sync("comments", **HERE), "comments")
    other = replace(file_scene, home=tmp_path / "another machine")
    again = other.sync("comments", **HERE)
    assert (written(again), of(again, "comments").requests < first.requests) == (0, True)


def test_a_restored_backup_is_noticed_and_all_is_read_again(file_scene: Scene, posthog: Sandbox) -> None:
    many_comments(posthog)
    file = Path(file_scene.url.removeprefix("duckdb:///"))
    first = of(file_scene.sync("comments", **HERE), "comments")
    shutil.copy(file, file.with_suffix(".backup"))
    posthog.edit("comments", insert=[{"content": "after the backup"}], parents={"project_id": 103})
    file_scene.sync("comments", **HERE)
    shutil.copy(file.with_suffix(".backup"), file)

    outcome = file_scene.sync("comments", **HERE)
    assert [(one.table, one.kind) for one in outcome.run.warnings] == [("", "older warehouse")]
    restored = of(outcome, "comments")
    assert restored.complete
    assert restored.requests >= first.requests
    file_scene.learn(file_scene.truth("comments", **HERE))
    assert file_scene.wrong() == ""
    outcome = file_scene.sync("comments", **HERE)
    assert of(outcome, "comments").requests < first.requests
    assert outcome.run.warnings == (), "once is enough"


def test_lists_that_the_first_run_after_a_restored_backup_left_out_are_read_in_full_later(
    file_scene: Scene, posthog: Sandbox
) -> None:
    many_comments(posthog)
    file = Path(file_scene.url.removeprefix("duckdb:///"))
    first = of(file_scene.sync("comments", **HERE), "comments")
    shutil.copy(file, file.with_suffix(".backup"))
    file_scene.sync("cohorts", **HERE)
    shutil.copy(file.with_suffix(".backup"), file)
    file_scene.sync("cohorts", full=True, **HERE)
    later = of(file_scene.sync("comments", **HERE), "comments")
    assert later.complete
    assert later.requests >= first.requests


@pytest.mark.soak("stories")
def test_two_warehouses_of_one_home_are_kept_apart(
    file_scene: Scene, posthog: Sandbox, tmp_path: Path
) -> None:
    many_comments(posthog)
    other = replace(file_scene, url=f"duckdb:///{tmp_path / 'other.duckdb'}")
    first = of(file_scene.sync("comments", **HERE), "comments")
    assert of(other.sync("comments", **HERE), "comments").complete, "the one's places are not the other's"
    for one in (file_scene, other, file_scene):
        again = of(one.sync("comments", **HERE), "comments")
        assert (again.counts.written, again.requests < first.requests) == (0, True)


def test_a_damaged_memory_of_warehouses_is_begun_anew(file_scene: Scene, posthog: Sandbox) -> None:
    file_scene.sync("group_types")
    (file_scene.home / "warehouses.json").write_text("{", "utf-8")
    assert file_scene.sync("group_types").exit_code == 0
    assert file_scene.sync("group_types").exit_code == 0


def test_forgotten_places_make_the_next_sync_read_in_full_and_keep_what_protects_rows(
    file_scene: Scene, posthog: Sandbox
) -> None:
    many_comments(posthog)
    first = of(file_scene.sync("comments", **HERE), "comments")
    rows = file_scene.stored()
    said = reset(load(file_scene.settings()), ("comments",))
    assert said == "Forgotten how far 1 list was read. The next sync reads in full; no row was touched."
    assert file_scene.stored() == rows
    seen_by = "select distinct fingerprint is null from posthog._hogsync_paths where table_name = 'comments'"
    assert file_scene.ask(seen_by) == [(False,)]
    again = of(file_scene.sync("comments", **HERE), "comments")
    assert (again.complete, again.requests) == (True, first.requests)


@pytest.mark.soak("stories")
def test_a_lost_hash_key_is_replaced_by_a_persons_word(file_scene: Scene, posthog: Sandbox) -> None:
    file_scene.sync("subscriptions")
    new: dict[str, Any] = {"HOGSYNC_HASH_KEY": "another hash key of the tests, forty letters"}
    refused = hogsync(file_scene, "sync", "subscriptions", **new)
    assert "hashed with another HOGSYNC_HASH_KEY" in refused.refusal(2)
    assert hogsync(file_scene, "reset", "--hash-key", "--yes", **new).code == 0
    done = hogsync(file_scene, "sync", "subscriptions", **new)
    assert done.code == 0, done.err
    refused = hogsync(file_scene, "sync", "subscriptions")
    assert "hashed with another HOGSYNC_HASH_KEY" in refused.refusal(2), "now the former key is the other one"


@pytest.mark.fault("access.posthog_moved")
def test_a_posthog_that_moved_goes_on_by_a_persons_word_and_ends_nothing_unasked(
    file_scene: Scene, posthog: Sandbox
) -> None:
    file_scene.sync("cohorts")
    file_scene.learn(file_scene.truth("cohorts"))
    moved: dict[str, Any] = {"POSTHOG_HOST": posthog.url.replace("127.0.0.1", "localhost")}
    refused = hogsync(file_scene, "sync", "cohorts", **moved).refusal(2)
    assert "if the same PostHog has moved there, say so by `hogsync reset --origin`" in refused
    assert hogsync(file_scene, "reset", "--origin", "--yes", **moved).code == 0
    assert "holds the PostHog at http://localhost" in hogsync(file_scene, "sync", "cohorts").refusal(2)
    assert hogsync(file_scene, "sync", "cohorts", **moved).code == 0
    assert file_scene.wrong() == ""


@pytest.mark.fault("access.posthog_moved")
def test_another_posthog_that_is_taken_for_the_moved_one_ends_no_row(
    file_scene: Scene, posthog: Sandbox
) -> None:
    file_scene.sync("cohorts")
    before = file_scene.rows("cohorts", dead=True)
    assert posthog.edit("cohorts", where={"is_static": True}, delete=True) > 0
    moved = replace(file_scene, posthog=replace(posthog, url=posthog.url.replace("127.0.0.1", "localhost")))
    reset(load(moved.settings()), (), origin=True)
    for _ in range(2):
        assert "deletes held" in {one.kind for one in moved.sync("cohorts").run.warnings}
        assert moved.rows("cohorts", dead=True) == before
    moved.sync("cohorts", accept_deletes=True)
    assert moved.rows("cohorts", dead=True) != before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("backfill", "comments", "--from", "yesterday"), "--from is 'yesterday', but must be"),
        (("backfill", "comments", "--from", "2126-01-01"), "is in the future"),
        (("backfill", "comments", "--from", "2026-01-02", "--to", "2026-01-01"), "is before --from"),
        (("backfill", "coments", "--from", "2026-01-01"), "did you mean comments?"),
        (("backfill", "comments"), "See `hogsync backfill --help`."),
        (("backfill", "--from", "2026-01-01"), "TABLE"),
        (("backfill", "comments", "cohorts", "--from", "30d"), "means nothing for cohorts"),
        (("reset",), "Name the tables to forget"),
        (("reset", "coments"), "did you mean comments?"),
        (("reset", "comments"), "add `--yes`"),
        (("reset", "comments", "--yes"), "There is no warehouse"),
    ],
)
def test_what_makes_no_sense_is_one_sentence_and_exit_2(
    file_scene: Scene, words: tuple[str, ...], said: str
) -> None:
    assert said in hogsync(file_scene, *words).refusal(2)


def test_a_dry_backfill_says_what_it_will_take_and_asks_nothing(file_scene: Scene, posthog: Sandbox) -> None:
    unknown = estimate(load(file_scene.settings()), ("comments",))
    assert "is unknown" in str(unknown)
    file_scene.sync("comments")
    posthog.clear_requests()
    words = ("backfill", "comments", "--from", "2026-01-01", "--dry-run")
    done = hogsync(file_scene, *words)
    assert done.code == 0
    assert done.out.startswith("Up to about "), done.out
    bounded = hogsync(file_scene, *words, HOGSYNC_RATE__PER_MINUTE="1")
    requests = int(bounded.out.split()[3])
    assert f"about {requests} minutes" in bounded.out, bounded.out
    assert not posthog.requests()


@pytest.mark.soak("stories")
@pytest.mark.parametrize("more", [(), ("--project", "101")])
def test_a_backfill_of_everything_takes_about_as_many_requests_as_was_said_and_no_more(
    file_scene: Scene, posthog: Sandbox, more: tuple[str, ...]
) -> None:
    words = ("backfill", "comments", "--from", "2000-01-01", *more)
    file_scene.sync("comments")
    told = json.loads(hogsync(file_scene, *words, "--dry-run", "--json").out)["requests"]
    posthog.clear_requests()
    assert hogsync(file_scene, *words).code == 0
    assert 0 <= told - len(posthog.requests()) <= 2


def never_had(scene: Scene, table: str, column: str) -> None:
    """As a hogsync leaves it whose catalogue does not know the column."""
    run(scene.url, f"alter table posthog.{table} drop column {column}")
    run(scene.url, f"update posthog.{table} set _row_hash = 'of an older hogsync'")
    made = "select version_hash, schema from posthog._dlt_version where schema_name = 'posthog'"
    for version, text in scene.ask(made):
        schema = json.loads(text)
        schema["tables"].get(table, {}).get("columns", {}).pop(column, None)
        older = json.dumps(schema).replace("'", "''")
        run(scene.url, f"update posthog._dlt_version set schema = '{older}' where version_hash = '{version}'")


def test_a_column_that_the_catalogue_got_later_comes_to_lists_that_its_first_run_left_out(
    file_scene: Scene, posthog: Sandbox
) -> None:
    many_comments(posthog)
    file_scene.sync("comments")
    never_had(file_scene, "comments", "version")
    file_scene.sync("comments", projects=(101,))
    first = of(file_scene.sync("comments"), "comments")
    file_scene.learn(file_scene.truth("comments"))
    assert file_scene.wrong() == ""
    assert of(file_scene.sync("comments"), "comments").pages < first.pages, "once is enough"
