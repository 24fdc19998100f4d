"""Write tests/FAULTS.md from the faults and the tests that claim them; with `--check` only compare."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from tests.faults.access import ACCESS
from tests.faults.fault import Fault, Kind
from tests.faults.lists import LISTS
from tests.faults.loads import LOADS
from tests.faults.process import PROCESS
from tests.faults.security import SECURITY
from tests.faults.transport import TRANSPORT
from tests.faults.values import VALUES
from tests.faults.warehouse import WAREHOUSE

KINDS: tuple[Kind, ...] = (LOADS, TRANSPORT, LISTS, VALUES, ACCESS, PROCESS, WAREHOUSE, SECURITY)
ROOT = Path(__file__).parents[2]
FILE = ROOT / "tests" / "FAULTS.md"
START = """\
# Faults

Written by `make docs` from `tests/faults/` and the tests' own marks; change it there, not here. Each fault is provoked
for real: at a socket, by a signal, on a disk, in a database. Where one is not, its row says why.
"""
Claims = Mapping[str, Mapping[str, set[str]]]
"""By fault, the tests that provoke it; by test, the databases that it runs on, and `soak` if only that runs it."""
ONLY_IN_SOAK = frozenset({"process.long_run"})
"""Faults that `make test` does not provoke."""


class Claimed:
    """A pytest plugin that collects which test claims which fault."""

    def __init__(self) -> None:
        self.claims: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))

    def pytest_collection_modifyitems(self, items: Sequence[pytest.Item]) -> None:
        """Take note of every mark."""
        for item in items:
            test, _, parameters = item.nodeid.partition("[")
            words = {d for d in ("duckdb", "postgres") if d in parameters}
            words |= {"soak"} if item.get_closest_marker("soak") else {"test"}
            for mark in item.iter_markers("fault"):
                for name in mark.args:
                    self.claims[name][test] |= words


def claims() -> Claims:
    """What the tests of this tree claim."""
    plugin = Claimed()
    command = ["--collect-only", "-q", "-m", "", "-p", "no:cacheprovider"]
    command += [f"--rootdir={ROOT}", str(ROOT / "tests")]
    with redirect_stdout(StringIO()) as heard:
        ended = pytest.main(command, plugins=[plugin])
    if ended != pytest.ExitCode.OK:
        raise SystemExit(heard.getvalue()[-3000:])  # the errors stand at the end
    return plugin.claims


def wrong(claimed: Claims) -> Iterator[str]:
    """Faults that nobody provokes, or only at night, and claims of faults that there are not."""
    faults = {fault.name: fault for kind in KINDS for fault in kind.faults}
    for name, fault in faults.items():
        if name not in claimed and not fault.unprovoked:
            yield f"no test provokes {name}, and nothing says why not"
    for name in sorted(claimed.keys() - ONLY_IN_SOAK):
        if not any("test" in words for words in claimed[name].values()):
            yield f"only `make soak` provokes {name}"
    for name in sorted(claimed.keys() - faults.keys()):
        yield f"{', '.join(sorted(claimed[name]))}: there is no fault {name}"


def document(claimed: Claims) -> str:
    """All of FAULTS.md."""
    return "\n".join([START, *(line for kind in KINDS for line in _section(kind, claimed))])


def _section(kind: Kind, claimed: Claims) -> Iterator[str]:
    yield f"## {kind.title}\n"
    yield "| what happens | what must hold | provoked by |"
    yield "|---|---|---|"
    for fault in kind.faults:
        yield f"| {fault.happens} | {fault.holds} | {'<br>'.join(_provoked(fault, claimed.get(fault.name, {})))} |"
    yield ""


def _provoked(fault: Fault, tests: Mapping[str, set[str]]) -> Iterator[str]:
    for test, words in sorted(tests.items()):
        file, _, name = test.partition("::")
        databases = words & {"duckdb", "postgres"}
        where = " (both databases)" if len(databases) == 2 else "".join(f" ({one})" for one in databases)
        where += "" if "test" in words else " (`make soak`)"
        yield f"[{name.removeprefix('test_')}]({file.removeprefix('tests/')}){where}"
    if fault.unprovoked:
        yield f"*{fault.unprovoked}*"


def main(words: Sequence[str]) -> int:
    """Write the file, or say whether it is up to date; the exit code."""
    claimed = claims()
    problems = list(wrong(claimed))
    new = document(claimed)
    if "--check" in words:
        if not FILE.exists() or FILE.read_text("utf-8") != new:
            problems.append("tests/FAULTS.md is not what the tests say; `make docs` writes it")
    else:
        FILE.write_text(new, "utf-8")
    print("\n".join(problems), file=sys.stderr, end="\n" * bool(problems))
    return int(bool(problems))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
