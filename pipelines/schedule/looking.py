"""Runs `pipelines.schedule.look` and decides what its findings mean for the service.

The process that looks -> the problem of each connection, or the error that ends the service. A look that hangs or is
killed is logged once: PostHog or the memory may be back when a group is due.
"""

from __future__ import annotations

import json
import logging
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from pipelines.errors import HogsyncError, KeyProblem, UsageError
from pipelines.own_command import own_command

log = logging.getLogger("hogsync")

LONGEST = 30.0
"""Seconds that a look may take: the request budget of a key can be spent for an hour."""
UNSEEN = "The look did not come to this connection."
LASTING: Mapping[int, type[HogsyncError]] = {one.exit_code: one for one in (UsageError, KeyProblem)}
"""The problems that need a person, by exit code."""

Look = subprocess.Popen[bytes]


@contextmanager
def looking() -> Iterator[Look]:
    """Yield the process that looks at keys and warehouses: it begins while this one imports what it needs itself."""
    with subprocess.Popen(own_command("-m", "pipelines.schedule.look"), stdout=subprocess.PIPE) as look:
        try:
            yield look
        finally:
            look.kill()


def problems_of(connections: Sequence[str], look: Look, seconds: float = LONGEST) -> dict[str, str]:
    """Return the problem of each connection that has one, after `seconds` at most.

    Raises UsageError or KeyProblem if each connection has a problem that needs a person.
    """
    found = _findings(look, seconds)
    lasting = {name: (LASTING[code], text) for name, (code, text) in found.items() if code in LASTING}
    for name, (kind, text) in lasting.items():
        if len(lasting) == len(connections):
            raise kind(text)
        log.error("Connection %s: %s", name, text, extra={"connection": name})
    unseen = [name for name in connections if name not in found]
    if unseen:
        names = ", ".join(unseen)
        log.error(
            "Not looked at within %.0f s: %s. The service goes on and tries when a group is due.",
            seconds,
            names,
        )
    return {name: text for name, (_, text) in found.items() if text} | dict.fromkeys(unseen, UNSEEN)


def _findings(look: Look, seconds: float) -> dict[str, tuple[int, str]]:
    """Return the exit code and the sentence of each connection that was looked at; 0 and "" if it has no problem."""
    try:
        said, _ = look.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        look.kill()
        said, _ = look.communicate()
    whole = [json.loads(line) for line in said.splitlines(keepends=True) if line.endswith(b"\n")]
    return {name: (code, text) for name, code, text in whole}
