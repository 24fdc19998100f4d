"""Everybody met in a run: who tells more of a person is believed, whatever comes first."""

from __future__ import annotations

from itertools import permutations
from typing import Any

from sources.posthog.people import People

EMBEDDED: dict[str, Any] = {"id": 7, "first_name": "Ada"}
MEMBER: dict[str, Any] = {**EMBEDDED, "is_email_verified": True}
USER: dict[str, Any] = {**MEMBER, "is_staff": False}


def test_of_several_sources_the_richest_wins_in_whatever_order_they_are_met() -> None:
    for order in permutations([(EMBEDDED, 0), (MEMBER, 1), (USER, 2)]):
        people = People()
        for person, rank in order:
            people.meet([person], rank)
        assert people.everybody() == {7: USER}


def test_of_two_equal_sources_the_later_wins() -> None:
    people = People()
    people.meet([MEMBER], 1)
    people.meet([{**MEMBER, "first_name": "Ada L."}], 1)
    assert people.everybody()[7]["first_name"] == "Ada L."


def test_who_has_no_id_that_fits_is_nobody() -> None:
    people = People()
    people.meet([{"id": 2**70}, {"id": "7"}, {"id": True}, {}, {"id": 9}], 0)
    assert list(people.everybody()) == [9]


def test_what_an_earlier_run_was_told_counts_less_than_any_word_of_today() -> None:
    people = People()
    people.meet([EMBEDDED], 0)
    people.recall([{**MEMBER, "first_name": "Augusta"}, {"id": 8, "first_name": "Charles"}])
    assert people.everybody() == {7: EMBEDDED}
    assert people.recalled() == {8: {"id": 8, "first_name": "Charles"}}
