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

from pipelines.backfill import window
from pipelines.errors import KeyProblem
from pipelines.reset import reset
from pipelines.settings import load
from sources.posthog.extract.checkpoint_file import CheckpointFile
from sources.posthog.extract.checkpoints import BUFFERED, CheckpointStore
from sources.sandbox import Sandbox
from tests.pipelines.half_read import BELOW, COMMENTS, HERE, PAGES, READ, dies, edit, kept, read
from tests.truth.changes import PROJECT
from tests.truth.expected import Row
from tests.truth.kills import Doomed
from tests.truth.scene import Scene

NOT_TRUSTED: dict[str, dict[str, Any]] = {
    "too old": {"lists": {"resume_within": "0m"}},
    "other privacy": {"privacy": {"text": "hash"}},
    "all asked for": {"full": True},
    "a backfill": {"window": window("2024-12-01", None), "trigger": "backfill"},
}


@pytest.mark.parametrize("asked", NOT_TRUSTED.values(), ids=NOT_TRUSTED.keys())
def test_a_run_that_is_to_read_all_of_a_list_does_so_and_leaves_nothing_to_go_on_with(
    file_dying: Doomed, asked: dict[str, Any]
) -> None:
    scene = file_dying.scene
    dies(file_dying)
    assert read(scene, **asked).requests == PAGES
    assert kept(scene) == []
    assert "had been read" not in read(scene).detail


@pytest.mark.parametrize("asked", [{"full": True}, {"since": True}], ids=str)
def test_a_run_that_is_to_read_all_of_a_list_keeps_nothing(
    file_dying: Doomed, posthog: Sandbox, asked: dict[str, Any]
) -> None:
    posthog.fault(kind="array", path="comments/.*cursor=", skip=READ)
    since = {"window": window("2024-12-01", None), "trigger": "backfill"}
    assert read(file_dying.scene, **(since if "since" in asked else asked)).status == "failed"
    assert kept(file_dying.scene) == []


def test_a_list_that_is_to_be_forgotten_is_read_from_its_start(
    file_dying: Doomed, long_list: list[Row], posthog: Sandbox
) -> None:
    scene = file_dying.scene
    assert read(scene).requests == PAGES
    dies(file_dying, BUFFERED + 2)
    assert kept(scene) != []
    edit(posthog, long_list[-300], content="edited since")
    reset(load(scene.settings()), (COMMENTS,))
    assert read(scene).requests == PAGES
    assert scene.rows(COMMENTS)[(PROJECT, long_list[-300]["id"])]["content"] == "edited since"


def test_another_key_begins_anew(file_dying: Doomed, posthog: Sandbox) -> None:
    dies(file_dying)
    other = posthog.new_key("another", user="staff")
    assert read(file_dying.scene, key=other).requests == PAGES


def test_older_rows_that_were_kept_do_not_go_over_what_another_machine_has_stored_since(
    dying: Doomed, long_list: list[Row], posthog: Sandbox, tmp_path: Path
) -> None:
    here, there = dying.scene, Scene(posthog, dying.scene.url, tmp_path / "another home")
    dies(dying)
    edit(posthog, long_list[-500], content="edited since")
    read(there, window=window("2024-12-01", None), trigger="backfill")
    assert read(here).requests == PAGES
    assert here.rows(COMMENTS)[(PROJECT, long_list[-500]["id"])]["content"] == "edited since"


def test_nobody_is_called_by_an_older_name_because_of_rows_that_were_kept(
    file_dying: Doomed, long_list: list[Row], posthog: Sandbox, tmp_path: Path
) -> None:
    here, there = file_dying.scene, Scene(posthog, file_dying.scene.url, tmp_path / "another home")
    posthog.edit(COMMENTS, parents=BELOW, set={"created_by": None})
    members = posthog.rows("organization_members")
    author = next(row["user"]["id"] for row in members if row["user"]["id"] > 1)
    edit(posthog, long_list[-500], created_by=author)
    dies(file_dying)
    posthog.edit("users", where={"id": author}, set={"last_name": "Married"})
    there.sync("organization_members")
    assert "had been read" in read(here).detail
    assert here.rows("people")[(author,)]["last_name"] == "Married"


