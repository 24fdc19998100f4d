"""The command that lets others read the warehouse: `grant`."""

from __future__ import annotations

import logging
import sys
from typing import Annotated

import typer

from pipelines.cli.app import OneConnection, command, ready
from pipelines.console import sentence, write_line
from pipelines.errors import HogsyncError, worst

log = logging.getLogger("hogsync")


@command
def grant(
    role: Annotated[str, typer.Argument(metavar="ROLE", help="The role of Postgres that is to read.")],
    without: Annotated[
        list[str] | None,
        typer.Option(metavar="TABLE", help="Withhold this table and what is derived from it; repeatable."),
    ] = None,
    connection: OneConnection = None,
    apply: Annotated[bool, typer.Option("--apply", help="Execute the statements, too.")] = False,
) -> int:
    """Print the SQL that lets a role of Postgres read the dataset and nothing else."""
    settings = ready()
    from pipelines import logs
    from pipelines.readers.grant import grant as granted
    from pipelines.signals import check_stop

    codes = []
    for place in settings.each_connection(() if connection is None else [connection]):
        logs.concern(place)
        try:
            statements = granted(place, role, without or [], apply=apply)
        except HogsyncError as problem:
            check_stop()
            log.error("%s", sentence(str(problem)))
            codes.append(problem.exit_code)
        else:
            write_line("".join(f"{sql};\n" for sql in statements).rstrip())
            codes.append(0)
    if without and 0 in codes:
        write_line(
            f"Tables that a later sync creates are not readable for {role} until you run this command again: default "
            "privileges cannot withhold a table.",
            sys.stderr,
        )
    return worst(codes)
