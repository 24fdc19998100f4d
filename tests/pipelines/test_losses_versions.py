"""What somebody drops of a history's spans is derived anew from the versions, or the run says what to do."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from sources.sandbox import Sandbox
from tests.pipelines.one_cohort import HERE, PROJECT, One
from tests.pipelines.test_sync_mending import run
from tests.truth.changes import Edit
from tests.truth.kills import Story, doomed, number_of
from tests.truth.scene import Scene
from tests.truth.versions import history, wrong_versions

ENDED = "alter table posthog.cohorts_history drop column valid_to"
CALLED = "alter table posthog.cohorts_history drop column op"


def lived(one: One) -> One:
    """A cohort of which there are versions of every kind, and a dead one beside it."""
    dead = One(one.scene)
    one.synced()
    one.becomes(set={"description": "later"})
    dead.becomes(delete=True)
    one.synced()
    one.becomes(delete=True)
    one.synced()
    one.born()
    one.synced()
    return dead


@pytest.mark.fault("warehouse.dropped_column")
@pytest.mark.parametrize("lost", [ENDED, CALLED], ids=["valid_to", "op"])
@pytest.mark.parametrize("more", ["", "; drop table posthog.cohorts"], ids=["alone", "with the table"])
def test_what_a_history_has_lost_of_its_versions_spans_is_derived_anew(
    one: One, lost: str, more: str
) -> None:
    gone, dead = One(one.scene), lived(one)
    before = history(one.scene.url, "cohorts")
    run(one.scene.url, lost + more)
    gone.becomes(delete=True)
    one.synced()
    after = history(one.scene.url, "cohorts")
    assert [row["op"] for row in after.pop((PROJECT, gone.ident))] == ["insert", "delete"]
    del before[(PROJECT, gone.ident)]
    assert after == before
    one.becomes(set={"description": "last"})
    dead.born()
    one.synced()
    assert [op for (op,) in one.told()] == ["insert", "update", "delete", "insert", "update"]
    assert [op for (op,) in dead.told()] == ["insert", "delete", "insert"]
    dead.becomes(delete=True)


@pytest.mark.fault("warehouse.dropped_column")
@pytest.mark.parametrize("ended", [True, False], ids=["all ended", "one without its end"])
def test_what_follows_a_version_that_is_no_death_is_told_as_an_update(one: One, *, ended: bool) -> None:
    one.synced()
    for name in ("second", "third"):
        one.becomes(set={"name": name})
        one.synced()
    if not ended:
        run(one.scene.url, f"update posthog.cohorts_history set valid_to = null where id = {one.ident}")
    run(one.scene.url, CALLED)
    one.scene.sync("cohorts", **HERE)
    assert one.told("name") == [("insert", "one"), ("update", "second"), ("update", "third")]


@pytest.mark.fault("warehouse.dropped_column")
def test_a_history_that_has_lost_both_is_left_alone_until_somebody_drops_it(one: One) -> None:
    lived(one)
    run(one.scene.url, f"{ENDED}; {CALLED}")
    for _ in range(2):
        outcome = one.scene.sync("cohorts", **HERE)
        assert (outcome.run.status, outcome.exit_code) == ("partial", 1)
        assert "lost its columns valid_to and op: drop or rename it" in str(outcome.run.error)
        left = history(one.scene.url, "cohorts")[(PROJECT, one.ident)]
        assert len(left) == 4
        assert not {"valid_to", "op"} & left[0].keys()
    run(one.scene.url, "drop table posthog.cohorts_history")
    one.synced()
    assert one.told() == [("insert",)]


@pytest.mark.fault("warehouse.dropped_column", "loads.unfinished")
def test_a_kill_while_spans_are_derived_anew_leaves_none_without_an_end(one: One) -> None:
    def drop(_: Sandbox) -> list[Edit]:
        run(one.scene.url, ENDED.replace("column", "column if exists"))
        return []

    one.synced()
    one.becomes(set={"description": "later"})
    one.synced()
    before = history(one.scene.url, "cohorts")
    with doomed(one.scene, Story(("cohorts",), drop)) as dying:
        dying.learn()
        told = dying.statements()
        added = number_of(told, "add column")
        for at in dying.mended((added + 1, added + 2)):
            assert history(one.scene.url, "cohorts") == before, told[at - 1]


@pytest.mark.fault("warehouse.dropped_column", "warehouse.long_select")
def test_spans_that_could_not_be_derived_at_once_are_derived_later(
    posthog: Sandbox, postgres_url: str, tmp_path: Path
) -> None:
    one = One(Scene(posthog, postgres_url, tmp_path / "home"))
    lived(one)
    before = history(one.scene.url, "cohorts")
    run(one.scene.url, ENDED)
    with closing(psycopg2.connect(one.scene.url)) as reader:
        reader.cursor().execute("select * from posthog.cohorts_history")
        outcome = one.scene.sync("cohorts", **HERE, wait=1)
    assert outcome.run.status == "partial"
    assert "while somebody else's transaction uses it" in str(outcome.run.error)
    one.synced()
    assert history(one.scene.url, "cohorts") == before
    assert wrong_versions(one.scene.url) == ""
    one.becomes(delete=True)
