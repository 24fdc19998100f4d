"""Which tables a sync makes and fills: selections, empty lists, and the books that it keeps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipelines.errors import UsageError
from sources.posthog.catalogue import ENDPOINTS, PEOPLE, stamp_types
from sources.sandbox import Sandbox
from tests.harness.expected import CORE
from tests.harness.scene import Scene, of
from tests.harness.stored import types

BOOKS = {
    "_hogsync_meta": "key value",
    "_hogsync_runs": "run_id started_at finished_at status trigger version error warnings",
    "_hogsync_run_tables": "run_id table_name status paths paths_complete paths_unavailable paths_failed paths_spared "
    "paths_postponed requests pages pages_again rows_read inserted updated deleted deletes_held complete watermark "
    "detail",
    "_hogsync_paths": "path table_name watermark open_floor last_walk_at last_complete_at first_complete_at "
    "fingerprint rows gap held moved page_size",
}
STAMPS = {
    "_synced_at": "timestamp with time zone",
    "_deleted_at": "timestamp with time zone",
    "_row_hash": "character varying",
    "_dlt_load_id": "character varying",
}
WORDS = {
    "bigint": "bigint",
    "text": "character varying",
    "bool": "boolean",
    "timestamp": "timestamp with time zone",
    "double": "double precision",
    "json": "jsonb",
}
EMPTY_PROJECT = 103


def test_an_empty_list_has_its_table_with_every_column_of_the_same_type_on_both_databases(
    posthog: Sandbox, tmp_path: Path, postgres_url: str
) -> None:
    urls = (f"duckdb:///{tmp_path / 'hogsync.duckdb'}", postgres_url)
    scenes = [Scene(posthog, url, tmp_path / "home") for url in urls]
    for scene in scenes:
        assert scene.sync(projects=(EMPTY_PROJECT,)).exit_code == 0
        assert (
            scene.rows("comments") == scene.rows("cohorts") == scene.rows("subscriptions__recipients") == {}
        )
        made = types(scene.url)
        for table, columns in declared().items():
            found = made[table]
            assert {name: found.get(name) for name in columns} == columns, table
            assert list(found)[-len(STAMPS) :] == list(STAMPS), table
    assert types(scenes[0].url) == types(scenes[1].url)
    scenes[0].learn(scenes[0].truth(projects=(EMPTY_PROJECT,)))
    scenes[1].known = scenes[0].known
    assert [scene.wrong() for scene in scenes] == ["", ""]


def declared() -> dict[str, dict[str, str]]:
    """Every table and column that the catalogue promises under the default settings."""
    tables: dict[str, dict[str, str]] = {}
    for endpoint in (*(ENDPOINTS[e] for e in CORE if e != "subscription_deliveries"), PEOPLE):
        columns: dict[str, Any] = {**stamp_types(endpoint)} if endpoint.paths else {}
        kept = [field for field in endpoint.fields if field.privacy != "customer"]
        columns |= {field.name: field.type for field in kept if field.role == "value"}
        columns |= {f"{field.name}_id": field.type for field in kept if field.role in ("person", "reference")}
        tables[endpoint.table] = {name: WORDS[type_] for name, type_ in columns.items()} | STAMPS
        for field in endpoint.fields:
            if field.role == "items":
                child = {name: columns[name] for name in endpoint.key} | {
                    "position": "bigint",
                    "value": field.type,
                }
                tables[f"{endpoint.table}__{field.name}"] = {n: WORDS[t] for n, t in child.items()} | STAMPS
    return tables


def test_an_empty_list_has_an_empty_history(scene: Scene, posthog: Sandbox) -> None:
    scene.sync("cohorts", "group_types", projects=(EMPTY_PROJECT,))
    made = types(scene.url)
    assert scene.ask("select count(*) from posthog.group_types_history") == [(0,)]
    own = {name: type_ for name, type_ in made["cohorts"].items() if name not in STAMPS}
    span = {"valid_from": made["cohorts"]["_synced_at"], "valid_to": made["cohorts"]["_synced_at"]}
    assert made["cohorts_history"] == {
        **own,
        "experiment_set": "jsonb",
        **span,
        "op": made["cohorts"]["name"],
    }


def test_a_child_that_is_selected_brings_its_parents_and_nothing_else(
    file_scene: Scene, posthog: Sandbox
) -> None:
    outcome = file_scene.sync("subscription_deliveries", projects=(201,))
    made = {table.partition("__")[0] for table in types(file_scene.url) if not table.startswith("_")}
    read = {"organizations", "projects", "subscriptions", "subscription_deliveries", "people"}
    assert made == read | {"organizations_history", "projects_history", "subscriptions_history"}
    assert {result.table for result in outcome.tables} == read
    file_scene.learn(file_scene.truth("subscription_deliveries", projects=(201,)))
    assert file_scene.wrong() == ""
    asked = {request["path"].split("?")[0] for request in posthog.requests()}
    assert all(
        "/projects/201/" in path for path in asked if "/projects/" in path and "/organizations/" not in path
    )


def test_a_project_that_the_key_does_not_reach_is_named(file_scene: Scene) -> None:
    with pytest.raises(UsageError, match="999"):
        file_scene.sync("cohorts", projects=(999,))


def test_the_books_have_their_columns_and_agree_with_the_outcome(scene: Scene, posthog: Sandbox) -> None:
    outcomes = [scene.sync("cohorts", "subscription_deliveries", projects=(101,)) for _ in range(2)]
    made = types(scene.url)
    for table, columns in BOOKS.items():
        assert made[table].keys() == set(columns.split()), table
    for outcome in outcomes:
        run = outcome.run
        assert scene.ask(
            f"select started_at, finished_at, status, trigger, version, error from posthog._hogsync_runs "
            f"where run_id = '{run.run_id}'"
        ) == [(run.started_at, run.finished_at, run.status, run.trigger, run.version, run.error)]
        assert run.started_at < run.finished_at
        stored = scene.ask(
            "select table_name, status, requests, pages, pages_again, rows_read, inserted, updated, deleted, "
            "deletes_held, complete, coalesce(detail, '') from posthog._hogsync_run_tables "
            f"where run_id = '{run.run_id}' order by 1"
        )
        assert stored == sorted(
            (
                result.table,
                result.status,
                result.requests,
                result.pages,
                result.pages_again,
                result.rows_read,
                result.counts.inserted,
                result.counts.updated,
                result.counts.deleted,
                result.deletes_held,
                result.complete,
                result.detail,
            )
            for result in outcome.tables
        )
    assert of(outcomes[0], "cohorts").counts.inserted == len(scene.rows("cohorts"))
    meta = dict(scene.ask("select key, value from posthog._hogsync_meta"))
    assert meta["origin"] == posthog.url
    assert meta.keys() >= {"schema_version", "origin", "hogsync_version"}
    paths = scene.ask(
        "select path, rows, last_complete_at, gap, held from posthog._hogsync_paths where table_name = 'cohorts'"
    )
    living = len(scene.rows("cohorts", dead=False))
    assert paths == [("projects/101/cohorts/", living, outcomes[1].run.started_at, 0, 0)]


def test_a_dry_run_writes_nothing_at_all(file_scene: Scene) -> None:
    outcome = file_scene.sync("cohorts", projects=(101,), dry_run=True)
    assert of(outcome, "cohorts").counts.inserted > 0
    assert not Path(file_scene.url.removeprefix("duckdb:///")).exists()
