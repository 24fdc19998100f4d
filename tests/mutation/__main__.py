"""Take each safety rule away on a copy of this tree and show that a test then fails: `python -m tests.mutation`.

Words after it choose the rules that contain one of them; `--share 1of3` chooses every third. First all named tests
must pass on the untouched copy. Exit code 1 if a rule can be taken away unnoticed, or its text is no longer found
exactly once.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.mutation.keeping import KEEPING_RULES
from tests.mutation.leaving import LEAVING_RULES
from tests.mutation.lost import LOST_RULES
from tests.mutation.mutation import SOURCES, Mutation
from tests.mutation.reading import READING_RULES
from tests.mutation.resuming import RESUMING_RULES
from tests.mutation.telling import TELLING_RULES
from tests.mutation.versions import VERSION_RULES

MUTATIONS: tuple[Mutation, ...] = (
    *READING_RULES,
    *RESUMING_RULES,
    *KEEPING_RULES,
    *LEAVING_RULES,
    *VERSION_RULES,
    *LOST_RULES,
    *TELLING_RULES,
)
ROOT = Path(__file__).parents[2]
ROOMS = (*SOURCES, "tests", "pyproject.toml", "README.md", "hogsync.example.toml", ".env.example")
LONGEST = 300.0
"""Seconds for the tests of one rule; what takes longer hangs, which is noticed too."""
PASSED, FAILED = 0, 1
"""Exit codes of pytest; all others say that nothing was tested."""


@contextmanager
def copy() -> Iterator[Path]:
    """The tree as it stands, to be spoilt."""
    with tempfile.TemporaryDirectory(prefix="hogsync-mutation-") as folder:
        for room in ROOMS:
            place = ROOT / room
            if place.is_dir():
                shutil.copytree(place, Path(folder) / room)  # with what is compiled already
            else:
                shutil.copyfile(place, Path(folder) / room)
        yield Path(folder)


def outcome(root: Path, tests: Sequence[str], longest: float | None = None) -> tuple[int, str]:
    """pytest's exit code on a copy, and the first test that failed or all that pytest said."""
    words = ["-m", "pytest", "-q", "--tb=line", "-x", "-p", "no:cacheprovider", "--rootdir", str(root)]
    command = [sys.executable, *words, *(f"tests/{test}" for test in dict.fromkeys(tests))]
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            command, cwd=root, env=environment, capture_output=True, text=True, timeout=longest, check=False
        )
    except subprocess.TimeoutExpired:
        return FAILED, f"nothing ended within {longest:.0f} s"
    failed = [
        line.split(" ")[1] for line in done.stdout.splitlines() if line.startswith(("FAILED ", "ERROR "))
    ]
    return done.returncode, failed[0].partition("::")[2] if failed else done.stdout[-2000:] + done.stderr[
        -2000:
    ]


def judged(mutation: Mutation) -> tuple[bool, str]:
    """Whether a test notices that the rule is gone, and which."""
    if (times := len(mutation.places(ROOT))) != 1:
        return False, f"its text is found {times} times {f'in {mutation.within}' * bool(mutation.within)}"
    with copy() as root:
        mutation.apply(root)
        code, said = outcome(root, mutation.tests, LONGEST)
    if code == PASSED:
        return False, "SURVIVED: no test noticed"
    return code == FAILED, said if code == FAILED else f"pytest could not run: {said}"


def main(words: Sequence[str]) -> int:
    """Print a line for each rule; the exit code."""
    if words[:1] == ["--share"]:
        number, _, of = words[1].partition("of")
        chosen = list(MUTATIONS[int(number) - 1 :: int(of)])
    else:
        chosen = [one for one in MUTATIONS if not words or any(word in one.rule for word in words)]
    with copy() as root:
        code, said = outcome(root, [test for one in chosen for test in one.tests])
    if code != PASSED:
        print(f"On the untouched tree a test fails: {said}", file=sys.stderr)
        return 1
    wide = max(len(one.rule) for one in chosen)
    unnoticed = 0
    with ThreadPoolExecutor(os.cpu_count()) as workers:
        for one, (noticed, said) in zip(chosen, workers.map(judged, chosen), strict=True):
            unnoticed += not noticed
            print(f"{one.rule:{wide}}  {'noticed' if noticed else 'NOT':7}  {said}", flush=True)
    print(f"{len(chosen) - unnoticed} of {len(chosen)} rules cannot be taken away unnoticed.")
    return int(unnoticed > 0)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
