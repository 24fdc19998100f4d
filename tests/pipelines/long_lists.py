"""A list that is too long to be read in full every run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sources.sandbox import Sandbox
from tests.truth.expected import Row

LONG = 1100
"""Comments that make a list longer than ten pages."""
PROJECT = 103
BEGAN = datetime(2025, 1, 1, tzinfo=UTC)


def many_comments(posthog: Sandbox, *more: Row) -> list[Row]:
    """So many more comments in the project, an hour apart, and these; gives all that there are, oldest first."""
    rows = [{"created_at": (BEGAN + timedelta(hours=n)).isoformat()} for n in range(LONG)]
    posthog.edit("comments", insert=[*rows, *more], parents={"project_id": PROJECT})
    there = posthog.truth()["rows"]["comments"]
    return [row for row in there if row["_parents"]["project_id"] == PROJECT]
