"""The objects for Kubernetes are what its API takes, under the strictest of its standards for pods."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from pipelines.settings import SETTINGS, load
from tests.test_readme import COMMANDS

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy/kubernetes"
OLDEST = "1.31"
"""The oldest Kubernetes whose API all objects fit."""
COMPONENTS = ((), ("cronjob",), ("duckdb",), ("cronjob", "duckdb"))
needs_kubectl = pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed")


def written() -> list[dict[str, Any]]:
    """The objects as they are written, before kustomize puts them together."""
    files = [path for path in FOLDER.rglob("*.yaml") if path.name != "kustomization.yaml"]
    return [yaml.safe_load(path.read_text("utf-8")) for path in files]


def built(folder: Path, components: tuple[str, ...]) -> list[dict[str, Any]]:
    """The objects as `kubectl apply -k` sends them."""
    copy = shutil.copytree(FOLDER, folder / "kubernetes")
    shutil.copy(copy / "secret.example.env", copy / "secret.env")
    if components:
        with (copy / "kustomization.yaml").open("a") as file:
            yaml.safe_dump({"components": list(components)}, file)
    done = subprocess.run(["kubectl", "kustomize", copy], capture_output=True, text=True, check=True)
    return list(yaml.safe_load_all(done.stdout))


def pods(objects: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The specifications of the pods that the objects make."""
    for one in objects:
        if one["kind"] == "Deployment":
            yield one["spec"]["template"]["spec"]
        if one["kind"] == "CronJob":
            yield one["spec"]["jobTemplate"]["spec"]["template"]["spec"]


@pytest.mark.parametrize("version", [OLDEST, kubernetes_validate.latest_version()])
def test_the_api_takes_every_object(version: str) -> None:
    for one in written():
        kubernetes_validate.validate(one, version, strict=True)


@needs_kubectl
@pytest.mark.parametrize("components", COMPONENTS, ids="+".join)
def test_the_objects_are_put_together_with_each_component(
    tmp_path: Path, components: tuple[str, ...]
) -> None:
    objects = built(tmp_path, components)
    for one in objects:
        kubernetes_validate.validate(one, OLDEST, strict=True)
    kinds = {one["kind"] for one in objects}
    assert ("CronJob" in kinds, "Deployment" in kinds) == (
        "cronjob" in components,
        "cronjob" not in components,
    )
    (pod,) = pods(objects)
    names = {one["metadata"]["name"] for one in objects if one["kind"] != "Deployment"}
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert {volumes["secrets"]["secret"]["secretName"], volumes["settings"]["configMap"]["name"]} < names
    (container,) = pod["containers"]
    on_a_volume = "duckdb" in components
    assert ("persistentVolumeClaim" in volumes["data"]) == on_a_volume
    assert on_a_volume != ("WAREHOUSE_URL_FILE" in {entry["name"] for entry in container["env"]})


def test_pods_fit_the_restricted_standard_and_write_to_their_volumes_only() -> None:
    for pod in pods(written()):
        shared = pod["securityContext"]
        assert shared["runAsNonRoot"]
        assert shared["runAsUser"] == 10001
        assert shared["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not pod["automountServiceAccountToken"]
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }


def test_the_pods_settings_are_taken_and_answer_where_the_probes_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOGSYNC_CONFIG", str(FOLDER / "settings.toml"))
    (service,) = (pod["containers"][0] for pod in pods(written()) if "ports" in pod["containers"][0])
    (port,) = service["ports"]
    assert load().service.listen == f"0.0.0.0:{port['containerPort']}"
    assert {service[f"{kind}Probe"]["httpGet"]["port"] for kind in ("startup", "liveness", "readiness")} == {
        port["name"]
    }


def test_a_pod_runs_a_command_of_hogsync_with_settings_that_exist() -> None:
    example = dict(line.split("=", 1) for line in (FOLDER / "secret.example.env").read_text().splitlines())
    for pod in pods(written()):
        (container,) = pod["containers"]
        command, *options = container.get("args", ["schedule"])
        COMMANDS[command].make_context(command, options)
        assert {entry["name"] for entry in container["env"]} <= {entry.name for entry in SETTINGS}
        mounted = {entry["value"] for entry in container["env"] if entry["name"].endswith("_FILE")}
        assert mounted == {f"/run/secrets/hogsync/{key}" for key in example}
