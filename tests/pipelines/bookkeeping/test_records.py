"""What bookkeeping takes: a record must not fail over what it tells of."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.bookkeeping.records import bookable
from pipelines.bookkeeping.schema import PATHS, RUN_TABLES, TABLES

TYPES = {**TABLES[PATHS][1], **TABLES[RUN_TABLES][1]}


@pytest.mark.fault("values.record")
@pytest.mark.parametrize(
    ("column", "value", "kept"),
    [
        ("detail", "an object with the keys a\0b", "an object with the keys ab"),
        ("detail", "a file named \udcff", "a file named ?"),
        ("path", "\0", ""),
        ("detail", None, None),
        ("gap", 2**70, 2**63 - 1),
        ("rows", -(2**64), -(2**63)),
        ("rows", 5, 5),
        ("held", None, None),
        ("complete", True, True),
    ],
    ids=repr,
)
def test_texts_and_numbers_are_made_fit_for_the_bookkeeping_tables(
    column: str, value: Any, kept: Any
) -> None:
    assert bookable({column: value}, TYPES) == {column: kept}
