"""What `--json` prints: the keys of each object and the types of their values, gathered over several answers."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

NAMED = ("changed[].key", "changed[].columns", "added[]", "removed[]")
"""Ends of the paths at which the keys of an object are names of columns, and so no words of the contract."""
TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}
Shape = dict[str, set[str]]


def answers(said: Mapping[str, Iterable[str]]) -> str:
    """A part for each command, a line for each path of its objects; `said` holds texts that it printed."""
    parts = []
    for command, texts in said.items():
        shape: Shape = defaultdict(set)
        for text in texts:
            _learn(shape, "", json.loads(text))
        lines = [f"  {path}: {' or '.join(sorted(kinds))}\n" for path, kinds in sorted(shape.items()) if path]
        parts.append(f"{command}\n{''.join(lines)}")
    return "\n".join(parts)


def _learn(shape: Shape, path: str, value: Any) -> None:
    if isinstance(value, dict):
        shape[path].add("object")
        for key, below in value.items():
            _learn(shape, f"{path}.{'<column>' if path.endswith(NAMED) else key}".removeprefix("."), below)
    elif isinstance(value, list):
        shape[path].add("list")
        for below in value:
            _learn(shape, f"{path}[]", below)
    else:
        shape[path].add(TYPES[type(value)])
