"""What a role can do in Postgres after `hogsync grant`, tried as that role."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from typing import Any

import psycopg2
import pytest

from destinations.reader_grants import Rights
from pipelines.errors import UsageError, WarehouseProblem
from pipelines.readers.grant import excess, grant
from pipelines.settings import load
from tests.harness.command import hogsync
from tests.harness.postgres import Server
from tests.harness.scene import Scene
from tests.harness.stored import run, types

DENIED = psycopg2.errors.InsufficientPrivilege
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Reader:
    """A role that may connect, and nothing else, and a warehouse."""

    scene: Scene
    server: Server
    name: str

    def granted(self, *without: str, apply: bool = True) -> list[str]:
        return grant(load(self.scene.settings()), self.name, without, apply=apply)

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """What the warehouse answers to the role."""
        database = self.scene.url.rpartition("/")[2]
        url = self.server.url(database, user=self.name.replace(" ", "%20").replace('"', "%22"), password="x")
        with closing(psycopg2.connect(url)) as session, session.cursor() as cursor:
            cursor.execute(sql)
            found = list(cursor.fetchall()) if cursor.description else []
            session.commit()
            return found

    def reads(self) -> set[str]:
        """The tables that the role can read."""
        return {table for table in types(self.scene.url) if self._reads(table)}

    def _reads(self, table: str) -> bool:
        try:
            self.ask(f'select count(*) from posthog."{table}"')
        except DENIED:
            return False
        return True


@pytest.fixture
def reader(served: Scene, postgres_server: Server) -> Iterator[Reader]:
    """A role of an awkward name beside a warehouse that holds people."""
    name = f'read "all" {next(_numbers)}'
    quoted = '"' + name.replace('"', '""') + '"'
    postgres_server.execute(f"create role {quoted} login password 'x'")
    yield Reader(served, postgres_server, name)
    postgres_server.execute(f"drop owned by {quoted}", served.url.rpartition("/")[2])
    postgres_server.execute(f"drop role {quoted}")


def ours(reader: Reader) -> set[str]:
    return {table for table in types(reader.scene.url) if not table.startswith("_dlt")}


def of(reader: Reader) -> str:
    """The role's name in SQL."""
    return '"' + reader.name.replace('"', '""') + '"'


def test_a_role_reads_every_table_that_hogsync_made_and_can_change_nothing(reader: Reader) -> None:
    assert reader.reads() == set()
    reader.granted()
    assert reader.reads() == ours(reader) > {"people", "event_definitions_history", "_hogsync_runs"}
    for sql in (
        "delete from posthog.people",
        "update posthog.people set email = null",
        "insert into posthog.event_definitions default values",
        "create table posthog.mine (id int)",
        "select * from posthog__hogsync_staging.event_definitions",
    ):
        with pytest.raises(DENIED):
            reader.ask(sql)


def test_tables_that_a_later_sync_creates_can_be_read_too(reader: Reader) -> None:
    reader.granted()
    assert reader.scene.sync("cohorts", projects=(101,)).exit_code == 0
    assert "cohorts" in reader.reads()


def test_a_withheld_table_cannot_be_read_nor_what_is_derived_from_it_now_and_later(reader: Reader) -> None:
    reader.granted("people", "event_definitions", "cohorts")
    withheld = {"people", "event_definitions", "event_definitions_history", "event_definitions__tags"}
    assert reader.reads() == ours(reader) - withheld
    assert reader.scene.sync("cohorts", projects=(101,)).exit_code == 0
    assert not {table for table in reader.reads() if table.startswith("cohort")}


def test_a_grant_that_is_repeated_takes_back_what_an_earlier_one_gave(reader: Reader) -> None:
    run(reader.scene.url, f"grant insert (id) on posthog.people to {of(reader)}")
    reader.granted()
    assert reader.granted() == reader.granted()
    reader.granted("people")
    assert reader.reads() == ours(reader) - {"people"}
    run(reader.scene.url, "create table posthog.people_of_later (id int)")  # by default privileges no longer
    assert "people_of_later" not in reader.reads()
    reader.granted()
    assert "people" in reader.reads()


def test_without_apply_the_statements_are_only_printed_and_do_the_same_elsewhere(reader: Reader) -> None:
    statements = reader.granted("people", apply=False)
    assert reader.reads() == set()
    run(reader.scene.url, *statements)
    assert reader.reads() == ours(reader) - {"people"}


