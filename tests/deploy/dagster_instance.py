"""A Dagster of its own: its daemon, its code server and its run workers, on a Postgres, for many connections."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sources.sandbox import Sandbox
from tests.harness.postgres import Server
from tests.harness.scene import HASH_KEY

DEPLOY = Path(__file__).resolve().parents[2] / "deploy" / "dagster"
PATIENCE = 7200.0
ENDED = {"SUCCESS", "FAILURE", "CANCELED"}
RUNS = """
select run_id, status, extract(epoch from launched at time zone 'utc')::float, end_time
  from runs left join (
    select run_id, min(timestamp) as launched from event_logs
     where dagster_event_type = 'PIPELINE_STARTING' group by run_id) as given using (run_id)
"""
HOLDER = "select application_name from pg_stat_activity where application_name like 'hogsync %, process %'"


@dataclass(frozen=True, slots=True)
class EngineRun:
    """One run, as Dagster has it."""

    run_id: str
    status: str
    connection: str
    tags: Mapping[str, str]
    start: float
    """When a worker was given the run; 0 before that."""
    end: float


@dataclass(frozen=True, slots=True)
class Instance:
    """A Dagster instance that is installed in `bin`, with hogsync's deployment files."""

    bin: Path
    folder: Path
    server: Server
    store: str
    """The name of the database in which Dagster keeps its runs."""
    environment: Mapping[str, str]

    def started(self, *words: str) -> subprocess.Popen[bytes]:
        """Start a command."""
        quiet = subprocess.DEVNULL
        command = [str(self.bin / words[0]), *words[1:]]
        return subprocess.Popen(command, cwd=self.folder, env=self.environment, stdout=quiet, stderr=quiet)

    def command(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            [str(self.bin / words[0]), *words[1:]],
            cwd=self.folder,
            env={**self.environment, **variables},
            capture_output=True,
            text=True,
            timeout=600,
        )

    @contextmanager
    def daemon(self) -> Iterator[None]:
        """Run the daemon with all that it starts during the block."""
        command = [str(self.bin / "dagster-daemon"), "run", "-w", "workspace.yaml"]
        with (self.folder / "daemon.log").open("wb") as log:
            process = subprocess.Popen(
                command, cwd=self.folder, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )
        try:
            self.until(lambda: bool(self.ask("select 1 from daemon_heartbeats limit 1")))
            yield
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGINT)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def tick(self, runs: int) -> None:
        """Let the schedule of all tables come due once: switch it on until its runs are there."""
        for word in ("start", "stop"):
            done = self.command("dagster", "schedule", word, "sync_all_schedule", "-w", "workspace.yaml")
            assert done.returncode == 0, done.stderr
            self.until(lambda: len(self.runs()) >= runs)

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """What Dagster's database answers; nothing while it has no such table yet."""
        try:
            return self.server.execute(sql, self.store)
        except Exception as error:
            if "does not exist" not in str(error):
                raise
            return []

    def runs(self) -> list[EngineRun]:
        """Every run so far."""
        found, tags = self.ask(RUNS), dict[str, dict[str, str]]()  # first the runs: a run's tags come with it
        for run_id, key, value in self.ask("select run_id, key, value from run_tags"):
            tags.setdefault(run_id, {})[key] = value
        return [
            EngineRun(run_id, status, tags[run_id]["dagster/partition"], tags[run_id], start or 0, end or 0)
            for run_id, status, start, end in found
        ]

    def until(self, reached: Callable[[], bool]) -> None:
        """Return as soon as something is reached."""
        deadline = time.monotonic() + PATIENCE
        while not reached():
            assert time.monotonic() < deadline, (self.folder / "daemon.log").read_text()[-3000:]
            time.sleep(0.5)


@contextmanager
def instance(
    environment: Path,
    folder: Path,
    server: Server,
    posthogs: Sequence[Sandbox],
    *,
    connections: int,
    workers: int,
) -> Iterator[Instance]:
    """An instance, not started yet; connection cN reads the N-th PostHog, in turn, with a key of its own."""
    folder.mkdir()
    for file in ("definitions.py", "workspace.yaml"):
        (folder / file).write_text((DEPLOY / file).read_text())
    settings = (DEPLOY / "dagster.yaml").read_text()
    (folder / "dagster.yaml").write_text(
        re.sub(r"(max_concurrent_runs|dequeue_num_workers): \d+", rf"\1: {workers}", settings)
    )
    names = [f"c{number}" for number in range(connections)]
    hosts = {name: posthogs[number % len(posthogs)] for number, name in enumerate(names)}
    due = datetime.now(UTC) + timedelta(minutes=5)
    groups = f'[groups.all]\ncrontab = "{due.minute} * * * *"\n'
    sections = [f'[connections.{n}]\nhost = "{hosts[n].url}"\nkey_env = "KEY_{n.upper()}"\n' for n in names]
    (folder / "hogsync.toml").write_text("\n".join([groups, *sections]))
    keys = {f"KEY_{name.upper()}": posthog.new_key(name) for name, posthog in hosts.items()}
    with server.database("dagster_store") as store, server.database("dagster_warehouse") as warehouse:
        own = {
            "PATH": os.defpath,
            "HOME": str(folder),
            "DAGSTER_HOME": str(folder),
            "DAGSTER_EVENT_BATCH_SIZE": "100",
            "DAGSTER_POSTGRES_URL": store.replace("postgresql://", "postgresql+psycopg2://"),
            "WAREHOUSE_URL": warehouse,
            "HOGSYNC_HOME": str(folder / "home"),
            "HOGSYNC_HASH_KEY": HASH_KEY,
        }
        yield Instance(environment, folder, server, store.rpartition("/")[2], {**own, **keys})


def signal_a_worker(server: Server, number: signal.Signals) -> bool:
    """Send a signal to a process that holds a load lock; False if there is none now."""
    for (holder,) in server.execute(HOLDER):
        os.kill(int(holder.partition("process ")[2].split()[0]), number)
        return True
    return False
