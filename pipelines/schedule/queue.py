"""Runs due groups one after another, each in a process of its own; no run is dropped or left behind.

A run (`pipelines.schedule.run`) reads the settings anew and frees its memory at its end. Its standard input is a pipe
that only this process holds open: however this process ends, the system closes the pipe, and the run ends itself.
"""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from pipelines.errors import EXIT_CODES, NOTHING_DUE

log = logging.getLogger("hogsync")

HOGSYNC = str(Path(__file__).resolve().parents[2] / "hogsync.py")
GRACE = 10.0
"""Seconds in which a run that was asked to end can record that it was interrupted."""


@dataclass(slots=True)
class RunQueue:
    """The groups that are due, in order, and the current run."""

    waiting: dict[str, bool] = field(default_factory=dict)
    """Groups that are due; True if a group runs only when its last success is too long ago."""
    running: str = ""
    process: subprocess.Popen[bytes] | None = None

    def due(self, group: str, *, catch_up: bool = False) -> None:
        """Run the group when no other run is left before it; a group that already waits runs once for both."""
        if group in self.waiting:
            log.warning("Group %s is due again while it waits: it runs once for both.", group)
        elif group == self.running:
            log.warning("Group %s is due while its last run goes on: it runs once more after it.", group)
        elif self.running:
            log.info("Group %s is due and waits for the run of group %s.", group, self.running)
        self.waiting[group] = catch_up and self.waiting.get(group, True)
        self.step()

    def step(self) -> None:
        """Log the end of the current run if it has ended, and start the next one; to be called again and again."""
        if self.process and self.process.poll() is not None:
            self._log_end(self.process.returncode)
        if self.waiting and not self.process:
            group = next(iter(self.waiting))
            try:
                self._start(group, catch_up=self.waiting.pop(group))
            except OSError as error:
                log.error("Group %s could not start (%s); the next try is at its next time.", group, error)

    def _start(self, group: str, *, catch_up: bool) -> None:
        # hogsync.py finds the packages independent of PYTHONPATH. The run has its own session: Ctrl-C in the terminal
        # reaches only the service, which then asks the run to end, once.
        command = [sys.executable, "-P", HOGSYNC, "-m", "pipelines.schedule.run", group]
        command += ["--catch-up"] * catch_up
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
        self.running = group
        log.info("Group %s runs as process %d.", group, self.process.pid)

    def _log_end(self, code: int, *, wanted: bool = False) -> None:
        level = logging.INFO if wanted or code in {0, NOTHING_DUE} else logging.ERROR
        log.log(level, "Group %s: %s.", self.running, meaning(code))
        if self.process and self.process.stdin:
            self.process.stdin.close()
        self.process, self.running = None, ""

    def end(self) -> None:
        """Start no more runs, and let the current run record its end; after GRACE it is killed."""
        self.waiting.clear()
        if not self.process or not self.process.stdin:
            return
        log.info("The run of group %s is asked to end, within %.0f s.", self.running, GRACE)
        self.process.stdin.close()
        try:
            self.process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self.kill()
        self._log_end(self.process.wait(), wanted=True)

    def kill(self) -> None:
        """Kill the current run."""
        if self.process:
            self.process.kill()


def meaning(code: int) -> str:
    """Return a run's exit code in words."""
    if code < 0:
        return f"killed by {signal.Signals(-code).name}; the next run mends what it left"
    return f"exit {code}, {EXIT_CODES.get(code, 'which hogsync does not use; see above')}"
