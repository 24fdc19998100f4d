"""Lists that move while they are read: whatever happens, no living row dies and the next run is right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.component.scene import Extractions
from tests.harness.little_posthog import KEY, little_posthog, page
from tests.harness.scene import of

EVENTS, SIZE, ROWS = "event_definitions", 5, 23
BEHIND, BORDER, AHEAD = 2, 10, -2
"""Places in the list when the page at BORDER is asked for."""


@dataclass(slots=True)
class Moving:
    """One list as the server has it; `now` says that its page at `place` is about to be asked for in this walk."""

    rows: list[dict[str, Any]] = field(default_factory=lambda: [event(f"event {n:03}") for n in range(ROWS)])
    asked: Counter[int] = field(default_factory=Counter)
    born: int = 0

    def now(self, at: int, place: int = BORDER, *walks: int) -> bool:
        return at == place and self.asked[at] in (walks or (1,))

    def insert(self, place: int) -> None:
        self.born += 1
        self.rows.insert(place if place >= 0 else len(self.rows), event(f"born {self.born:03}"))

    def delete(self, place: int) -> None:
        self.rows.pop(place)

    def edit(self, place: int) -> None:
        self.rows[place]["description"] = f"edited after {self.born} births"


def event(name: str) -> dict[str, Any]:
    return {"id": f"id of {name}", "name": name, "description": "as ever"}


# What happens before the page at a place is answered.
Move = Callable[[Moving, int], None]
MOVES: dict[str, Move] = {}


def move(do: Move) -> Move:
    MOVES[do.__name__] = do
    return do


@move
def one_is_inserted_behind(it: Moving, at: int) -> None:
    if it.now(at):
        it.insert(0)


@move
def one_is_inserted_ahead(it: Moving, at: int) -> None:
    if it.now(at):
        it.insert(AHEAD)


@move
def one_is_deleted_behind(it: Moving, at: int) -> None:
    if it.now(at):
        it.delete(BEHIND)


@move
def one_is_deleted_ahead(it: Moving, at: int) -> None:
    if it.now(at):
        it.delete(AHEAD)


@move
def one_is_deleted_behind_and_one_inserted_ahead(it: Moving, at: int) -> None:
    """The count stays right, and the row at the border is not seen."""
    if it.now(at):
        it.delete(BEHIND)
        it.insert(AHEAD)


@move
def the_same_in_the_second_look(it: Moving, at: int) -> None:
    if it.now(at, BORDER, 1, 2):
        it.delete(BEHIND)
        it.insert(AHEAD)


@move
def a_row_slips_in_the_second_look_alone(it: Moving, at: int) -> None:
    """One is gone from the start, so that there is a second look; in this the border's row is not seen."""
    if it.now(at, 0):
        it.delete(0)
    if it.now(at, BORDER, 2):
        it.delete(BEHIND)
        it.insert(AHEAD)


@move
def the_same_row_slips_out_of_both_looks(it: Moving, at: int) -> None:
    """Somebody puts it back to the border in between: nothing tells this from a deletion."""
    if it.now(at, 0, 2):
        it.insert(0)
    if it.now(at, BORDER, 1, 2):
        it.delete(BEHIND)
        it.insert(AHEAD)


@move
def one_that_was_seen_is_gone_in_the_second_look(it: Moving, at: int) -> None:
    if it.now(at, 0):
        it.delete(AHEAD)
    if it.now(at, 0, 2):
        it.delete(BORDER)


@move
def the_list_shrinks_below_the_reader(it: Moving, at: int) -> None:
    if it.now(at):
        del it.rows[: ROWS - SIZE]
        it.rows += [event(f"event {n:03}") for n in range(3)]


@move
def the_list_turns_round(it: Moving, at: int) -> None:
    if it.now(at):
        it.rows.reverse()


@move
def one_comes_to_the_front(it: Moving, at: int) -> None:
    """As a property does that is verified."""
    if it.now(at):
        it.rows.insert(0, it.rows.pop(AHEAD))


@move
def one_falls_to_the_end(it: Moving, at: int) -> None:
    if it.now(at):
        it.rows.append(it.rows.pop(BEHIND))


@move
def there_is_no_order(it: Moving, at: int) -> None:
    Random(it.asked[at] * 100 + at).shuffle(it.rows)


@move
def one_is_edited_and_seen_again(it: Moving, at: int) -> None:
    if it.now(at):
        it.edit(BORDER - 1)
        it.insert(0)


@move
def the_list_has_doubled(it: Moving, at: int) -> None:
    if it.now(at, 0):
        for _ in range(len(it.rows)):
            it.insert(AHEAD)


@move
def the_count_is_capped_and_one_deleted_behind(it: Moving, at: int) -> None:
    if it.now(at):
        it.delete(BEHIND)


@move
def the_count_becomes_capped_on_the_way(it: Moving, at: int) -> None:
    if it.now(at):
        it.delete(BEHIND)


def capped(move: Move, at: int, *, moves: bool) -> bool:
    return move is the_count_is_capped_and_one_deleted_behind or (
        moves and move is the_count_becomes_capped_on_the_way and at >= BORDER
    )


@pytest.mark.fault(
    "lists.capped",
    "lists.delete_ahead",
    "lists.delete_behind",
    "lists.delete_behind_insert_ahead",
    "lists.doubled",
    "lists.edited",
    "lists.gone_between_looks",
    "lists.insert_ahead",
    "lists.insert_behind",
    "lists.no_order",
    "lists.reordered",
    "lists.second_look_moves",
    "lists.shrinks",
    "lists.slips_twice",
)
def test_whatever_happens_between_two_pages_no_living_row_dies_and_the_next_run_is_right(
    tmp_path: Path,
) -> None:
    """Each way of moving in a list of its own: while it is loaded first, and while it is read again."""
    names = list(MOVES)
    company = {number + 1: Moving() for number in range(len(names))}
    moves = True

    def lists(project: int, _table: str, query: dict[str, str], _n: int) -> Any:
        at, it, name = int(query["offset"]), company[project], names[project - 1]
        it.asked[at] += 1
        if moves:
            MOVES[name](it, at)
        following = f"?offset={at + SIZE}" if at + SIZE < len(it.rows) else None
        body = page(it.rows[at : at + SIZE], following, len(it.rows))
        return body | {"count": 10, "count_is_capped": True} if capped(MOVES[name], at, moves=moves) else body

    with little_posthog(len(names), lists) as server:
        scene = Extractions(server.origin, KEY, tmp_path)
        for moves in (True, False, True, False):
            for it in company.values():
                it.asked.clear()
            outcome = scene.sync(EVENTS, lists={"page_size": SIZE, "in_flight": 4})
            assert outcome.exit_code == 0
            rows = scene.rows(EVENTS)
            for number, it in company.items():
                move, lives = names[number - 1], {row["name"]: row["description"] for row in it.rows}
                found = {key[1]: row for key, row in rows.items() if key[0] == number}
                living = {name: row["description"] for name, row in found.items() if not row["dead"]}
                if MOVES[move] is not the_same_row_slips_out_of_both_looks:
                    assert not lives.keys() & (found.keys() - living.keys()), move
                assert living.items() >= {(n, lives[n]) for n in lives.keys() & living.keys()}, (
                    "the later version"
                )
                assert moves or living == lives, move
        assert of(outcome, EVENTS).complete
        assert of(outcome, EVENTS).deletes_held == 0
