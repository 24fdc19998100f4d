"""Every setting: its names, and what it is if nobody sets it. What it means is in `.env.example`."""

from __future__ import annotations

from pipelines.settings import SETTINGS


def settings() -> str:
    """A line for each setting."""
    return "".join(
        f"{entry.name}{f' = {entry.toml}' if entry.toml else ''}: {entry.default or '(none)'}\n"
        for entry in SETTINGS
    )
