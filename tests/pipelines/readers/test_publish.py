"""The copy for readers: when it is made, what is in it, and that whoever reads it never waits and never sees a half."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.attended import sync
from pipelines.check.warehouse import examine_warehouse
from pipelines.errors import UsageError
from pipelines.readers.publish import parquet_folder, publish
from pipelines.schedule.look import problem_of
from pipelines.settings import load
from pipelines.sync.selection import Selection
from sources.sandbox import Sandbox
from tests.harness.command import ROOT, hogsync
from tests.harness.scene import Scene
from tests.harness.stored import run

HERE: dict[str, Any] = {"projects": (101,)}
TABLES = ("cohorts", "users", "organization_members")
NO_CHOWN = ("setpriv", "--bounding-set=-chown")
"""Begins a command that may not give files to a group that is not its own, as in the units of systemd."""
needs_setpriv = pytest.mark.skipif(
    not (shutil.which("setpriv") and os.getuid() == 0),
    reason="only root can give a file to another group, and setpriv takes that right from a process",
)
PUBLISH = """
import json, sys
from pipelines.readers.publish import publish
from pipelines.settings import load
from tests.harness.doomed import Doom

order = json.loads(sys.argv[1])
Doom(order).watch()
print(*(one.text for one in publish(load(order["settings"]))))
"""
READ = """
import duckdb, os, sys, time

os.nice(10)
seen, parent = [], os.getppid()
while os.getppid() == parent:
    with duckdb.connect(sys.argv[1], read_only=True, config={"threads": 1}) as file:
        versions = {file.execute(sql).fetchall()[0][0] for sql in sys.argv[3:]}
        assert len(versions) == 1, versions
        seen += versions - set(seen[-1:])
    if seen[-1] == "last":
        break
    time.sleep(float(sys.argv[2]))
