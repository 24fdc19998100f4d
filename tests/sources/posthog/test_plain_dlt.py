"""The source without hogsync's pipeline: six lines of plain dlt load it with any destination."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest
from dlt.common.pipeline import LoadInfo

from sources.posthog import posthog
from sources.sandbox import Sandbox, start
from tests.truth.differences import differences
from tests.truth.expected import KEYS, Tables, expected, part
from tests.truth.stored import own, plain, stored

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
