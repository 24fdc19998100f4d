"""Clocks that were wrong, machines that are new, warehouses of another day or another version."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sources.sandbox import Sandbox
from tests.harness.books import books
from tests.harness.changes import (
    COHORTS,
    DELIVERIES,
    EVENTS,
    PROJECT,
    definitions,
    deliveries,
    kept_small,
)
from tests.harness.command import hogsync
from tests.harness.postgres import Server
from tests.harness.scene import Scene, written
from tests.harness.stored import run

pytestmark = pytest.mark.duckdb_first

HERE: dict[str, Any] = {"projects": (PROJECT,)}
WORDS = ("--project", str(PROJECT), "--quiet")
BOTH = (EVENTS, COHORTS, DELIVERIES)


@pytest.fixture(scope="module")
def beginning(company: Sandbox) -> str:
    """A small company."""
    return kept_small(company)


# -- the clock


@pytest.mark.fault("process.time_zone")
def test_the_time_zone_of_host_and_database_changes_nothing(
    scene: Scene, posthog: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGTZ", "Pacific/Kiritimati")
    assert hogsync(scene, "sync", *BOTH, *WORDS, TZ="America/St_Johns").code == 0
    scene.right(*BOTH, **HERE)
    if scene.url.startswith("postgres"):
        name = scene.url.rpartition("/")[2]
        run(scene.url, f"alter database {name} set timezone = 'Asia/Kathmandu'")
    before = scene.ask("select count(*) from posthog._dlt_loads")
    assert hogsync(scene, "sync", *BOTH, *WORDS, TZ="Pacific/Kiritimati").code == 0
    scene.right(*BOTH, **HERE)
    assert scene.ask("select count(*) from posthog._dlt_loads") == before, "nothing was written anew"


# -- the machine and the warehouse


@pytest.mark.fault("process.machine_replaced")
def test_a_new_machine_reads_on_where_the_old_one_stood(file_scene: Scene, posthog: Sandbox) -> None:
    file_scene.settle(*BOTH, **HERE)
    usual = file_scene.sync(*BOTH, **HERE)
    shutil.rmtree(file_scene.home)
    outcome = file_scene.sync(*BOTH, **HERE)
    assert (written(outcome), outcome.requests) == (0, usual.requests)
    shutil.rmtree(file_scene.home)
    definitions(posthog)
    deliveries(posthog)
    file_scene.settle(*BOTH, **HERE)


@pytest.mark.fault("process.hash_key_lost")
def test_a_machine_without_the_hash_key_is_refused_with_the_remedy(file_scene: Scene) -> None:
    assert hogsync(file_scene, "sync", DELIVERIES, *WORDS, HOGSYNC_HASH_KEY=None).code == 0
    file_scene.home.rename(file_scene.home.with_name("old home"))
    before = file_scene.stored()
    done = hogsync(file_scene, "sync", DELIVERIES, *WORDS, HOGSYNC_HASH_KEY=None)
    assert (done.code, "put the former key back" in done.said) == (2, True)
    assert file_scene.stored() == before


@contextmanager
def backup(scene: Scene, server: Callable[[], Server]) -> Iterator[Callable[[], None]]:
    """A copy of the warehouse as it is; call it to put it back."""
    if scene.url.startswith("duckdb:///"):
        file = Path(scene.url.removeprefix("duckdb:///"))
        shutil.copy(file, "backup.duckdb")
        yield lambda: (shutil.copy("backup.duckdb", file), None)[1]
        return
    name, postgres = scene.url.rpartition("/")[2], server()
    postgres.execute(f"create database {name}_backup template {name}")

    def restore() -> None:
        postgres.execute(f"drop database {name} with (force)")
        postgres.execute(f"alter database {name}_backup rename to {name}")

    yield restore


@pytest.mark.fault("process.restored")
def test_after_a_warehouse_is_restored_what_happened_since_is_read_again(
    scene: Scene, posthog: Sandbox, request: pytest.FixtureRequest
) -> None:
    scene.settle(*BOTH, **HERE)
    old = dict(scene.known)
    with backup(scene, lambda: request.getfixturevalue("postgres_server")) as restore:
        for change in (definitions, deliveries):
            change(posthog)
            scene.settle(*BOTH, **HERE)
        restore()
    scene.known = old
    assert scene.wrong() == ""
    scene.settle(*BOTH, **HERE)
    assert books(scene.url).unsound() == []


# -- other versions


@pytest.mark.fault("process.newer_hogsync")
def test_a_warehouse_of_a_newer_hogsync_is_left_alone(scene: Scene, posthog: Sandbox) -> None:
    scene.settle(COHORTS, **HERE)
    definitions(posthog)
    run(
        scene.url,
        "update posthog._hogsync_meta set value = '99' where key = 'schema_version'",
        "update posthog._hogsync_meta set value = '7.0' where key = 'hogsync_version'",
    )
    before = books(scene.url)
    done = hogsync(scene, "sync", COHORTS, *WORDS)
    assert (done.code, "written by a newer hogsync (7.0); upgrade" in done.said) == (2, True)
    assert (scene.wrong(), books(scene.url)) == ("", before)


@pytest.mark.fault("process.older_hogsync")
def test_bookkeeping_that_lacks_later_columns_is_completed(scene: Scene, posthog: Sandbox) -> None:
    scene.settle(COHORTS, **HERE)
    run(
        scene.url,
        "alter table posthog._hogsync_run_tables drop column watermark",
        "alter table posthog._hogsync_run_tables drop column detail",
        "alter table posthog._hogsync_runs drop column error",
        "drop table posthog._hogsync_held",
    )
    definitions(posthog)
    scene.settle(COHORTS, **HERE)
    assert scene.ask("select count(*), count(error) from posthog._hogsync_runs") == [(2, 0)]
    assert books(scene.url).unsound() == []


@pytest.mark.fault("process.newer_dlt")
def test_a_schema_of_a_newer_dlt_is_a_sentence_and_nothing_is_touched(scene: Scene, posthog: Sandbox) -> None:
    scene.settle(COHORTS, **HERE)
    for ident, schema in scene.ask("select version_hash, schema from posthog._dlt_version"):
        newer = json.dumps(json.loads(schema) | {"engine_version": 999}).replace("'", "''")
        run(
            scene.url,
            f"update posthog._dlt_version set engine_version = 999, schema = '{newer}' "
            f"where version_hash = '{ident}'",
        )
    definitions(posthog)
    done = hogsync(scene, "sync", COHORTS, *WORDS)
    assert done.code == 4, done
    assert done.said
    assert scene.wrong() == ""


WORD = struct.Struct("<Q")
MIXED = 0xBF58476D1CE4E5B9
"""DuckDB's checksum of a block is the exclusive or of its words, each times this."""


def newer(content: bytearray) -> bytes:
    """The file as a DuckDB of a far future would mark it."""
    assert content[8:12] == b"DUCK"
    before = [WORD.unpack_from(content, at)[0] for at in (8, 16)]
    WORD.pack_into(content, 12, 9999)
    (checksum,) = WORD.unpack_from(content)
    for at, word in zip((8, 16), before, strict=True):
        checksum ^= (word * MIXED ^ WORD.unpack_from(content, at)[0] * MIXED) % 2**64
    WORD.pack_into(content, 0, checksum)
    return bytes(content)


@pytest.mark.fault("process.newer_duckdb")
def test_a_file_of_a_newer_duckdb_is_exit_4_and_says_so(file_scene: Scene) -> None:
    file_scene.settle(COHORTS, **HERE)
    file = Path(file_scene.url.removeprefix("duckdb:///"))
    content = newer(bytearray(file.read_bytes()))
    file.write_bytes(content)
    done = hogsync(file_scene, "sync", COHORTS, *WORDS)
    assert (done.code, "version" in done.said, "newer" in done.said) == (4, True, True), done
    assert file.read_bytes() == content
