"""The file of a half-read list may go, or be cut or damaged, at any moment: that costs no row."""

from __future__ import annotations

import os
import shutil
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from sources.sandbox import Sandbox
from tests.component.half_read import COMMENTS, MANY, PAGES, READ, dies, is_right, kept, read
from tests.component.memory import Warehouse
from tests.component.scene import Scene

pytestmark = pytest.mark.usefixtures("long_list")


@pytest.mark.parametrize("cut", [1, 5_000, 10**9])
def test_what_was_kept_and_got_damaged_costs_no_row(scene: Scene, cut: int) -> None:
    dies(scene)
    (file,) = kept(scene.home)
    os.truncate(file, max(0, file.stat().st_size - cut))
    assert read(scene).counts.inserted == MANY
    assert is_right(scene)


def test_a_file_that_goes_while_a_run_goes_on_with_it_costs_no_row(scene: Scene, posthog: Sandbox) -> None:
    dies(scene, 12)

    def gone(endpoint: Any, rows: Any) -> None:
        if endpoint.table == COMMENTS:
            for file in kept(scene.home):
                file.unlink()

    posthog.fault(kind="array", path="comments/.*cursor=", skip=8)
    assert read(scene, observers=(gone,)).status == "failed"
    posthog.clear_faults()
    read(scene)
    assert is_right(scene)


@pytest.mark.parametrize("left", [0, 14, 18])
def test_a_file_that_is_cut_while_its_pages_are_taken_in_costs_no_row(scene: Scene, left: int) -> None:
    dies(scene)
    seen: list[Path] = []

    def cut(endpoint: Any, _rows: Any) -> None:
        if endpoint.table == COMMENTS and not seen:
            seen.extend(kept(scene.home))
            os.truncate(seen[0], seen[0].stat().st_size * left // READ)

    result = read(scene, observers=(cut,))
    assert (result.status, result.complete) == ("loaded", False)
    assert is_right(scene)


def test_a_file_that_is_cut_between_two_pages_while_a_run_adds_to_it_costs_no_row(
    scene: Scene, posthog: Sandbox
) -> None:
    dies(scene, 14)
    pages = count(1)

    def cut(endpoint: Any, _rows: Any) -> None:
        if endpoint.table == COMMENTS and next(pages) == 17:  # those that were kept, and three below
            os.truncate(file := kept(scene.home)[0], file.stat().st_size * 12 // 17)

    posthog.fault(kind="array", path="comments/.*cursor=", skip=7)
    assert read(scene, observers=(cut,)).status == "failed"
    scene.warehouse = Warehouse()  # as if it had died before it loaded
    posthog.clear_faults()
    assert read(scene).status == "loaded"
    assert is_right(scene)


def test_a_file_that_goes_while_a_run_looks_whether_it_holds_costs_no_row(
    scene: Scene, posthog: Sandbox
) -> None:
    dies(scene)

    def going(path: str) -> None:
        if path.endswith("/comments/"):  # what was kept has been looked at, and a page is asked for
            shutil.rmtree(scene.home / "walks", ignore_errors=True)

    scene.ask = going
    result = read(scene)
    assert (result.status, result.requests, result.complete) == ("loaded", PAGES - READ, False)
    assert is_right(scene)
