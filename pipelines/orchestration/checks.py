"""Judges a table's part of a run record: what an asset check says about it. Knows nothing of Dagster.

`TableResult` -> one `Verdict` for each check.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sources.posthog.catalogue import ENDPOINTS
from sources.posthog.extract.deletes import DELETE_FUSE_ROWS, DELETE_FUSE_SHARE
from sources.posthog.extract.results import TableResult

COMPLETE, NO_HELD_DELETES, NO_ROW_DROP = "complete", "no_held_deletes", "no_row_drop"
CHECKS: Mapping[str, str] = {
    COMPLETE: "No list of the table was refused or failed; a table that is read in full was read to its end.",
    NO_HELD_DELETES: "No missing row waits for another complete walk, or for a person, to confirm its deletion.",
    NO_ROW_DROP: f"The run did not lose more than {DELETE_FUSE_ROWS} rows and {100 * DELETE_FUSE_SHARE:.0f} % "
    "of the table.",
}
"""The checks of every table, each with the meaning of its success."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a check passed, and why not."""

    passed: bool
    text: str = ""


def verdicts(result: TableResult) -> dict[str, Verdict]:
    """Return the verdict of each check on a table's result."""
    return {
        COMPLETE: Verdict(_is_complete(result), result.detail),
        NO_HELD_DELETES: Verdict(not result.deletes_held, f"{result.deletes_held:,} deletes are held."),
        NO_ROW_DROP: _row_drop(result),
    }


def _is_complete(result: TableResult) -> bool:
    """Return whether the run read what it had to: of a stream, a walk down to the watermark is enough."""
    if ENDPOINTS[result.table].plan == "snapshot":
        return result.complete
    return result.status in {"loaded", "unchanged"} and not result.count("unavailable")


def _row_drop(result: TableResult) -> Verdict:
    """Return the verdict on the rows lost, as a share of the rows of the lists that this run read."""
    living = sum(one.position.rows for one in result.lists if one.position)
    lost = result.rows_lost
    return Verdict(not result.has_dropped(living), f"{lost:,} of {living + lost:,} rows were lost.")
