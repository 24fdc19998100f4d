"""What a stranger installs: locked, hashed, one wheel of three packages and a file, and a command that works."""

from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from sources.sandbox import Sandbox
from tests.harness.ended import Ended

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = {"pipelines", "sources", "destinations"}
FRONT_DOOR = "hogsync.py"
DAGSTER = "deploy/dagster/requirements.txt"
LOCKS = sorted(
    str(path.relative_to(ROOT))
    for pattern in ("requirements*.txt", "deploy/*/requirements.txt")
    for path in ROOT.glob(pattern)
)
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())


def locked(name: str) -> dict[str, list[str]]:
    """Package -> its versions in one lock; more than one where platforms differ."""
    versions: dict[str, list[str]] = {}
    for package, version in re.findall(r"^([\w.-]+)==([^\s;]+)", (ROOT / name).read_text(), re.MULTILINE):
        versions.setdefault(canonicalize_name(package), []).append(version)
    return versions


def required(*groups: str, extra: str = "sandbox") -> Iterator[Requirement]:
    yield from map(Requirement, PROJECT["project"]["dependencies"])
    yield from map(Requirement, PROJECT["project"]["optional-dependencies"][extra])
    for group in groups:
        yield from (
            Requirement(word) for word in PROJECT["dependency-groups"][group] if isinstance(word, str)
        )


