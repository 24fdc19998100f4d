"""Cohorts: static, dynamic, behavioral, deleted."""

from __future__ import annotations

from sources.sandbox.company.canaries import Pen, written
from sources.sandbox.company.vocabulary import COHORT_NAMES
from sources.sandbox.models import Row

KINDS = ("person_property", "static", "behavioral", "person_property", "realtime", "analytical", None)


def cohort(pen: Pen, index: int, people: list[int]) -> Row:
    """The index decides the kind; the oldest has no created_at, as legacy rows have none."""
    kind = KINDS[index % len(KINDS)]
    static = kind == "static"
    name, round_ = COHORT_NAMES[index % len(COHORT_NAMES)], index // len(COHORT_NAMES)
    failing = index % 12 == 11
    return {
        "id": pen.world.next_number("cohorts"),
        "name": None if index % 23 == 22 else f"{name} {round_ + 1}" if round_ else name,
        "description": "" if pen.chance(0.5) else f"{name}, as agreed in the growth meeting",
        "groups": [],
        "deleted": index % 9 == 8,
        "filters": None
        if static
        else {"properties": {"type": "OR", "values": [{"type": "AND", "values": [_condition(pen, kind)]}]}},
        "query": {"kind": "HogQLQuery", "query": "select person_id from events"}
        if kind == "analytical"
        else None,
        "version": None if static else pen.dice.randint(1, 400),
        "pending_version": None if static else pen.dice.randint(1, 400),
        "is_calculating": False,
        "created_by": None if index % 10 == 9 else pen.one(people),
        "created_at": None if index == 0 else written(pen.ago(700)),
        "last_calculation": None if static else written(pen.ago(1)),
        "last_backfill_person_properties_at": written(pen.ago(60)) if kind == "realtime" else None,
        "errors_calculating": 3 if failing else 0,
        "last_error_message": "The query took too long. Try a shorter time range." if failing else None,
        "count": pen.one((None, 0, pen.dice.randint(1, 90_000))),
        "is_static": static,
        "cohort_type": kind,
        "experiment_set": [900 + index] if index % 5 == 4 else [],
    }


def _condition(pen: Pen, kind: str | None) -> Row:
    made = {
        "bytecode": ["_H", 1, 32, "$pageview", 32, "event", 1, 1, 11],
        "bytecode_error": None,
        "conditionHash": f"{pen.dice.getrandbits(64):016x}",
        "negation": False,
    }
    if kind == "behavioral":
        return {
            **made,
            "type": "behavioral",
            "key": "$pageview",
            "value": "performed_event",
            "event_type": "events",
            "time_value": 30,
            "time_interval": "day",
        }
    return {
        **made,
        "type": "person",
        "key": pen.one(("email", "distinct_id", "company")),
        "operator": "exact",
        "value": [pen.customer(f"visitor{pen.dice.randint(1, 999)}@customer.example")],
    }
