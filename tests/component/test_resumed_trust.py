"""What may be believed of a half-read list: by whom, for how long, after what; and what is swept."""

from __future__ import annotations

import json
import os
import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from sources.posthog.errors import KeyRefused
from sources.posthog.extract.checkpoint_file import CheckpointFile
from sources.posthog.extract.checkpoints import CheckpointStore
from sources.posthog.extract.options import Window
from sources.sandbox import Sandbox
from tests.component.half_read import BELOW, COMMENTS, HERE, PAGES, READ, dies, edit, kept, read
from tests.component.scene import Scene, beside
from tests.harness.changes import PROJECT
from tests.harness.expected import Row

NOT_TRUSTED: dict[str, dict[str, Any]] = {
    "too old": {"lists": {"resume_within": "0m"}},
    "other privacy": {"privacy": {"text": "hash"}},
    "all asked for": {"full": True},
    "a backfill": {"window": Window(datetime(2024, 12, 1, tzinfo=UTC))},
}

pytestmark = pytest.mark.usefixtures("long_list")


def another(scene: Scene, posthog: Sandbox) -> Scene:
    """Another warehouse of the same home."""
    there = beside(posthog, scene.home)
    there.name = "there"
    return there


@pytest.mark.parametrize("asked", NOT_TRUSTED.values(), ids=NOT_TRUSTED.keys())
def test_a_run_that_is_to_read_all_of_a_list_does_so_and_leaves_nothing_to_go_on_with(
    scene: Scene, asked: dict[str, Any]
) -> None:
    dies(scene)
    assert read(scene, **asked).requests == PAGES
    assert kept(scene.home) == []
    assert "had been read" not in read(scene).detail


@pytest.mark.parametrize("asked", [{"full": True}, {"since": True}], ids=str)
def test_a_run_that_is_to_read_all_of_a_list_keeps_nothing(
    scene: Scene, posthog: Sandbox, asked: dict[str, Any]
) -> None:
    posthog.fault(kind="array", path="comments/.*cursor=", skip=READ)
    since = {"window": Window(datetime(2024, 12, 1, tzinfo=UTC))}
    assert read(scene, **(since if "since" in asked else asked)).status == "failed"
    assert kept(scene.home) == []


def test_another_key_begins_anew(scene: Scene, posthog: Sandbox) -> None:
    dies(scene)
    other = posthog.new_key("another", user="staff")
    assert read(scene, key=other).requests == PAGES


def test_older_rows_that_were_kept_do_not_go_over_what_another_machine_has_stored_since(
    scene: Scene, long_list: list[Row], posthog: Sandbox, tmp_path: Path
) -> None:
    here, there = scene, beside(posthog, tmp_path / "another home")
    there.warehouse = here.warehouse
    dies(scene)
    edit(posthog, long_list[-200], content="edited since")
    read(there, window=Window(datetime(2024, 12, 1, tzinfo=UTC)))
    assert read(here).requests == PAGES
    assert here.rows(COMMENTS)[(PROJECT, long_list[-200]["id"])]["content"] == "edited since"


def test_nobody_is_called_by_an_older_name_because_of_rows_that_were_kept(
    scene: Scene, long_list: list[Row], posthog: Sandbox, tmp_path: Path
) -> None:
    here, there = scene, beside(posthog, tmp_path / "another home")
    there.warehouse = here.warehouse
    posthog.edit(COMMENTS, parents=BELOW, set={"created_by": None})
    members = posthog.rows("organization_members")
    author = next(row["user"]["id"] for row in members if row["user"]["id"] > 1)
    edit(posthog, long_list[-200], created_by=author)
    dies(scene)
    posthog.edit("users", where={"id": author}, set={"last_name": "Married"})
    there.sync("organization_members")
    assert "had been read" in read(here).detail
    assert here.rows("people")[(author,)]["last_name"] == "Married"


def test_who_is_met_only_in_rows_that_were_kept_is_stored_as_by_any_other_run(
    scene: Scene, long_list: list[Row], posthog: Sandbox, tmp_path: Path
) -> None:
    here, privacy = scene, {"person": "hash"}
    there = beside(posthog, tmp_path / "another home")
    author = max(row["user"]["id"] for row in posthog.rows("organization_members"))
    posthog.edit(COMMENTS, parents=BELOW, set={"created_by": None})
    edit(posthog, long_list[-200], created_by=author)
    dies(scene, privacy=privacy)
    assert "had been read" in read(here, privacy=privacy).detail
    read(there, privacy=privacy)
    assert here.rows("people")[(author,)]["email"]
    assert here.rows("people") == there.rows("people")


