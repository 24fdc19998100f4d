"""The Typer app, and what every command shares.

Typer only parses the arguments; `exit` runs the command, so that every end becomes one sentence and one exit code.
Nothing heavy is imported before a command needs it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial, wraps
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.console import write_line
from pipelines.errors import Interrupted, UsageError

if TYPE_CHECKING:
    from pipelines.settings import Settings

Job = Callable[[], int]
OneConnection = Annotated[
    str | None,
    typer.Option(
        "--connection", metavar="NAME", help="Only this connection of the settings; without it, all."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]

app = typer.Typer(
    name="hogsync",
    help="Sync PostHog's admin metadata into DuckDB or Postgres.",
    add_completion=False,
    pretty_exceptions_enable=False,
)


def command(function: Callable[..., int]) -> Callable[..., int]:
    """Register a command, which Typer does not call but returns with its arguments."""

    @wraps(function)
    def parsed(**arguments: Any) -> Job:
        return partial(function, **arguments)

    app.command()(parsed)
    return function


def read(words: list[str]) -> Job | int:
    """Return the command that the arguments ask for, or an exit code if Typer has answered already."""
    asked: Job | int = typer.main.get_command(app).main(words, "hogsync", standalone_mode=False)
    if asked == Interrupted.exit_code:  # how Typer reports Ctrl-C while it parses
        raise KeyboardInterrupt
    return asked


@app.callback(invoke_without_command=True)
def _hogsync(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,  # noqa: ARG001  read off the words, which may not even be readable
) -> None:
    if version:
        from importlib.metadata import version as version_of

        write_line(f"hogsync {version_of('hogsync')}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        raise UsageError("Name a command, such as `hogsync sync`; `hogsync --help` lists them.")


def require_sandbox() -> None:
    """Raise UsageError if the extra `sandbox` is not installed."""
    from importlib.util import find_spec

    if not (find_spec("django") and find_spec("rest_framework")):
        raise UsageError(
            "The sandbox is made with Django and Django REST framework, which are not installed here; "
            "`pip install 'hogsync[sandbox]'` adds them, and `make setup` in a clone does."
        )


def ready(level: int = logging.WARNING, *, bare: bool = True) -> Settings:
    """Set up signals and logs, and return the settings, which the logs follow."""
    from pipelines import logs, settings, signals

    signals.listen()
    logs.set_up(level, bare=bare)
    with logs.held():
        loaded = settings.load()
        logs.follow(loaded)
    return loaded
