"""The console script: `main` reads the words in `commands`, runs what they ask for, and ends as `ending` says."""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper

from pipelines.errors import Interrupted


def main() -> None:
    """Run the command of this process's arguments and exit: 0, 1, 2, 3, 4 or 130, as the errors say."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # Windows' old terminals know no arrows
            stream.reconfigure(errors="replace")
    os.umask(0o077)  # whatever is written, a database's log and dlt's files included, is its owner's alone
    code = _run(sys.argv[1:])
    if code == Interrupted.exit_code:
        # A thread may still wait for PostHog's next byte, and Python would wait for the thread.
        os._exit(code)
    sys.exit(code)


def _run(words: list[str]) -> int:
    """The exit code of the command; imported here, so that Ctrl-C is no traceback even before it begins."""
    try:
        from pipelines.commands import read
        from pipelines.ending import ended

        return ended(read, words)
    except KeyboardInterrupt:
        sys.stderr.write("Stopped.\n")
        return Interrupted.exit_code


if __name__ == "__main__":
    main()
