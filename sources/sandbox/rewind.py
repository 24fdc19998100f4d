"""Back to the company as it was when it was kept: a test that begins a hundred times needs no hundred servers."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from django.db import connection, transaction

from sources.sandbox.faults import FAULTS
from sources.sandbox.records import Record
from sources.sandbox.world import World

STATE = ("step", "now", "stride", "options", "keys", "gates", "returning", "numbers")
"""What of the world changes, besides the rows."""

_kept: dict[str, Any] = {}


def keep(world: World) -> None:
    """Take note of every row, key, option and gate; what was kept before is forgotten."""
    _kept.update({name: deepcopy(getattr(world, name)) for name in STATE})
    _run("DROP TABLE IF EXISTS kept", "CREATE TABLE kept AS SELECT * FROM {records}")


def rewind(world: World) -> None:
    """Be again as kept, with no faults and nothing in the log; ValueError if nothing was kept."""
    if not _kept:
        raise ValueError("nothing was kept that could be gone back to")
    for name, value in deepcopy(_kept).items():
        setattr(world, name, value)
    FAULTS.clear()
    with world.lock:
        world.log.clear()
    _run("DELETE FROM {records}", "INSERT INTO {records} SELECT * FROM kept")


def _run(*statements: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement.format(records=f'"{Record._meta.db_table}"'))  # noqa: SLF001
