"""TABLES.md is what the code says, and every column and word of the bookkeeping is explained in it."""

from __future__ import annotations

from typing import get_args

from pipelines.bookkeeping.meanings import COLUMNS_MEAN, RUN_STATUSES, TABLE_STATUSES, TABLES_MEAN, TRIGGERS
from pipelines.bookkeeping.schema import TABLES
from pipelines.errors import EXIT_CODES, NOTHING_DUE, HogsyncError
from pipelines.run import RunStatus, Trigger
from pipelines.tables_page import FILE, document
from sources.posthog.extract.results import Status
from sources.posthog.extract.run_warnings import KINDS


def test_the_file_is_what_the_code_says() -> None:
    assert FILE.read_text("utf-8") == document()


def test_every_column_of_the_bookkeeping_is_explained() -> None:
    assert {table: set(columns) for table, columns in COLUMNS_MEAN.items()} == {
        table: set(columns) for table, (_, columns) in TABLES.items()
    }
    assert set(TABLES_MEAN) == set(TABLES)
    assert all(
        f"| `{name}` | {type_} | " in document() for _, c in TABLES.values() for name, type_ in c.items()
    )


def test_every_status_trigger_kind_and_exit_code_is_explained() -> None:
    words = {*get_args(RunStatus), *get_args(Trigger), *get_args(Status)}
    assert {*RUN_STATUSES, *TRIGGERS, *TABLE_STATUSES} == words
    assert all(f"| `{word}` | " in document() for word in words | set(KINDS))
    assert {kind.exit_code for kind in HogsyncError.__subclasses__()} | {0, NOTHING_DUE} == set(EXIT_CODES)
    assert all(f"| {code} | " in document() for code in EXIT_CODES)
