"""Tables as people name them."""

from __future__ import annotations

from collections.abc import Iterable

from pipelines.errors import UsageError
from pipelines.settings.layers import did_you_mean
from sources.posthog.catalogue import ENDPOINTS


def known_tables(names: Iterable[str]) -> tuple[str, ...]:
    """The names, each once, if all are tables with lists of their own; else UsageError, with the nearest one."""
    chosen = tuple(dict.fromkeys(names))
    for name in chosen:
        if name not in ENDPOINTS:
            raise UsageError(f"There is no table {name!r}{did_you_mean(name, list(ENDPOINTS))}")
    return chosen
