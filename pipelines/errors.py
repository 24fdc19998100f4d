"""The errors that end a command; every leaf is an exit code that scripts and schedulers may rely on.

HogsyncError        one sentence: what was asked, what came back, what to do
 ├─ UsageError        2: a setting or an argument is wrong -> no row was written
 ├─ KeyProblem        3: PostHog refused the key, or nothing selected was readable -> the run stopped
 ├─ WarehouseProblem  4: the warehouse is unreachable, or another process holds it -> try again later
 ├─ OutOfMemory       1: this process may have no more memory -> give it more, or let it hold less at a time
 └─ Interrupted     130: a stop was requested -> what was loaded is complete, the next run continues

A table that failed has no leaf: it is a result of the run (exit code 1), not an error of the command.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from pipelines.run import Run
    from sources.posthog.client.client import Traffic


class HogsyncError(Exception):
    """A sentence for the user: what was asked, what came back, what to do."""

    exit_code: ClassVar[int]
    run: Run | None = None
    """The record of the run that the error ended, if one had begun."""
    traffic: Traffic | None = None
    """The requests sent to PostHog before the error; None if it came before any."""
    below: str = ""
    """Lines to show below the sentence, such as the place of a mistake in SQL."""


class UsageError(HogsyncError):
    """A setting, an argument or a file of settings is wrong."""

    exit_code = 2


class KeyProblem(HogsyncError):
    """PostHog refused the key (also in mid-run), the key reaches nothing, or nothing selected was readable with it."""

    exit_code = 3


class WarehouseProblem(HogsyncError):
    """The warehouse cannot be reached or written, or another process holds it."""

    exit_code = 4


class Interrupted(HogsyncError):
    """The run was asked to stop, and stopped."""

    exit_code = 130


class OutOfMemory(HogsyncError):
    """This process needed more memory, or threads, than it may have."""

    exit_code = 1

    def __init__(self, short: BaseException) -> None:
        """Take from `short` what was short: DuckDB raises the same error for a full disk that it spills onto."""
        what = f" ({short})" if str(short) else ""
        super().__init__(
            f"hogsync ran out of memory{what}. Give it more, free space on the disk that DuckDB spills onto, or let it "
            "hold less at a time: set [lists] page_size, in_flight and ahead lower."
        )


URGENCY = (130, 2, 3, 4, 1)
"""Exit codes, worst first: wrong settings can cause a refused key; waiting does not mend a key; a warehouse may just be
busy; a table is last."""


def worst(codes: Iterable[int]) -> int:
    """Return the most urgent of several exit codes, 1 for one that hogsync does not use, 0 if all are 0."""
    met = {code if code in URGENCY else int(code != 0) for code in codes}
    return next((code for code in URGENCY if code in met), 0)


NOTHING_DUE = 64
EXIT_CODES: Mapping[int, str] = {
    0: "all selected tables are loaded, unchanged or not available",
    1: "a table failed, memory ran out, PostHog was not reached, or there are warnings and `[sync] strict` is set",
    UsageError.exit_code: "a command, an option, a setting or a project is wrong; no row was written",
    KeyProblem.exit_code: "PostHog refused the key, the key reaches nothing, or no selected table is readable",
    WarehouseProblem.exit_code: "the warehouse cannot be reached or written, or another process holds it",
    NOTHING_DUE: "nothing to catch up",
    Interrupted.exit_code: "stopped by Ctrl-C or SIGTERM; every row that was loaded before is complete",
}
"""The meaning of each exit code of a sync, for the log of the schedule and TABLES.md."""
