"""The units of systemd are clean and confined, and start hogsync with what it needs."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from pipelines.errors import KeyProblem, UsageError
from pipelines.schedule.queue import GRACE
from tests.test_readme import COMMANDS

UNITS = Path(__file__).parents[2] / "deploy/systemd"
SERVICES = sorted(path.name for path in UNITS.glob("*.service"))
EXPOSURE = 25
"""The most that `systemd-analyze security` may find, in tenths of its scale of ten."""
each_service = pytest.mark.parametrize("name", SERVICES)
needs_systemd = pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed"
)


def settings(name: str) -> dict[str, str]:
    """The last value of each key of the section [Service]."""
    parser = configparser.RawConfigParser(strict=False, comment_prefixes=("#",), interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(UNITS / name)
    return dict(parser["Service"])


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units, with a program that exists here."""
    for path in UNITS.iterdir():
        text = path.read_text().replace("/opt/hogsync/.venv/bin/hogsync", shutil.which("true") or "")
        (tmp_path / path.name).write_text(text)
    return tmp_path


@needs_systemd
def test_systemd_finds_no_fault_in_the_units(units: Path) -> None:
    files = [path for path in units.iterdir() if path.suffix in {".service", ".timer"}]
    verified = subprocess.run(["systemd-analyze", "verify", *files], capture_output=True, text=True)
    assert (verified.returncode, verified.stderr) == (0, "")


@needs_systemd
@each_service
def test_a_service_is_confined(units: Path, name: str) -> None:
    limit = ["--offline=true", f"--threshold={EXPOSURE}"]
    rated = subprocess.run(
        ["systemd-analyze", "security", *limit, units / name], capture_output=True, text=True
    )
    assert rated.returncode == 0, rated.stdout[-300:] + rated.stderr


@each_service
def test_a_service_starts_a_command_of_hogsync_that_can_end_in_time(name: str) -> None:
    service = settings(name)
    program, command, *options = service["ExecStart"].split()
    COMMANDS[command].make_context(command, options)
    assert program == "/opt/hogsync/.venv/bin/hogsync"
    assert int(service["TimeoutStopSec"]) > GRACE


def test_the_service_is_not_restarted_where_only_a_person_can_help() -> None:
    prevented = {int(code) for code in settings("hogsync.service")["RestartPreventExitStatus"].split()}
    assert prevented == {UsageError.exit_code, KeyProblem.exit_code}


@each_service
def test_secrets_reach_a_service_as_credentials_only(name: str) -> None:
    text = (UNITS / name).read_text() + (UNITS / "postgres.conf").read_text()
    loaded = set(re.findall(r"^LoadCredential=(\w+):", text, re.MULTILINE))
    assert (
        loaded == set(re.findall(r"_FILE=%d/(\w+)$", text, re.MULTILINE)) == {"posthog_key", "warehouse_url"}
    )
