"""Every list of the catalogue, read in one sync: each row arrives once, below its parents, in the right types."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sources.posthog.catalogue import ENDPOINTS
from sources.sandbox import Sandbox
from tests.harness.differences import differences
from tests.harness.expected import KEYS, Tables
from tests.harness.postgres import Server
from tests.harness.scene import Scene, written
from tests.harness.stored import types

DECLARED = tuple(table for table in ENDPOINTS if table not in KEYS)
"""What the sandbox answers by its declaration."""
TYPES = {
    "bigint": "bigint",
    "text": "character varying",
    "bool": "boolean",
    "timestamp": "timestamp with time zone",
    "double": "double precision",
    "json": "jsonb",
}


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def read(
    request: pytest.FixtureRequest, company: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    """A warehouse after one sync of every list, and what it must hold."""
    company.rewind("")
    folder: Path = tmp_path_factory.mktemp("catalogue")
    if request.param == "duckdb":
        yield synced(Scene(company, f"duckdb:///{folder / 'hogsync.duckdb'}", folder / "home"))
        return
    server: Server = request.getfixturevalue("postgres_server")
    with server.database("catalogue") as url:
        yield synced(Scene(company, url, folder / "home"))


def synced(scene: Scene) -> Scene:
    outcome = scene.sync(*DECLARED)
    assert {one.table: one.status for one in outcome.tables if one.status != "loaded"} == {}
    scene.learn(scene.truth(*DECLARED))
    return scene


@pytest.fixture(scope="module")
def held(read: Scene) -> Tables:
    return read.stored()


@pytest.mark.parametrize("table", DECLARED)
def test_every_row_of_every_list_arrives_once_with_all_that_it_holds(
    read: Scene, held: Tables, table: str
) -> None:
    names = [name for name in {**read.known, **held} if name.partition("__")[0] == table]
    own, there = ({name: tables.get(name, {}) for name in names} for tables in (read.known, held))
    assert own[table], "a list without rows shows nothing"
    assert differences(own, there) == ""


@pytest.mark.parametrize("table", DECLARED)
def test_every_column_has_its_declared_type(read: Scene, table: str) -> None:
    endpoint, made = ENDPOINTS[table], types(read.url)[table]
    stored = [one for one in endpoint.fields if one.role in {"value", "person", "reference"}]
    expected = {one.column: TYPES[one.type] for one in stored if one.privacy != "customer"}
    assert {name: made.get(name) for name in expected} == expected


def test_people_are_those_whom_any_row_names(read: Scene, held: Tables) -> None:
    assert differences({"people": read.known["people"]}, {"people": held["people"]}) == ""


def test_a_second_sync_of_every_list_writes_nothing(read: Scene) -> None:
    assert written(read.sync(*DECLARED)) == 0
