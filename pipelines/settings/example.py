"""`python -m pipelines.settings.example` writes `.env.example` from the settings; with `--check` it only compares."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

from pipelines.settings import SETTINGS
from pipelines.settings.reference import Entry

FILE = Path(__file__).parents[2] / ".env.example"
START = """\
# Copy to .env. Lines that begin with # and no blank are settings at their defaults; the environment itself wins over
# this file. What is not secret can stand in hogsync.toml as well: see hogsync.example.toml. Lists are written a, b
# and pairs a = x, b = y. Written by `make docs` from the settings (`pipelines/settings/`).
"""
NAMES = {"HOGSYNC_GROUPS": "all", "HOGSYNC_CONNECTIONS": "eu", "HOGSYNC_WATCH": "owners"}
"""Under which name a section is shown of which there may be several: the default one, or one of those that may be."""
THERE = ("HOGSYNC_GROUPS",)
"""Such sections of which there is one by default."""


def document() -> str:
    """Return the whole text of `.env.example`."""
    parts, section = [START], ""
    for entry in SETTINGS:
        head = entry.steps[0] if entry.toml else ""
        if head != section:
            parts.append(f"\n# ---- {_section(entry)}\n")
            section = head
        parts.append(_shown(entry))
    return "".join(parts)


def table_row(entry: Entry) -> str:
    """Return a setting's row in the table of SETTINGS.md."""
    place = f"`{entry.toml}`" if entry.toml else ""
    default = f"`{entry.default}`" if entry.default else ""
    return f"| `{entry.name}` | {place} | {default} | {entry.meaning} |"


def _section(entry: Entry) -> str:
    section, name = entry.toml.partition("]")[0].removeprefix("["), NAMES.get(entry.steps[0], "")
    more = f"; {name.upper()} is a name, and there may be several such sections" if name else ""
    return f"[{section.replace('NAME', name)}] in hogsync.toml{more}"


def _shown(entry: Entry) -> str:
    meaning = textwrap.fill(entry.meaning, 120, initial_indent="# ", subsequent_indent="# ")
    name = NAMES.get(entry.steps[0], "")
    start = "# " if name and entry.steps[0] not in THERE else "#"
    return f"\n{meaning}\n{start}{entry.name.replace('NAME', name.upper())}={entry.default}\n"


def write_page(file: Path, text: str, words: Sequence[str]) -> int:
    """Write a generated page, or compare it with `--check`; returns the exit code."""
    if "--check" not in words:
        file.write_text(text, "utf-8")
    elif not file.exists() or file.read_text("utf-8") != text:
        sys.stderr.write(f"{file.name} is not what the code says; run `make docs` to write it.\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(write_page(FILE, document(), sys.argv[1:]))
