"""Strange values: both databases end with the same, the run's record tells of it, and no other row pays for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from sources.posthog.redaction.json_depth import DEEPEST
from sources.sandbox import Sandbox
from tests.harness.differences import differences
from tests.harness.expected import Tables, expected, part
from tests.harness.scene import HASH_KEY, Scene, of, written

BELOW = {"project_id": 101}
HERE: dict[str, Any] = {"projects": (101,)}
FIRST = 900_001
HUGE = 2**70
MANY_DIGITS = "9" * 5000

# What no encoder makes: these texts give way to those bytes on their way from the sandbox.
SWAPS = {
    '"@half@"': r'"a\ud83db"',
    '"@half key@"': r'"\udc00"',
    "@half in utf-8@": "a\xed\xa0\xbdb",
    '"@nan@"': "NaN",
    '"@infinity@"': "-Infinity",
    '"@overflow@"': "1e999",
    '"@huge@"': str(HUGE),
    '"@beyond@"': str(2**63),
    '"@many digits@"': MANY_DIGITS,
    '"@abyss@"': "[" * 5000 + "]" * 5000,
    '"@twice@"': '"first","description":"second"',
}


@dataclass(frozen=True, slots=True)
class Odd:
    """Fields as PostHog sends them in one row and the columns that come of them."""

    sent: dict[str, Any]
    kept: dict[str, Any] = field(default_factory=dict)


def deep(levels: int, *, lists: bool = False, bottom: Any = "bottom") -> Any:
    value = bottom
    for _ in range(levels):
        value = [value] if lists else {"down": value}
    return value


def moment(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


ROWS = [
    # NUL
    Odd({"name": "a\0b", "new_note": "\0c"}, {"name": "ab", "new_note": "c"}),
    Odd({"query": {"k\0": ["e\0f"]}, "new_box": {"\0": "\0"}}, {"query": {"k": ["ef"]}, "new_box": {"": ""}}),
    Odd({"name": 1.5, "count": "\0"}, {"name__v_text": "1.5", "count__v_text": ""}),
    # halves of characters
    Odd({"name": "@half@", "new_half": "@half@"}, {"name": "a\ufffdb", "new_half": "a\ufffdb"}),
    Odd({"query": {"@half key@": "@half@"}}, {"query": {"\ufffd": "a\ufffdb"}}),
    Odd({"name": "x@half in utf-8@y"}, {"name": "xa\ufffdby"}),
    # integers beyond 64 bits
    Odd(
        {"count": "@huge@", "new_huge": "@huge@"}, {"count__v_text": str(HUGE), "new_huge__v_text": str(HUGE)}
    ),
    Odd({"count": -(2**63), "version": "@beyond@"}, {"count": -(2**63), "version__v_text": str(2**63)}),
    Odd({"query": {"n": "@huge@"}}, {"query": {"n": HUGE}}),
    Odd({"count": "@many digits@"}, {"count__v_text": MANY_DIGITS}),
    # a float has room for neither of these
    Odd({"new_ratio": 2**53 + 1}, {"new_ratio__v_text": str(2**53 + 1)}),
    Odd({"new_ratio": 10**400}, {"new_ratio__v_text": str(10**400)}),
    Odd({"new_ratio": 0.5}, {"new_ratio": 0.5}),  # listed before them
    Odd({"query": {"n": "@many digits@"}}, {"query": {"n": MANY_DIGITS}}),
    # numbers that are none
    Odd({"count": "@nan@", "name": "@infinity@", "new_nan": "@nan@"}),
    Odd(
        {"query": {"n": ["@nan@", "@infinity@", "@overflow@", 1e308]}},
        {"query": {"n": [None, None, None, 1e308]}},
    ),
    # other types than declared
    Odd({"name": 5}, {"name__v_text": "5"}),
    Odd({"name": {"b": 1, "a": None}}, {"name__v_text": '{"a":null,"b":1}'}),
    Odd({"name": ["a"], "is_static": "yes"}, {"name__v_text": '["a"]', "is_static__v_text": "yes"}),
    Odd({"count": True, "is_static": 1}, {"count__v_text": "true", "is_static__v_text": "1"}),
    Odd({"count": 5.0, "version": {}}, {"count__v_text": "5.0", "version__v_text": "{}"}),
    Odd({"count": "many", "created_at": 5}, {"count__v_text": "many", "created_at__v_text": "5"}),
    Odd({"query": "text", "groups": 5}, {"query": "text", "groups": 5}),
    Odd({"query": True, "groups": []}, {"query": True, "groups": []}),
    Odd({"created_by": "ada"}, {"created_by_id__v_text": "ada"}),
    Odd({"created_by": [7]}, {"created_by_id__v_text": "[7]"}),
    Odd({"experiment_set": [1, "two"]}, {"experiment_set__v_text": '[1,"two"]'}),
    # times
    *(
        Odd({"created_at": text}, {"created_at__v_text": text})
        for text in (
            "the day before",
            "0000-01-01T00:00:00Z",
            "10000-01-01T00:00:00Z",
            "infinity",
            "2026-02-30",
            "2026-06-30T23:59:60Z",
            "0001-01-01T00:00:00+05:00",
            "9999-12-31T23:59:59-05:00",
            "2026-01-01T24:00:00Z",
        )
    ),
    Odd(
        {"created_at": "2026-06-30T23:30:00.5+05:30"}, {"created_at": moment(2026, 6, 30, 18, 0, 0, 500_000)}
    ),
    Odd({"created_at": "0001-01-01T00:00:00Z"}, {"created_at": moment(1, 1, 1)}),
    Odd(
        {"created_at": "9999-12-31T23:59:59.999999Z"},
        {"created_at": moment(9999, 12, 31, 23, 59, 59, 999_999)},
    ),
    # names
    Odd(
        {"newOne": 1, "new_one": 2, "NEW_ONE": 3, "Name": "x"},
        {"new_one": 2, "new_one__2": 1, "new_one__3": 3, "name__2": "x"},
    ),
    Odd(
        {
            "select": 1,
            "$geoip_city": "Köln",
            "n" * 80: 2,
            "a; drop table cohorts": 3,
            'quo"te': 4,
        },
        {
            "select": 1,
            "geoip_city": "Köln",
            "n" * 50: 2,
            "a_drop_table_cohorts": 3,
            "quo_te": 4,
        },
    ),
    Odd(
        {
            "_synced_at": "x",
            "_deleted_at": 1,
            "_row_hash": 2,
            "_dlt_load_id": 3,
            "project_id": "other",
            "9lives": 9,
        },
        {
            "synced_at": "x",
            "deleted_at": 1,
            "row_hash": 2,
            "dlt_load_id": 3,
            "project_id__2": "other",
            "_9lives": 9,
        },
    ),
    Odd(
        {"": "empty", "группа": 1, "count__v_text": "mine"}, {"_": "empty", "___2": 1, "count_v_text": "mine"}
    ),
    Odd(
        {"xmin": 1, "CTID": 2, "tableoid": 3, "rowid": 4, "oid": 5, "op": 6, "valid_from": 7, "position": 8},
        {
            "xmin__2": 1,
            "ctid__2": 2,
            "tableoid__2": 3,
            "rowid__2": 4,
            "oid": 5,
            "op": 6,
            "valid_from": 7,
            "position": 8,
        },
    ),
    # sizes
    Odd({"query": "@abyss@"}, {"query": deep(DEEPEST - 3, lists=True, bottom=None)}),
    Odd({"description": "x" * 10_000_000}, {"description": "x" * 10_000_000}),
    Odd(
        {"query": deep(400), "new_depth": deep(400, lists=True)},
        {"query": deep(400), "new_depth": deep(400, lists=True)},
    ),
    # what a copy's format means by these
    *(
        Odd({"description": text, "query": {"q": text}}, {"description": text, "query": {"q": text}})
        for text in (
            r"\N",
            "",
            "\\",
            "a\tb\r\nc",
            "'\"`,;|",
            "\x01\x1a\x7f",
            "\uffff\u2028\u202e",
            "null",
            "😀",
        )
    ),
    Odd({"description": "@twice@"}, {"description": "second"}),
]
APART = (
    *("___2", "ctid__2", "name__2", "new_one__2", "new_one__3", "project_id__2", "rowid__2", "tableoid__2"),
    "xmin__2",
)


@pytest.fixture
def posthog(posthog: Sandbox) -> Sandbox:
    """The company whose answers hold what no encoder makes."""
    rows = [{"id": FIRST + at, **odd.sent} for at, odd in enumerate(ROWS)]
    posthog.edit("cohorts", insert=rows, parents=BELOW)
    posthog.fault(path="cohorts", kind="swap", body=SWAPS)
    return posthog


def truth(posthog: Sandbox) -> Tables:
    """What the warehouse must hold: every row as if it had no odd field, and then what comes of those."""
    raw = part(posthog.truth(), ("cohorts",), (101,))
    odd = {FIRST + at: row for at, row in enumerate(ROWS)}
    for row in raw["rows"]["cohorts"]:
        for name in odd[row["id"]].sent if row["id"] in odd else ():
            del row[name]
    tables = expected(raw, HASH_KEY)
    for ident, row in odd.items():
        tables["cohorts"][(101, ident)] |= row.kept
        items = {(101, ident, 0): {"project_id": 101, "id": ident, "position": 0, "value": 1, "dead": False}}
        tables["cohorts__experiment_set"] |= items if "experiment_set" in row.sent else {}
    return tables


@pytest.mark.fault("security.hostile_names")
@pytest.mark.fault(
    "values.nul",
    "values.half_character",
    "values.huge_integer",
    "values.no_number",
    "values.other_type",
    "values.no_moment",
    "values.names_fall_together",
    "values.odd_names",
    "values.ten_megabytes",
    "values.deep",
    "values.float_has_no_room",
    "values.column_of_the_database",
    "values.copy_marks",
    "values.key_twice_in_an_object",
)
def test_strange_values_end_the_same_in_either_database_and_cost_no_other_row(
    scene: Scene, posthog: Sandbox
) -> None:
    outcome = scene.sync("cohorts", **HERE)
    assert outcome.exit_code == 0
    assert of(outcome, "cohorts").complete, of(outcome, "cohorts").detail
    assert differences(truth(posthog), scene.stored()) == ""

    misfits = [name for row in ROWS for name in row.kept if name.endswith("__v_text")]
    columns = ", ".join(sorted({name.removesuffix("__v_text") for name in misfits}))
    ((detail,),) = scene.ask("select detail from posthog._hogsync_run_tables where table_name = 'cohorts'")
    assert detail == of(outcome, "cohorts").detail
    assert detail.split("; ") == [
        f"{len(misfits)} values did not fit: {columns}",
        f"kept apart, because names fall together: {', '.join(APART)}",
        "halves of characters came as U+FFFD",
        "integers of more than 4,300 digits came as text",
        "numbers that are none (NaN, Infinity) came as null",
        f"objects and lists beyond {DEEPEST} levels came as null",
    ]
    again = scene.sync("cohorts", **HERE)
    assert (written(again), of(again, "cohorts").detail) == (0, detail)


GROUPS = "group_types"


def group(index: int) -> dict[str, Any]:
    return {"where": {"group_type_index": index}, "parents": BELOW}


@pytest.mark.fault("values.other_type_later")
def test_a_field_that_turns_into_something_else_keeps_its_column(scene: Scene, posthog: Sandbox) -> None:
    first = {"was_null": None, "was_box": {"a": 1}, "was_text": "a", "was_number": 1, "was_flag": True}
    then = {
        "was_null": {"b": 2},
        "was_box": [1, 2],
        "was_text": {"b": 2},
        "was_number": 1.5,
        "was_flag": None,
    }
    last = {"was_null": ["c"], "was_box": "c", "was_text": None, "was_number": "2", "was_flag": "no"}
    for sent, kept, misfits in (
        (first, {name: value for name, value in first.items() if value is not None}, ""),
        (
            then,
            {
                "was_null": {"b": 2},
                "was_box": [1, 2],
                "was_text__v_text": '{"b":2}',
                "was_number__v_text": "1.5",
            },
            "2 values did not fit: was_number, was_text",
        ),
        (
            last,
            {"was_null": ["c"], "was_box": "c", "was_number__v_text": "2", "was_flag__v_text": "no"},
            "2 values did not fit: was_flag, was_number",
        ),
    ):
        posthog.edit(GROUPS, **group(0), set=sent)
        outcome = scene.sync(GROUPS, **HERE)
        assert (outcome.exit_code, of(outcome, GROUPS).detail) == (0, misfits)
        row = scene.rows(GROUPS)[(101, 0)]
        assert {name: value for name, value in row.items() if name.startswith("was_")} == kept
    posthog.edit(GROUPS, **group(0), unset=list(first))


EVENTS = "event_definitions"
LOOKALIKES = (
    "zz a",
    "zz A",
    "zz a ",
    "Zz a",
    "zz \u00e9",
    "zz e\u0301",
    r"zz \N",
    "zz '; drop table posthog.cohorts; --",
)


@pytest.mark.fault("security.hostile_names")
@pytest.mark.fault(
    "values.lookalike_keys", "values.key_twice", "values.order_of_lists", "values.order_of_names"
)
def test_keys_that_look_alike_stay_apart_and_one_that_comes_twice_is_one_row(
    scene: Scene, posthog: Sandbox
) -> None:
    rows: list[dict[str, Any]] = [
        {"name": name, "tags": ["b", "a", "C"], "default_columns": {"x": 1, "a": 2}} for name in LOOKALIKES
    ]
    rows[0]["hidden"] = "perhaps"
    twice: list[dict[str, Any]] = [
        {"name": "zz twice", "tags": [], "description": text} for text in ("earlier", "later")
    ]
    for row in (*rows, *twice):  # those of the other database's test
        posthog.edit(EVENTS, where={"name": row["name"]}, parents=BELOW, delete=True)
    posthog.edit(EVENTS, insert=[*rows, *twice], parents=BELOW)
    outcome = scene.sync(EVENTS, **HERE)
    now = scene.truth(EVENTS, **HERE)
    odd = now[EVENTS][(101, LOOKALIKES[0])]
    odd["hidden__v_text"] = odd.pop("hidden")
    scene.learn(now)
    assert scene.wrong() == ""
    result = of(outcome, EVENTS)
    assert (result.requests, result.complete) == (2, False)
    assert result.detail.endswith("; 1 value did not fit: hidden"), "it was read twice, and is one value"

    for name in LOOKALIKES:
        turned = {"tags": ["C", "a", "b"], "default_columns": {"a": 2, "x": 1}}
        posthog.edit(EVENTS, where={"name": name}, parents=BELOW, set=turned)
    assert written(scene.sync(EVENTS, **HERE)) == 0
