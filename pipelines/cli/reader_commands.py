"""The command that lets others read the warehouse: `grant`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from pipelines.cli.app import OneConnection, command, ready
from pipelines.console import write_line


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
    from pipelines.readers.grant import grant as granted

    for place in settings.each_connection([connection] if connection else ()):
        statements = granted(place, role, without or [], apply=apply)
        write_line("".join(f"{sql};\n" for sql in statements).rstrip())
    if without:
        write_line(
            f"Tables that a later sync creates are not readable for {role} until you run this command again: default "
            "privileges cannot withhold a table.",
            sys.stderr,
        )
    return 0
