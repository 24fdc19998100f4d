"""How two sets of tables differ, for a person to read."""

from __future__ import annotations

import json
from typing import Any

from tests.harness.expected import Row, Tables

SHOWN = 4


def differences(expected: Tables, found: Tables) -> str:
    """One line for each row that lacks, is too many or differs, a few of each kind; empty when all is equal."""
    lines: list[str] = []
    for table in sorted({*expected, *found}):
        want, have = expected.get(table, {}), found.get(table, {})
        if table not in found and want:
            lines.append(f"{table}: there is no such table, {len(want)} rows lack")
            continue
        kinds = {
            "lacks": [f"{key}: {want[key]}" for key in want if key not in have],
            "is too much": [f"{key}: {have[key]}" for key in have if key not in want],
            "differs": [
                f"{key}: {said}" for key in want if key in have and (said := differing(want[key], have[key]))
            ],
        }
        for kind, rows in kinds.items():
            lines += [f"{table} {kind} {row}"[:600] for row in rows[:SHOWN]]
            lines += [f"{table} {kind}: {len(rows) - SHOWN} more"] * (len(rows) > SHOWN)
    return "\n".join(lines)


def differing(want: Row, have: Row) -> str:
    """Each column that differs; 1 and true, 1 and 1.0 do."""
    names = (name for name in sorted({*want, *have}) if not _same(want.get(name), have.get(name)))
    return ", ".join(_said(name, want, have) for name in names)


def _same(want: Any, have: Any) -> bool:
    if isinstance(want, dict | list):  # 1 == True at every depth, but not as text
        return json.dumps(want, sort_keys=True) == json.dumps(have, sort_keys=True, default=str)
    return type(want) is type(have) and bool(want == have)


def _said(name: str, want: Row, have: Row) -> str:
    return f"{name} is {_text(have, name)}, not {_text(want, name)}"


def _text(row: Row, name: str) -> str:
    value: Any = row.get(name)
    return json.dumps(value, sort_keys=True, default=str, ensure_ascii=False)
