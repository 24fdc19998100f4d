"""`kill -9` in the middle of a sync: whatever it tore, one clean sync later the warehouse equals PostHog.

So does what hogsync wrote of its own runs: looked at right after the death, it speaks of rows that are there.
"""

from __future__ import annotations

import signal
from itertools import count

import pytest

from sources.sandbox import Sandbox
from tests.harness.books import books
from tests.harness.changes import COHORTS, DELIVERIES, EVENTS, definitions, deliveries, isolate, shrink
from tests.harness.kills import Doomed, Event, Story, number_of
from tests.harness.scene import Scene, written

STORIES = {
    "first load": Story((EVENTS, COHORTS), None),
    "definitions": Story((EVENTS, COHORTS), definitions),
    "deliveries": Story((DELIVERIES,), deliveries),
}
SPREAD: dict[str, dict[str, tuple[float, ...]]] = {
    "first load": {"statement": (0.57,)},
    "definitions": {"statement": (0.7, 1.0)},
    "deliveries": {"statement": (0.75,)},
}
"""How far through its events of a kind a sync dies in `make test`: between the tables or between a list and its rows,
while versions are derived, before the record is committed. `make soak` takes every one."""


@pytest.fixture(scope="module")
def beginning(company: Sandbox) -> str:
    """A small company of one project."""
    company.rewind()
    shrink(company)
    isolate(company)
    company.keep("isolated")
    return "isolated"


@pytest.fixture
def dying(request: pytest.FixtureRequest, scene: Scene) -> Doomed:
    """A story's syncs, after a first one that lived."""
    here = Doomed(scene, STORIES[request.param])
    here.mend()
    return here


@pytest.fixture
def dying_in_file(request: pytest.FixtureRequest, file_scene: Scene) -> Doomed:
    """The same beside a DuckDB file, for stops that concern no database."""
    here = Doomed(file_scene, STORIES[request.param])
    here.mend()
    return here


FAULTS = pytest.mark.fault(
    "loads.torn",
    "loads.first",
    "loads.tombstones",
    "loads.taken_back",
    "loads.positions",
    "loads.half_record",
    "loads.history",
    "loads.folder",
    "loads.folder_left",
    "loads.hash_key_torn",
    "process.killed",
)


@FAULTS
@pytest.mark.parametrize("dying", STORIES, indirect=True)
def test_a_sync_that_was_killed_is_made_whole_by_the_next(
    dying: Doomed, request: pytest.FixtureRequest
) -> None:
    spread = SPREAD[request.node.callspec.params["dying"]]
    events = dying.events()
    dying.mend()
    for at, (kind, number) in enumerate(numbered(spread, events)):
        odd = bool(at % 2)
        assert dying.fall(kind, number, take_back=odd, twice=odd) == -signal.SIGKILL, (kind, number)
    assert written(dying.mend()) == 0, "nothing is left to mend"


@FAULTS
@pytest.mark.soak("kills")
@pytest.mark.parametrize("kind", ["request", "file", "statement"])
@pytest.mark.parametrize("dying", STORIES, indirect=True)
def test_a_sync_that_was_killed_at_any_event_is_made_whole_by_the_next(dying: Doomed, kind: str) -> None:
    fallen = 0
    for number in count(1):
        if dying.fall(kind, number, take_back=bool(number % 2), twice=number % 3 == 0) == 0:
            break
        fallen = number
    assert fallen > 4
    assert written(dying.mend()) == 0, "nothing is left to mend"


def numbered(spread: dict[str, tuple[float, ...]], events: list[Event]) -> list[tuple[str, int]]:
    met = {kind: sum(of == kind for of, _ in events) for kind in spread}
    return [(kind, max(1, round(share * met[kind]))) for kind, shares in spread.items() for share in shares]


INT, TERM = signal.SIGINT, signal.SIGTERM
POINTS = [("request", 0.5, (INT,)), ("statement", 0.7, (TERM,)), ("statement", 0.9, (TERM, INT))]


@pytest.mark.soak("stories")
@pytest.mark.fault("process.interrupted_anywhere", "process.interrupted_twice")
@pytest.mark.parametrize("dying_in_file", ["definitions"], indirect=True)
def test_a_sync_that_was_stopped_is_recorded_as_what_it_was_and_goes_on_with_the_next(
    dying_in_file: Doomed,
) -> None:
    dying = dying_in_file
    events = dying.events()
    dying.mend()
    for kind, share, signals in POINTS:
        ((_, number),) = numbered({kind: (share,)}, events)
        assert dying.fall(kind, number, signals) == 130, (kind, number)


@pytest.mark.fault("process.interrupted_anywhere")
@pytest.mark.parametrize("dying_in_file", ["first load"], indirect=True)
def test_a_first_sync_that_was_stopped_before_its_first_row_is_recorded_and_claims_nothing(
    dying_in_file: Doomed,
) -> None:
    dying = dying_in_file
    dying.prepare()
    assert dying.die("request", 2, (INT,)) == 130
    left = books(dying.scene.url)
    assert ([status for _, _, status, _ in left.runs.values()], left.paths) == (["interrupted"], {})
    assert not {"origin", "hash_key"} & left.meta.keys()
    assert left.unsound() == []
    dying.mend()


@pytest.mark.fault("process.interrupted_anywhere")
@pytest.mark.parametrize("dying_in_file", ["definitions"], indirect=True)
def test_a_stop_that_comes_when_dlt_looks_for_none_any_more_is_heeded(dying_in_file: Doomed) -> None:
    dying = dying_in_file
    loaded = number_of(dying.statements(), "INSERT", "_dlt_loads")
    dying.mend()
    assert dying.fall("statement", loaded, (INT,)) == 130


@pytest.mark.fault("process.interrupted_anywhere")
@pytest.mark.parametrize("dying_in_file", ["definitions"], indirect=True)
def test_a_stop_after_the_record_leaves_the_run_and_its_exit_code_as_they_are(dying_in_file: Doomed) -> None:
    dying = dying_in_file
    files = sum(kind == "file" for kind, _ in dying.events())
    dying.mend()
    assert {dying.fall("file", number, (INT,)) for number in range(files - 1, files + 1)} == {0}


@pytest.mark.fault("process.interrupted_anywhere", "process.interrupted_twice")
@pytest.mark.soak("stops")
@pytest.mark.parametrize("kind", ["request", "file", "statement"])
@pytest.mark.parametrize("signals", [(INT,), (TERM, INT)], ids=["once", "twice"])
@pytest.mark.parametrize("dying", ["first load", "definitions"], indirect=True)
def test_a_sync_that_was_stopped_at_any_event_goes_on_with_the_next(
    dying: Doomed, signals: tuple[signal.Signals, ...], kind: str
) -> None:
    events = dying.events()
    dying.mend()
    numbers = range(1, sum(of == kind for of, _ in events) + 1)
    codes = [dying.fall(kind, number, signals) for number in numbers]
    assert 130 in codes, "somebody has these signals ignored, as a shell does behind nohup and &"
