"""The working DuckDB of a run: what does not fit into its share of memory goes onto the disk, or is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import pytest

from sources.posthog.changes.scratch import ScratchDatabase
from sources.posthog.errors import NoRoom

MANY = "create table many as select i, repeat(i::varchar, 20) as text from range(2_000_000) numbers(i)"


def test_what_does_not_fit_into_memory_goes_onto_the_disk(tmp_path: Path) -> None:
    workspace = ScratchDatabase(tmp_path, "64MB")
    workspace.run(MANY)
    assert workspace.rows("select count(*), max(i) from many") == [(2_000_000, 1_999_999)]
    assert list((tmp_path / "spill").iterdir())
    workspace.close()


@pytest.mark.fault("process.spill")
def test_no_room_on_the_disk_either_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "spill").write_text("no folder, so nothing can be put there")
    workspace = ScratchDatabase(tmp_path, "64MB")
    with pytest.raises(NoRoom, match="Free space below HOGSYNC_HOME"):
        workspace.run(MANY)
    workspace.close()


@pytest.mark.parametrize("ask", [ScratchDatabase.rows, ScratchDatabase.batches])
@pytest.mark.parametrize("end", [ScratchDatabase.interrupt, ScratchDatabase.close])
def test_a_statement_of_another_thread_ends_with_the_run(
    tmp_path: Path,
    end: Callable[[ScratchDatabase], None],
    ask: Callable[[ScratchDatabase, str], Iterable[object]],
) -> None:
    workspace, ended = ScratchDatabase(tmp_path), threading.Event()

    def work() -> None:
        with suppress(KeyboardInterrupt):
            list(ask(workspace, "select count(*) from range(1_000_000) a, range(100_000) b"))  # 10 s and more
            return
        ended.set()

    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(0.5)
    end(workspace)
    at_once = ended.wait(5)
    thread.join()
    assert at_once


@pytest.mark.parametrize("end", [ScratchDatabase.interrupt, ScratchDatabase.close])
def test_the_end_may_come_again_when_all_is_closed(
    tmp_path: Path, end: Callable[[ScratchDatabase], None]
) -> None:
    workspace = ScratchDatabase(tmp_path)
    assert [batch.num_rows for batch in workspace.batches("select 1")] == [1]
    workspace.close()
    end(workspace)


def test_what_is_put_aside_lies_in_the_folder_and_comes_back_whole(tmp_path: Path) -> None:
    workspace = ScratchDatabase(tmp_path)
    workspace.run(
        "create table staged as select i, repeat(md5(i::varchar), 8) as text from range(200_000) t(i)"
    )
    whole = workspace.rows("select count(*), sum(i), max(text) from staged")
    before = held(workspace)
    with workspace.shrink():
        assert held(workspace) < before / 4
        assert any((tmp_path / "spill").iterdir())
    assert workspace.rows("select count(*), sum(i), max(text) from staged") == whole
    workspace.run("create table more as from staged")
    workspace.close()


def test_what_has_no_room_aside_stays_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    workspace = ScratchDatabase(tmp_path / "file")
    workspace.run(
        "create table staged as select i, repeat(md5(i::varchar), 8) as text from range(200_000) t(i)"
    )
    with workspace.shrink():
        assert workspace.rows("select count(*) from staged") == [(200_000,)]
    assert workspace.rows("select count(distinct text) from staged") == [(200_000,)]
    workspace.close()


def held(workspace: ScratchDatabase) -> int:
    """The bytes of memory that its tables take."""
    ((found,),) = workspace.rows("select sum(memory_usage_bytes) from duckdb_memory()")
    return int(found)
