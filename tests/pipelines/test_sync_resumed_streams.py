"""Streams of which a run that broke off had read most: read from their top down to what was kept, then on below it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from pipelines.backfill import window
from pipelines.errors import KeyProblem
from sources.posthog.journal import Journal
from sources.posthog.leaves import Leaves
from sources.posthog.results import TableResult
from sources.sandbox import Sandbox
from tests.pipelines.long_lists import BEGAN
from tests.truth.changes import PROJECT
from tests.truth.expected import Row
from tests.truth.kills import Doomed, Story, doomed, empty
from tests.truth.scene import Scene, of

COMMENTS, DELIVERIES, LOGS = "comments", "subscription_deliveries", "organization_activity_logs"
HERE: dict[str, Any] = {"projects": (PROJECT,)}
BELOW = {"project_id": PROJECT}
MANY, ON_A_PAGE, PAGES, READ = 1200, 50, 24, 19
"""A list of 24 pages, of which a run dies after 19."""


SECONDS = count()


def later() -> str:
    """A time after all that the list holds yet."""
    return (BEGAN + timedelta(hours=MANY, seconds=next(SECONDS))).isoformat()


@pytest.fixture
def long_list(posthog: Sandbox) -> list[Row]:
    """So many comments, oldest first, an hour apart."""
    posthog.options(cursor_rows=ON_A_PAGE)
    posthog.clear(COMMENTS, PROJECT)
    rows = [{"created_at": (BEGAN + timedelta(hours=n)).isoformat()} for n in range(MANY)]
    posthog.edit(COMMENTS, insert=rows, parents=BELOW)
    return [row for row in posthog.truth()["rows"][COMMENTS] if row["_parents"] == BELOW]


@pytest.fixture
def dying(scene: Scene, long_list: list[Row]) -> Iterator[Doomed]:
    """Syncs of the comments that die, beside a warehouse of each kind."""
    assert len(long_list) == MANY
    with doomed(scene, Story((COMMENTS,), lambda _: [])) as here:
        yield here


@pytest.fixture
def file_dying(file_scene: Scene, long_list: list[Row]) -> Iterator[Doomed]:
    """The same beside a DuckDB file."""
    assert len(long_list) == MANY
    with doomed(file_scene, Story((COMMENTS,), lambda _: [])) as here:
        yield here


def dies(dying: Doomed, pages: int = READ) -> None:
    """A sync is killed after so many pages of the comments."""
    assert dying.die("request", pages + 1, of="/comments/") == -signal.SIGKILL


def read(scene: Scene, **asked: Any) -> TableResult:
    """What came of the comments in a sync that lives."""
    return of(scene.sync(COMMENTS, **HERE, **asked), COMMENTS)


def edit(posthog: Sandbox, row: Row, **values: Any) -> None:
    posthog.edit(COMMENTS, where={"id": row["id"]}, set=values)


def write(posthog: Sandbox, *contents: str) -> None:
    """New comments, each the newest of the list when it is written."""
    rows = [{"content": content, "created_at": later()} for content in contents]
    posthog.edit(COMMENTS, insert=rows, parents=BELOW)


@dataclass(frozen=True, slots=True)
class AuditLog:
    """An organization's audit log, oldest first."""

    posthog: Sandbox
    organization: str

    def happened(self, *times: datetime) -> None:
        """So much more is written to it."""
        rows = [{"created_at": time.isoformat(), "activity": "updated"} for time in times]
        self.posthog.edit(LOGS, insert=rows, parents={"organization_id": self.organization})

    @property
    def path(self) -> str:
        return f"{self.organization}/advanced_activity_logs/"

    def dies(self, scene: Scene) -> None:
        """A sync of it is killed after so many pages."""
        with doomed(scene, Story((LOGS,), lambda _: [])) as dying:
            assert dying.die("request", READ + 1, of=self.path) == -signal.SIGKILL
        self.posthog.clear_requests()

    def requests(self) -> int:
        """How often it was asked for since."""
        return sum(self.path in request["path"] for request in self.posthog.requests())


def is_right(scene: Scene) -> bool:
    """Whether the warehouse equals PostHog."""
    scene.known = {}
    scene.learn(scene.truth(COMMENTS, **HERE))
    return scene.wrong() == ""


def kept(scene: Scene) -> list[Path]:
    """The files in which half-read lists are kept."""
    return [path for path in (scene.home / "walks").rglob("*") if path.is_file()]


