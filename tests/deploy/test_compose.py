"""The composition for one machine: Docker Compose reads it, and nothing is open to others."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipelines.settings import SETTINGS

FOLDER = Path(__file__).parents[2] / "deploy"
COMPOSE = Path(sys.executable).with_name("docker-compose")


@pytest.fixture(scope="module")
def composition() -> dict[str, Any]:
    """What Docker Compose makes of the file, every reference resolved."""
    command = [str(COMPOSE), "--file", str(FOLDER / "compose.yaml"), "config", "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    read: dict[str, Any] = json.loads(done.stdout)
    return read


def test_only_this_machine_reaches_a_port(composition: dict[str, Any]) -> None:
    ports = {name: service.get("ports", []) for name, service in composition["services"].items()}
    assert {name for name, published in ports.items() if published} == {"grafana"}
    assert {port["host_ip"] for published in ports.values() for port in published} == {"127.0.0.1"}
    assert list(composition["services"]["postgres"]["networks"]) == ["warehouse"]
    assert composition["networks"]["warehouse"]["internal"]


def test_secrets_are_files_and_each_is_used(composition: dict[str, Any]) -> None:
    services = composition["services"].values()
    assert {secret["source"] for service in services for secret in service["secrets"]} == set(
        composition["secrets"]
    )
    folder = FOLDER / "secrets"
    assert {Path(secret["file"]).parent for secret in composition["secrets"].values()} == {folder}
    named = [value for service in services for value in service["environment"].values()]
    files = {value for value in named if value.startswith("/run/secrets/")}
    assert files <= {f"/run/secrets/{name}" for name in composition["secrets"]}


def test_hogsync_has_settings_that_exist_and_a_root_that_it_cannot_write(composition: dict[str, Any]) -> None:
    service = composition["services"]["hogsync"]
    assert set(service["environment"]) <= {entry.name for entry in SETTINGS}
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])


def test_what_is_mounted_from_this_folder_is_there(composition: dict[str, Any]) -> None:
    mounts = [mount for service in composition["services"].values() for mount in service["volumes"]]
    bound = [mount for mount in mounts if mount["type"] == "bind"]
    assert bound
    assert all(Path(mount["source"]).exists() and mount["read_only"] for mount in bound)
