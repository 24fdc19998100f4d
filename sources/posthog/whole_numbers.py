"""Converts whole numbers as PostHog may spell them: JSON value -> int of 64 bits, or None."""

from __future__ import annotations

import re
from typing import Any

EXACT = 2**53
"""Up to here a float holds every whole number."""
WHOLE = re.compile(r"0|-?[1-9][0-9]{0,18}")


def whole(value: Any) -> int | None:
    """Return a whole number of 64 bits, also one spelled `12.0` or `"12"`; `"012"`, `" 12"` and `true` are none.

    Beyond 2**53 a float has lost digits, so the number that it stands for is not known.
    """
    if (isinstance(value, str) and WHOLE.fullmatch(value)) or (
        isinstance(value, float) and value.is_integer() and abs(value) <= EXACT
    ):
        return int64(int(value))
    return int64(value)


def counted(value: Any) -> int | None:
    """Return a number of rows as PostHog tells it; None if the value is none."""
    number = whole(value)
    return number if number is not None and number >= 0 else None


def int64(value: Any) -> int | None:
    """Return an integer of 64 bits; None for every other value, `true` and `false` included."""
    fits = type(value) is int and -(2**63) <= value < 2**63
    return value if fits else None
