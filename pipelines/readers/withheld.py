"""Tells which tables readers get if some are withheld from them: `[publish] without` and `hogsync grant --without`."""

from __future__ import annotations

from collections.abc import Iterable

from pipelines.errors import UsageError
from pipelines.settings.layers import did_you_mean
from sources.posthog.catalogue import ENDPOINTS, PEOPLE

WITHHOLDABLE = (*ENDPOINTS, PEOPLE.table)


def refuse_unknown(option: str, without: Iterable[str]) -> None:
    """Raise UsageError for a name that is no table: misspelt, it would withhold nothing."""
    for name in without:
        if name not in WITHHOLDABLE:
            raise UsageError(f"{option}: there is no table {name!r}{did_you_mean(name, WITHHOLDABLE)}")


def is_withheld(table: str, without: Iterable[str]) -> bool:
    """True for one of these tables, its child tables, and what is derived from it: its history and trends."""
    return any(
        table in {name, f"{name}_history"}
        or table.startswith(f"{name}__")
        or (name in ENDPOINTS and table in ENDPOINTS[name].derived_tables)
        for name in without
    )
