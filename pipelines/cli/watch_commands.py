"""The commands that watch: `status`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from pipelines.cli.app import AsJson, OneConnection, command, ready
from pipelines.cli.each_connection import refuse_both
from pipelines.console import write_json, write_line


@command
def status(
    connection: OneConnection = None,
    sandbox: Annotated[bool, typer.Option("--sandbox", help="Look into sandbox.duckdb.")] = False,
    as_json: AsJson = False,
) -> int:
    """Say of each table how old it is, whether that is well, and what to do; exit code 1 if something is not."""
    settings, now = ready(), datetime.now(UTC)
    refuse_both(connection, sandbox=sandbox)
    from pipelines.status import judge
    from pipelines.status.facts import facts_now
    from pipelines.status.render import as_json as shown
    from pipelines.status.render import render

    place = settings.for_sandbox(settings.origin, "") if sandbox else settings
    found = []
    for one in place.each_connection(() if connection is None else [connection]):
        facts, running = facts_now(one, now)
        found.append(judge(one, facts, now, running=running))
    write_json(shown(found, now)) if as_json else write_line(render(found, now))
    return int(any(one.status != "ok" for one in found))
