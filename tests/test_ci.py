"""CI runs on every supported Python, and every part of what takes long."""

from __future__ import annotations

from typing import Any

import yaml
from packaging.specifiers import SpecifierSet

from tests.soak import PARTS, ROOT
from tests.test_packaging import PROJECT


def matrix(job: str) -> dict[str, Any]:
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text("utf-8"))
    found: dict[str, Any] = workflow["jobs"][job]["strategy"]["matrix"]
    return found


def test_every_supported_python_runs_make_test() -> None:
    supported = SpecifierSet(PROJECT["project"]["requires-python"])
    assert matrix("test")["target"] == ["test"]
    assert matrix("test")["python"] == [
        f"3.{minor}" for minor in range(99) if supported.contains(f"3.{minor}")
    ]


def test_the_oldest_databases_and_every_part_of_what_takes_long_are_run() -> None:
    others = {entry["target"] for entry in matrix("test")["include"]}
    assert others == {
        part.target for name, part in PARTS.items() if part.target and name != "versions-python"
    }
    assert matrix("soak")["part"] == [name for name, part in PARTS.items() if not part.target]
