"""The front door: `import hogsync`, `hogsync` and `python -m hogsync` find hogsync's own packages everywhere."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

import hogsync
from pipelines.schedule.jobs import Job
from pipelines.schedule.queue import RunQueue
from sources.sandbox import Sandbox

ROOT = Path(hogsync.__file__).parent
HOGSYNC = Path(sys.executable).with_name("hogsync")
README = (ROOT / "README.md").read_text("utf-8")
HEAVY = {"dlt", "duckdb", "pyarrow", "django", "httpx", "apscheduler", "typer", "pydantic"}
STRANGER = "raise SystemExit('a stranger was imported')"


def example() -> str:
    """The code of the docstring."""
    code = [line for line in (hogsync.__doc__ or "").splitlines() if not line or line.startswith("    ")]
    return textwrap.dedent("\n".join(code)).strip()


@pytest.fixture
def strangers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder, also on PYTHONPATH, with other packages of our names and files named like libraries."""
    folder = tmp_path / "strangers"
    for package in ("pipelines", "destinations"):
        (folder / package).mkdir(parents=True)
        (folder / package / "__init__.py").write_text(STRANGER)
    for module in ("sources", "logging", "queue", "typer", "dlt", "duckdb"):
        (folder / f"{module}.py").write_text(STRANGER)
    monkeypatch.chdir(folder)
    return folder


def on_the_path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what has our names goes on PYTHONPATH: what stands there is a library by the user's own word."""
    for module in ("logging", "queue", "typer", "dlt", "duckdb"):
        (folder / f"{module}.py").unlink()
    monkeypatch.setenv("PYTHONPATH", str(folder))


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(
    "command", [[HOGSYNC], [sys.executable, "-m", "hogsync"], [sys.executable, hogsync.__file__]]
)
def test_the_command_starts_in_a_folder_with_packages_of_our_names(
    command: list[str | Path], strangers: Path
) -> None:
    done = run(*command, "tables", "--json")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.fault("process.foreign_packages")
def test_a_sync_and_its_sandbox_start_whatever_pythonpath_says(
    strangers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_the_path(strangers, monkeypatch)
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    done = run(HOGSYNC, "sync", "group_types", "--sandbox", "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.fault("process.foreign_packages")
def test_a_run_of_the_schedule_starts_whatever_pythonpath_says(
    strangers: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    on_the_path(strangers, monkeypatch)
    caplog.set_level(logging.INFO, "hogsync")
    runs = RunQueue()
    runs.due(Job("nowhere"))
    runs.running[Job("nowhere")].process.wait()
    runs.step()
    assert "Group nowhere: exit 2, a command, an option, a setting" in caplog.text


@pytest.mark.fault("process.foreign_packages")
@pytest.mark.parametrize("stranger", ["pipelines/__init__.py", "pipelines.py", "pipelines/load.py"])
def test_a_program_with_another_package_of_our_name_is_told_so(stranger: str, tmp_path: Path) -> None:
    (tmp_path / stranger).parent.mkdir(exist_ok=True)
    (tmp_path / stranger).write_text("")
    another = "import sys; path = sys.path; sys.path = sys.argv[1:]; import pipelines; sys.path = path"
    program = f"{another}; import hogsync; hogsync.sync"
    done = run(sys.executable, "-c", program, tmp_path)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ImportError: hogsync cannot be used in this program")
    assert "'pipelines'" in last
    assert str(tmp_path) in last


def test_the_import_is_light_and_leaves_the_path_alone() -> None:
    program = (
        "import sys; before = list(sys.path); import hogsync; assert sys.path == before; "
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    done = run(sys.executable, "-c", program)
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) & HEAVY == set()


@pytest.mark.parametrize("name", hogsync.__all__)
def test_every_public_name_is_there_and_says_what_it_is(name: str) -> None:
    assert len(getattr(hogsync, name).__doc__) > 20


def test_what_is_not_there_is_an_ordinary_attribute_error() -> None:
    assert not hasattr(hogsync, "snyc")


def test_the_example_of_the_docstring_runs_as_it_stands_there(
    sandbox: Callable[..., Sandbox], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    posthog = sandbox()
    monkeypatch.setenv("POSTHOG_HOST", posthog.url)
    monkeypatch.setenv("POSTHOG_PERSONAL_API_KEY", posthog.key)
    exec(compile(example(), "example", "exec"), {})  # noqa: S102  it is ours
    first, *tables = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"ok \d+ requests", first)
    cohorts = [row for row in posthog.rows("cohorts") if not row["deleted"]]
    assert f"cohorts loaded {len(cohorts)} 0 0" in tables
    assert Path("admin.duckdb").exists()


def test_the_readme_has_the_same_example() -> None:
    assert f"```python\n{example()}\n```" in README


def test_an_error_of_the_library_is_a_sentence_with_the_commands_exit_code() -> None:
    with pytest.raises(hogsync.HogsyncError, match="did you mean cohorts") as caught:
        hogsync.sync(hogsync.load_settings(), hogsync.Selection(tables=("cohort",)))
    assert isinstance(caught.value, hogsync.UsageError)
    assert caught.value.exit_code == 2
    assert os.listdir() == []  # noqa: PTH208  nothing was begun
