"""The source without hogsync's pipeline: six lines of plain dlt load it with any destination."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest
from dlt.common.pipeline import LoadInfo

import sources.posthog as source_docs
from sources.posthog import posthog
from sources.posthog.resource import HintsAreMeant
from sources.sandbox import Sandbox, start
from tests.harness.differences import differences
from tests.harness.expected import KEYS, Tables, expected, part
from tests.harness.stored import own, plain, stored

HASH_KEY = "a hash key of the tests, forty letters long"
TABLES = ("organization_members", "users", "subscriptions", "cohorts", "property_definitions")


@pytest.fixture(scope="module")
def company() -> Iterator[Sandbox]:
    with start() as sandbox:
        yield sandbox


def load(company: Sandbox, folder: Path, destination: Any) -> LoadInfo:
    """The six lines."""
    pipeline = dlt.pipeline(
        "posthog", destination=destination, dataset_name="posthog", pipelines_dir=str(folder / "pipelines")
    )
    return pipeline.run(posthog(key=company.key, host=company.url, tables=TABLES, hash_key=HASH_KEY))


def truth(company: Sandbox) -> Tables:
    return expected(part(company.truth(), TABLES), HASH_KEY)


def test_duckdb_holds_the_truth_after_each_run_and_no_row_twice(company: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "plain.duckdb"
    for _ in range(2):
        assert not load(company, tmp_path, dlt.destinations.duckdb(str(file))).has_failed_jobs
        assert differences(truth(company), stored(f"duckdb:///{file}")) == ""
        company.edit("cohorts", where={"description": ""}, set={"description": "filled in"})


def test_files_in_a_folder_hold_the_truth(company: Sandbox, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    info = load(company, tmp_path, dlt.destinations.filesystem(folder.as_uri()))
    assert not info.has_failed_jobs
    found = {path.name: read(path) for path in (folder / "posthog").iterdir() if path.name[0] not in "._"}
    assert {name for name in found if "__" not in name} >= {*TABLES, "organizations", "projects", "people"}
    assert differences(truth(company), found) == ""


def read(folder: Path) -> dict[tuple[Any, ...], dict[str, Any]]:
    """One table's files, whatever their format."""
    files = sorted(folder.glob("*"))
    if not files:
        return {}
    reader = "read_parquet" if files[0].suffix == ".parquet" else "read_json"
    with duckdb.connect() as memory:
        memory.execute("set TimeZone = 'UTC'")
        relation = memory.sql(
            f"select * from {reader}({[str(file) for file in files]!r}, union_by_name = true)"
        )
        names, rows = relation.columns, relation.fetchall()
    key = KEYS[folder.name.partition("__")[0]] + (("position",) if "__" in folder.name else ())
    found = [own({name: value(name, cell) for name, cell in zip(names, row, strict=True)}) for row in rows]
    assert len({tuple(row[name] for name in key) for row in found}) == len(found)
    return {tuple(row[name] for name in key): row for row in found}


def value(name: str, cell: Any) -> Any:
    """A cell as the truth writes it; files know no JSON columns, only their text."""
    if isinstance(cell, datetime):
        return plain(cell, "timestamp")
    jsonish = isinstance(cell, str) and cell[:1] in ("{", "[") and name != "description"
    return json.loads(cell) if jsonish else cell


README = (Path(__file__).parents[3] / "README.md").read_text("utf-8")


def example() -> str:
    """README's lines."""
    found = re.search(r"## To load with your own dlt pipeline.*?```python\n(.*?)```", README, re.DOTALL)
    assert found
    return found[1]


def test_the_lines_of_the_readme_load_everything_without_a_warning(company: Sandbox) -> None:
    program = example().replace("phx_…", company.key).replace("https://eu.posthog.com", company.url)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    (file,) = Path().glob("*.duckdb")
    with duckdb.connect(str(file), read_only=True) as database:
        assert database.execute("select count(*) from admin.cohorts").fetchone() == (
            len([row for row in company.rows("cohorts") if not row["deleted"]]),
        )


def test_the_docstring_has_the_same_lines() -> None:
    assert textwrap.indent(example(), "    ") in (source_docs.__doc__ or "")


def test_dlt_is_silent_about_our_hints_alone() -> None:
    def passes(where: str, text: str) -> bool:
        meant = HintsAreMeant()
        meant.tables = {"cohorts"}
        return bool(meant.filter(logging.LogRecord("dlt", logging.WARNING, "", 1, text, (), None, where)))

    told = "In resource: {}, when merging arrow schema with dlt schema, several column hints were different."
    assert not passes("_compute_tables", told.format("cohorts"))
    assert passes("_compute_tables", told.format("orders"))
    assert passes("_compute_tables", "In resource: cohorts, the disk is full")
    assert passes("_write", told.format("cohorts"))


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ({"tables": ["cohort"]}, "There is no table 'cohort'; did you mean cohorts?"),
        ({"tables": "cohort"}, "There is no table 'cohort'; did you mean cohorts?"),
        (
            {"tables": ["people"]},
            "people is gathered from all tables and comes with each of them; leave it out.",
        ),
        ({"privacy": {"persons": "hash"}}, "There is no privacy class 'persons'; did you mean person?"),
        ({"privacy": {"person": "hide"}}, "There is no privacy mode 'hide'; keep, hash, drop"),
        ({"privacy": {"coment.content": "drop"}}, "There is no table 'coment'; did you mean comments?"),
        (
            {"privacy": {"comments.contents": "drop"}},
            "There is no column of comments 'contents'; did you mean content?",
        ),
        ({"privacy": {"comments.id": "drop"}}, "id is part of the key of comments and must be kept."),
        (
            {"privacy": {"cohorts.count": "hash"}},
            "A bigint column cannot hold a hash; keep or drop count of cohorts.",
        ),
    ],
)
def test_what_is_misspelt_is_refused_before_anything_is_asked(choice: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        posthog(key="phx_NotAKeyOfAnyone0123456789", host="http://127.0.0.1:9", hash_key=HASH_KEY, **choice)


def test_tables_projects_and_privacy_are_chosen(company: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "chosen.duckdb"
    pipeline = dlt.pipeline(
        "chosen",
        destination=dlt.destinations.duckdb(str(file)),
        dataset_name="admin",
        pipelines_dir=str(tmp_path / "pipelines"),
    )
    chosen = posthog(
        key=company.key,
        host=company.url,
        tables=["cohorts"],
        hash_key=HASH_KEY,
        projects=[101],
        privacy={"person": "drop", "cohorts.description": "hash"},
        per_minute=1000,
    )
    pipeline.run(chosen)
    with duckdb.connect(str(file), read_only=True) as database:
        assert database.execute("select distinct project_id from admin.cohorts").fetchall() == [(101,)]
        hashes = database.execute("select distinct length(description) from admin.cohorts").fetchall()
        assert {length for (length,) in hashes} <= {64, None}
        assert {length for (length,) in hashes} != {None}
        (columns,) = zip(
            *database.execute("select column_name from (describe admin.people)").fetchall(), strict=True
        )
        assert "email" not in columns