print(len(seen), sorted(set(seen)) == seen[:-1] + ["last"])
"""


@pytest.fixture(scope="module")
def original(company: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """A warehouse with people, made once."""
    company.rewind()
    folder = tmp_path_factory.mktemp("filled")
    scene = Scene(company, f"duckdb:///{folder / 'hogsync.duckdb'}", folder / "home")
    assert scene.sync(*TABLES, **HERE).exit_code == 0
    assert scene.sync(*TABLES, **HERE).exit_code == 0  # which notes what the first one wrote
    return scene


@pytest.fixture
def filled(original: Scene, file_scene: Scene) -> Scene:
    """A copy of it."""
    shutil.copyfile(file_of(original), file_of(file_scene))
    return file_scene


def file_of(scene: Scene) -> Path:
    return Path(scene.url.removeprefix("duckdb:///"))


def copy_of(scene: Scene) -> Path:
    return scene.home.with_name("read.duckdb")


def settings(scene: Scene, **more: Any) -> dict[str, Any]:
    return scene.settings(HOGSYNC_PUBLISH={"path": str(copy_of(scene)), **more})


def published(scene: Scene, **more: Any) -> Path:
    """The copy, which is up to date."""
    assert publish(load(settings(scene, **more))) == []
    return copy_of(scene)


def ask(file: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(file), read_only=True) as opened:
        return opened.execute(sql).fetchall()


def tables(file: Path, schema: str = "posthog") -> set[str]:
    sql = f"select table_name from information_schema.tables where table_schema = '{schema}'"
    return {name for (name,) in ask(file, sql)}


def change(scene: Scene, name: str) -> None:
    """A sync that has something to write."""
    ident = min(row["id"] for row in scene.posthog.rows("cohorts"))
    scene.posthog.edit("cohorts", where={"id": ident}, set={"name": name})
    assert scene.sync("cohorts", **HERE).exit_code == 0


def write(scene: Scene, name: str) -> None:
    """What such a sync leaves, without the time that it takes."""
    newest = "where id = (select min(id) from posthog.cohorts)"
    run(
        scene.url,
        "begin",
        f"update posthog.cohorts set name = '{name}', _synced_at = now() {newest}",
        f"update posthog.cohorts_history set name = '{name}', valid_from = now() {newest} and valid_to is null",
        f"insert or replace into posthog._hogsync_meta values ('changed', '{name}')",
        "commit",
    )


# --- what is in it


def test_a_copy_holds_the_rows_of_every_table_that_hogsync_made_and_nothing_of_dlt(filled: Scene) -> None:
    copy = published(filled)
    ours = {name for name in tables(file_of(filled)) if not name.startswith("_dlt")}
    assert tables(copy) == ours > {"people", "cohorts_history", "_hogsync_runs"}
    assert tables(copy, "posthog__hogsync_staging") == set()
    with duckdb.connect(str(copy), read_only=True) as opened:
        opened.execute(f"attach '{file_of(filled)}' as hogsync (read_only)")
        for table in ours:
            both = (f"from hogsync.posthog.{table}", f"from read.posthog.{table}")
            for one, other in (both, both[::-1]):
                assert opened.execute(f"{one} except all {other}").fetchall() == []
            first, second = (opened.execute(f"describe {one}").fetchall() for one in both)
            assert [column[:2] for column in first] == [column[:2] for column in second]


def test_objects_of_others_are_not_published_whatever_they_would_show(filled: Scene) -> None:
    run(filled.url, "create view posthog.mails as select email from posthog.people")
    run(filled.url, "create table posthog.notes as from posthog.mails")
    assert {"mails", "notes"}.isdisjoint(tables(published(filled)))


def test_nothing_of_a_table_that_is_left_out_stands_anywhere_in_the_files(filled: Scene) -> None:
    mails = [mail.encode() for (mail,) in ask(file_of(filled), "select email from posthog.people")]
    assert any(mail in published(filled).read_bytes() for mail in mails)
    copy = published(filled, without=["people"], parquet=True)
    assert {"people", "people_history"}.isdisjoint(tables(copy))
    for file in (copy, *parquet_folder(copy).rglob("*.parquet")):
        content = file.read_bytes()
        assert not [mail for mail in mails if mail in content], file


def test_older_readers_can_open_a_copy_if_the_settings_say_so(filled: Scene) -> None:
    given = settings(filled) | {"HOGSYNC_WAREHOUSE": {"storage_version": "v1.2.0"}}
    assert publish(load(given)) == []
    version = "select tags['storage_version'] from duckdb_databases() where database_name = 'read'"
    assert ask(copy_of(filled), version) == [("v1.2.0+",)]


def test_each_table_can_be_a_parquet_file_too(filled: Scene) -> None:
    folder = parquet_folder(published(filled, parquet=True))
    assert {file.stem for file in (folder / "posthog").iterdir()} == tables(copy_of(filled))
    in_file = ask(copy_of(filled), "select id, name, _synced_at from posthog.cohorts order by id")
    assert ask(
        copy_of(filled), f"select id, name, _synced_at from '{folder}/*/cohorts.parquet' order by id"
    ) == (in_file)
    published(filled, parquet=True, without=["cohorts"])
    assert not list(folder.rglob("cohort*"))


def test_all_connections_are_in_one_copy(company: Sandbox, file_scene: Scene, monkeypatch: Any) -> None:
    monkeypatch.setenv("A_KEY", company.key)
    one = {"host": company.url, "key_env": "A_KEY", "projects": [101]}
    given = settings(file_scene) | {"HOGSYNC_CONNECTIONS": {"eu": one, "us": one}}
    for name in ("POSTHOG_HOST", "POSTHOG_PERSONAL_API_KEY"):
        del given[name]
    for settings_of_one in load(given).each_connection():
        assert sync(settings_of_one, Selection(tables=("cohorts",))).run.warnings == ()
        assert "cohorts" in tables(copy_of(file_scene), settings_of_one.dataset)
    assert tables(copy_of(file_scene), "posthog_eu") == tables(copy_of(file_scene), "posthog_us")


# --- when it is made


def test_a_copy_is_made_anew_only_if_something_changed_or_it_is_missing(filled: Scene) -> None:
    def made() -> tuple[Any, ...]:
        return ask(published(filled), "select published_at from _hogsync_published")[0]

    first = made()
    assert filled.sync(*TABLES, **HERE).exit_code == 0
    assert made() == first
    change(filled, "renamed")
    second = made()
    assert second > first
    assert ask(copy_of(filled), "select count(*) from posthog.cohorts where name = 'renamed'") == [(1,)]
    copy_of(filled).unlink()
    third = made()
    assert third > second
    copy_of(filled).write_bytes(b"no database")
    assert made() > third


def test_a_table_that_is_to_be_left_out_is_gone_from_the_copy_after_a_run_without_changes(
    filled: Scene,
) -> None:
    assert "people" in tables(published(filled))
    assert "people" not in tables(published(filled, without=["people"]))


def test_a_practice_run_publishes_nothing(file_scene: Scene) -> None:
    assert load(settings(file_scene)).for_sandbox("http://127.0.0.1:1", "phx_key").publish.path is None


def test_a_dry_run_publishes_nothing(filled: Scene) -> None:
    assert sync(load(settings(filled)), Selection(tables=("cohorts",), dry_run=True)).exit_code == 0
    assert not copy_of(filled).exists()


# --- readers


def test_who_has_a_copy_open_reads_on_while_a_new_one_appears(filled: Scene) -> None:
    sql = "select count(*) from posthog.cohorts where name = 'renamed'"
    with duckdb.connect(str(published(filled)), read_only=True) as reader:
        write(filled, "renamed")
        published(filled)
        assert reader.execute(sql).fetchall() == [(0,)]
        asked = [
            sys.executable,
            "-c",
            f"import duckdb; print(duckdb.connect('{copy_of(filled)}').sql(\"{sql}\"))",
        ]
        told = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
        assert "│            1 │" in told or " 1 " in told
    assert ask(copy_of(filled), sql) == [(1,)]


def test_a_copy_is_private_until_its_owner_lets_others_read_and_stays_so_then(filled: Scene) -> None:
    copy = published(filled)
    assert copy.stat().st_mode & 0o777 == 0o400
    copy.chmod(0o644)
    os.chown(copy, -1, 12345) if os.getuid() == 0 else None
    group = copy.stat().st_gid
    write(filled, "renamed")
    published(filled, parquet=True)
    for file in (copy, *parquet_folder(copy).rglob("*.parquet")):
        assert (file.stat().st_mode & 0o777, file.stat().st_gid) == (0o444, group)


@needs_setpriv
def test_a_copy_whose_group_may_not_be_kept_is_published_with_a_warning_and_not_for_another_group(
    filled: Scene,
) -> None:
    copy = published(filled)
    copy.chmod(0o444)
    os.chown(copy, -1, 12345)
    write(filled, "renamed")
    told = in_process(filled, first=NO_CHOWN)
    assert told.stdout.startswith(f"{copy} is up to date, but its former group cannot read it")
    assert (copy.stat().st_mode & 0o777, copy.stat().st_gid) == (0o404, os.getgid())
    assert ask(copy, "from posthog.cohorts where name = 'renamed'")


@needs_setpriv
def test_a_copy_has_the_group_of_a_folder_with_the_setgid_bit(filled: Scene) -> None:
    folder = copy_of(filled).parent
    os.chown(folder, -1, 12345)
    folder.chmod(0o2750)
    published(filled).chmod(0o440)
    write(filled, "renamed")
    told = in_process(filled, first=NO_CHOWN)
    assert told.stdout == "\n"
    assert (copy_of(filled).stat().st_mode & 0o777, copy_of(filled).stat().st_gid) == (0o440, 12345)
    assert ask(copy_of(filled), "from posthog.cohorts where name = 'renamed'")


@pytest.mark.fault("warehouse.copy_written_by_reader")
def test_what_a_reader_wrote_into_a_copy_does_not_keep_others_from_the_next(filled: Scene) -> None:
    copy = published(filled)
    copy.chmod(0o644)
    crash = "import duckdb, os; c = duckdb.connect('read.duckdb'); c.sql('create table mine as select 1'); os._exit(9)"
    subprocess.run([sys.executable, "-c", crash], cwd=copy.parent, check=False)
    assert copy.with_name(f"{copy.name}.wal").exists()
    write(filled, "renamed")
    assert "mine" not in tables(published(filled), "main")


@contextmanager
def readers(file: Path, number: int, *questions: str) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that open the file again and again until they have read the version `last`."""
    pause = str(number / 10)  # in which the others have the processors
    command = [sys.executable, "-c", READ, str(file), pause, *questions]
    pipes: dict[str, Any] = {
        "stdin": subprocess.DEVNULL,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
    }
    started = [subprocess.Popen(command, text=True, **pipes) for _ in range(number)]
    try:
        yield started
    finally:
        for one in started:
            one.kill()


