"""The word for a rule that is taken away."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Mutation:
    """One text of one file replaced by another; kept short, so that it is still found when the file changes."""

    rule: str
    """What holds no longer."""
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    """Tests of which at least one must then fail, below `tests/`."""

    def found(self, root: Path) -> int:
        """How often the old text stands in the file."""
        path = root / self.file
        return path.read_text("utf-8").count(self.old) if path.exists() else 0

    def apply(self, root: Path) -> None:
        """Take the rule away."""
        path = root / self.file
        path.write_text(path.read_text("utf-8").replace(self.old, self.new), "utf-8")
