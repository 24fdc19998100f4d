"""Runs the command of this process's arguments, and exits as `exit` determines."""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import NoReturn


def main() -> NoReturn:
    """Run the command of this process's arguments and exit: 0, 1, 2, 3, 4 or 130, as the errors define."""
    for name in ("stdin", "stdout", "stderr"):
        # If the shell closed it, the next opened file would get its number, and all printed text.
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("r+", encoding="utf-8"))  # noqa: SIM115  until the end
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # old Windows terminals have no arrows
            stream.reconfigure(errors="replace")
    os.umask(0o077)  # every file, including a database's log and dlt's files, is private to its owner
    from pipelines.cli.commands import read
    from pipelines.cli.exit import run_command
    from pipelines.signals import leave

    leave(run_command(read, sys.argv[1:]))
