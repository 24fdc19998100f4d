"""README and the pages beside the code say what is so.

README lists every table, command and option. On every page each link leads somewhere, each command line is one that
hogsync understands, each setting exists, each TOML block loads, and each query runs on the tables that TABLES.md lists.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pytest
import typer

from destinations.permissions import READY_MADE
from pipelines import settings
from pipelines.cli.commands import app
from pipelines.errors import EXIT_CODES, NOTHING_DUE
from pipelines.settings.hosts import WarehouseUrl
from sources.posthog import table_docs
from sources.posthog.arguments import column_of
from sources.posthog.table_docs import overview

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
FOLDERS = ("pipelines", "sources", "destinations", "deploy")
PAGES = (README, *sorted(page for folder in FOLDERS for page in (ROOT / folder).rglob("*.md")))
OTHER_PROGRAMS = {"POSTHOG_API_KEY", "POSTHOG_HOTS"}
"""Variables that the pages name as examples of what is no setting."""
COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


@cache
def text_of(page: Path) -> str:
    return page.read_text("utf-8")


def blocks(page: Path, *languages: str) -> Iterator[str]:
    """The code blocks of a page in one of these languages."""
    for language, code in re.findall(r"^```(\w+)\n(.*?)^```", text_of(page), re.MULTILINE | re.DOTALL):
        if language in languages:
            yield code


def spans(page: Path) -> list[str]:
    """The code spans of a page."""
    prose = re.sub(r"^```.*?^```", "", text_of(page), flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"`([^`\n]+)`", prose)


def command_lines(page: Path) -> Iterator[list[str]]:
    """The words after `hogsync` of each command line that can be run as it stands."""
    lines = [
        line.removeprefix("$ ")
        for code in blocks(page, "console", "cron")
        for line in code.splitlines()
        if line.startswith("$ ") or "&& " in line
    ]
    named = re.compile(r"hogsync [a-z]+ (?!.*(…|\[|\b[A-Z]{3,}\b))")
    lines += [span for span in spans(page) if named.match(span)]
    for line in lines:
        words = shlex.split(line, comments=True)
        starts = [number for number, word in enumerate(words) if word in {"hogsync", ".venv/bin/hogsync"}]
        for start in starts:
            rest = words[start + 1 :]
            yield rest[: min((rest.index(end) for end in ("|", "&&") if end in rest), default=len(rest))]


def parsed(words: list[str]) -> dict[str, Any]:
    """What hogsync takes from these words; fails for a command, an option or a value that hogsync refuses."""
    name, *rest = words
    params: dict[str, Any] = COMMANDS[name].make_context(name, rest).params
    return params


@cache
def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    prose = re.sub(r"^```.*?^```", "", text_of(page), flags=re.MULTILINE | re.DOTALL)
    heads = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def test_the_readme_is_read_in_ten_minutes() -> None:
    assert len(text_of(README).splitlines()) <= 200


def subjects() -> Iterator[str]:
    """The README's rows: the tables of each subject, those that must be named to be synced in brackets."""
    synced = [row for row in overview() if row["key"]]
    for group in dict.fromkeys(row["group"] for row in synced):
        links = {
            row["table"]: f"[`{row['table']}`](sources/posthog/TABLES.md#{row['table']})" for row in synced
        }
        names = [
            links[row["table"]] if row["default"] else f"({links[row['table']]})"
            for row in synced
            if row["group"] == group
        ]
        yield f"| {group} | {', '.join(names)} |"


@pytest.mark.parametrize("row", list(subjects()), ids=lambda row: str(row.split(" | ")[0]))
def test_every_table_is_listed_with_its_subject(row: str) -> None:
    assert row in text_of(README).splitlines()


def test_the_grants_are_those_that_are_tested() -> None:
    names = {
        "dataset": "posthog",
        "staging": "posthog__hogsync_staging",
        "database": "warehouse",
        "role": "hogsync",
    }
    grants = "".join(f"{line.format(**names)};\n" for line in READY_MADE)
    assert grants in blocks(ROOT / "destinations/WAREHOUSES.md", "sql")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_listed_with_all_its_options(name: str) -> None:
    (row,) = re.findall(rf"^\| `hogsync {name}\b.*$", text_of(README), re.MULTILINE)
    told = set(re.findall(r"`(--[a-z-]+)", row))
    assert told == {
        opt
        for param in COMMANDS[name].params
        for opt in param.opts
        if param.param_type_name == "option" and opt.startswith("--") and opt != "--help"
    }


