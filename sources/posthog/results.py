"""What came of each table in a run, as the run records, the screen and `--json` tell it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from sources.posthog.changes import Counts
from sources.posthog.listing import Listed

Status = Literal["loaded", "unchanged", "unavailable", "failed"]


@dataclass(slots=True)
class TableResult:
    """What came of one table."""

    table: str
    listed: list[Listed] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)
    requests: int = 0
    pages: int = 0
    rows_read: int = 0
    note: str = ""
    blocked: Literal["", "unavailable", "failed"] = ""
    """Set where no list could be asked for, because the parents were not to be had."""
    parents_complete: bool = True

    def count(self, status: str) -> int:
        """How many lists ended so."""
        return sum(one.status == status for one in self.listed)

    @property
    def status(self) -> Status:
        """The table's one word."""
        if self.blocked == "failed" or self.count("failed"):
            return "failed"
        if self.blocked or (self.listed and self.count("unavailable") == len(self.listed)):
            return "unavailable"
        return "loaded" if self.counts.written else "unchanged"

    @property
    def readable(self) -> bool:
        """Whether at least one of its lists answered, or there was none to ask for."""
        return any(one.pages for one in self.listed) if self.listed else not self.blocked

    @property
    def complete(self) -> bool:
        """Whether every list of the table was read completely, proven."""
        return self.parents_complete and not self.blocked and all(one.complete for one in self.listed)

    @property
    def deletes_held(self) -> int:
        """Deaths that are not believed yet."""
        return sum(one.held for one in self.listed)

    @property
    def detail(self) -> str:
        """What a person should know, each thing once."""
        said = list(dict.fromkeys(filter(None, [self.note, *(one.detail for one in self.listed)])))
        more = f"; and {len(said) - 3} more" if len(said) > 3 else ""
        return "; ".join(said[:3]) + more
