"""A service of the schedule as a process, whose groups come every few seconds."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

PATIENCE = 60.0
SERVICE = """
import json, sys
from apscheduler.triggers.interval import IntervalTrigger
from pipelines import logs, settings
from pipelines.schedule import run
logs.set_up()
seconds = json.loads(sys.argv[1])
raise SystemExit(run(settings.load(), lambda name, group: IntervalTrigger(seconds=seconds[name])))
"""


@dataclass(slots=True)
class Service:
    """A running schedule and what it and its runs have said."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def said(self) -> str:
        return self.log.read_text("utf-8")

    def until(self, pattern: str, times: int = 1) -> None:
        """Wait until the log has this so often."""
        deadline = time.monotonic() + PATIENCE
        while len(re.findall(pattern, self.said)) < times:
            assert self.process.poll() is None, self.said
            assert time.monotonic() < deadline, f"no {pattern!r} in\n{self.said}"
            time.sleep(0.05)

    def runs(self) -> list[int]:
        """The processes of its runs."""
        return [int(number) for number in re.findall(r"runs as process (\d+)", self.said)]

    def stop(self, how: signal.Signals = signal.SIGTERM, within: float = PATIENCE) -> int:
        self.process.send_signal(how)
        return self.process.wait(within)


Begin = Callable[..., Service]


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    """Starts a service whose groups come every so many seconds; without any, `hogsync schedule` itself."""
    with ExitStack() as started:

        def start(**seconds: float) -> Service:
            own = [sys.executable, "-P", "-c", SERVICE, json.dumps(seconds)]
            command = own if seconds else [sys.executable, "-P", "-m", "hogsync", "schedule"]
            log = tmp_path / f"service-{time.monotonic_ns()}.log"
            with log.open("wb") as file:
                process = subprocess.Popen(command, stderr=file, stdout=file, start_new_session=True)
            started.enter_context(process)
            started.callback(process.kill)
            return Service(process, log)

        yield start


def wait_until(true: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)
