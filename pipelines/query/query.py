"""Opens the warehouse for queries, which can read it and not change it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from destinations.reader import NoDataset, QueryRefused, Reader
from pipelines.console import sentence
from pipelines.errors import UsageError, WarehouseProblem
from pipelines.from_settings import open_warehouse, warehouse_problems
from pipelines.signals import interruptible

if TYPE_CHECKING:
    from pipelines.settings import Settings

Ask = Callable[[str], list[tuple[Any, ...]]]
"""Returns all rows of a query."""


class DatasetMissing(UsageError):
    """The warehouse has no dataset of this name: nothing was ever synced into it."""


@contextmanager
def asking(settings: Settings) -> Iterator[Ask]:
    """Yield a function that returns all rows of a query."""
    with connected(settings) as reader:
        yield lambda sql: [row for batch in reader.rows(sql).batches for row in batch]


@contextmanager
def connected(settings: Settings) -> Iterator[Reader]:
    """Open the warehouse with the dataset as search path, or for all datasets if the settings name several connections.

    Raises WarehouseProblem if it cannot be read, DatasetMissing, and UsageError for SQL that the database refuses.
    """
    warehouse, datasets = open_warehouse(settings), [place.dataset for place in settings.each_connection()]
    if not warehouse.exists():
        raise WarehouseProblem(
            f"There is no warehouse {warehouse.label} yet; `hogsync sync{settings.options}` makes it."
        )
    try:
        with (
            warehouse_problems(),
            warehouse.read_only(datasets) as reader,
            interruptible(warehouse.interrupt),
        ):
            yield reader
    except NoDataset:
        named = "" if settings.connections else " (HOGSYNC_DATASET)"
        raise DatasetMissing(
            f"The warehouse {warehouse.label} has no dataset {' or '.join(datasets)}{named}; "
            f"`hogsync sync{settings.options}` makes it."
        ) from None
    except QueryRefused as refused:
        problem = UsageError(sentence(str(refused)))
        problem.below = refused.below
        raise problem from None
