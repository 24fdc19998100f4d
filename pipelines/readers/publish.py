"""Publishes the warehouse: a copy for readers, who cannot open the file of a DuckDB while a sync writes into it.

Settings -> the file of `[publish] path`, and with `[publish] parquet` a folder of Parquet files beside it.

The load lock is held from the first look to the last replacement: what is copied is the state between two runs, no
copy replaces a newer one, and an unfinished file is one of a publish that was killed. A copy is due if the one that
readers have was made of another content, or with other settings. Each file is written under another name and then
takes its place, the DuckDB file last: whatever goes wrong before that is done again after the next run.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from destinations.published import Tables, digest_of, holds_other_tables, new_copy, write_parquet
from destinations.warehouse import Warehouse, WarehouseUnavailable
from pipelines.atomic_file import atomic_file, put_in_place
from pipelines.bookkeeping.schema import META, RUN_TABLES
from pipelines.bookkeeping.state import made_tables
from pipelines.errors import HogsyncError, UsageError
from pipelines.from_settings import open_warehouse
from pipelines.locking.load_lock import load_lock
from pipelines.readers.withheld import is_withheld, refuse_unknown
from pipelines.settings import Settings
from pipelines.signals import interruptible
from sources.posthog.extract.run_warnings import RunWarning
from sources.posthog.shape.types import digest

PRIVATE = 0o400
"""The mode of a first copy. Nobody may write: a reader that opens the file for writing would lock out all others."""
OTHER_GROUP = (
    "{file} is up to date, but its former group cannot read it, because hogsync may not give files to that group; let "
    "new files have the group of their folder (`chgrp GROUP` and `chmod g+s` the folder), then `chgrp GROUP` and "
    "`chmod g+r` the copy once more"
)


def publish(settings: Settings) -> list[RunWarning]:
    """Bring the published copy up to date; returns a warning if that failed, or if readers lose their access."""
    if settings.publish.path is None:
        return []
    try:
        refuse_unfit(settings)
        with load_lock(settings, settings.wait, "hogsync publish"):
            return _publish(settings, published_file(settings))
    except (HogsyncError, WarehouseUnavailable, OSError) as problem:
        reason = (getattr(problem, "strerror", None) or str(problem)).rstrip(".")
        text = f"{settings.publish.path} is not up to date, and the next run publishes again: {reason}"
        return [RunWarning("", "", "not published", text)]


def published_file(settings: Settings) -> Path:
    """Return the file of `[publish] path`; if that is a symlink, the file that the symlink leads to."""
    return Path(os.path.realpath(settings.publish.path or ""))


def _publish(settings: Settings, file: Path) -> list[RunWarning]:
    unfinished = _unfinished(file)
    _remove(unfinished, _log_of(unfinished))
    try:
        if not _is_written(settings, file, unfinished):
            return []
        is_alike = _is_like_the_former(unfinished, file)
        _remove(_log_of(file))  # of a reader who wrote into the former copy: nobody could open the new one
        put_in_place(unfinished, file)
    finally:
        _remove(unfinished, _log_of(unfinished))
    return [] if is_alike else [RunWarning("", "", "not published", OTHER_GROUP.format(file=file))]


def _is_written(settings: Settings, file: Path, unfinished: Path) -> bool:
    """Write a new copy, unless the one that readers have was made of the same; returns whether it was written."""
    warehouse = open_warehouse(settings)
    with warehouse.opened(), interruptible(warehouse.interrupt):
        found = [_content(settings, dataset) for dataset in settings.datasets]
        tables = {dataset: names for dataset, names, _ in found if names}
        now = digest([settings.publish.model_dump_json(), *[content for *_, content in found]])
        if not tables or digest_of(warehouse, file) == now:
            return False
        warehouse.limit_memory_for_inserts()
        with new_copy(warehouse, unfinished, tables, now, settings.warehouse_options.storage_version):
            if settings.publish.parquet:
                _write_parquet_files(warehouse, tables, file)
    return True


def _content(settings: Settings, dataset: str) -> tuple[str, Sequence[str], str]:
    """Return a dataset, the tables to publish of it, and a digest that changes when rows of it have changed."""
    warehouse = open_warehouse(settings.model_copy(update={"dataset": dataset}))
    with warehouse.opened():
        made = made_tables(warehouse)
        if not made:
            return dataset, (), ""
        there, name = warehouse.columns(), warehouse.name
        facts = warehouse.rows(f"select key, value from {name(META)} order by key")
        written = f"select sum(inserted + updated + deleted) from {name(RUN_TABLES)}"
        loads = (
            f"select max(load_id) from {name('_dlt_loads')}"  # of a run that was stopped after its load, too
        )
        counted = [
            str(warehouse.rows(sql))
            for table, sql in ((RUN_TABLES, written), ("_dlt_loads", loads))
            if table in there
        ]
    names = [table for table in made if not is_withheld(table, settings.publish.without)]
    return dataset, names, digest([dataset, names, facts, counted])


def _write_parquet_files(warehouse: Warehouse, tables: Tables, beside: Path) -> None:
    """Replace the Parquet files one by one, and remove those of tables that are no longer published."""
    folder = parquet_folder(beside)
    files = {
        folder / dataset / f"{name}.parquet": (dataset, name)
        for dataset, names in tables.items()
        for name in names
    }
    _remove(*[file for file in folder.glob("*/*.parquet*") if file not in files])
    for file, (dataset, name) in files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = _unfinished(file)
        write_parquet(warehouse, dataset, name, unfinished)
        _is_like_the_former(unfinished, beside)  # the DuckDB file tells whether it is not
        put_in_place(unfinished, file)


def parquet_folder(file: Path) -> Path:
    """Return the folder of the Parquet files beside a published file."""
    return file.with_name(f"{file.stem}-parquet")


def _unfinished(file: Path) -> Path:
    return file.with_name(f".{file.name}.publishing")


def _log_of(file: Path) -> Path:
    """Return the write-ahead log that DuckDB keeps beside a file."""
    return file.with_name(f"{file.name}.wal")


def _remove(*files: Path) -> None:
    for file in files:
        file.unlink(missing_ok=True)


def _is_like_the_former(written: Path, former: Path) -> bool:
    """Give a new file the mode and the group of the former copy, which its owner may have let others read.

    Returns False if this process may not set the group: then the new file's own group may not read the file.
    """
    if os.name != "posix":
        return True
    mode, is_alike = PRIVATE, True
    with suppress(FileNotFoundError):
        status = former.stat()
        mode = status.st_mode & 0o444
        if status.st_gid != written.stat().st_gid:
            try:
                os.chown(written, -1, status.st_gid)
            except OSError:  # systemd's filter of system calls, or this user is not in the group
                mode, is_alike = mode & ~0o040, False
    written.chmod(mode)
    return is_alike


# -- whether it can work


def refuse_unfit(settings: Settings) -> None:
    """Raise UsageError if `[publish]` cannot work with these settings."""
    place, file = settings.warehouse, published_file(settings)
    refuse_unknown("[publish] without", settings.publish.without)
    if place.kind != "duckdb":
        raise UsageError(
            "[publish] path is for a DuckDB warehouse only: readers of a Postgres never wait for a sync; "
            "leave [publish] out, and let them read by `hogsync grant ROLE`."
        )
    if os.path.realpath(place.path) == str(file):
        raise UsageError(f"[publish] path is the warehouse {place.label} itself; name another file.")
    if (name := replace(place, path=file).catalog) in settings.datasets:
        raise UsageError(
            f"[publish] path {file} and the dataset {name} have one name, and DuckDB cannot tell them apart; "
            "rename the file."
        )
    if file.is_dir() or os.path.ismount(file):
        raise UsageError(
            f"[publish] path {file} is a folder or mounted by itself, and cannot be replaced; name a file in a folder."
        )
    if holds_other_tables(file):
        raise UsageError(
            f"[publish] path {file} holds tables that hogsync did not publish, and would replace; name another file."
        )


def try_to_replace(settings: Settings) -> None:
    """Replace an empty file in the folder of `[publish] path`, and remove it; raises UsageError if that is refused."""
    file = published_file(settings)
    probe = file.with_name(f".{file.name}.check")
    try:
        for _ in range(2):
            with atomic_file(probe):
                pass
        probe.unlink()
    except OSError as error:
        raise UsageError(
            f"[publish] path is {file}, and no file can be replaced in its folder ({error.strerror}); "
            "make that folder, let this user write there, or name another one."
        ) from None
