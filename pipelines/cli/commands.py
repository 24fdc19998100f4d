"""Registers all commands, by importing them."""

from __future__ import annotations

from pipelines.cli import alert_commands, load_commands, query_commands, reader_commands, watch_commands
from pipelines.cli.app import app, read

__all__ = [
    "alert_commands",
    "app",
    "load_commands",
    "query_commands",
    "read",
    "reader_commands",
    "watch_commands",
]
