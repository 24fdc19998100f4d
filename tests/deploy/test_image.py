"""The image: its file says what it must, and its steps make a hogsync that runs where it can write to its data only.

No engine is needed: the steps are carried out in a folder of this machine, whose path stands in them for `/opt`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.scene import Scene
from tests.test_packaging import ROOT, locked, required
from tests.test_readme import COMMANDS

FILE = ROOT / "deploy/Dockerfile"


def instructions(stage: int) -> Iterator[tuple[str, str]]:
    """The instructions of one stage of the image's file, each with its words on one line."""
    text = re.sub(r"^#.*\n", "", FILE.read_text("utf-8"), flags=re.MULTILINE).replace("\\\n", " ")
    for line in re.split(r"^(?=FROM)", text, flags=re.MULTILINE)[1:][stage].splitlines():
        if line:
            word, _, rest = line.partition(" ")
            yield word, rest


def copied() -> list[str]:
    """What the first stage takes from this repository."""
    return [name for word, rest in instructions(0) if word == "COPY" for name in rest.split()[:-1]]


def test_the_image_starts_hogsync_as_a_number_that_is_not_root_and_hands_signals_on() -> None:
    last = dict(instructions(-1))
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", last["USER"])
    assert json.loads(last["ENTRYPOINT"]) == ["hogsync"]
    for command in (json.loads(last["CMD"]), json.loads(last["HEALTHCHECK"].partition("CMD ")[2])[1:]):
        assert COMMANDS[command[0]].make_context(command[0], command[1:])


def test_what_the_image_copies_is_there_and_alone_reaches_the_builder() -> None:
    ignored = (FILE.parent / "Dockerfile.dockerignore").read_text("utf-8")
    assert set(copied()) == set(re.findall(r"^!(.+)$", ignored, re.MULTILINE))
    assert all((ROOT / name).exists() for name in copied())


def test_the_image_has_the_versions_that_are_tested_and_no_sandbox() -> None:
    image, tested = locked("requirements-image.txt"), locked("requirements.txt")
    assert image.items() <= tested.items()
    assert locked("requirements-build.txt").items() <= tested.items()
    assert "django" not in image
    assert {requirement.name for requirement in required()} - image.keys() == {
        "django",
        "djangorestframework",
    }


@pytest.fixture(scope="module")
def built() -> Iterator[Path]:
    """A folder after the steps of the image's first stage, in which nobody may write."""
    with tempfile.TemporaryDirectory(prefix="hogsync-image-", dir="/var/tmp") as name:
        root = Path(name)
        (root / "src").mkdir()
        for path in copied():
            copy = shutil.copytree if (ROOT / path).is_dir() else shutil.copy
            copy(ROOT / path, root / "src" / path)
        environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        for command in [rest for word, rest in instructions(0) if word == "RUN"]:
            placed = command.replace("/opt/", f"{root}/opt/")
            subprocess.run(placed, shell=True, cwd=root / "src", env=environment, check=True)  # noqa: S602
        subprocess.run(["chmod", "-R", "a-w,a+rX", root], check=True)
        yield root
        subprocess.run(["chmod", "-R", "u+w", root], check=True)


@pytest.mark.soak("deploy")
def test_the_steps_make_a_hogsync_that_syncs_without_django(
    built: Path, file_scene: Scene, tmp_path: Path
) -> None:
    folder = built / "opt/hogsync"
    environment = {**file_scene.settings(), "PATH": f"{folder}/bin:/usr/bin:/bin", "HOME": str(tmp_path)}
    del environment["WAREHOUSE_URL"], environment["HOGSYNC_HOME"]
    data = tmp_path / "data"
    data.mkdir()

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(words, cwd=data, env=environment, capture_output=True, text=True)

    for words in (["tables"], ["sync", "--quiet"], ["query", "select count(*) from cohorts"]):
        done = run("hogsync", *words)
        assert done.returncode == 0, done.stderr
    assert {path.name for path in data.iterdir()} <= {".hogsync", "hogsync.duckdb", "hogsync.duckdb.lock"}
    assert "No module named 'django'" in run(str(folder / "bin/python"), "-c", "import django").stderr
    assert next(folder.rglob("site-packages/__pycache__/hogsync.*.pyc"))
