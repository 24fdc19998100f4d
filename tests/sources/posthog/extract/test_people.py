"""Everybody met in a run: who tells more of a person is believed, whatever comes first."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import permutations
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from sources.posthog.catalogue import PEOPLE
from sources.posthog.changes.scratch import ScratchDatabase
from sources.posthog.changes.table_changes import TableChanges
from sources.posthog.extract.extraction import EmptyWarehouse
from sources.posthog.extract.people import People, gathered
from sources.posthog.shape.batch import Batch
from sources.posthog.shape.privacy import Policy
from sources.posthog.shape.row_shape import RowShape

EMBEDDED: dict[str, Any] = {"id": 7, "first_name": "Ada"}
MEMBER: dict[str, Any] = {**EMBEDDED, "is_email_verified": True}
USER: dict[str, Any] = {**MEMBER, "is_staff": False}


def test_of_several_sources_the_richest_wins_in_whatever_order_they_are_met() -> None:
    for order in permutations([(EMBEDDED, 0), (MEMBER, 1), (USER, 2)]):
        people = People()
        for person, rank in order:
            people.meet([person], rank)
        assert people.everybody() == {7: USER}


WORDS: list[dict[str, Any]] = [
    {**EMBEDDED, "email": "old@hedgebox.example"},
    {**EMBEDDED, "email": "new@hedgebox.example"},
    {**EMBEDDED, "email": None},
    EMBEDDED,
]


@pytest.mark.fault("values.one_person_in_two_words")
def test_of_equal_sources_none_wins_by_coming_first_or_last() -> None:
    met = []
    for order in permutations(WORDS):
        for pages in ([order], [order[:2], order[2:]], [(word,) for word in order]):
            people = People()
            for page in pages:
                people.meet(page, 0)
            met.append(people.everybody())
    assert met == [{7: WORDS[0]}] * len(met), "the fullest, then one by what it says"


def test_who_has_no_id_that_fits_is_nobody() -> None:
    people = People()
    people.meet([{"id": 2**70}, {"id": "x"}, {"id": True}, {}, {"id": [1]}, {"id": 9}, {"id": "10"}], 0)
    assert list(people.everybody()) == [9, 10]


@pytest.mark.fault("values.unknown_person")
def test_who_stands_in_free_json_fills_in_only_whom_nothing_else_names() -> None:
    def said(identifier: int, name: str) -> dict[str, Any]:
        return {"id": identifier, "first_name": name}

    workspace = ScratchDatabase(Path())
    shape = RowShape(PEOPLE, Policy())
    changes = TableChanges(workspace, shape, Holding({2: said(2, "stored")}), datetime.now(UTC))
    for names in permutations([7, 2, 3]):
        people = People()
        for identifier in names:
            people.mention([said(identifier, "mentioned")])
        people.meet([said(7, "declared")], 0)
        people.mention([said(7, "mentioned")])
        rows = [row for batch in gathered(people, changes) for row in named(batch)]
        assert rows == [(7, "declared"), (3, "mentioned")]
    workspace.close()


def named(batch: Batch) -> list[tuple[Any, Any]]:
    return list(zip(batch.values("id"), batch.values("first_name"), strict=True))


class Holding(EmptyWarehouse):
    """A warehouse that holds these people."""

    def __init__(self, people: dict[int, dict[str, Any]]) -> None:
        self.people = people

    def rows(self, table: str, keys: pa.Table) -> pa.Table:  # noqa: ARG002  there is only one
        """Those of them who are asked for."""
        found = [self.people[i] for i in keys["id"].to_pylist() if i in self.people]
        return pa.Table.from_pylist(found)


def test_what_an_earlier_run_was_told_counts_less_than_any_word_of_today() -> None:
    people = People()
    people.meet([EMBEDDED], 0)
    people.recall([{**MEMBER, "first_name": "Augusta"}, {"id": 8, "first_name": "Charles"}])
    assert people.everybody() == {7: EMBEDDED}
    assert people.recalled() == {8: {"id": 8, "first_name": "Charles"}}
