"""Back to the company as it was when it was kept: a test that begins a hundred times needs no hundred servers.

SQLite's own triggers note which rows change after that, so that going back costs what was changed, not the company.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from django.db import connection, transaction

from sources.sandbox.control.faults import FAULTS
from sources.sandbox.models import Record
from sources.sandbox.state import World

STATE = ("step", "now", "stride", "options", "keys", "gates", "returning", "numbers")
"""What of the world changes, besides the rows."""

_kept: dict[str, dict[str, Any]] = {}

TOUCH = """
    CREATE TRIGGER {name}_by_{verb} AFTER {verb} ON {records}
    BEGIN INSERT OR IGNORE INTO {name}_touched VALUES ({row}.id); END
"""
ROWS_OF = {"INSERT": "new", "UPDATE": "new", "DELETE": "old"}
"""How a trigger calls the row that a statement touches; no statement changes an id."""


def keep(world: World, name: str = "") -> None:
    """Take note of every row, key, option and gate; what was kept under this name before is forgotten."""
    _kept[name] = {attribute: deepcopy(getattr(world, attribute)) for attribute in STATE}
    _run(
        name,
        *(f"DROP TRIGGER IF EXISTS {{name}}_by_{verb}" for verb in ROWS_OF),
        "DROP TABLE IF EXISTS {name}_rows",
        "DROP TABLE IF EXISTS {name}_touched",
        "CREATE TABLE {name}_rows AS SELECT * FROM {records}",
        "CREATE UNIQUE INDEX {name}_by_id ON {name}_rows (id)",
        "CREATE TABLE {name}_touched (id INTEGER PRIMARY KEY)",
        *(TOUCH.replace("{verb}", verb).replace("{row}", row) for verb, row in ROWS_OF.items()),
    )


def rewind(world: World, name: str = "") -> None:
    """Be again as kept under this name, with no faults and nothing in the log; ValueError if nothing was.

    A request that is still under way when that happens ends in the log of before.
    """
    if name not in _kept:
        raise ValueError(f"nothing was kept {f'as {name} ' if name else ''}that could be gone back to")
    for attribute, value in deepcopy(_kept[name]).items():
        setattr(world, attribute, value)
    FAULTS.clear()
    with world.lock:
        world.log = []
    _run(
        name,
        "DELETE FROM {records} WHERE id IN (SELECT id FROM {name}_touched)",
        "INSERT INTO {records} SELECT * FROM {name}_rows WHERE id IN (SELECT id FROM {name}_touched)",
        "DELETE FROM {name}_touched",
    )


def _run(name: str, *statements: str) -> None:
    names = {"records": f'"{Record._meta.db_table}"', "name": f"kept_{name}"}  # noqa: SLF001
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement.format(**names))