def test_a_stream_that_was_killed_after_most_of_it_is_gone_on_with(
    dying: Doomed, long_list: list[Row], posthog: Sandbox
) -> None:
    scene = dying.scene
    dies(dying)
    write(posthog, "came later")
    edit(posthog, long_list[-2], content="edited since")
    edit(posthog, long_list[0], content="edited since, where nobody had read")
    result = read(scene)
    assert result.requests == 1 + PAGES - READ, "the top, and what was left"
    assert (result.counts.inserted, result.complete, result.status) == (MANY + 1, False, "loaded")
    assert f"{READ} pages had been read by a run that broke off" in result.detail
    assert is_right(scene)
    assert kept(scene) == []
    again = read(scene)
    assert (again.requests, again.complete, again.counts.written) == (PAGES + 1, True, 0), (
        "then all of it, once"
    )


def test_what_changed_and_went_among_the_rows_that_were_kept_is_seen_by_the_next_run(
    file_dying: Doomed, long_list: list[Row], posthog: Sandbox
) -> None:
    scene = file_dying.scene
    dies(file_dying)
    edit(posthog, long_list[-500], content="edited since")
    posthog.edit(COMMENTS, where={"id": long_list[-510]["id"]}, delete=True)
    assert not read(scene).complete
    assert not is_right(scene)
    assert not scene.rows(COMMENTS, dead=True), "what was not read proves nothing"
    assert read(scene).counts.deleted == 1
    assert scene.rows(COMMENTS)[(PROJECT, long_list[-500]["id"])]["content"] == "edited since"


def test_runs_that_die_one_after_the_other_get_on(
    dying: Doomed, long_list: list[Row], posthog: Sandbox
) -> None:
    scene = dying.scene
    dies(dying, 14)
    write(posthog, *(f"new {n}" for n in range(60)))  # more than a page
    edit(posthog, long_list[-30], content="edited since")
    dies(dying, 5)
    assert scene.stored().get(COMMENTS, {}) == {}
    write(posthog, "the newest")
    result = read(scene)
    assert result.requests == 1 + PAGES - 14 - 3, "14 pages by the first, 3 below them by the second"
    assert result.counts.inserted == MANY + 61
    assert is_right(scene)


@pytest.mark.parametrize(
    ("kind", "step"),
    [("request", 1), ("file", 20), pytest.param("file", 1, marks=pytest.mark.soak)],
)
def test_a_run_that_goes_on_may_be_killed_at_any_moment(
    file_dying: Doomed, posthog: Sandbox, kind: str, step: int
) -> None:
    scene = file_dying.scene
    dies(file_dying)
    write(posthog, *(f"new {n}" for n in range(120)))
    number = 1
    while file_dying.die(kind, number) == -signal.SIGKILL:
        number += step
    assert number > 6
    assert is_right(scene)
    assert read(scene, full=True).complete, (
        "one that was killed once it was recorded was followed by a full walk"
    )
    assert is_right(scene)


def test_a_run_that_goes_on_may_be_killed_while_it_loads(dying: Doomed, posthog: Sandbox) -> None:
    scene = dying.scene
    dies(dying)
    assert dying.die("none", 0) == 0
    statements = sum(kind == "statement" for kind, _ in json.loads(dying.told.read_text()))
    for share in (0.6, 0.9):
        empty(scene)
        dies(dying)
        write(posthog, f"came later {share}")
        assert dying.die("statement", round(share * statements)) == -signal.SIGKILL
        assert read(scene).requests <= 1 + PAGES, "of a whole list that was kept only the top is read again"
        assert is_right(scene)
        assert read(scene).complete
        assert is_right(scene)


def test_a_run_may_be_killed_while_it_keeps_what_is_new(file_dying: Doomed, posthog: Sandbox) -> None:
    scene, copy = file_dying.scene, file_dying.scene.home.with_name("copy")
    dies(file_dying)
    shutil.copytree(scene.home, copy)
    write(posthog, *(f"new {n}" for n in range(120)))
    assert file_dying.die("none", 0) == 0
    told = [what for kind, what in json.loads(file_dying.told.read_text()) if kind == "file"]
    writes = [number for number, what in enumerate(told, 1) if what.startswith("open home/walks/")]
    assert len(writes) > 3 + PAGES - READ, "three pages from the top, and those below"
    for number in writes[1:5]:
        empty(scene)
        shutil.copytree(copy, scene.home)
        assert file_dying.die("file", number) == -signal.SIGKILL
        assert "had been read" in read(scene).detail
        assert is_right(scene)


# -- what keeps a run from going on


def refused(posthog: Sandbox, status: int) -> None:
    posthog.fault(kind="status", status=status, path="comments/.*cursor=", times=1)


@pytest.mark.parametrize("status", [400, 404])
def test_a_cursor_that_is_known_no_more_costs_no_row(
    file_dying: Doomed, posthog: Sandbox, status: int
) -> None:
    scene = file_dying.scene
    dies(file_dying)
    refused(posthog, status)
    result = read(scene)
    assert (result.requests, result.counts.inserted, result.complete) == (PAGES + 1, MANY, True)
    assert is_right(scene)


