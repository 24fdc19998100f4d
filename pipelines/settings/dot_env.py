"""Parses `.env`: its text -> names and values, as python-dotenv reads it, except for values in single quotes.

In single quotes `${…}` is no variable, as in a shell: a password may hold it.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path

from dotenv.parser import parse_stream
from dotenv.variables import parse_variables

log = logging.getLogger("hogsync")

SINGLE_QUOTED = re.compile(r"[^=]*=\s*'")


def variables(text: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return what `text` sets; `${NAME}` is one of its variables, else one of the environment, else empty."""
    found: dict[str, str] = {}
    for binding in parse_stream(StringIO(text)):
        if binding.error:
            log.warning("Line %d of .env is left out: it is not NAME=value.", binding.original.line)
        if binding.key is None or binding.value is None:
            continue
        if SINGLE_QUOTED.match(binding.original.string):
            found[binding.key] = binding.value
        else:
            known: dict[str, str | None] = {**environment, **found}
            found[binding.key] = "".join(atom.resolve(known) for atom in parse_variables(binding.value))
    return found


def warn_of_readers(path: Path, secrets: Sequence[str]) -> None:
    """Log a warning if other users of this machine can read the file, which sets these `secrets`."""
    if secrets and os.name == "posix" and path.stat().st_mode & 0o077:
        log.warning(
            "%s can be read by others on this machine, and it holds %s; run `chmod 600 %s`.",
            path,
            " and ".join(sorted(secrets)),
            path,
        )
