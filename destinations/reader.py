"""What the databases' readers share: each answers one statement at a time, and nothing can be changed through it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    import pyarrow as pa

BATCH = 1_000
"""Rows per fetch."""


class QueryRefused(Exception):
    """The database refuses a query, or its values cannot be shown."""

    def __init__(self, message: str, below: str = "") -> None:
        """`below` are lines that show where the mistake is."""
        super().__init__(message)
        self.below = below


class NoDataset(Exception):
    """The database has no schema of the dataset's name."""


class Result(NamedTuple):
    """The columns of a result, and its rows in batches that are fetched when they are consumed."""

    columns: tuple[str, ...]
    batches: Iterator[list[tuple[Any, ...]]]


class Reader(Protocol):
    """A connection with the dataset as search path; raises QueryRefused for SQL that the database refuses."""

    def rows(self, sql: str) -> Result:
        """Return the result as Python values."""

    def arrow(self, sql: str) -> pa.RecordBatchReader:
        """Return the result as Arrow types."""


def not_one_statement(number: str) -> QueryRefused:
    """Return the error for a text with this number of statements that read."""
    one = "`hogsync query` answers one statement that reads, such as select, with, explain or show"
    return QueryRefused(f"{one}; this text holds {number}.")


def sql_refused(message: str, below: str = "") -> QueryRefused:
    """Return the error for SQL that the database refuses with this message."""
    return QueryRefused(f"The database does not take this SQL: {message}", below)


@contextmanager
def values_in() -> Iterator[None]:
    """Raise QueryRefused for values that Python cannot hold, such as a time before the year 1."""
    try:
        yield
    except (ValueError, OverflowError) as error:
        raise sql_refused(f"a value cannot be shown ({error}); cast its column to text") from None
