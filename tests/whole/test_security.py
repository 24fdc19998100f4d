"""What a run must not do: speak to others, show its key, leave files open to all, believe what it is sent."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg2
import pytest

from sources.posthog.catalogue import ENDPOINTS
from sources.posthog.extract.api_key import CURRENT
from sources.sandbox import Sandbox
from tests.harness.scene import Scene, of

HOGSYNC = str(Path(sys.executable).with_name("hogsync"))
HERE: dict[str, Any] = {"projects": (101,)}
BELOW = {"project_id": 101}
LISTENED = """
import sys
def hear(event, words):
    if event in {"socket.connect", "socket.getaddrinfo", "socket.sendto"}:
        print("HEARD", event, words[1:3] if event == "socket.connect" else words[:2], file=sys.stderr)
sys.addaudithook(hear)
sys.argv[0] = "hogsync"
from pipelines.cli import main
main()
"""


@pytest.fixture
def company(canary_company: Sandbox) -> Sandbox:
    return canary_company


def environment(posthog: Sandbox, **more: str) -> dict[str, str]:
    return {**os.environ, "POSTHOG_HOST": posthog.url, "POSTHOG_PERSONAL_API_KEY": posthog.key, **more}


@pytest.mark.fault("security.only_posthog_is_spoken_to", "security.no_telemetry")
def test_a_first_run_speaks_to_posthog_alone_and_leaves_nothing_in_the_home_folder(
    posthog: Sandbox, tmp_path: Path
) -> None:
    person = {name: value for name, value in environment(posthog).items() if "DLT" not in name}
    (tmp_path / "person").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", LISTENED, "sync", "cohorts", "--quiet"],
        env={**person, "HOME": str(tmp_path / "person")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    heard = [line for line in done.stderr.splitlines() if line.startswith("HEARD")]
    assert len(heard) > 1
    there = urlsplit(posthog.url)
    assert [line for line in heard if str(there.port) not in line or str(there.hostname) not in line] == []
    assert list((tmp_path / "person").iterdir()) == []


@pytest.mark.fault("security.only_get")
def test_whatever_is_done_posthog_sees_only_gets_of_lists_in_the_catalogue(posthog: Sandbox) -> None:
    for words in (["sync", "--quiet"], ["check"]):
        assert (
            subprocess.run([HOGSYNC, *words], env=environment(posthog), capture_output=True).returncode == 0
        )
    paths = {path.partition("?")[0] for endpoint in ENDPOINTS.values() for path in endpoint.paths}
    known = "|".join(re.sub(r"{\w+}", "[^/]+", path) for path in (*paths, CURRENT, r"users/@me/"))
    asked = posthog.requests()
    assert len(asked) > 50
    assert {one["method"] for one in asked} == {"GET"}
    assert {one["path"] for one in asked if not re.fullmatch(f"/api/({known})", one["path"])} == set()


@pytest.mark.fault("security.files")
def test_every_file_is_its_owners_alone_while_a_run_goes_on_and_after_it(
    posthog: Sandbox, tmp_path: Path
) -> None:
    posthog.fault(path="cohorts", kind="latency", seconds=2, times=1)
    log = (tmp_path / "log").open("wb")
    before = set(tmp_path.rglob("*"))
    command = [HOGSYNC, "sync", "cohorts", "comments"]
    open_to_others: set[str] = set()
    met: set[Path] = set()
    with (
        log,
        subprocess.Popen(command, env=environment(posthog), stdout=log, stderr=log, umask=0o022) as process,
    ):
        while process.poll() is None:
            met |= others(tmp_path, before, open_to_others)
            time.sleep(0.01)
    met |= others(tmp_path, before, open_to_others)
    assert process.returncode == 0
    assert {path.name for path in met} >= {"home", "runs", "hogsync.duckdb", "hash.key", "budget.db"}
    assert open_to_others == set()


def others(folder: Path, known: set[Path], found: set[str]) -> set[Path]:
    """The paths below a folder; those that others than their owner may read are noted, inside private ones too."""
    # os.walk passes over folders that go meanwhile.
    met = {
        Path(place) / name for place, folders, files in os.walk(folder) for name in (*folders, *files)
    } - known
    for path in met:
        try:
            state = path.lstat()
        except FileNotFoundError:
            continue
        if stat.S_IMODE(state.st_mode) & 0o077 and not any(
            private(up) for up in path.parents if up != folder
        ):
            found.add(f"{stat.filemode(state.st_mode)} {path.relative_to(folder)}")
    return met


def private(folder: Path) -> bool:
    try:
        return not stat.S_IMODE(folder.stat().st_mode) & 0o077 and "pytest" not in folder.name
    except FileNotFoundError:
        return True


@pytest.mark.skipif(
    not Path("/proc/self/cmdline").exists(), reason="what others see of a process is in /proc"
)
@pytest.mark.fault("security.key_in_arguments")
@pytest.mark.parametrize("words", [["schedule"], ["sync", "--sandbox", "--quiet"]])
def test_no_process_of_ours_shows_a_key_in_its_arguments(
    posthog: Sandbox, tmp_path: Path, words: list[str]
) -> None:
    posthog.options(latency=0.1)
    settings = environment(
        posthog, HOGSYNC_SELECTION__TABLES="cohorts", HOGSYNC_HASH_KEY="a-long-and-random-secret"
    )
    seen: set[str] = set()
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([HOGSYNC, *words], env=settings, stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline and len(seen) < 2:
            seen |= arguments(process.pid)
            time.sleep(0.02)
        process.terminate()
        process.wait(30)
    assert len(seen) > 1, f"nothing was started: {(tmp_path / 'log').read_text()}"
    assert [words for words in seen if re.search("phx_|canarysecret|random-secret", words)] == []


def arguments(process: int) -> set[str]:
    """The command lines of a process and of those below it."""
    found = set()
    try:
        found.add(Path(f"/proc/{process}/cmdline").read_text("utf-8"))
        threads = Path(f"/proc/{process}/task").iterdir()
        below = " ".join((thread / "children").read_text("utf-8") for thread in threads).split()
    except OSError:
        return found
    return found.union(*(arguments(int(child)) for child in below))


@pytest.mark.fault("security.refused_rows")
def test_a_load_that_the_database_refuses_quotes_no_row_and_no_password(
    posthog: Sandbox, postgres_url: str
) -> None:
    settings = environment(posthog, WAREHOUSE_URL=postgres_url, HOGSYNC_PROJECTS__ONLY="101")
    assert subprocess.run([HOGSYNC, "sync", "comments", "--quiet"], env=settings).returncode == 0
    run_sql(
        postgres_url, "alter table posthog.comments add constraint short check (content is null) not valid"
    )
    comment = next(row for row in posthog.rows("comments") if row["_parents"] == BELOW)
    posthog.edit("comments", where={"id": comment["id"]}, set={"content": "canarytext of somebody"})
    command = [HOGSYNC, "--debug", "sync", "comments", "--json"]
    done = subprocess.run(command, env=settings, capture_output=True, text=True)
    assert done.returncode == 4, done.stderr
    recorded = run_sql(postgres_url, "select error from posthog._hogsync_runs where status <> 'ok'")
    assert len(recorded) == 1
    for text in (done.stdout, done.stderr, str(recorded)):
        assert "short" in text, "what is wrong is told"
        assert not re.search("canary|never-forgets|somebody", text), text
    run_sql(postgres_url, "alter table posthog.comments drop constraint short")
    assert subprocess.run([HOGSYNC, "sync", "comments", "--quiet"], env=settings).returncode == 0


def run_sql(url: str, sql: str) -> list[Any]:
    with psycopg2.connect(url) as server, server.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall()) if cursor.description else []


@pytest.mark.soak("stories")
@pytest.mark.fault("security.path_escape")
@pytest.mark.parametrize("ident", ["../../users/@me", "%2e%2e/users", "a b", "?limit=1#", ""])
def test_an_id_that_is_a_path_leads_nowhere_and_costs_only_its_own_lists(
    file_scene: Scene, posthog: Sandbox, ident: str
) -> None:
    first, *_ = posthog.rows("organizations")
    swapped = {"kind": "swap", "body": {f'"id":"{first["id"]}"': f'"id":"{ident}"'}}
    posthog.fault(path=r"^/api/organizations/(\?|$)", **swapped)
    outcome = file_scene.sync("organization_members", "users")
    members = of(outcome, "organization_members")
    assert {of(outcome, table).status for table in ("organizations", "users")} == {"loaded"}
    assert members.counts.inserted > 0, "of the other organization"
    assert "bug" not in members.detail
    asked = [one["path"] for one in posthog.requests()]
    allowed = r"/api/(users/|organizations/([\w-]+/members/)?|personal_api_keys/@current/)"
    odd = [path for path in asked if not re.fullmatch(allowed, path)]
    assert odd in ([], [f"/api/organizations/{ident}/members/"])
    assert file_scene.rows("organization_members").keys() <= {
        (row["_parents"]["organization_id"], row["id"]) for row in posthog.rows("organization_members")
    }
