"""Turns every end of a command into one sentence and one exit code, and with --json into one object, too."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer

from pipelines.console import sentence, visible, write_json
from pipelines.errors import HogsyncError, Interrupted, KeyProblem, UsageError
from pipelines.signals import known_end

if TYPE_CHECKING:
    from pipelines.run import RunStatus, Trigger

BUG = 1
# Click's class of usage errors; depending on its version, typer contains click or depends on it.
ClickError: type[Exception] = next(
    kind for kind in typer.BadParameter.mro() if kind.__name__ == "ClickException"
)
RECORDED: dict[type[BaseException], RunStatus] = {KeyProblem: "refused", Interrupted: "interrupted"}
TRIGGERS: dict[str, Trigger] = {"sync": "manual", "backfill": "backfill"}
"""The commands whose end is reported like a run."""


def run_command(read: Callable[[list[str]], Any], words: list[str]) -> int:
    """Parse the arguments into a job (or an exit code), run it, report an error, and return the exit code."""
    started = datetime.now(UTC)
    try:
        job = _run_words(read, words)
        return job() if callable(job) else int(job or 0)
    except ClickError as error:
        what = sentence(error.format_message())  # type: ignore[attr-defined]
        command = getattr(getattr(error, "ctx", None), "command_path", "hogsync")
        return _report_error(words, started, UsageError(f"{what} See `{command} --help`."))
    except SystemExit:  # how Typer ends when the reader of its help has closed the pipe
        return 0
    except typer.Abort:  # Ctrl-C or Ctrl-D at a question
        return _report_error(words, started, Interrupted("Stopped."))
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  a user gets a sentence for every error
        return _report_error(words, started, known_end(error) or error)


def _run_words(read: Callable[[list[str]], Any], words: list[str]) -> Any:
    """Parse the arguments; this may write help, which can fail on a full disk."""
    try:
        return read(words)
    except OSError as error:
        message = f"The help could not be written to standard output ({error.strerror}); send it elsewhere."
        raise UsageError(message) from error


def _report_error(words: list[str], started: datetime, error: BaseException) -> int:
    """Write an error to stderr, and to stdout if JSON was asked for; returns the exit code."""
    from pipelines.logs import redacted, tell

    code, text = BUG, f"{type(error).__name__}: this is a bug in hogsync; `hogsync --debug …` shows where."
    if isinstance(error, HogsyncError):
        code, text = error.exit_code, redacted(sentence(str(error)))
    below = redacted(getattr(error, "below", ""))
    tell("\n".join([text, *map(visible, below.splitlines())]), error if "--debug" in words else None)
    if "--json" in words:
        with suppress(UsageError):  # stdout cannot be written; the sentence is on stderr
            write_json(_error_object(words, started, f"{text} {below}".strip(), error))
    return code


def _error_object(words: list[str], started: datetime, text: str, error: BaseException) -> dict[str, Any]:
    from importlib.metadata import version

    from pipelines.logs import redacted
    from pipelines.run import Run
    from pipelines.sync.summary import as_json

    command = next((word for word in words if not word.startswith("-")), "")
    if command not in TRIGGERS:
        return {"error": text}
    recorded, traffic = (error.run, error.traffic) if isinstance(error, HogsyncError) else (None, None)
    run = recorded or Run(
        run_id="",
        started_at=started,
        finished_at=datetime.now(UTC),
        status=RECORDED.get(type(error), "failed"),
        trigger=TRIGGERS[command],
        version=version("hogsync"),
    )
    said = redacted(run.error) if run.error else text
    requests = traffic.requests if traffic else 0
    return as_json(replace(run, error=said), requests, dry_run="--dry-run" in words)
