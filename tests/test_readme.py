"""The README says what is so: every table, key, setting, grant, command and exit code of the code is in it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from destinations.permissions import READY_MADE
from pipelines import errors
from pipelines.cli.commands import app
from sources.posthog.table_docs import overview

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize("table", overview(), ids=lambda table: str(table["table"]))
def test_every_table_is_listed_with_its_key_and_meaning(table: dict[str, Any]) -> None:
    key = ", ".join(table["key"])
    assert f"| `{table['table']}` | {key} | {table['meaning']} |" in README


def test_the_grants_are_those_that_are_tested() -> None:
    names = {
        "dataset": "posthog",
        "staging": "posthog__hogsync_staging",
        "database": "warehouse",
        "role": "hogsync",
    }
    assert "\n".join(f"{line.format(**names)};" for line in READY_MADE) in README


def test_every_command_is_listed() -> None:
    commands = [
        command.name or command.callback.__name__ for command in app.registered_commands if command.callback
    ]
    assert commands
    assert all(f"| `hogsync {command}" in README for command in commands)


def test_every_exit_code_is_explained() -> None:
    leaves = (errors.UsageError, errors.KeyProblem, errors.WarehouseProblem)
    (paragraph,) = re.findall(r"Exit codes: .*?\n\n", README, re.DOTALL)
    assert all(re.search(rf"\b{leaf.exit_code} ", paragraph) for leaf in leaves)
    assert "130 interrupted" in paragraph.replace("\n", " ")


def test_every_link_into_the_repository_leads_somewhere() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", README)
    assert links
    assert all((ROOT / link).exists() for link in links)
