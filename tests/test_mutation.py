"""Taking a safety rule away is noticed; and the list of rules does not rot."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.mutation.__main__ import MUTATIONS, ROOT
from tests.mutation.mutation import Mutation


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda one: one.rule)
def test_the_text_of_every_rule_stands_once_in_the_source_and_its_tests_are_there(mutation: Mutation) -> None:
    assert len(mutation.places(ROOT)) == 1
    assert mutation.new != mutation.old
    for test in mutation.tests:
        file, _, name = test.partition("::")
        assert f"def {name.partition('[')[0]}(" in (ROOT / "tests" / file).read_text("utf-8")


@pytest.mark.soak("mutation")
@pytest.mark.parametrize("share", ["1of3", "2of3", "3of3"])
def test_no_rule_can_be_taken_away_unnoticed(share: str) -> None:
    command = [sys.executable, "-m", "tests.mutation", "--share", share]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 0