def test_a_page_that_fails_below_what_was_kept_is_asked_for_again_by_the_next_run(
    file_dying: Doomed, posthog: Sandbox
) -> None:
    scene = file_dying.scene
    dies(file_dying)
    posthog.fault(kind="array", path="comments/.*cursor=")
    assert (read(scene).status, scene.rows(COMMENTS)) == ("failed", {})
    posthog.clear_faults()
    assert read(scene).requests == 1 + PAGES - READ
    assert is_right(scene)


def test_so_many_new_rows_that_nothing_is_met_again_are_all_read(
    file_dying: Doomed, posthog: Sandbox
) -> None:
    scene = file_dying.scene
    dies(file_dying)
    write(posthog, *(f"new {n}" for n in range(12 * ON_A_PAGE)))
    result = read(scene)
    assert (result.requests, result.counts.inserted, result.complete) == (PAGES + 12, MANY + 600, True)
    assert is_right(scene)


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
    members = posthog.truth()["rows"]["organization_members"]
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
    author = max(row["user"]["id"] for row in posthog.truth()["rows"]["organization_members"])
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
    members = posthog.truth()["rows"]["organization_members"]
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
    (leaves,) = map(Leaves, kept(scene))
    head, pages = leaves.head(), list(leaves)
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
    Journal(folder, datetime.now(UTC), timedelta(hours=1)).sweep()
    assert [path for path in folder.iterdir() if path.exists()] == []


@pytest.mark.parametrize("cut", [1, 5_000, 10**9])
def test_what_was_kept_and_got_damaged_costs_no_row(file_dying: Doomed, cut: int) -> None:
    scene = file_dying.scene
    dies(file_dying)
    (file,) = kept(scene)
    os.truncate(file, max(0, file.stat().st_size - cut))
    assert read(scene).counts.inserted == MANY
    assert is_right(scene)


def test_a_file_that_goes_while_a_run_goes_on_with_it_costs_no_row(
    file_dying: Doomed, posthog: Sandbox
) -> None:
    scene = file_dying.scene
    dies(file_dying, 12)

    def gone(endpoint: Any, rows: Any) -> None:
        if endpoint.table == COMMENTS:
            for file in kept(scene):
                file.unlink()

    posthog.fault(kind="array", path="comments/.*cursor=", skip=8)
    assert read(scene, observers=(gone,)).status == "failed"
    posthog.clear_faults()
    read(scene)
    assert is_right(scene)