def test_an_odd_person_is_kept_as_it_will_be_stored(
    scene: Scene, long_list: list[Row], posthog: Sandbox
) -> None:
    secret = "canarysecret of a name"
    members = posthog.rows("organization_members")
    author = next(row["user"] for row in members if row["user"]["id"] > 1)
    posthog.edit(COMMENTS, parents=BELOW, set={"created_by": None})
    edit(posthog, long_list[-200], created_by=author["id"])
    odd = json.dumps({"api_key": secret, "is": "odd"})
    name = f'"first_name":"{author["first_name"]}"'
    posthog.fault(kind="swap", path="/comments/", body={name: f'"first_name":{odd}'})
    dies(scene)
    (file,) = kept(scene.home)
    assert b"odd" in file.read_bytes()
    assert secret.encode() not in file.read_bytes()
    assert "had been read" in read(scene).detail
    assert scene.rows("people")[(author["id"],)]["first_name__v_text"] == '{"is":"odd"}'


def test_a_walk_that_began_too_long_ago_is_not_gone_on_with(scene: Scene) -> None:
    dies(scene)
    (leaves,) = map(CheckpointFile, kept(scene.home))
    head, pages = leaves.open(), list(leaves.pages(lambda _: True))
    assert head
    leaves.create(replace(head, began=head.began - timedelta(hours=2)))
    for page in pages:  # as by a run that went on with it in between
        leaves.add(page)
    leaves.close()
    assert read(scene).requests == PAGES


def test_what_nobody_went_on_with_is_swept_whatever_warehouse_it_is_of(
    scene: Scene, posthog: Sandbox, tmp_path: Path
) -> None:
    dies(scene)
    (file,) = kept(scene.home)
    other = another(scene, posthog)
    other.sync("cohorts", **HERE)
    assert kept(scene.home) == [file], "it is young"
    old = time.time() - 2 * 60 * 60
    os.utime(file, (old, old))
    posthog.fault(kind="status", status=401, path="@current")
    with pytest.raises(KeyRefused):
        other.sync("cohorts", **HERE)
    assert kept(scene.home) == []


def test_what_is_loaded_is_not_gone_on_with(scene: Scene) -> None:
    copy = scene.home.with_name("copy")
    read(scene)
    dies(scene, 12)
    shutil.copytree(scene.home / "walks", copy)
    assert "had been read" in read(scene).detail, "there was nothing to load"
    shutil.copytree(copy, scene.home / "walks", dirs_exist_ok=True)
    assert "had been read" not in read(scene).detail


def test_what_another_run_may_be_going_on_with_is_not_swept(
    scene: Scene, posthog: Sandbox, tmp_path: Path
) -> None:
    other = another(scene, posthog)
    dies(scene)
    (file,) = kept(scene.home)
    other.sync("cohorts", **HERE, lists={"resume_within": "0m"})
    assert kept(scene.home) == [file], "it is young"
    old = time.time() - 2 * 60 * 60
    os.utime(file, (old, old))
    seen: list[list[Path]] = []

    def sweep(endpoint: Any, _rows: Any) -> None:
        if endpoint.table == COMMENTS and not seen:
            other.sync("cohorts", **HERE)
            seen.append(kept(scene.home))

    trusting: dict[str, Any] = {"lists": {"resume_within": "3h"}}
    assert "had been read" in read(scene, observers=(sweep,), **trusting).detail
    assert seen == [[file]], "it is in use"


def test_a_file_that_goes_while_others_are_swept_keeps_none_of_them_there(tmp_path: Path) -> None:
    folder, old = tmp_path / "walks" / "warehouse", time.time() - 2 * 60 * 60
    folder.mkdir(parents=True)
    for number in range(50):
        folder.joinpath(f"{number}").touch()
        os.utime(folder / f"{number}", (old, old))
        folder.joinpath(f"{number} that is gone").symlink_to("nowhere")
    CheckpointStore(folder, datetime.now(UTC), timedelta(hours=1)).sweep()
    assert [path for path in folder.iterdir() if path.exists()] == []
