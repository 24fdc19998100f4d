"""Runs due jobs, each in a process of its own; no run is dropped or left behind.

A run (`pipelines.schedule.run`) reads the settings anew and frees its memory at its end. Its standard input is a pipe
that only this process holds open: however this process ends, the system closes the pipe, and the run ends itself. Its
standard output is a file, in which it reports what came of it.
"""

from __future__ import annotations

import json
import logging
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import IO, Any

from pipelines.errors import EXIT_CODES, NOTHING_DUE
from pipelines.own_command import own_command
from pipelines.schedule.jobs import Job, Limits, retry_delay
from pipelines.settings.connections import DEFAULT

log = logging.getLogger("hogsync")

GRACE = 10.0
"""Seconds in which a run that was asked to end can record that it was interrupted."""
Report = Mapping[str, Any]


@dataclass(slots=True)
class Waiting:
    """A job that is due."""

    catch_up: bool = False
    """True if it runs only when its last success is too long ago."""
    tries: int = 0
    """How many of its runs since it came due were retries."""
    not_before: float = 0.0
    """On the monotonic clock."""


@dataclass(slots=True)
class Running:
    """A job's process."""

    process: subprocess.Popen[bytes]
    report: IO[bytes]
    tries: int
    ends_at: float
    """When the run is asked to end, on the monotonic clock."""
    asked_to_end: bool = False

    def ask_to_end(self) -> None:
        """Close its standard input, whereupon the run stops as after a signal; after GRACE it is killed."""
        self.asked_to_end, self.ends_at = True, time.monotonic() + GRACE
        if self.process.stdin:
            self.process.stdin.close()


@dataclass(slots=True)
class RunQueue:
    """The jobs that are due, in order, and the current runs."""

    limits: Callable[[Job], Limits] = lambda _: Limits()
    at_once: int = 1
    """How many runs may go on at the same time, each of another connection."""
    ended: Callable[[Job, int, Report], object] = lambda *_: None
    """Called at the end of each run, with its exit code and its report."""
    waiting: dict[Job, Waiting] = field(default_factory=dict)
    running: dict[Job, Running] = field(default_factory=dict)

    def due(self, job: Job, *, catch_up: bool = False, delay: float = 0.0) -> None:
        """Run the job after `delay` seconds and the runs before it.

        A job that already waits runs once for both, at the earlier time.
        """
        known, not_before = self.waiting.get(job), time.monotonic() + delay
        if known and not known.tries:
            not_before = min(known.not_before, not_before)
            _log(job).warning("%s is due again while it waits: it runs once for both.", job)
        elif job in self.running:
            _log(job).warning("%s is due while its last run goes on: it runs once more after it.", job)
        elif self.running:
            _log(job).info("%s is due and waits for the run of %s.", job, _named(next(iter(self.running))))
        catch_up = catch_up and (known is None or known.catch_up)
        self.waiting[job] = Waiting(catch_up, not_before=not_before)
        self.step()

    def step(self) -> None:
        """Log the ends of runs, end those that take too long, and start the next ones; to be called again and again."""
        for job, run in [*self.running.items()]:
            if run.process.poll() is not None:
                self._finish(job, run)
            elif time.monotonic() >= run.ends_at:
                self._end_overdue(job, run)
        for job in [*self.waiting]:
            if self._may_start(job):
                self._try_start(job, self.waiting.pop(job))

    def _may_start(self, job: Job) -> bool:
        busy = {running.connection for running in self.running}
        free = len(self.running) < self.at_once and job.connection not in busy
        return free and self.waiting[job].not_before <= time.monotonic()

    def _try_start(self, job: Job, due: Waiting) -> None:
        try:
            self._start(job, due)
        except OSError as error:
            _log(job).error("%s could not start (%s); the next try is at its next time.", job, error)

    def _start(self, job: Job, due: Waiting) -> None:
        # The run has its own session: Ctrl-C in the terminal reaches only the service, which then asks the run to end,
        # once.
        command = own_command("-m", "pipelines.schedule.run", job.group)
        command += ["--connection", job.connection] * (job.connection != DEFAULT)
        command += ["--catch-up"] * due.catch_up
        report = tempfile.TemporaryFile()  # noqa: SIM115  until the run has ended
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=report, start_new_session=True)
        timeout = self.limits(job).timeout
        ends_at = time.monotonic() + timeout.total_seconds() if timeout else float("inf")
        self.running[job] = Running(process, report, due.tries, ends_at)
        _log(job).info("%s runs as process %d.", job, process.pid)

    def _end_overdue(self, job: Job, run: Running) -> None:
        if run.asked_to_end:
            run.process.kill()
            run.ends_at = float("inf")
            return
        _log(job).error("%s takes longer than its timeout and is asked to end, within %.0f s.", job, GRACE)
        run.ask_to_end()

    def _finish(self, job: Job, run: Running, *, wanted: bool = False) -> None:
        """Log the end of a run, tell it, and let a failed one be tried again; `wanted` if the service has ended it."""
        del self.running[job]
        code = run.process.returncode
        fine = wanted or code in {0, NOTHING_DUE}
        _log(job).log(logging.INFO if fine else logging.ERROR, "%s: %s.", job, meaning(code))
        if run.process.stdin:
            run.process.stdin.close()
        self.ended(job, code, _read(run.report))
        failed = -signal.SIGKILL if run.asked_to_end and not wanted else code
        delay = None if wanted else retry_delay(failed, run.tries, datetime.now(UTC), self.limits(job))
        if delay and job not in self.waiting:
            _log(job).info("%s is tried again in %.0f minutes.", job, delay.total_seconds() / 60)
            again = time.monotonic() + delay.total_seconds()
            self.waiting[job] = Waiting(tries=run.tries + 1, not_before=again)

    def end(self) -> None:
        """Start no more runs, and let the current ones record their end; after GRACE they are killed."""
        self.waiting.clear()
        for job, run in self.running.items():
            if not run.asked_to_end:
                _log(job).info("The run of %s is asked to end, within %.0f s.", _named(job), GRACE)
                run.ask_to_end()
        for job, run in [*self.running.items()]:
            try:
                run.process.wait(
                    max(0.0, run.ends_at - time.monotonic()) if run.ends_at < float("inf") else None
                )
            except subprocess.TimeoutExpired:
                run.process.kill()
                run.process.wait()
            self._finish(job, run, wanted=True)

    def kill(self) -> None:
        """Kill the current runs."""
        for run in self.running.values():
            run.process.kill()


def _log(job: Job) -> logging.LoggerAdapter[logging.Logger]:
    """Return the log for lines about a job's connection."""
    return logging.LoggerAdapter(log, {"connection": job.connection})


def _named(job: Job) -> str:
    """Return a job's name in the middle of a sentence."""
    return str(job).replace("Group", "group", 1)


def _read(report: IO[bytes]) -> Report:
    """Return what a run has reported; a run that was killed has reported nothing."""
    with report:
        report.seek(0)
        text = report.read()
    found: Report = json.loads(text) if text.endswith(b"}\n") else {}
    return found


def meaning(code: int) -> str:
    """Return a run's exit code in words."""
    if code < 0:
        return f"killed by {signal.Signals(-code).name}; the next run mends what it left"
    return f"exit {code}, {EXIT_CODES.get(code, 'which hogsync does not use; see above')}"
