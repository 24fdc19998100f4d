"""The page of deploy/: what it names is there, and its commands for secrets, backups and restores do what it says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.locking.load_lock import load_lock
from pipelines.settings import load
from pipelines.settings.hosts import WarehouseUrl
from sources.sandbox import Sandbox
from tests.harness.postgres import Server
from tests.harness.scene import Scene
from tests.test_readme import COMMANDS, ROOT, blocks

FOLDER = ROOT / "deploy"
PAGE = FOLDER / "README.md"
HERE = ("Dockerfile", "compose.yaml", "cron", "github-actions", "grafana", "kubernetes", "systemd")


def lines() -> Iterator[str]:
    """The lines of all commands, without their remarks."""
    for code in blocks(PAGE, "sh"):
        yield from (re.sub(r" +# .*", "", line) for line in code.splitlines())


def line(beginning: str) -> str:
    """The one command that begins so."""
    (found,) = [one for one in lines() if one.startswith(beginning)]
    return found


def test_the_page_is_read_in_ten_minutes_and_names_every_way() -> None:
    text = PAGE.read_text("utf-8")
    assert len(text.splitlines()) <= 150
    assert [name for name in HERE if name not in text or not (FOLDER / name).exists()] == []


def test_what_the_commands_name_is_there() -> None:
    made = {"deploy/kubernetes/secret.env"}
    for text in lines():
        for path in set(re.findall(r"\bdeploy/[\w./*-]+", text)) - made:
            assert list(ROOT.glob(path)), path
        for command in re.findall(r"(?:bin/|exec hogsync )hogsync (\w+)", text):
            assert command in COMMANDS


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
def test_the_secrets_of_compose_are_made_and_fit(tmp_path: Path) -> None:
    (tmp_path / "deploy").mkdir()
    commands = [line("cd deploy"), line("for name in postgres"), line("read -r password")]
    subprocess.run(["sh", "-euc", "\n".join(commands)], cwd=tmp_path, check=True)
    secrets = tmp_path / "deploy/secrets"
    url = WarehouseUrl.parse((secrets / "warehouse_url").read_text())
    assert url.secrets == ((secrets / "hogsync").read_text().strip(),)
    declared = re.findall(r"file: secrets/(\w+)", (FOLDER / "compose.yaml").read_text("utf-8"))
    assert {path.name for path in secrets.iterdir()} == {*declared} - {"posthog_key"}
    assert secrets.stat().st_mode & 0o077 == 0


@pytest.mark.skipif(not shutil.which("flock"), reason="flock is not installed")
def test_a_copy_of_the_file_waits_for_a_sync_and_can_be_continued(file_scene: Scene) -> None:
    file_scene.settle("cohorts")
    backup, restore = (
        line("flock hogsync.duckdb.lock cp hogsync"),
        line("flock hogsync.duckdb.lock sh"),
    )
    with load_lock(load(file_scene.settings()), 0, "a sync"):
        waiting = subprocess.Popen(["sh", "-c", backup])
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(0.5)
    assert waiting.wait(10) == 0
    Path("hogsync.duckdb").write_bytes(b"lost")
    subprocess.run(["sh", "-c", restore], check=True)
    assert file_scene.sync("cohorts").exit_code == 0
    file_scene.right("cohorts")


def test_a_dump_of_postgres_can_be_restored_and_continued(
    posthog: Sandbox, postgres_url: str, postgres_server: Server, tmp_path: Path
) -> None:
    scene = Scene(posthog, postgres_url, tmp_path / "home").settle("cohorts")
    path = f"{postgres_server.bin}:{os.environ['PATH']}"
    environment = {"PATH": path, "WAREHOUSE_URL": postgres_url}
    subprocess.run(["sh", "-c", line("pg_dump")], env=environment, check=True)
    postgres_server.execute("drop schema posthog cascade", postgres_url.rpartition("/")[2])
    subprocess.run(["sh", "-c", line("pg_restore")], env=environment, check=True)
    outcome = scene.sync("cohorts")
    assert (outcome.exit_code, sum(table.counts.inserted for table in outcome.tables)) == (0, 0)
    scene.right("cohorts")
