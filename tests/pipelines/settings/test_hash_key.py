"""The secret of the hashes: set, or made once and never by accident a second time."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipelines.errors import UsageError
from pipelines.settings import load

ROOT = Path(__file__).parents[3]
SECRET = "a-long-and-random-secret"


def test_a_hash_key_that_is_set_is_taken_and_none_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOGSYNC_HASH_KEY", f"{SECRET}\n")
    settings = load()
    assert settings.hash_key_bytes() == SECRET.encode()
    assert not settings.home.exists()


@pytest.mark.fault("security.files", "security.hash_key")
def test_without_one_a_random_key_is_made_once_and_kept_private() -> None:
    settings = load()
    first = settings.hash_key_bytes()
    assert len(first) == 32
    assert load().hash_key_bytes() == first
    kept = settings.home / "hash.key"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(settings.home.stat().st_mode) == 0o700


@pytest.mark.fault("security.hash_key")
def test_first_runs_at_the_same_time_agree_on_one_hash_key() -> None:
    program = "from pipelines.settings import load; print(load().hash_key_bytes().hex())"

    def first_run(_: int) -> str:
        return subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        ).stdout

    with ThreadPoolExecutor(4) as threads:
        assert len(set(threads.map(first_run, range(4)))) == 1


@pytest.mark.fault("security.hash_key")
@pytest.mark.fault("loads.hash_key_damaged")
@pytest.mark.parametrize("content", ["", "not hexadecimal", "ab" * 31])
def test_a_damaged_hash_key_is_told_and_not_replaced(content: str) -> None:
    home = load().home
    home.mkdir()
    (home / "hash.key").write_text(content, "utf-8")
    with pytest.raises(UsageError, match=r"is damaged .* restore it from a backup"):
        load().hash_key_bytes()
    assert (home / "hash.key").read_text("utf-8") == content


def test_a_home_that_cannot_be_made_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("file").touch()
    monkeypatch.setenv("HOGSYNC_HOME", "file/home")
    with pytest.raises(UsageError, match="make HOGSYNC_HOME a folder that hogsync can write"):
        load().hash_key_bytes()