def test_who_is_met_only_in_rows_that_were_kept_is_stored_as_by_any_other_run(
    file_dying: Doomed, long_list: list[Row], posthog: Sandbox, tmp_path: Path
) -> None:
    here, privacy = file_dying.scene, {"person": "hash"}
    there = Scene(posthog, f"duckdb:///{tmp_path / 'other.duckdb'}", tmp_path / "another home")
    author = max(row["user"]["id"] for row in posthog.rows("organization_members"))
    posthog.edit(COMMENTS, parents=BELOW, set={"created_by": None})
    edit(posthog, long_list[-500], created_by=author)
    file_dying.more = {"HOGSYNC_PRIVACY": privacy}
    dies(file_dying)
    assert "had been read" in read(here, privacy=privacy).detail
    read(there, privacy=privacy)
    assert here.rows("people")[(author,)]["email"]
    assert here.rows("people") == there.rows("people")


def test_an_odd_person_is_kept_as_it_will_be_stored(
    file_dying: Doomed, long_list: list[Row], posthog: Sandbox
) -> None:
    scene, secret = file_dying.scene, "canarysecret of a name"
    members = posthog.rows("organization_members")
    author = next(row["user"] for row in members if row["user"]["id"] > 1)
    posthog.edit(COMMENTS, parents=BELOW, set={"created_by": None})
    edit(posthog, long_list[-500], created_by=author["id"])
    odd = json.dumps({"api_key": secret, "is": "odd"})
    name = f'"first_name":"{author["first_name"]}"'
    posthog.fault(kind="swap", path="/comments/", body={name: f'"first_name":{odd}'})
    dies(file_dying)
    (file,) = kept(scene)
    assert b"odd" in file.read_bytes()
    assert secret.encode() not in file.read_bytes()
    assert "had been read" in read(scene).detail
    assert scene.rows("people")[(author["id"],)]["first_name__v_text"] == '{"is":"odd"}'


def test_a_walk_that_began_too_long_ago_is_not_gone_on_with(file_dying: Doomed) -> None:
    scene = file_dying.scene
    dies(file_dying)
    (leaves,) = map(CheckpointFile, kept(scene))
    head, pages = leaves.header(), list(leaves)
    assert head
    leaves.create(replace(head, began=head.began - timedelta(hours=2)))
    leaves.add(pages)  # as by a run that went on with it in between
    assert read(scene).requests == PAGES


def test_what_nobody_went_on_with_is_swept_whatever_warehouse_it_is_of(
    file_dying: Doomed, posthog: Sandbox, tmp_path: Path
) -> None:
    scene = file_dying.scene
    dies(file_dying)
    (file,) = kept(scene)
    other = Scene(posthog, f"duckdb:///{tmp_path / 'other.duckdb'}", scene.home)
    other.sync("cohorts", **HERE)
    assert kept(scene) == [file], "it is young"
    old = time.time() - 2 * 60 * 60
    os.utime(file, (old, old))
    posthog.fault(kind="status", status=401, path="@current")
    with pytest.raises(KeyProblem):
        other.sync("cohorts", **HERE)
    assert kept(scene) == []


def test_what_is_loaded_is_not_gone_on_with(file_dying: Doomed) -> None:
    scene, copy = file_dying.scene, file_dying.scene.home.with_name("copy")
    read(scene)
    dies(file_dying, 12)
    shutil.copytree(scene.home / "walks", copy)
    assert "had been read" in read(scene).detail, "there was nothing to load"
    shutil.copytree(copy, scene.home / "walks", dirs_exist_ok=True)
    assert "had been read" not in read(scene).detail


def test_what_another_run_may_be_going_on_with_is_not_swept(
    file_dying: Doomed, posthog: Sandbox, tmp_path: Path
) -> None:
    scene = file_dying.scene
    other = Scene(posthog, f"duckdb:///{tmp_path / 'other.duckdb'}", scene.home)
    dies(file_dying)
    (file,) = kept(scene)
    other.sync("cohorts", **HERE, lists={"resume_within": "0m"})
    assert kept(scene) == [file], "it is young"
    old = time.time() - 2 * 60 * 60
    os.utime(file, (old, old))
    seen: list[list[Path]] = []

    def sweep(endpoint: Any, _rows: Any) -> None:
        if endpoint.table == COMMENTS and not seen:
            other.sync("cohorts", **HERE)
            seen.append(kept(scene))

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
