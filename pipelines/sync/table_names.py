"""Tables as people name them."""

from __future__ import annotations

from collections.abc import Iterable

from pipelines.errors import UsageError
from pipelines.settings.layers import did_you_mean
from sources.posthog.catalogue import ENDPOINTS, PEOPLE


def known_tables(names: Iterable[str]) -> tuple[str, ...]:
    """The names, each once, if all are tables with lists of their own; else UsageError, with the nearest one."""
    chosen = tuple(dict.fromkeys(names))
    for name in chosen:
        if name not in ENDPOINTS:
            raise UsageError(_why_not(name))
    return chosen


def _why_not(name: str) -> str:
    """Why a name cannot be synced: hogsync makes that table from others, or there is none."""
    if name == PEOPLE.table:
        return (
            f"{name} is gathered from the rows of every table that is synced and cannot be named; "
            "`hogsync sync users organization_members` brings most of them."
        )
    for endpoint in ENDPOINTS.values():
        if name in endpoint.derived_tables or name.startswith(f"{endpoint.table}__"):
            return f"{name} is written together with {endpoint.table}; name that."
    return f"There is no table {name!r}{did_you_mean(name, list(ENDPOINTS))}"
