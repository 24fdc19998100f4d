"""Variables of this process that concern other programs than hogsync."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


@contextmanager
def set_aside(names: Iterable[str]) -> Iterator[None]:
    """Take variables out of the environment inside; they are back afterwards."""
    aside = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(aside)
