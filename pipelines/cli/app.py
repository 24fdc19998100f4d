"""The command line itself: what every command shares.

Typer only reads the words; each command answers with a job, which is run where every way out is one sentence and one
exit code. Nothing heavy is imported before a job needs it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.console import write_line
from pipelines.errors import Interrupted, UsageError

if TYPE_CHECKING:
    from pipelines.settings import Settings

Job = Callable[[], int]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]

app = typer.Typer(
    name="hogsync",
    help="Sync PostHog's admin metadata into DuckDB or Postgres.",
    add_completion=False,
    pretty_exceptions_enable=False,
)


def read(words: list[str]) -> Job | int:
    """What the words ask for: a job, or an exit code where Typer has answered already."""
    asked: Job | int = typer.main.get_command(app).main(words, "hogsync", standalone_mode=False)
    if asked == Interrupted.exit_code:  # Typer's word for Ctrl-C while it reads
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
    """UsageError where the extra `sandbox` is not installed."""
    from importlib.util import find_spec

    if not (find_spec("django") and find_spec("rest_framework")):
        raise UsageError(
            "The sandbox is made with Django and Django REST framework, which are not installed here; "
            "`pip install 'hogsync[sandbox]'` adds them, and `make setup` in a clone does."
        )


def ready(level: int, *, bare: bool) -> Settings:
    """The settings, with logs set up, secrets hidden and signals listened to."""
    from pipelines import logs, settings, signals

    signals.listen()
    logs.set_up(level, bare=bare)
    loaded = settings.load()
    logs.hide(loaded.secrets)
    return loaded
