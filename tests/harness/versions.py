"""What must hold between a table and its history, whatever happened: the laws of versions, read the slow way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import groupby, pairwise
from typing import Any

from tests.harness.expected import KEYS, Row
from tests.harness.stored import BOOKKEEPING, Ask, Types, rows, session, there_is

STREAMS = ("comments", "subscription_deliveries")
VERSIONED = tuple(table for table in KEYS if table not in (*STREAMS, "organization_activity_logs", "people"))
VOLATILE = {
    "organizations": ("member_count",),
    "organization_members": ("last_login",),
    "subscriptions": ("summary", "next_delivery_date"),
    "event_definitions": ("last_seen_at",),
    "cohorts": (
        "count",
        "version",
        "pending_version",
        "errors_calculating",
        "last_calculation",
        "last_backfill_person_properties_at",
        "is_calculating",
    ),
}
"""What moves by itself and makes no version."""
SPAN = ("valid_from", "valid_to", "op")
AFTER = {None: {"insert", "delete"}, "insert": {"update", "delete"}, "delete": {"insert"}}
AFTER["update"] = AFTER["insert"]
"""What may follow what."""
Key = tuple[Any, ...]


def history(url: str, table: str) -> dict[Key, list[Row]]:
    """Every row's versions in their order, as they stand."""
    with session(url) as answer:
        return _versions(answer, table, answer.types())


def _versions(answer: Ask, table: str, made: Types) -> dict[Key, list[Row]]:
    name = f"{table}_history"
    found = rows(answer, name, made[name], "posthog") if name in made else []
    found.sort(key=lambda row: (_key(table, row), row["valid_from"]))
    return {key: list(each) for key, each in groupby(found, lambda row: _key(table, row))}


def _key(table: str, row: Row) -> Key:
    return tuple(row[name] for name in KEYS[table])


def wrong_versions(url: str) -> str:
    """How histories contradict themselves or the tables beside them; empty if nowhere."""
    if not there_is(url):
        return ""
    with session(url) as answer:
        return wrong_versions_in(answer)


def wrong_versions_in(answer: Ask) -> str:
    made = answer.types()
    lines: list[str] = []
    for table in VERSIONED:
        versions = _versions(answer, table, made)
        for key, each in versions.items():
            lines += [f"{table} {key}: {said}" for said in _of_one_row(table, each)]
        if f"{table}_history" in made and _is_derived(answer, table):
            lines += _beside(answer, table, versions, made)
    return "\n".join(lines[:10])


def _is_derived(answer: Ask, table: str) -> bool:
    """Whether a history is said to have all rows of finished loads."""
    sql = f"select value from posthog._hogsync_meta where key = '{table}_history until' and value <> ''"
    return bool(answer(sql))


def _of_one_row(table: str, versions: list[Row]) -> Iterator[str]:
    """What cannot be true of one row's versions."""
    for before, after in pairwise([{"op": None}, *versions]):
        if after["op"] not in AFTER[before["op"]]:
            yield f"{after['op']} follows {before['op']}"
        if before["op"] not in (None, "delete") and before["valid_to"] != after["valid_from"]:
            yield f"a version ends at {before['valid_to']} and the next begins at {after['valid_from']}"
        if after["op"] == "delete" and after["valid_to"] != after["valid_from"]:
            yield f"a death lasts until {after['valid_to']}"
        if after["op"] == "update" and _told(table, before) == _told(table, after):
            yield f"two versions say the same: {_told(table, after)}"
    last = versions[-1]
    if last["op"] != "delete" and last["valid_to"] is not None:
        yield "the last version has an end and nothing follows"


def _told(table: str, row: Row) -> str:
    """All that makes a version."""
    hidden = {*VOLATILE.get(table, ()), *BOOKKEEPING, *SPAN}
    kept = {name: _full(value) for name, value in row.items() if name not in hidden and value is not None}
    return json.dumps(kept, sort_keys=True, default=str)


def _full(value: Any) -> Any:
    """A list's objects without what is null in them."""
    if not isinstance(value, list):
        return value
    return [
        {name: inner for name, inner in one.items() if inner is not None} if isinstance(one, dict) else one
        for one in value
    ]


def _known(items: list[Any], there: Any) -> list[Any]:
    """A list's objects with what their version has: a column that a setting no longer allows stays in its table."""
    names = {name for one in there or () if isinstance(one, dict) for name in one}
    return [
        {name: one[name] for name in names & one.keys()} if isinstance(one, dict) else one for one in items
    ]


def _beside(answer: Ask, table: str, versions: dict[Key, list[Row]], made: Types) -> Iterator[str]:
    """Where the latest version is not what the table holds.

    Rows whose load or history is not finished are left out, and those that wait without a hash to be written again.
    """
    finished = {load for (load,) in answer("select load_id from posthog._dlt_loads where status = 0")}
    lists, torn = _lists(answer, table, made, finished)
    there = {_key(table, row): row for row in rows(answer, table, made[table], "posthog")}
    for key in versions.keys() - there.keys():
        if versions[key][-1]["op"] != "delete":
            yield f"{table} {key} is not there, its last version lives"
    for key, row in there.items():
        waits = row["_row_hash"] == "" and not row["_deleted_at"]
        if row["_dlt_load_id"] not in finished or key in torn or waits:
            continue
        each = versions.get(key)
        if not each:
            yield f"{table} {key} has no version"
        elif row["_deleted_at"]:
            if each[-1]["op"] != "delete":
                yield f"{table} {key} is dead, its last version lives"
        elif each[-1]["op"] == "delete":
            yield f"{table} {key} lives, its last version is a death"
        else:
            own = {f"{name}__own" if name in SPAN else name: value for name, value in row.items()}
            own |= {name: _known(items, each[-1][name]) for name, items in lists.get(key, {}).items()}
            now, then = _told(table, own), _told(table, each[-1])
            if now != then:
                yield f"{table} {key} is {now}, its version says {then}"


def _lists(
    answer: Ask, table: str, made: Types, finished: set[str]
) -> tuple[dict[Key, dict[str, list[Any]]], set[Key]]:
    """The living items of each row's lists, and the rows with items of unfinished loads."""
    found: dict[Key, dict[str, list[Any]]] = {}
    torn: set[Key] = set()
    for name in made:
        parent, _, child = name.partition("__")
        if parent != table or not child:
            continue
        items = rows(answer, name, made[name], "posthog")
        for item in sorted(items, key=lambda one: int(one["position"])):
            key = _key(table, item)
            if item["_dlt_load_id"] not in finished:
                torn.add(key)
            if item["_deleted_at"] is None:
                hidden = {*KEYS[table], *BOOKKEEPING, "position"}
                own = {column: value for column, value in item.items() if column not in hidden}
                found.setdefault(key, {}).setdefault(child, []).append(own.get("value", own))
    return found, torn
