"""What `make test-fast` runs: a plugin of pytest that leaves tests which start nothing and sync nothing as a whole.

Which these are is read off the tests: what a test, its fixtures and the functions that these name refer to is followed
through our own modules. Tests of extractions share a sandbox and take a second or two each: some of all are run.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from functools import cache
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pytest

from pipelines.sync.sync import sync
from sources.sandbox import start
from tests.harness.postgres import serve

SLOW = (subprocess.run, subprocess.Popen, os.fork, pytest.main, start, serve, sync)
OURS = ("tests.", "pipelines.", "sources.", "destinations.")
EXTRACTIONS = "component"
"""The folder of the tests of extractions."""
MOST = 40
"""So many of them run."""


def is_fast(item: pytest.Function) -> bool:
    """Whether a test reaches nothing that is slow."""
    case = getattr(item, "callspec", None)
    if item.get_closest_marker("soak") or (case and "postgres" in case.params.values()):
        return False
    shared = EXTRACTIONS in item.path.parts
    fixtures = [each[-1] for each in item._fixtureinfo.name2fixturedefs.values()]  # noqa: SLF001  pytest tells it nowhere else
    made = [fixture.func for fixture in fixtures if not (shared and fixture.scope == "session")]
    return not any(map(is_slow, [item.function, *made]))


@cache
def is_slow(thing: Any) -> bool:
    """Whether a function refers to something slow, itself or through functions and classes of ours."""
    ahead, seen = [thing], set[int]()
    while ahead:
        one = ahead.pop()
        if any(one is slow for slow in SLOW):
            return True
        if id(one) not in seen and str(getattr(one, "__module__", "")).startswith(OURS):
            seen.add(id(one))
            ahead += _named(one)
    return False


def _named(thing: Any) -> Iterator[Any]:
    """Yield what the code of a function, or of a class's methods, names: globals, and what it takes from modules."""
    if isinstance(thing, type):
        for one in (*vars(thing).values(), *thing.__bases__):
            yield getattr(one, "fget", None) or getattr(one, "__func__", one)
    elif isinstance(inner := getattr(thing, "__wrapped__", thing), FunctionType):
        names = {*_names(inner.__code__)}
        found = [inner.__globals__[name] for name in names if name in inner.__globals__]
        yield from found
        for module in found:
            if isinstance(module, ModuleType):
                yield from (vars(module)[name] for name in names if name in vars(module))


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave only what is fast, and of the tests of extractions a few of all."""
    fast = [item for item in items if isinstance(item, pytest.Function) and is_fast(item)]
    first = {item.nodeid.partition("[")[0]: item for item in reversed(fast) if EXTRACTIONS in item.path.parts}
    spread = [*reversed(first.values())][:: max(1, -(-len(first) // MOST))]
    chosen = {item for item in fast if EXTRACTIONS not in item.path.parts} | {*spread}
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = [item for item in items if item in chosen]
