"""A connection to Postgres that is cut at any message of a sync: whatever it tore, the next sync is right."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import count

import pytest

from pipelines.errors import WarehouseProblem
from tests.harness.cutting import Wire, wire
from tests.harness.postgres import Server
from tests.harness.scene import Scene
from tests.harness.served import EVENTS, HERE, change, right

_numbers = count(1)


@pytest.fixture
def cutting(served: Scene, postgres_server: Server) -> Iterator[Wire]:
    """The wire over which the scene reaches its database."""
    with wire(postgres_server.port) as between:
        served.url = served.url.replace(f":{postgres_server.port}/", f":{between.port}/")
        yield between


def cut(scene: Scene, cutting: Wire, at: int, *, heard: bool) -> None:
    """A sync with rows and children to write, cut at a message."""
    step = next(_numbers)
    change(scene, description=f"step {step}", tags=["a", f"b{step}"])
    cutting.expect(at, heard=heard)
    with suppress(WarehouseProblem):
        assert scene.sync(EVENTS, wait=1, **HERE).exit_code == 0
        cutting.fatal = 0
        scene.learn(scene.truth(EVENTS, **HERE))
        assert scene.wrong() == "", "a sync that says it is fine is"
    cutting.fatal = 0


def messages(scene: Scene, cutting: Wire) -> int:
    """How many a sync has that is not cut; the first merge after a first load has more, for dlt's schema."""
    for _ in range(2):
        cut(scene, cutting, 0, heard=True)
    return cutting.met


@pytest.mark.fault("warehouse.connection_cut")
def test_a_connection_that_is_cut_anywhere_leaves_nothing_that_the_next_sync_does_not_mend(
    served: Scene, cutting: Wire
) -> None:
    met = messages(served, cutting)
    assert met > 100
    for number, share in enumerate((0.6, 0.95)):
        cut(served, cutting, round(share * met), heard=bool(number % 2))
        right(served)


@pytest.mark.soak("cut")
@pytest.mark.fault("warehouse.connection_cut")
@pytest.mark.parametrize("heard", [False, True], ids=["unheard", "heard"])
def test_a_connection_that_is_cut_at_every_message_leaves_nothing_that_stays(
    served: Scene,
    cutting: Wire,
    heard: bool,  # noqa: FBT001  pytest names it
) -> None:
    for at in range(1, messages(served, cutting) + 1):
        cut(served, cutting, at, heard=heard)
        right(served)