@pytest.mark.fault("warehouse.grant_beyond")
def test_a_right_that_cannot_be_taken_away_is_told_and_nothing_is_changed(reader: Reader) -> None:
    run(
        reader.scene.url,
        "grant usage on schema posthog to public",
        "grant select on posthog.people to public",
    )
    with pytest.raises(WarehouseProblem, match="could still read people"):
        reader.granted("people")
    assert reader.reads() == {"people"}
    reader.server.execute(f"alter role {of(reader)} superuser")
    with pytest.raises(WarehouseProblem, match="as a superuser"):
        reader.granted()


def test_a_role_that_may_not_grant_is_told_who_can(reader: Reader) -> None:
    writer = f"writer_{next(_numbers)}"
    reader.server.execute(f"create role {writer} login password 'x'")
    run(reader.scene.url, f"grant usage, create on schema posthog to {writer}")
    run(reader.scene.url, f"grant select on all tables in schema posthog to {writer}")
    url = reader.server.url(reader.scene.url.rpartition("/")[2], user=writer, password="x")
    with pytest.raises(WarehouseProblem, match="let the owner of the schema and its tables run"):
        grant(load({**reader.scene.settings(), "WAREHOUSE_URL": url}), reader.name, (), apply=True)
    assert reader.reads() == set()
    reader.server.execute(f"drop owned by {writer}", reader.scene.url.rpartition("/")[2])
    reader.server.execute(f"drop role {writer}")


def test_a_role_that_does_not_exist_or_that_writes_is_refused(reader: Reader) -> None:
    settings = load(reader.scene.settings())
    owner = reader.scene.url.partition("//")[2].partition(":")[0]
    for role, sentence in (("nobody here", "no role 'nobody here'"), (owner, "writes the dataset")):
        with pytest.raises(UsageError, match=sentence):
            grant(settings, role, (), apply=True)


def test_a_misspelt_table_is_refused_before_anything_is_granted(reader: Reader) -> None:
    with pytest.raises(UsageError, match="did you mean people"):
        reader.granted("peopel")
    assert reader.reads() == set()


def test_duckdb_has_no_grants_and_says_what_to_do_instead(file_scene: Scene) -> None:
    done = hogsync(file_scene, "grant", "reader", "--without", "people")
    assert (done.code, done.out) == (2, "")
    assert "[publish] path" in done.err
    assert done.err.count("\n") == 1


def test_the_command_grants_for_every_connection_and_says_what_it_cannot(reader: Reader) -> None:
    variables: dict[str, Any] = {"POSTHOG_HOST": None, "POSTHOG_PERSONAL_API_KEY": None}
    for name, dataset in (("EU", "posthog"), ("US", "posthog_us")):
        variables[f"HOGSYNC_CONNECTIONS__{name}__DATASET"] = dataset
    words = ("grant", reader.name, "--without", "people", "--apply")
    missing = hogsync(reader.scene, *words, "--connection", "us", **variables)
    assert (missing.code, missing.out) == (2, "")
    assert "no dataset posthog_us yet" in missing.err
    variables["HOGSYNC_CONNECTIONS__ASIA__DATASET"] = "posthog_asia"
    some = hogsync(reader.scene, *words, **variables)
    assert (some.code, some.out.count("commit;\n")) == (2, 1)
    assert {"[asia] The", "[us] The"} <= {line.partition(" warehouse")[0] for line in some.err.splitlines()}
    assert "run this command again" in some.err
    del variables["HOGSYNC_CONNECTIONS__ASIA__DATASET"]
    run(
        reader.scene.url,
        "create schema posthog_us",
        "create table posthog_us._hogsync_meta (key text, value text)",
    )
    done = hogsync(reader.scene, *words, **variables)
    assert done.code == 0
    assert done.out.count("begin;\n") == done.out.count("commit;\n") == 2
    assert "run this command again" in done.err
    assert reader.reads() == ours(reader) - {"people"}
    assert reader.ask("select count(*) from posthog_us._hogsync_meta") == [(0,)]


def test_rights_beyond_reading_are_named() -> None:
    now = {"cohorts": Rights(reads=True, writes=True), "people": Rights(reads=True, writes=False)}
    assert list(excess(now, ["cohorts"], ["people"])) == ["write to cohorts", "read people"]
    assert list(excess(now, ["people"], [])) == []