def read_by_many(scene: Scene, number: int, runs: int, act: Callable[[Scene, str], None]) -> None:
    """Versions appear while readers look, and each of them meets only whole ones, in their order."""
    asked = (
        "select max_by(name, _synced_at) from posthog.cohorts",
        "select max_by(name, valid_from) from posthog.cohorts_history where valid_to is null",
    )
    act(scene, "0000")
    with readers(published(scene), number, *asked) as started:
        for version in (*range(1, runs), None):
            act(scene, "last" if version is None else f"{version:04}")
            published(scene)
        for one in started:
            out, err = one.communicate(timeout=60)
            assert (one.returncode, err) == (0, "")
            seen, in_order = out.split()
            assert int(seen) > 1
            assert in_order == "True"


def test_readers_never_meet_an_error_or_a_half_while_copies_appear(filled: Scene) -> None:
    read_by_many(filled, 3, 5, write)


@pytest.mark.soak("published")
def test_a_hundred_readers_meet_no_error_and_no_half_in_a_hundred_runs(filled: Scene) -> None:
    read_by_many(filled, 100, 100, change)


# --- trouble


def in_process(
    scene: Scene, limits: dict[str, Any] | None = None, first: Sequence[str] = (), **order: Any
) -> subprocess.CompletedProcess[str]:
    """Publish in a process of its own, which dies by an order or lives within limits."""
    words = {"settings": settings(scene), "place": "/", "kind": "none", "number": 1, **order}
    command = [sys.executable, "-c", PUBLISH, json.dumps(words)]
    if limits:
        command[1:1] = ["-m", "tests.harness.confined", json.dumps(limits), sys.executable]
    return subprocess.run([*first, *command], cwd=ROOT, capture_output=True, text=True, check=False)


