"""A company that lives on: kept in one file between runs, it moves on whenever it is started, until now.

The file is the SQLite database of the rows, with one table more for what of the world is no row. It is replaced as a
whole, so a start that is killed leaves the company as it was.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sources.sandbox.state import World

FORMAT = "1"
"""Of the file; a company of another format is founded anew."""
LEAST = timedelta(seconds=1)
"""How far a company moves on at least, also where the clock did not."""


def take_up(kept: Path, folder: Path, world: World) -> bool:
    """Copy a kept company into `folder`, before the framework is set up there; False if there is none to go on with."""
    try:
        with closing(sqlite3.connect(f"file:{kept}?mode=ro", uri=True)) as database:
            facts = dict(database.execute("select name, value from world"))
    except sqlite3.Error:
        if kept.exists():
            sys.stderr.write(f"The kept company {kept} cannot be read; it is founded anew.\n")
        return False
    if facts.get("format") != FORMAT:
        return False
    shutil.copyfile(kept, folder / "company.sqlite3")
    world.step = int(facts["step"])
    world.now = datetime.fromisoformat(facts["now"])
    world.people = json.loads(facts["people"])
    world.numbers = Counter(json.loads(facts["numbers"]))
    world.returning = [(step, project, name) for step, project, name in json.loads(facts["returning"])]
    return True


def move_on(world: World) -> None:
    """Let happen what happens in a day, in the time from the company's now until the real one."""
    from sources.sandbox.company.simulate import advance

    advance(world, max(datetime.now(UTC), world.now + LEAST))


def put_by(kept: Path, world: World) -> None:
    """Keep the company as it is now."""
    from django.db import connection

    numbers = {name: number for name, number in world.numbers.items() if name != "keys"}
    facts = {
        "format": FORMAT,
        "step": world.step,
        "now": world.now.isoformat(),
        "people": json.dumps(world.people),
        "numbers": json.dumps(numbers),
        "returning": json.dumps(world.returning),
    }
    kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = kept.with_name(f".{kept.name}-{world.seed}-{id(world)}")
    new.unlink(missing_ok=True)
    with connection.cursor() as cursor:
        cursor.execute("create table if not exists world (name text primary key, value text)")
        cursor.executemany("insert or replace into world values (%s, %s)", list(facts.items()))
        cursor.execute("vacuum into %s", [str(new)])
    new.replace(kept)