def run(*command: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """A command as a person would give it: without what this test run, or the make around it, has set."""
    strangers = ("PYTHON", "MAKE", "MFLAGS", "VIRTUAL_ENV", "PIP_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(strangers)}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built with what is installed: no network, no environment of its own."""
    folder = tmp_path_factory.mktemp("dist")
    built = run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder)
    assert built.returncode == 0, built.stderr
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` folder of an environment that has the wheel; the dependencies are borrowed from ours."""
    home = tmp_path_factory.mktemp("elsewhere")
    made = run(sys.executable, "-m", "venv", "--without-pip", home)
    assert made.returncode == 0, made.stderr
    python = home / "bin" / "python"
    offline = ("--quiet", "--disable-pip-version-check", "--no-index", "--no-deps")
    put = run(sys.executable, "-m", "pip", "--python", python, "install", *offline, wheel)
    assert put.returncode == 0, put.stderr
    # A directory in a .pth comes last, and the .pth files in it (one leads to this checkout) stay unread.
    own = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").stdout.strip()
    borrowed = {path for path in sys.path if path.endswith("-packages")}
    (Path(own) / "borrowed.pth").write_text("\n".join(sorted(borrowed)))
    return home / "bin"


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_no_address(name: str) -> None:
    text = (ROOT / name).read_text()
    assert "://" not in text
    assert not re.search(r"^-|@", text, re.MULTILINE)


@pytest.mark.fault("security.locked_packages")
@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_package_has_its_hashes(name: str) -> None:
    entries = re.split(r"^(?=\S)", (ROOT / name).read_text(), flags=re.MULTILINE)[1:]
    assert entries
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize(
    ("name", "groups", "extra"),
    [
        ("requirements.txt", ["build"], "sandbox"),
        ("requirements-dev.txt", ["build", "dev"], "sandbox"),
        (DAGSTER, [], "dagster"),
    ],
)
def test_a_lock_satisfies_what_the_project_asks_for(name: str, groups: list[str], extra: str) -> None:
    versions = locked(name)
    unmet = [
        str(requirement)
        for requirement in required(*groups, extra=extra)
        if not versions.get(canonicalize_name(requirement.name))
        or not all(map(requirement.specifier.contains, versions[canonicalize_name(requirement.name)]))
    ]
    assert unmet == [], "run `make lock`"


def test_what_the_tests_run_on_is_what_users_run() -> None:
    assert locked("requirements.txt").items() <= locked("requirements-dev.txt").items()


def test_under_dagster_hogsync_has_the_versions_that_it_has_elsewhere() -> None:
    tested, deployed = locked("requirements.txt"), locked(DAGSTER)
    assert {name: tested[name] for name in deployed if name in tested} == {
        name: versions for name, versions in deployed.items() if name in tested
    }


def test_the_oldest_duckdb_that_is_promised_is_the_one_that_is_tested() -> None:
    [promised] = [requirement for requirement in required() if requirement.name == "duckdb"]
    [oldest] = locked("requirements-duckdb15.txt")["duckdb"]
    assert f">={oldest}" in str(promised.specifier)


def test_the_wheel_holds_the_three_packages_their_front_door_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    metadata = f"hogsync-{PROJECT['project']['version']}.dist-info"
    assert {name.partition("/")[0] for name in names} == PACKAGES | {FRONT_DOOR, metadata}
    ours = {FRONT_DOOR} | {
        str(path.relative_to(ROOT)) for room in PACKAGES for path in (ROOT / room).rglob("*.py")
    }
    assert {name for name in names if name.endswith(".py")} == ours


WITHOUT_DJANGO = (
    "import sys; sys.modules.update(django=None, rest_framework=None); import hogsync; hogsync.main()"
)


def test_the_sandbox_alone_needs_its_extra(
    wheel: Path,
    sandbox: Callable[..., Sandbox],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = zipfile.ZipFile(wheel).read(f"hogsync-{PROJECT['project']['version']}.dist-info/METADATA").decode()
    web = [line for line in told.splitlines() if re.match("Requires-Dist: django", line)]
    assert len(web) == 2
    assert all(line.endswith("; extra == 'sandbox'") for line in web)
    for words in (["sync", "--sandbox"], ["sandbox", "--port", "0"]):
        refused = run(sys.executable, "-c", WITHOUT_DJANGO, *words, cwd=Path())
        assert "pip install 'hogsync[sandbox]'" in Ended(refused.returncode, "", refused.stderr).refusal(2)
    posthog = sandbox()
    monkeypatch.setenv("POSTHOG_HOST", posthog.url)
    monkeypatch.setenv("POSTHOG_PERSONAL_API_KEY", posthog.key)
    for words in (["sync", "group_types", "--quiet"], ["query", "select 1"], ["check"]):
        done = run(sys.executable, "-c", WITHOUT_DJANGO, *words, cwd=Path())
        assert (done.returncode, done.stderr) == (0, ""), words


def test_nobody_else_owns_our_four_names() -> None:
    owners = {
        distribution.name
        for distribution in importlib.metadata.distributions()
        for file in distribution.files or ()
        if file.parts[0].removesuffix(".py") in {"hogsync", *PACKAGES}
    }
    assert owners <= {"hogsync"}


@pytest.mark.parametrize("name", sorted(PACKAGES))
def test_a_package_holds_only_its_docstring(name: str) -> None:
    """So that a stranger's package of the same name, installed over ours, harms nobody."""
    text = (ROOT / name / "__init__.py").read_text().strip()
    assert text.startswith('"""')
    assert text.index('"""', 3) == len(text) - 3


def test_the_wheel_gives_a_working_command_elsewhere(installed: Path, tmp_path: Path) -> None:
    for command in ([installed / "hogsync"], [installed / "python", "-m", "hogsync"]):
        asked = run(*command, "--help", cwd=tmp_path)
        assert asked.returncode == 0, asked.stderr
        assert "sync" in asked.stdout
    for name in ("hogsync", *PACKAGES):
        where = run(installed / "python", "-c", f"import {name}; print({name}.__file__)", cwd=tmp_path)
        assert Path(where.stdout.strip()).is_relative_to(installed.parent), where.stderr


def test_make_says_in_one_sentence_that_no_python_fits(tmp_path: Path) -> None:
    made = run("make", "-f", ROOT / "Makefile", "setup", "PYTHON=no-such-python", cwd=tmp_path)
    assert made.returncode == 2
    assert made.stderr.startswith("hogsync needs Python 3.11, 3.12, 3.13 or 3.14")
