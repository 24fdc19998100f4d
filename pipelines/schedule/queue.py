"""Runs due groups one after another, each in a process of its own; no run is dropped or left behind.

A run is `python hogsync.py -m pipelines.schedule.run GROUP`: it reads the settings anew, its memory is freed with it,
and it can be ended from outside. Its standard input is a pipe whose other end only this process holds: the system
closes the pipe whenever this process ends, on every platform, and the run then ends itself.
"""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from pipelines.errors import EXIT_CODES, NOTHING_DUE

log = logging.getLogger("hogsync")

HOGSYNC = str(Path(__file__).resolve().parents[2] / "hogsync.py")
GRACE = 10.0
"""Seconds in which a run that was asked to end can record that it was interrupted."""
AS_NEW = NOTHING_DUE
"""The exit code of a run that found nothing to catch up."""
HARMLESS = {0, AS_NEW}


@dataclass(slots=True)
class RunQueue:
    """The groups that are due, in order, and the current run."""

    waiting: dict[str, bool] = field(default_factory=dict)
    """Groups that are due; True if a group runs only when its last success is too long ago."""
    running: str = ""
    process: subprocess.Popen[bytes] | None = None
    ending: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)
    lane: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "hogsync-lane"))

    def due(self, group: str, *, catch_up: bool = False) -> None:
        """Run the group when no other run is left before it; a group that already waits runs once for both."""
        with self.lock:
            if self.ending:
                return
            queued, running = group in self.waiting, self.running
            self.waiting[group] = catch_up and self.waiting.get(group, True)
            if not queued:
                self.lane.submit(self._turn, group)
        if queued:
            log.warning("Group %s is due again while it waits: it runs once for both.", group)
        elif running == group:
            log.warning("Group %s is due while its last run goes on: it runs once more after it.", group)
        elif running:
            log.info("Group %s is due and waits for the run of group %s.", group, running)

    def _turn(self, group: str) -> None:
        try:
            process = self._start(group)
        except OSError as error:
            log.error("Group %s could not be started (%s); it is tried again at its next time.", group, error)
            return
        if process is None:
            return
        log.info("Group %s runs as process %d.", group, process.pid)
        with process:  # closes its pipe at the end
            code = process.wait()
        with self.lock:
            self.process, self.running, ending = None, "", self.ending
        level = logging.INFO if code in HARMLESS or ending else logging.ERROR
        log.log(level, "Group %s: %s.", group, meaning(code))

    def _start(self, group: str) -> subprocess.Popen[bytes] | None:
        """Start the group's run and return its process; None if nothing is to be started any more."""
        with self.lock:
            if self.ending:
                return None
            catch_up = ["--catch-up"] * self.waiting.pop(group)
            # hogsync.py finds the packages independent of PYTHONPATH. The run has its own session: Ctrl-C in the
            # terminal reaches only the service, which then asks the run to end, once.
            command = [sys.executable, "-P", HOGSYNC, "-m", "pipelines.schedule.run", group, *catch_up]
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
            self.running = group
            return self.process

    def end(self) -> None:
        """Start no more runs, and let the current run record its end; after GRACE it is killed."""
        with self.lock:
            self.ending, process, group = True, self.process, self.running
        self.lane.shutdown(wait=False, cancel_futures=True)
        if process:
            log.info("The run of group %s is asked to end, within %.0f s.", group, GRACE)
            process.terminate()
            try:
                process.wait(GRACE)
            except subprocess.TimeoutExpired:
                self.kill()
        self.lane.shutdown()

    def kill(self) -> None:
        """Kill the current run."""
        if process := self.process:
            process.kill()


def meaning(code: int) -> str:
    """Return a run's exit code in words."""
    if code < 0:
        return f"killed by {signal.Signals(-code).name}; the next run mends what it left"
    return f"exit {code}, {EXIT_CODES.get(code, 'which hogsync does not use; see above')}"
