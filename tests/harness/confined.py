"""A program under limits: `python -m tests.harness.confined LIMITS PROGRAM WORDS…`, LIMITS being JSON.

`as`, `fsize` and `nofile` are the system's limits of these names, `umask` is the mask for new files, and
`obedient` takes from root what lets it write where the files' modes forbid it.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import sys

LIMITS = {"as": resource.RLIMIT_AS, "fsize": resource.RLIMIT_FSIZE, "nofile": resource.RLIMIT_NOFILE}
DROP_FROM_BOUNDING_SET = 24
OVERRIDES = (1, 2, 3)
"""CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH and CAP_FOWNER."""


def main() -> None:
    """Take on the limits, then become the program."""
    wanted = json.loads(sys.argv[1])
    for name, number in LIMITS.items():
        if name in wanted:
            resource.setrlimit(number, (wanted[name], wanted[name]))
    if "umask" in wanted:
        os.umask(wanted["umask"])
    if wanted.get("obedient") and os.geteuid() == 0:
        for capability in OVERRIDES:
            ctypes.CDLL(None).prctl(DROP_FROM_BOUNDING_SET, capability, 0, 0, 0)
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606


if __name__ == "__main__":
    main()