DEATHS = {
    "while the tables are copied": {"kind": "statement", "of": "create table hogsync__copy", "number": 4},
    "before the copy takes its place": {"kind": "file", "of": "read.duckdb.publishing", "number": 2},
}


@pytest.mark.fault("warehouse.publish_killed")
@pytest.mark.parametrize("death", DEATHS.values(), ids=DEATHS)
def test_a_kill_leaves_the_former_copy_whole_and_the_next_run_publishes(filled: Scene, death: Any) -> None:
    former = published(filled).read_bytes()
    write(filled, "renamed")
    assert in_process(filled, **death).returncode == -9
    assert copy_of(filled).read_bytes() == former
    assert ask(published(filled), "from posthog.cohorts where name = 'renamed'")
    assert not list(copy_of(filled).parent.rglob("*publishing*"))


@pytest.mark.fault("warehouse.publish_disk_full")
def test_a_full_disk_leaves_the_former_copy_whole(filled: Scene) -> None:
    former = published(filled).read_bytes()
    write(filled, "renamed")
    told = in_process(filled, {"fsize": 1_000_000})
    assert told.stdout.startswith(f"{copy_of(filled)} is not up to date, and the next run publishes again: ")
    assert copy_of(filled).read_bytes() == former
    assert not list(copy_of(filled).parent.rglob("*publishing*"))


