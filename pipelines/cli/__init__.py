"""The command line: `main` runs the command of this process's arguments and exits as `exit` says."""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import NoReturn

from pipelines.errors import Interrupted


def main() -> NoReturn:
    """Run the command of this process's arguments and exit: 0, 1, 2, 3, 4 or 130, as the errors say."""
    for name in ("stdin", "stdout", "stderr"):
        # Closed by the shell: the next file would get its number, and with that whatever is printed.
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("r+", encoding="utf-8"))  # noqa: SIM115  until the end
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # Windows' old terminals know no arrows
            stream.reconfigure(errors="replace")
    os.umask(0o077)  # whatever is written, a database's log and dlt's files included, is its owner's alone
    try:  # around the imports too, so that Ctrl-C is no traceback even before it begins
        from pipelines.cli.commands import read
        from pipelines.cli.exit import run_command
        from pipelines.signals import leave

        leave(run_command(read, sys.argv[1:]))
    except KeyboardInterrupt:
        sys.stderr.write("Stopped.\n")
        os._exit(Interrupted.exit_code)
