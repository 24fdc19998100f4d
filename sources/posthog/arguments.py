"""Checks what a user of the plain source chose: tables and privacy -> arguments of an extraction, or ValueError."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import cast

from sources.posthog.catalogue import ENDPOINTS, PEOPLE
from sources.posthog.shape.privacy import DEFAULTS, MODES, Mode, Policy

CLASSES = tuple(name for name in DEFAULTS if name != "open")
TABLES = {**ENDPOINTS, PEOPLE.table: PEOPLE}


def known_tables(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names, each once; ValueError with the nearest name for one that is no table."""
    chosen = tuple(dict.fromkeys([names] if isinstance(names, str) else names))
    for name in chosen:
        if name == PEOPLE.table:
            raise ValueError(f"{name} is gathered from all tables and comes with each of them; leave it out.")
        _refuse_unknown("table", name, ENDPOINTS)
    return chosen


def policy_of(choices: Mapping[str, str], hash_key: bytes) -> Policy:
    """Return the policy of `{"person": "hash", "comments.content": "drop"}`; ValueError for an invalid entry."""
    for name, mode in choices.items():
        _refuse_unknown("privacy mode", mode, MODES)
        if "." in name:
            column_of(name, mode)
        else:
            _refuse_unknown("privacy class", name, CLASSES)
    checked = cast("Mapping[str, Mode]", choices)
    columns = {name: mode for name, mode in checked.items() if "." in name}
    modes = {name: mode for name, mode in checked.items() if "." not in name}
    return Policy(modes={**DEFAULTS, **modes}, columns=columns, hash_key=hash_key)


def column_of(name: str, mode: str) -> tuple[str, str]:
    """Return table and column of `comments.content`.

    ValueError if it does not exist, is a key, takes no hash, or is stored in another table.
    """
    table, _, column = name.partition(".")
    _refuse_unknown("table", table, TABLES)
    fields = {declared.name: declared for declared in TABLES[table].fields}
    _refuse_unknown(f"column of {table}", column, fields)
    if column in TABLES[table].key:
        raise ValueError(f"{column} is part of the key of {table} and must be kept.")
    if fields[column].role == "identity":
        raise ValueError(f"{column} of {table} is stored in people; set people.{column}.")
    if mode == "hash" and fields[column].role not in {"value", "recipients"}:
        raise ValueError(f"{column} of {table} holds no text that can be hashed; keep or drop it.")
    if mode == "hash" and fields[column].type not in {"text", "json"}:
        raise ValueError(
            f"A {fields[column].type} column cannot hold a hash; keep or drop {column} of {table}."
        )
    return table, column


def _refuse_unknown(kind: str, name: str, known: Iterable[str]) -> None:
    """Raise ValueError for an unknown name, with the nearest known one, else with all of them."""
    names = list(known)
    if name not in names:
        near = difflib.get_close_matches(str(name), names, n=1)
        raise ValueError(
            f"There is no {kind} {name!r}; {f'did you mean {near[0]}?' if near else ', '.join(names)}"
        )
