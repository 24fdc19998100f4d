"""The versions of rows: what makes one, what does not, and that none is lost or doubled whatever a run lived through."""

from __future__ import annotations

from typing import Any

import pytest

from sources.sandbox import Sandbox
from tests.truth.scene import Scene, written
from tests.truth.versions import VERSIONED, VOLATILE, history, wrong_versions

HERE: dict[str, Any] = {"projects": (201,)}
BELOW = {"project_id": 201}


def test_after_a_first_load_every_row_has_one_version_with_all_that_it_holds(scene: Scene) -> None:
    outcome = scene.sync()
    assert wrong_versions(scene.url) == ""
    for table in VERSIONED:
        versions = history(scene.url, table)
        assert versions.keys() == scene.rows(table).keys()
        assert all(len(each) == 1 for each in versions.values())
        assert {each[0]["valid_from"] for each in versions.values()} == {outcome.run.started_at}
    assert written(scene.sync()) == 0
    assert wrong_versions(scene.url) == ""