@pytest.mark.parametrize(("options", "code"), [((), 0), (("--strict",), 1)])
def test_trouble_with_the_copy_is_a_warning_of_a_run_that_is_well(
    filled: Scene, options: tuple[str, ...], code: int
) -> None:
    path = str(filled.home / "missing" / "read.duckdb")
    words = ("sync", "cohorts", "--project", "101", "--json", *options)
    done = hogsync(filled, *words, HOGSYNC_PUBLISH__PATH=path)
    told = json.loads(done.out)
    assert (done.code, told["status"]) == (code, "ok")
    assert [(one["table"], one["kind"]) for one in told["warnings"]] == [("", "not published")]
    assert path in done.err
    assert "\n" not in told["warnings"][0]["text"]
    sql = f"from posthog._hogsync_runs where run_id = '{told['run_id']}'"
    ((noted,),) = ask(Path(filled.url.removeprefix("duckdb:///")), f"select warnings {sql}")
    assert json.loads(noted) == told["warnings"]


def unfit(scene: Scene) -> dict[str, tuple[dict[str, Any], str]]:
    """Settings that cannot work, and how their refusals go on."""
    folder = scene.home.with_name("a folder")
    folder.mkdir()
    linked = scene.home.with_name("linked.duckdb")
    linked.symlink_to(file_of(scene))
    with duckdb.connect(folder / "own.duckdb") as own:
        own.execute("create table notes as select 1 as id")
    return {
        "the warehouse": ({"path": str(linked)}, "itself"),
        "a folder": ({"path": str(folder)}, "cannot be replaced"),
        "somebody's file": ({"path": str(folder / "own.duckdb")}, "tables that hogsync did not publish"),
        "no folder": ({"path": str(folder / "none" / "read.duckdb")}, "make that folder"),
        "a dataset's name": ({"path": str(folder / "posthog.duckdb")}, "have one name"),
        "no table": ({"path": str(folder / "read.duckdb"), "without": ["peopel"]}, "did you mean people"),
    }


@pytest.mark.fault("warehouse.publish_path_unfit")
def test_what_cannot_work_is_one_sentence_of_check_and_of_the_schedule_when_it_starts(filled: Scene) -> None:
    for given, sentence in unfit(filled).values():
        chosen = load(filled.settings(HOGSYNC_PUBLISH=given))
        refused = [one for one in examine_warehouse(chosen, TABLES) if one.exit_code]
        assert [one.exit_code for one in refused] == [2]
        assert sentence in refused[0].text
        problem = problem_of(chosen)
        assert isinstance(problem, UsageError)
        assert sentence in str(problem)
        assert publish(chosen)
    assert ask(filled.home.with_name("a folder") / "own.duckdb", "from notes") == [(1,)]


def test_an_empty_duckdb_file_is_replaced_by_the_copy(filled: Scene) -> None:
    duckdb.connect(copy_of(filled)).close()
    assert "cohorts" in tables(published(filled))


def test_a_postgres_needs_no_copy_and_says_so(postgres_url: str, tmp_path: Path) -> None:
    given = {"WAREHOUSE_URL": postgres_url, "HOGSYNC_PUBLISH": {"path": str(tmp_path / "read.duckdb")}}
    refused = [one.text for one in examine_warehouse(load(given), TABLES) if one.exit_code]
    assert len(refused) == 1
    assert "hogsync grant" in refused[0]


def test_check_says_where_readers_get_their_copy_and_leaves_nothing_there(filled: Scene) -> None:
    found = [one.text for one in examine_warehouse(load(settings(filled)), TABLES) if "Readers" in one.text]
    assert found == [f"Readers get the copy {copy_of(filled)} after each run that wrote rows."]
    assert not [file for file in copy_of(filled).parent.iterdir() if "read" in file.name]
