"""Runs a command for each of several connections, in a process of its own for each: one that fails stops no other.

The words of this process's command line -> the same with `--connection NAME`, and the most urgent exit code of all.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any

from pipelines import signals
from pipelines.cli import main
from pipelines.console import write_json, write_line
from pipelines.errors import Interrupted, UsageError, worst
from pipelines.logs import tell
from pipelines.own_command import own_command

if TYPE_CHECKING:
    from pipelines.settings import Settings

Process = subprocess.Popen[str]


def one_or_each(
    settings: Settings,
    chosen: str | None,
    command: str,
    *,
    as_json: bool,
    quiet: bool = False,
    names: Sequence[str] = (),
) -> Settings | int:
    """Return the settings of the only connection, or run the command for each and return the exit code.

    `chosen` is the connection that the command names; without it, all or those of `names` are meant. A `quiet` command
    names no connection that prints nothing.
    """
    places = settings.each_connection(names if chosen is None else [chosen])
    if len(places) == 1:
        return places[0]
    connections = [place.connection_name for place in places]
    return _each(command, connections, settings.parallel, as_json=as_json, quiet=quiet)


def refuse_both(connection: str | None, *, sandbox: bool) -> None:
    """Raise UsageError for a connection of the settings and a sandbox at once."""
    if connection is not None and sandbox:
        raise UsageError("--connection and --sandbox exclude each other: a sandbox is a PostHog of its own.")


def _each(command: str, names: Sequence[str], at_once: int, *, as_json: bool, quiet: bool) -> int:
    """Run the command for these connections, `at_once` at a time; prints what each prints, under its name."""
    captured = as_json or quiet or at_once > 1
    codes, objects = dict[str, int](), dict[str, Any]()
    printing = Lock()
    running: list[Process] = []

    def run(name: str) -> None:
        if not captured:
            write_line(f"Connection {name}:")
        with _started(words_for(sys.argv[1:], command, name), running, captured=captured) as process:
            # Not `communicate`: it would close the standard input.
            said = process.stdout.read() if process.stdout else ""
            process.wait()
        codes[name] = process.returncode
        with printing:
            if as_json:
                objects[name] = json.loads(said or "null")
            elif said:
                write_line(f"Connection {name}:\n{said.rstrip()}")

    stopped = False
    with ThreadPoolExecutor(at_once) as lanes:
        try:
            for done in [lanes.submit(run, name) for name in names]:
                done.result()
        except KeyboardInterrupt:
            stopped = True
            _end(running, lanes)
    if as_json:
        write_json({"connections": {name: objects[name] for name in names if name in objects}})
    if stopped:
        tell("Stopped.")
    return Interrupted.exit_code if stopped else worst(codes.values())


def words_for(words: Sequence[str], command: str, name: str) -> list[str]:
    """Return the words of a command line for one connection; before all others, as `--` may end the options."""
    at = list(words).index(command) + 1
    return [*words[:at], "--connection", name, *words[at:]]


@contextmanager
def _started(words: Sequence[str], running: list[Process], *, captured: bool) -> Iterator[Process]:
    # A session of its own: Ctrl-C in the terminal reaches only this process, which then asks the others to end, once.
    # `reset` asks a person on standard input; any other command ends with this process, which holds its input open.
    asks = "reset" in words
    command = own_command(*words) if asks else own_command("-m", __name__, *words)
    given, out = None if asks else subprocess.PIPE, subprocess.PIPE if captured else None
    with subprocess.Popen(
        command, stdin=given, stdout=out, text=True, encoding="utf-8", start_new_session=True
    ) as process:
        running.append(process)
        yield process
        running.remove(process)


def _end(running: list[Process], lanes: ThreadPoolExecutor) -> None:
    """Ask the processes to end, and wait until they have recorded that they were interrupted; no other one starts."""
    lanes.shutdown(wait=False, cancel_futures=True)
    for process in [*running]:
        process.terminate()
    lanes.shutdown()


if __name__ == "__main__":
    signals.end_with_parent()
    main()
