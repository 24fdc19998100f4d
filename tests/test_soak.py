"""Every test that takes long is run by exactly one part of `make soak`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from contextlib import redirect_stdout
from io import StringIO

import pytest

from tests.soak import PARTS, ROOT, parts_of


class Collected:
    """A plugin of pytest that collects the parts of every test that takes long."""

    def __init__(self) -> None:
        self.parts: dict[str, list[str]] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: Sequence[pytest.Item]) -> None:
        soak = (item for item in items if item.get_closest_marker("soak"))
        self.parts |= {item.nodeid: parts_of(item) for item in soak}


def test_every_soak_test_belongs_to_exactly_one_part_and_every_part_has_some() -> None:
    found = Collected()
    marked = re.compile(r"mark\.(soak|duckdb_first)")
    files = [
        str(file) for file in (ROOT / "tests").rglob("test_*.py") if marked.search(file.read_text("utf-8"))
    ]
    with redirect_stdout(StringIO()) as told:
        command = ["--collect-only", "-q", "-m", "", "-p", "no:cacheprovider", f"--rootdir={ROOT}", *files]
        assert pytest.main(command, plugins=[found]) == pytest.ExitCode.OK, told.getvalue()[-2000:]
    assert {test: parts for test, parts in found.parts.items() if len(parts) != 1} == {}
    counted = Counter(part for parts in found.parts.values() for part in parts)
    assert set(counted) == {name for name, part in PARTS.items() if not part.target}
