"""Cuts JSON that is nested deeper than a parser, a database or the search for credentials can go."""

from __future__ import annotations

import re

DEEPEST = 500
"""Levels of a page that are kept; Python itself goes 1,000 deep, its own frames included."""
_MARKS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)


def cut_below(body: bytes) -> bytes:
    """Return the JSON with null for each object and list beyond DEEPEST levels.

    Their text is not kept: a credential in it could not be recognised.
    """
    depth, done, kept = 0, 0, []
    for met in _MARKS.finditer(body):
        if body[met.start()] in b"[{":
            depth += 1
            if depth == DEEPEST + 1:
                kept += [body[done : met.start()], b"null"]
        elif body[met.start()] in b"]}":
            if depth == DEEPEST + 1:
                done = met.end()
            depth -= 1
    return b"".join([*kept, body[done:]])
