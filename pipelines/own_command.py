"""Spells the command line of a further process of hogsync."""

from __future__ import annotations

import sys
from pathlib import Path

HOGSYNC = str(Path(__file__).resolve().parents[1] / "hogsync.py")


def own_command(*words: str) -> list[str]:
    """Return a command line that runs hogsync with these words; it finds the packages independent of PYTHONPATH."""
    return [sys.executable, "-P", HOGSYNC, *words]
