"""An environment of its own for a program that shares none with hogsync, from a lock file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PIP = ("-m", "pip", "--quiet", "--disable-pip-version-check")
MINUTES = 20


def made(folder: Path, lock: Path, *, hogsync: bool) -> Path:
    """Make an environment of a lock's packages, and hogsync's wheel if wanted; gives its folder of commands."""
    _run(sys.executable, "-m", "venv", "--without-pip", folder)
    into = ("--python", folder / "bin" / "python", "install")
    _run(sys.executable, *PIP, *into, "--no-deps", "--only-binary", ":all:", "--require-hashes", "-r", lock)
    if hogsync:
        wheels = folder / "wheels"
        _run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", wheels)
        _run(sys.executable, *PIP, *into, "--no-deps", *wheels.glob("*.whl"))
    return folder / "bin"


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=MINUTES * 60)
    assert done.returncode == 0, done.stderr[-2000:]
