"""The words of the command line."""

from __future__ import annotations

from pipelines.commands import loading, telling
from pipelines.commands.app import app, read

__all__ = ["app", "loading", "read", "telling"]