@pytest.mark.parametrize("left", [0, 14, 18])
def test_a_file_that_is_cut_while_its_pages_are_taken_in_costs_no_row(file_dying: Doomed, left: int) -> None:
    scene = file_dying.scene
    dies(file_dying)
    seen: list[Path] = []

    def cut(endpoint: Any, _rows: Any) -> None:
        if endpoint.table == COMMENTS and not seen:
            seen.extend(kept(scene))
            os.truncate(seen[0], seen[0].stat().st_size * left // READ)

    result = read(scene, observers=(cut,))
    assert (result.status, result.complete) == ("failed", False)
    stands = f"select count(watermark) from posthog._hogsync_paths where table_name = '{COMMENTS}'"
    assert scene.ask(stands) == [(0,)]
    assert read(scene).status == "loaded"
    assert is_right(scene)


def test_a_file_that_is_cut_between_two_pages_while_a_run_adds_to_it_costs_no_row(
    file_dying: Doomed, posthog: Sandbox
) -> None:
    scene = file_dying.scene
    dies(file_dying, 14)
    pages = count(1)

    def cut(endpoint: Any, _rows: Any) -> None:
        if endpoint.table == COMMENTS and next(pages) == 17:  # those that were kept, the top, two below
            Leaves(kept(scene)[0]).cut(12)

    posthog.fault(kind="array", path="comments/.*cursor=", skip=7)
    assert read(scene, observers=(cut,)).status == "failed"
    Path(scene.url.removeprefix("duckdb:///")).unlink()  # as if it had died before it loaded
    posthog.clear_faults()
    assert read(scene).status == "loaded"
    assert is_right(scene)


def test_a_file_that_goes_while_a_run_looks_whether_it_holds_costs_no_row(
    dying: Doomed, posthog: Sandbox
) -> None:
    scene = dying.scene
    dies(dying)
    posthog.fault(kind="latency", path="/comments/", seconds=4, times=1)
    going = threading.Timer(2, shutil.rmtree, (scene.home / "walks",))
    going.start()
    result = read(scene)
    going.join()
    assert (result.status, result.requests, result.complete) == ("loaded", PAGES + 1, True)
    assert is_right(scene)


# -- how far a list counts as read


def test_a_row_that_is_written_late_into_what_was_kept_is_seen_by_the_next_run(
    scene: Scene, posthog: Sandbox
) -> None:
    posthog.options(cursor_rows=5)
    subscriptions = [row for row in posthog.truth()["rows"]["subscriptions"] if row["_parents"] == BELOW]
    below = {**BELOW, "subscription_id": min(row["id"] for row in subscriptions)}
    posthog.edit(DELIVERIES, parents=below, delete=True)
    asked: dict[str, Any] = {"lists": {"sweep_every": "1d"}}  # only if the subscription has moved
    newest = datetime.now(UTC) - timedelta(days=10)

    def deliver(*times: datetime) -> None:
        rows = [{"status": "completed", "created_at": time.isoformat()} for time in times]
        posthog.edit(DELIVERIES, insert=rows, parents=below)

    deliver(*(newest - timedelta(hours=n) for n in range(120)))
    assert of(scene.sync(DELIVERIES, **HERE, **asked), DELIVERIES).complete
    due = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    posthog.edit("subscriptions", where={"id": below["subscription_id"]}, set={"next_delivery_date": due})
    path = f"subscriptions/{below['subscription_id']}/deliveries/"
    posthog.fault(kind="array", path=path, skip=13)  # of fifteen that hold three days
    assert of(scene.sync(DELIVERIES, **HERE, **asked), DELIVERIES).status == "failed"
    posthog.clear_faults()
    deliver(newest - timedelta(hours=30.5))
    deliver(datetime.now(UTC) - timedelta(minutes=1))
    assert of(scene.sync(DELIVERIES, **HERE, **asked), DELIVERIES).counts.inserted == 1, "the new one"
    assert of(scene.sync(DELIVERIES, **HERE, **asked), DELIVERIES).counts.inserted == 1, "the late one"
    scene.learn(scene.truth(DELIVERIES, **HERE))
    assert scene.wrong() == ""


# -- the audit log, which is in the order of time


@pytest.fixture
def log(posthog: Sandbox) -> AuditLog:
    """An audit log of so many entries, a minute apart."""
    posthog.options(cursor_rows=ON_A_PAGE)
    posthog.clear(LOGS)
    here = AuditLog(posthog, posthog.truth()["rows"]["organizations"][0]["id"])
    here.happened(*(BEGAN + timedelta(minutes=n) for n in range(MANY)))
    return here


def test_an_audit_log_that_was_killed_after_most_of_it_is_gone_on_with(scene: Scene, log: AuditLog) -> None:
    log.dies(scene)
    log.happened(BEGAN + timedelta(minutes=READ * ON_A_PAGE - 55.5))  # written late, among what was kept
    log.happened(BEGAN + timedelta(minutes=MANY))
    result = of(scene.sync(LOGS), LOGS)
    assert log.requests() == PAGES - READ + 2, "the last one again"
    assert (result.status, result.complete, result.counts.inserted) == ("loaded", False, MANY + 1)
    assert of(scene.sync(LOGS), LOGS).counts.inserted == 1, "the late one"
    scene.learn(scene.truth(LOGS))
    assert scene.wrong() == ""
    assert kept(scene) == []


def test_a_page_that_leads_nowhere_is_not_taken_for_the_end_by_who_goes_on(
    file_scene: Scene, long_list: list[Row], posthog: Sandbox
) -> None:
    posthog.fault(kind="swap", path="/comments/", skip=12, times=1, body={"cursor=": "cursox="})
    assert read(file_scene).status == "failed"
    posthog.clear_faults()
    result = read(file_scene)
    assert (result.status, is_right(file_scene)) == ("loaded", True)
    assert len(file_scene.rows(COMMENTS)) == len(long_list)


def test_a_row_that_went_among_those_that_were_kept_dies_though_the_list_was_read_again_since(
    file_dying: Doomed, long_list: list[Row], posthog: Sandbox
) -> None:
    scene = file_dying.scene
    assert read(scene).complete
    dies(file_dying, 13)
    gone = long_list[-300]
    posthog.edit(COMMENTS, where={"id": gone["id"]}, delete=True)
    second = read(scene)
    assert not second.complete, "its count differs, so all of it was read; but who was kept counts as seen"
    assert read(scene).counts.deleted == 1
    assert (PROJECT, gone["id"]) in scene.rows(COMMENTS, dead=True)


def test_an_outage_where_an_ordered_list_is_to_go_on_costs_nothing_that_was_kept(
    file_scene: Scene, log: AuditLog, posthog: Sandbox
) -> None:
    log.dies(file_scene)
    posthog.fault(kind="status", status=500, path="advanced_activity_logs/")
    assert of(file_scene.sync(LOGS), LOGS).status == "failed"
    posthog.clear_faults()
    posthog.clear_requests()
    result = of(file_scene.sync(LOGS), LOGS)
    assert (log.requests(), result.counts.inserted) == (PAGES - READ + 1, MANY)
