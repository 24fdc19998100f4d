"""The word for a rule that is taken away."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

SOURCES = ("hogsync.py", "sources", "pipelines", "destinations")
"""The files and folders of this tree in which a rule may stand."""


@dataclass(frozen=True, slots=True)
class Mutation:
    """One text of the source replaced by another; kept short, so that it is still found when the source changes.

    The rule names no file, so that it holds wherever its module moves.
    """

    rule: str
    """What holds no longer."""
    old: str
    new: str
    tests: tuple[str, ...]
    """Tests of which at least one must then fail, below `tests/`."""
    within: str = ""
    """The function or class that holds the text (`Class.method`), where the text stands elsewhere, too."""

    def places(self, root: Path) -> list[tuple[Path, int]]:
        """Return each file that holds the old text, and the offset at which the text begins."""
        return [
            (path, start)
            for path, text in source_texts(root).items()
            if self.old in text
            for start in _starts(text, self.old)
            if not self.within or any(start in span for span in _spans(text).get(self.within, ()))
        ]

    def apply(self, root: Path) -> None:
        """Take the rule away from the tree below `root`. The old text must stand there exactly once."""
        ((path, start),) = self.places(root)
        text = source_texts(root)[path]
        path.write_text(text[:start] + self.new + text[start + len(self.old) :], "utf-8")


@lru_cache(maxsize=4)
def source_texts(root: Path) -> dict[Path, str]:
    """Return the text of each source file below `root`, as it was when first asked for."""
    given = [root / name for name in SOURCES]
    files = [file for path in given for file in (sorted(path.rglob("*.py")) if path.is_dir() else [path])]
    return {file: file.read_text("utf-8") for file in files}


def _starts(text: str, part: str) -> Iterator[int]:
    start = text.find(part)
    while start >= 0:
        yield start
        start = text.find(part, start + len(part))


@cache
def _spans(text: str) -> dict[str, list[range]]:
    """Return the offsets that each function and class of a source text covers, by qualified name."""
    lines = [0]
    for line in text.splitlines(keepends=True):
        lines.append(lines[-1] + len(line))
    spans: dict[str, list[range]] = {}

    def visit(node: ast.AST, above: str) -> None:
        for below in ast.iter_child_nodes(node):
            name = above
            if isinstance(below, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                name = f"{above}.{below.name}" if above else below.name
                first = min([below.lineno, *(one.lineno for one in below.decorator_list)])
                spans.setdefault(name, []).append(range(lines[first - 1], lines[below.end_lineno or first]))
            visit(below, name)

    visit(ast.parse(text), "")
    return spans
