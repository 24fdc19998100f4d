"""The line for cron: an hourly sync that says nothing while all is well, so that cron mails only trouble."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from apscheduler.triggers.cron import CronTrigger

from tests.harness.command import HOGSYNC
from tests.harness.scene import Scene

CRONTAB = Path(__file__).parents[2] / "deploy/cron/hogsync.crontab"


def line() -> tuple[str, str]:
    """The times of the one line, and its command."""
    (found,) = re.findall(r"^((?:[\d*/,-]+ ){5}) *(.+)$", CRONTAB.read_text("utf-8"), re.MULTILINE)
    times, command = found
    return times.strip(), command


def test_the_times_of_the_line_come() -> None:
    times, _ = line()
    assert CronTrigger.from_crontab(times)


@pytest.mark.parametrize("key", ["right", "wrong"])
def test_cron_has_something_to_mail_only_when_a_sync_fails(
    file_scene: Scene, tmp_path: Path, key: str
) -> None:
    _, command = line()
    folder = tmp_path / "hogsync"
    (folder / ".venv/bin").mkdir(parents=True)
    (folder / ".venv/bin/hogsync").symlink_to(HOGSYNC)
    settings = file_scene.settings("" if key == "right" else "phx_0123456789abcdef")
    settings["HOGSYNC_SELECTION__TABLES"] = "group_types"
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    (folder / ".env").chmod(0o600)
    environment = {"PATH": "/usr/bin:/bin", "HOME": os.environ["HOME"], "SHELL": "/bin/sh"}  # cron's own
    command = command.replace("/srv/hogsync", str(folder))
    done = subprocess.run(["/bin/sh", "-c", command], env=environment, capture_output=True, text=True)
    mailed = done.stdout + done.stderr
    assert (done.returncode, bool(mailed)) == ((0, False) if key == "right" else (3, True)), mailed
