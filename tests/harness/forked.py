"""Commands without their start: `python -m tests.harness.forked` takes them on stdin and answers with exit codes.

A command is one line of JSON: the program (`hogsync`, or a module that has `main`), its words, environment, folder and
the files that are its stdin, stdout and stderr. Each runs in a fork of this process, which has imported all already and
done nothing else: what a command leaves behind, it leaves in a process that ends with it. What one had to import, the
next ones have. How a command starts, and how light, is for tests that start a real one.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import pkgutil
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import hogsync

LONGEST = 100
"""Seconds after which SIGALRM ends a command: one that hangs is to fail its test, not to hold up all others."""
FLAGS = (os.O_RDWR, os.O_WRONLY | os.O_CREAT, os.O_WRONLY | os.O_CREAT)
"""Of stdin, stdout and stderr; a named pipe that is open for writing too never ends."""
PROGRAMS = ("pipelines.schedule.run", "pipelines.schedule.look")
"""Modules that commands run, and that are therefore not to be imported before."""
EXTRAS = ("pipelines.orchestration",)
"""Packages that no command imports, and whose libraries need not be there."""


def modules(package: str) -> list[str]:
    """The names of a package's modules."""
    found = pkgutil.walk_packages(import_module(package).__path__, f"{package}.")
    return [one.name for one in found if not one.name.startswith((*PROGRAMS, *EXTRAS))]


def import_all(names: Iterable[str]) -> None:
    """Import what is not imported yet."""
    for name in names:
        if name not in sys.modules:
            import_module(name)
    gc.collect()
    gc.freeze()  # a fork need not copy it for a collection


def run(order: dict[str, Any]) -> NoReturn:
    """Run the command and end as it does."""
    try:
        for number, (file, flags) in enumerate(zip(order["files"], FLAGS, strict=True)):
            opened = os.open(file, flags)
            os.dup2(opened, number)
            os.close(opened)
        os.chdir(order["folder"])
        os.environ.clear()
        os.environ.update(order["environment"])
        time.tzset()
        signal.alarm(LONGEST)
        sys.argv = [order["program"], *order["words"]]
        before = set(sys.modules)
        atexit.register(lambda: Path(order["imported"]).write_text("\n".join(set(sys.modules) - before)))
        program = import_module(order["program"])
        program._run() if program is hogsync else program.main()  # noqa: SLF001  as a script: a command, or `-m MODULE …`
    except SystemExit as end:
        finish(end.code)
    except BaseException:  # noqa: BLE001  it must not go on as a second one of the process that forks
        traceback.print_exc()
    sys.stderr.flush()
    os._exit(1)


def finish(code: object) -> NoReturn:
    """End like any other process, but without taking down the modules: that takes 0.35 s of CPU, most commands less."""
    for step in (threading._shutdown, atexit._run_exitfuncs, sys.stdout.flush, sys.stderr.flush):  # type: ignore[attr-defined]  # noqa: SLF001  what the interpreter calls itself
        step()
    os._exit(code if isinstance(code, int) else int(code is not None))


def main() -> None:
    """Take commands until there are no more."""
    orders, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    import_all(
        [name for package in ("pipelines", "sources.posthog", "destinations") for name in modules(package)]
    )
    for line in orders:
        order = json.loads(line)
        import_all([order["program"]])
        child = os.fork()
        if child == 0:
            run(order)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        imported = Path(order["imported"])
        import_all(imported.read_text().split() if imported.exists() else ())
        print(code, file=answers, flush=True)


if __name__ == "__main__":
    main()