def test_every_exit_code_is_explained() -> None:
    rows = re.findall(r"^\| (\d+) \|", text_of(ROOT / "pipelines/OPERATIONS.md"), re.MULTILINE)
    assert {int(code) for code in rows} == EXIT_CODES.keys() - {NOTHING_DUE}


def test_the_readme_leads_to_every_page() -> None:
    links = {(ROOT / link).resolve() for link in re.findall(r"\]\(([^)#:]+)", text_of(README))}
    assert set(PAGES) - {README} <= links


@each_page
def test_every_link_into_the_repository_leads_somewhere(page: Path) -> None:
    for link, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", text_of(page)):
        target = (page.parent / link).resolve() if link else page
        assert target.exists(), f"{page.name} leads to {link}"
        assert not anchor or anchor in anchors(target), f"{page.name} leads to {link}#{anchor}"


@each_page
def test_every_command_line_is_understood(page: Path) -> None:
    named = {span.split()[1] for span in spans(page) if re.match(r"hogsync [a-z]", span)}
    assert named <= COMMANDS.keys()
    for words in command_lines(page):
        parsed(words)


@each_page
def test_every_target_of_make_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    lines = [line.removeprefix("$ ") for code in blocks(page, "console") for line in code.splitlines()]
    named = [re.match(r"make ([a-z0-9-]+)", line) for line in (*lines, *spans(page))]
    assert {found[1] for found in named if found} <= targets


@each_page
def test_every_setting_exists(page: Path) -> None:
    entries = [entry for entry in settings.SETTINGS if entry.toml]
    sections = {entry.toml.partition("]")[0][1:] for entry in entries}
    tables = {f"{entry.toml.partition(']')[0][1:]}.{entry.steps[-1]}" for entry in entries}
    code = "\n".join((*spans(page), *blocks(page, "console", "sh", "cron")))
    variables = set(re.findall(r"\b(?:POSTHOG|WAREHOUSE|HOGSYNC)_[A-Z_]*[A-Z]\b", code))
    keys = {span for span in spans(page) if re.fullmatch(r"\[[\w.]+\] \w+", span)}
    heads = {span[1:-1] for span in spans(page) if re.fullmatch(r"\[[a-z_.]+\]", span)}
    assert variables - OTHER_PROGRAMS <= {entry.name for entry in settings.SETTINGS}
    assert keys <= {entry.toml for entry in entries}
    assert heads <= sections | tables


@each_page
def test_every_example_of_the_settings_is_taken(page: Path, isolated: Path) -> None:
    for code in blocks(page, "toml"):
        (isolated / "hogsync.toml").write_text(code, "utf-8")
        for column, mode in settings.load().privacy.columns.items():
            column_of(column, mode)


@each_page
def test_every_address_of_a_warehouse_is_taken(page: Path) -> None:
    for url in re.findall(r"(?:postgresql|duckdb)://[^\s`\"]+", text_of(page)):
        WarehouseUrl.parse(url)


@pytest.fixture(scope="module")
def documented() -> Iterator[duckdb.DuckDBPyConnection]:
    """Empty tables, as TABLES.md lists them."""
    types = {"text": "varchar", "json": "varchar", "timestamp": "timestamptz"}
    with duckdb.connect() as database:
        for part in re.split(r"^##+ ", text_of(table_docs.FILE), flags=re.MULTILINE)[1:]:
            columns = dict(
                re.findall(r"^\| `(\w+)` \| (text|bigint|bool|json|timestamp|double) \|", part, re.MULTILINE)
            )
            if columns and not part.startswith("_hogsync"):
                columns |= {"_synced_at": "timestamp", "_deleted_at": "timestamp"}
            if columns:
                told = ", ".join(f'"{name}" {types.get(kind, kind)}' for name, kind in columns.items())
                database.execute(f'create table "{part.split()[0]}" ({told})')
        yield database


@each_page
def test_every_query_runs_on_the_tables_that_are_listed(
    page: Path, documented: duckdb.DuckDBPyConnection
) -> None:
    queries = [code for code in blocks(page, "sql") if code.startswith("select")]
    asked = [parsed(words).get("sql") for words in command_lines(page) if words[0] == "query"]
    for sql in (*queries, *filter(None, asked)):
        if sql != "-":
            documented.execute(sql)
