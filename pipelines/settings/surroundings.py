"""Handles variables of this process that belong to other programs than hogsync."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


@contextmanager
def set_aside(names: Iterable[str]) -> Iterator[None]:
    """Remove variables from the environment during the block, and restore them afterwards."""
    aside = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(aside)
